"""Packing: names against the paper's examples, lengths against recorded numbers and counted convolution windows."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from engine.errors import Code, EngineError
from engine.framepack.packing import (
    PAPER_ENDPOINT,
    RELEASED_FORWARD,
    RELEASED_INVERTED,
    Block,
    Kernel,
    Schedule,
    Tail,
    check_kernels,
    geometric_schedule,
    parse,
    with_window,
)
from engine.framepack.rates import kernel_at, packed_length, packed_limit, powers_for, tail_tokens
from engine.models.spec import Order

RELEASED_KERNELS = ((1, 2, 2), (2, 4, 4), (4, 8, 8))
K1, K2, K4, K8 = Kernel(1, 2, 2), Kernel(2, 4, 4), Kernel(4, 8, 8), Kernel(8, 16, 16)
BUCKETS = [(416, 960), (448, 864), (480, 832), (512, 768), (544, 704), (576, 672), (608, 640)]
"""Pixel sizes of the released recipe (diffusers_helper/bucket_tools.py), one of each transposed pair."""

# Names that the paper gives (arXiv 2504.12626 v3) with the order each illustrates, and the released F1 layout.
PAPER_NAMES = {
    "td_f16k4f2k2f1k1_g9": Order.FORWARD,
    "td_f16k4f4k2f1k1_g9": Order.FORWARD,
    "td_f16k4f4k2f1k1_g9+D": Order.FORWARD,
    "td_f8k8f4k4f2k2f1k1_g9": Order.FORWARD,
    "td_f8k8f4k4f2k2f1k1_g9+D": Order.FORWARD,
    "f16k4f2k2f1k1_g9+D": Order.FORWARD,
    "td_f16k4f4k2f1k1_g9_x_f1k1": Order.ENDPOINT,
    "td_f16k4f2k2f1k1_g9_x_f1k1": Order.ENDPOINT,
    "f1k1_x_g9_f1k1f4k2f16k4_td": Order.INVERTED,
    "f1k1_x_g9_f1k1f2k2f16k4_td": Order.INVERTED,
    "f1k1_td_f16k4f2k2f1k1_g9": Order.FORWARD,
}

counts = st.integers(1, 40)
kernels = st.one_of(
    st.integers(1, 16).map(lambda n: Kernel(n, 2 * n, 2 * n)), st.builds(Kernel, counts, counts, counts)
)
runs = st.lists(st.builds(Block, counts, kernels), min_size=1, max_size=4).map(tuple)
tails = st.sampled_from([None, *Tail])
grids = st.tuples(st.integers(1, 130), st.integers(1, 130))
rates = st.fractions(min_value=Fraction(21, 20), max_value=16, max_denominator=50)


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    """Any schedule that has a name: history on at most one side, whatever lies beyond it parted by a tail or a gap."""
    history, tail, discrete = draw(runs), draw(tails), draw(st.booleans())
    near, far = draw(st.none() | runs) or (), draw(st.none() | runs) or ()
    gap = bool(near) and (tail is None or draw(st.booleans()))
    window = draw(counts)
    match draw(st.sampled_from(["left", "right", "none", "bare"])):
        case "left":
            return Schedule(
                window=window,
                past=history,
                anchor=near,
                anchor_gap=gap,
                endpoint=far,
                endpoint_gap=bool(far),
                tail=tail,
                discrete=discrete,
            )
        case "right":
            return Schedule(
                window=window,
                future=history,
                endpoint=near,
                endpoint_gap=gap,
                anchor=far,
                anchor_gap=bool(far),
                tail=tail,
                discrete=discrete,
            )
        case "bare":
            return Schedule(window=0, past=history, tail=tail, discrete=discrete)
        case _:
            return Schedule(
                window=window,
                anchor=near,
                anchor_gap=bool(near),
                endpoint=far,
                endpoint_gap=bool(far),
                discrete=discrete,
            )


def windows(size: int, kernel: int) -> int:
    """How often a kernel fits an axis, stride = kernel, after padding pixel by pixel until nothing is left over."""
    while size % kernel:
        size += 1
    return sum(1 for start in range(size) if start % kernel == 0 and start + kernel <= size)


def counted(block: Block, rows: int, columns: int) -> int:
    kernel = block.kernel
    return windows(block.frames, kernel.frames) * windows(rows, kernel.rows) * windows(columns, kernel.columns)


def refusal(name: str) -> str:
    """The one-line message with which a name is refused."""
    with pytest.raises(EngineError) as caught:
        parse(name)
    assert caught.value.code is Code.SCHEDULE_INVALID
    assert caught.value.params["schedule"] == name
    assert "\n" not in caught.value.line
    return caught.value.line


# Names.


@pytest.mark.parametrize(("name", "order"), PAPER_NAMES.items())
def test_paper_names_are_canonical_and_tell_their_order(name: str, order: Order) -> None:
    schedule = parse(name)
    assert str(schedule) == name
    assert schedule.order() is order
    assert schedule.window == 9


def test_the_three_layouts_in_parts() -> None:
    old, middle, new = Block(16, K4), Block(2, K2), Block(1, K1)
    assert parse(RELEASED_INVERTED) == Schedule(
        window=9, anchor=(new,), anchor_gap=True, future=(new, middle, old), tail=Tail.DELETE
    )
    assert parse(RELEASED_FORWARD) == Schedule(window=9, anchor=(new,), past=(old, middle, new), tail=Tail.DELETE)
    assert parse(PAPER_ENDPOINT) == Schedule(
        window=9, past=(old, middle, new), endpoint=(new,), endpoint_gap=True, tail=Tail.DELETE
    )
    assert parse(RELEASED_INVERTED).before == (new,)
    assert parse(RELEASED_INVERTED).after == (new, middle, old)
    assert parse(PAPER_ENDPOINT).before == (old, middle, new)
    assert parse(PAPER_ENDPOINT).after == (new,)


def test_gap_and_tail_of_an_anchor_are_told_apart() -> None:
    assert parse("f1k1_x_td_f16k4f2k2f1k1_g9").anchor_gap
    assert not parse(RELEASED_FORWARD).anchor_gap
    both = parse("f1k1_x_g9_f1k1f2k2_td_x_f3k1")
    assert both.endpoint == (Block(3, K1),)
    assert both.endpoint_gap
    assert both.order() is Order.INVERTED


def test_bare_history() -> None:
    schedule = parse("f16k4f2k2f1k1")
    assert schedule == Schedule(window=0, past=(Block(16, K4), Block(2, K2), Block(1, K1)))
    assert schedule.section_tokens(64, 96) == 0
    assert str(parse("ta_f2k2f1k1+d")) == "ta_f2k2f1k1+D"


def test_explicit_kernels_shorten_to_the_papers_names() -> None:
    schedule = parse("f8k4h8w8f2k1h4w4f3k4h2w4_g9")
    assert schedule.past == (Block(8, K4), Block(2, Kernel(1, 4, 4)), Block(3, Kernel(4, 2, 4)))
    assert str(schedule) == "f8k4f2k1h4w4f3k4h2w4_g9"


@given(schedules())
def test_a_name_reads_back(schedule: Schedule) -> None:
    name = str(schedule)
    assert parse(name) == schedule
    assert str(parse(name)) == name


@given(schedules(), st.data())
def test_white_space_is_refused_anywhere(schedule: Schedule, data: st.DataObject) -> None:
    name = str(schedule)
    at = data.draw(st.integers(0, len(name)))
    space = data.draw(st.sampled_from([" ", "\n", "\t", "\u00a0"]))
    with pytest.raises(EngineError) as caught:
        parse(name[:at] + space + name[at:])
    assert caught.value.code is Code.SCHEDULE_INVALID


@given(
    st.lists(st.sampled_from(["f1k1", "f2k1h2w4", "g9", "x", "td", "ta", "", "q", "f0k1"]), max_size=7), st.booleans()
)
def test_any_sequence_of_pieces_is_canonical_or_refused(pieces: list[str], discrete: bool) -> None:
    name = "_".join(pieces) + "+D" * discrete
    try:
        schedule = parse(name)
    except EngineError as error:
        assert error.code is Code.SCHEDULE_INVALID
    else:
        assert str(schedule) == name


@given(st.text(max_size=30) | st.text("fgkhwxtdac_+D0123456789", max_size=30))
def test_garbage_never_raises_anything_else(text: str) -> None:
    try:
        schedule = parse(text)
    except EngineError as error:
        assert error.code is Code.SCHEDULE_INVALID
    else:
        assert parse(str(schedule)) == schedule


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("", "piece 1, '', is neither"),
        ("nonsense", "piece 1, 'nonsense', is neither"),
        ("td_f16k4f2q2f1k1_g9", "'f2q2f1k1' in piece 2 is neither"),
        ("TD_f1k1_g9", "piece 1, 'TD', is neither"),
        ("td_f1k1__g9", "piece 3, '', is neither"),
        ("td_f1k1_g9+E", "piece 3, 'g9+E', is neither"),
        ("f01k1_g9", "piece 1, 'f01k1', is neither"),
        ("f1k1h2_g9", "'h2' in piece 1 is neither"),
        ("f1k01_g9", "piece 1, 'f1k01', is neither"),
        ("f٣k1_g9", "is neither"),
        ("f1٣k1_g9", "is neither"),
        ("f1k" + "9" * 5000 + "_g9", "is neither"),
        ("td_f16k4f0k2f1k1_g9", "'f0k2' in piece 2 has zero frames"),
        ("f1k0_g9", "'f1k0' in piece 1 has a kernel of size zero"),
        ("f1k1h0w2_g9", "'f1k1h0w2' in piece 1 has a kernel of size zero"),
        ("f1k1_g0", "piece 2, 'g0', generates zero frames"),
        ("f1k1_g9_g5", "more than one section, g9 and g5"),
        ("f1k1_x_f1k1", "names no section"),
        ("x", "names no section"),
        ("f1k1f2k2_td", "names no section"),
        ("f16k4_td_f1k1_td_g9", "two tail options"),
        ("f1k1_x_f2k2_x_g9", "two gaps"),
        ("x_f1k1_g9", "gap x has no frames beyond it"),
        ("f1k1_g9_x", "gap x has no frames beyond it"),
        ("f16k4_td_g9", "tail option td must stand directly at the far end of the history"),
        ("tc_f1k1_x_g9", "tail option tc must stand directly at the far end of the history"),
        ("f1k1_td_x_f2k2_g9", "tail option td must stand directly at the far end of the history"),
        ("f1k1_x_g9_ta_f1k1", "tail option ta must stand directly at the far end of the history"),
        ("f1k1_f2k2_g9", "nothing parts 'f1k1' from 'f2k2'"),
        ("f2k2f1k1_g9_f1k1", "'f2k2f1k1' and 'f1k1' both touch the generated section"),
    ],
)
def test_refusals_say_what_and_where(name: str, says: str) -> None:
    assert says in refusal(name)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("f16k4f2k2f1k1", "no section"),
        ("g9", "no history next to"),
        ("f1k1_x_g9_x_f1k1", "no history next to"),
        ("g9_f1k1f2k2_td", "needs an anchor"),
    ],
)
def test_names_without_an_order(name: str, says: str) -> None:
    with pytest.raises(EngineError, match=says) as caught:
        parse(name).order()
    assert caught.value.code is Code.SCHEDULE_INVALID


@pytest.mark.parametrize(
    "parts",
    [
        {"window": 9, "tail": Tail.DELETE},
        {"window": 9, "anchor": (Block(1, K1),)},
        {"window": 9, "past": (Block(1, K1),), "anchor_gap": True},
        {"window": 9, "past": (Block(1, K1),), "future": (Block(1, K1),)},
        {"window": 9, "past": (Block(0, K1),)},
        {"window": -1, "past": (Block(1, K1),)},
        {"window": 0, "future": (Block(1, K1),)},
    ],
)
def test_parts_without_a_name_are_refused(parts: dict[str, object]) -> None:
    with pytest.raises(EngineError) as caught:
        Schedule(**parts)  # type: ignore[arg-type]
    assert caught.value.code is Code.SCHEDULE_INVALID


def test_another_window() -> None:
    assert with_window(RELEASED_INVERTED, 5) == "f1k1_x_g5_f1k1f2k2f16k4_td"
    assert with_window("td_f16k4f2k2f1k1_g9_x_f1k1+D", 33) == "td_f16k4f2k2f1k1_g33_x_f1k1+D"
    with pytest.raises(EngineError) as caught:
        with_window(RELEASED_INVERTED, 0)
    assert caught.value.code is Code.NUMBER_INVALID


# Length of a schedule.


@pytest.mark.parametrize(
    ("name", "cost", "frames"),
    [
        ("f16k4f2k2f1k1", Fraction(3, 2), 19),
        ("f16k4f4k2f1k1", Fraction(7, 4), 21),
        ("f8k8f4k4f2k2f1k1", Fraction("1.328125"), 15),
        (RELEASED_INVERTED, Fraction(5, 2), 20),
        (RELEASED_FORWARD, Fraction(5, 2), 20),
        (PAPER_ENDPOINT, Fraction(5, 2), 20),
    ],
)
def test_costs_recorded_from_the_paper(name: str, cost: Fraction, frames: int) -> None:
    schedule = parse(name)
    assert schedule.cost == cost
    assert sum(block.frames for block in schedule.before + schedule.after) == frames


@pytest.mark.parametrize("name", [RELEASED_INVERTED, RELEASED_FORWARD])
def test_tokens_of_the_released_layouts(name: str) -> None:
    schedule = parse(name)
    blocks = [block.tokens(64, 96) for block in schedule.before + schedule.after]
    assert sorted(blocks) == [384, 384, 1536, 1536]  # 512 x 768 pixels
    assert schedule.section_tokens(64, 96) == 13824
    assert schedule.context_tokens(64, 96) + schedule.section_tokens(64, 96) == 17664
    totals = [
        schedule.context_tokens(h // 8, w // 8) + schedule.section_tokens(h // 8, w // 8)
        for pair in BUCKETS
        for h, w in (pair, pair[::-1])
    ]
    assert (min(totals), max(totals)) == (17226, 17970)


def test_a_480p_frame_by_kernel() -> None:
    assert Block(1, K1).tokens(64, 96) == 1536
    assert Block(2, K2).tokens(64, 96) == 2 * 192


@given(st.builds(Block, counts, kernels), grids)
def test_tokens_count_the_windows_of_a_padded_convolution(block: Block, grid: tuple[int, int]) -> None:
    assert block.tokens(*grid) == counted(block, *grid)


@given(st.builds(Block, counts, kernels), grids)
def test_cost_is_the_length_without_padding(block: Block, times: tuple[int, int]) -> None:
    kernel = block.kernel
    whole = Block(block.frames * kernel.frames, kernel)
    rows, columns = 2 * kernel.rows * times[0], 2 * kernel.columns * times[1]
    assert whole.tokens(rows, columns) == whole.cost * Block(1, K1).tokens(rows, columns)
    assert block.tokens(*times) >= block.cost * times[0] * times[1] / 4


@given(schedules(), grids, st.integers(0, 5000), st.integers(0, 5000))
def test_length_is_constant_unless_the_tail_is_appended(
    schedule: Schedule, grid: tuple[int, int], tail: int, more: int
) -> None:
    blocks = sum(counted(block, *grid) for block in schedule.before + schedule.after)
    assert schedule.context_tokens(*grid) == blocks
    lengths = [schedule.context_tokens(*grid, n) - blocks for n in (tail, tail + more)]
    match schedule.tail:
        case Tail.COMPRESS:
            assert lengths == [int(tail > 0), int(tail + more > 0)]
        case Tail.APPEND:
            assert lengths[0] <= lengths[1] <= tail + more * 25  # a pooled frame of 130 x 130 has 5 x 5 pixels
            assert (lengths[0] > 0) is (tail > 0)
        case _:
            assert lengths == [0, 0]


# On 64 x 96 latent pixels a pooled frame is 2 x 3, which one (4, 8, 8) kernel covers: four tail frames a token.
@pytest.mark.parametrize(("tail", "tokens"), [(0, 0), (1, 1), (4, 1), (5, 2), (100, 25)])
def test_appended_tail(tail: int, tokens: int) -> None:
    schedule = parse("ta_f16k4f2k2f1k1_g9")
    assert schedule.context_tokens(64, 96, tail) - schedule.context_tokens(64, 96) == tokens
    mirrored = parse("f1k1_x_g9_f1k1f2k2f16k4_ta")
    assert mirrored.context_tokens(64, 96, tail) - mirrored.context_tokens(64, 96) == tokens


def test_appended_tail_is_pooled_with_padding_then_encoded_by_the_most_compressing_kernel() -> None:
    assert tail_tokens(Tail.APPEND, K1, 3, 65, 96) == 3 * 2 * 2  # pooled to 3 x 3 pixels, 2 x 2 tokens
    assert tail_tokens(Tail.APPEND, Kernel(2, 1, 1), 3, 65, 96) == 2 * 3 * 3
    symmetric = parse("ta_f1k1f2k2f1k1_g9")
    assert symmetric.context_tokens(64, 96, 6) - symmetric.context_tokens(64, 96) == 3  # (2, 4, 4), not (1, 2, 2)
    far, near = parse("ta_f4k4h4w4f1k1h8w8_g9"), parse("ta_f1k1h8w8f4k4h4w4_g9")
    assert far.context_tokens(64, 96, 8) - far.context_tokens(64, 96) == 2  # of equal volumes the farther one
    assert near.context_tokens(64, 96, 8) - near.context_tokens(64, 96) == 8
    after = parse("g9_f1k1h8w8f4k4h4w4_ta")
    assert after.context_tokens(64, 96, 8) - after.context_tokens(64, 96) == 2


@pytest.mark.parametrize(("rows", "columns", "tail"), [(0, 96, 0), (64, 0, 0), (64, 96, -1)])
def test_lengths_refuse_impossible_numbers(rows: int, columns: int, tail: int) -> None:
    with pytest.raises(EngineError) as caught:
        parse(PAPER_ENDPOINT).context_tokens(rows, columns, tail)
    assert caught.value.code is Code.NUMBER_INVALID


# The length equation of the paper.


@given(st.integers(0, 60), st.integers(0, 33), rates, st.integers(1, 3000))
def test_packed_length_is_the_sum_of_its_frames(frames: int, section: int, rate: Fraction, tokens: int) -> None:
    frame, total = Fraction(tokens), Fraction(section * tokens)
    for _ in range(frames):
        total += frame
        frame /= rate
    assert packed_length(frames, section, rate, tokens) == total


@given(st.integers(0, 200), st.integers(0, 33), rates, st.integers(1, 3000))
def test_packed_length_rises_to_its_limit(frames: int, section: int, rate: Fraction, tokens: int) -> None:
    here, after = (packed_length(n, section, rate, tokens) for n in (frames, frames + 1))
    limit = packed_limit(section, rate, tokens)
    assert here < after < limit
    assert limit - here == tokens * rate / (rate - 1) / rate**frames


def test_the_papers_limits() -> None:
    assert packed_limit(9, 2, 1560) == (9 + 2) * 1560  # lambda = 2: the whole history costs two frames
    assert packed_limit(0, Fraction(3, 2), 1) == 3
    assert packed_length(0, 9, 2, 1560) == 9 * 1560
    assert packed_length(3, 9, 2, 1560) == 9 * 1560 + 1560 + 780 + 390


@pytest.mark.parametrize(
    ("frames", "section", "rate", "tokens"), [(-1, 9, 2, 1), (1, -1, 2, 1), (1, 9, 1, 1), (1, 9, 2, 0)]
)
def test_the_length_equation_refuses_impossible_numbers(frames: int, section: int, rate: int, tokens: int) -> None:
    with pytest.raises(EngineError) as caught:
        packed_length(frames, section, rate, tokens)
    assert caught.value.code is Code.NUMBER_INVALID


# Arbitrary rates.


@pytest.mark.parametrize(
    ("rate", "depth", "frames"),
    [
        (Fraction("2.625"), 6, (1, 2, 1, 2, 1, 1)),  # the paper's 2 + 1/2 + 1/8
        (Fraction(2), 4, (1, 1, 1, 1)),
        (Fraction(5), 3, (4, 1, 1)),
        (Fraction(3, 2), 4, (1, 1, 0, 0)),
        (Fraction(4, 3), 6, (1, 0, 1, 0, 1, 0)),
        (Fraction(1, 4), 3, (0, 0, 1)),
    ],
)
def test_rates_as_binary_digits(rate: Fraction, depth: int, frames: tuple[int, ...]) -> None:
    assert powers_for(rate, depth) == frames


@given(st.fractions(min_value=Fraction(1, 100), max_value=9, max_denominator=200), st.integers(1, 24))
def test_rates_are_met_from_below(rate: Fraction, depth: int) -> None:
    counts = powers_for(rate, depth)
    missing = rate - sum(Fraction(count, 2**level) for level, count in enumerate(counts))
    assert len(counts) == depth
    if rate < 2:
        assert set(counts) <= {0, 1}
        assert 0 <= missing < Fraction(2, 2**depth)
    else:
        assert Fraction(2, 2**depth) <= missing < Fraction(4, 2**depth)
        assert all(counts)
        assert set(counts[1:]) <= {1, 2}


@pytest.mark.parametrize(("rate", "depth"), [(Fraction(0), 3), (Fraction(-1), 3), (Fraction(2), 0)])
def test_rates_refuse_impossible_numbers(rate: Fraction, depth: int) -> None:
    with pytest.raises(EngineError) as caught:
        powers_for(rate, depth)
    assert caught.value.code is Code.NUMBER_INVALID


@pytest.mark.parametrize(
    ("counts", "name"),
    [
        ((1, 0, 0, 2, 0, 0, 16), "td_f16k4f2k2f1k1_g9"),
        ((1, 0, 0, 4, 0, 0, 16), "td_f16k4f4k2f1k1_g9"),
        ((1, 0, 0, 2, 0, 0, 4, 0, 0, 8), "td_f8k8f4k4f2k2f1k1_g9"),
        ((1, 1, 1, 1, 1), "td_f1k1h8w8f1k1h4w8f1k1h4w4f1k1h2w4f1k1_g9"),
    ],
)
def test_levels_become_the_papers_schedules(counts: tuple[int, ...], name: str) -> None:
    assert str(geometric_schedule(counts)) == name
    assert str(geometric_schedule(counts, window=4, tail=Tail.COMPRESS)) == name.replace("td", "tc").replace("g9", "g4")


@given(st.lists(st.integers(0, 64), min_size=1, max_size=16))
def test_levels_cost_exactly_what_they_say(counts: list[int]) -> None:
    assume(any(counts))
    schedule = geometric_schedule(counts)
    expected = sum(Fraction(count, 2**level) for level, count in enumerate(counts))
    assert schedule.cost == expected
    # No padding hides in the cost: on a grid that every kernel divides, the tokens agree with it.
    side = 2 * 2 ** len(counts)
    assert schedule.context_tokens(side, side) == expected * (side // 2) ** 2
    assert sum(block.frames for block in schedule.past) == sum(counts)
    assert schedule.order() is Order.FORWARD
    volumes = [block.kernel.volume for block in schedule.past]
    assert volumes == sorted(volumes, reverse=True)


@given(st.integers(0, 30), st.integers(1, 4096))
def test_kernels_have_the_volume_of_their_level(level: int, frames: int) -> None:
    kernel = kernel_at(level, frames)
    assert kernel.volume == 4 * 2**level
    assert frames % kernel.frames == 0
    assert kernel.rows <= kernel.columns <= 2 * kernel.rows


def test_kernel_axes_double_in_turn() -> None:
    grown = [kernel_at(level, 4096) for level in range(7)]
    assert grown == [K1, Kernel(1, 2, 4), Kernel(1, 4, 4), K2, Kernel(2, 4, 8), Kernel(2, 8, 8), K4]
    assert kernel_at(6, 6) == Kernel(2, 8, 16)  # 6 frames are whole pairs, not whole fours
    assert kernel_at(6, 7) == Kernel(1, 16, 16)


@pytest.mark.parametrize("counts", [[], [0, 0], [1, -1, 2]])
def test_levels_refuse_impossible_counts(counts: list[int]) -> None:
    with pytest.raises(EngineError) as caught:
        geometric_schedule(counts, tail=None)
    assert caught.value.code is Code.NUMBER_INVALID


# What the weights can do.


@pytest.mark.parametrize(
    "name", [RELEASED_INVERTED, RELEASED_FORWARD, with_window(RELEASED_FORWARD, 3), PAPER_ENDPOINT]
)
def test_released_kernels_suffice(name: str) -> None:
    check_kernels(parse(name), RELEASED_KERNELS, RELEASED_FORWARD)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("td_f8k8f4k4f2k2f1k1_g9", "kernel k8 (8x16x16), only for k1 (1x2x2), k2 (2x4x4), k4 (4x8x8)"),
        ("td_f1k1h4w4f1k1_g9", "kernel k1h4w4 (1x4x4)"),
        ("td_f1k1_g9_x_f1k16", "kernel k16 (16x32x32)"),
        ("f1k8_x_g9_f1k1f1k1h4w4_td", "kernel k8 (8x16x16), k1h4w4 (1x4x4), only"),
        ("td_f16k4f2k2f1k1_g9+D", "codebook"),
        ("ta_f16k4f2k2f1k1_g9", "tail option ta"),
        ("tc_f16k4f2k2f1k1_g9", "tail option tc"),
        ("f16k4f2k2f1k1", "no section"),
    ],
)
def test_what_the_released_weights_lack_is_named(name: str, says: str) -> None:
    with pytest.raises(EngineError) as caught:
        check_kernels(parse(name), RELEASED_KERNELS, RELEASED_FORWARD)
    error = caught.value
    assert error.code is Code.SCHEDULE_UNSUPPORTED
    assert error.params["schedule"] == name
    assert says in error.sentence
    assert RELEASED_FORWARD in error.advice


def test_a_checkpoint_with_fewer_kernels() -> None:
    with pytest.raises(EngineError, match=r"kernel k4 \(4x8x8\), only for k1 \(1x2x2\), k2 \(2x4x4\)"):
        check_kernels(parse(RELEASED_INVERTED), RELEASED_KERNELS[:2], "f1k1_x_g9_f1k1f2k2_td")
