"""Packing costs: lengths against recorded numbers and counted convolution windows, tails, the equation, any rate."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engine.errors import Code, EngineError
from engine.framepack.packing import (
    PAPER_ENDPOINT,
    RELEASED_FORWARD,
    RELEASED_INVERTED,
    Block,
    Kernel,
    Order,
    Tail,
    parse,
)
from engine.framepack.token_counts import (
    block_tokens,
    blocks_cost,
    context_tokens,
    kernel_at,
    packed_length,
    packed_limit,
    powers_for,
    schedule_of,
    section_tokens,
    tail_tokens,
)

K1, K2, K4 = Kernel(1, 2, 2), Kernel(2, 4, 4), Kernel(4, 8, 8)
BUCKETS = [(416, 960), (448, 864), (480, 832), (512, 768), (544, 704), (576, 672), (608, 640)]
"""Pixel sizes of the released recipe (diffusers_helper/bucket_tools.py), one of each transposed pair."""


a_few = settings(max_examples=60, deadline=None)
counts = st.integers(1, 40)
kernels = st.one_of(
    st.integers(1, 16).map(lambda n: Kernel(n, 2 * n, 2 * n)), st.builds(Kernel, counts, counts, counts)
)
blocks = st.builds(Block, counts, kernels)
grids = st.tuples(st.integers(1, 130), st.integers(1, 130))
rates = st.fractions(min_value=Fraction(21, 20), max_value=16, max_denominator=50)
histories = st.lists(blocks, min_size=1, max_size=4).map(lambda run: "".join(block.name for block in run))
names = st.builds(
    str.format,
    st.sampled_from(["{0}_{1}_g9", "f1k1_x_{0}_{1}_g9_x_f3k2", "f1k1_x_g9_{1}_{0}", "{0}_{1}", "{1}_g9"]),
    st.sampled_from(Tail),
    histories,
)


def windows(size: int, kernel: int) -> int:
    """How often a kernel fits an axis, stride = kernel, after padding pixel by pixel until nothing is left over."""
    while size % kernel:
        size += 1
    return sum(1 for start in range(size) if start % kernel == 0 and start + kernel <= size)


def counted(block: Block, rows: int, columns: int) -> int:
    kernel = block.kernel
    return windows(block.frames, kernel.frames) * windows(rows, kernel.rows) * windows(columns, kernel.columns)


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
    assert blocks_cost(schedule.before + schedule.after) == cost
    assert sum(block.frames for block in schedule.before + schedule.after) == frames


@pytest.mark.parametrize("name", [RELEASED_INVERTED, RELEASED_FORWARD])
def test_tokens_of_the_released_layouts(name: str) -> None:
    schedule = parse(name)
    blocks = [block_tokens(block, 64, 96) for block in schedule.before + schedule.after]
    assert sorted(blocks) == [384, 384, 1536, 1536]  # 512 x 768 pixels
    assert section_tokens(schedule, 64, 96) == 13824
    assert context_tokens(schedule, 64, 96) + section_tokens(schedule, 64, 96) == 17664
    totals = [
        context_tokens(schedule, h // 8, w // 8) + section_tokens(schedule, h // 8, w // 8)
        for pair in BUCKETS
        for h, w in (pair, pair[::-1])
    ]
    assert (min(totals), max(totals)) == (17226, 17970)


def test_a_480p_frame_by_kernel() -> None:
    assert block_tokens(Block(1, K1), 64, 96) == 1536
    assert block_tokens(Block(2, K2), 64, 96) == 2 * 192


@a_few
@given(st.builds(Block, counts, kernels), grids)
def test_tokens_count_the_windows_of_a_padded_convolution(block: Block, grid: tuple[int, int]) -> None:
    assert block_tokens(block, *grid) == counted(block, *grid)


@a_few
@given(st.builds(Block, counts, kernels), grids)
def test_cost_is_the_length_without_padding(block: Block, times: tuple[int, int]) -> None:
    kernel = block.kernel
    whole = Block(block.frames * kernel.frames, kernel)
    rows, columns = 2 * kernel.rows * times[0], 2 * kernel.columns * times[1]
    assert block_tokens(whole, rows, columns) == blocks_cost([whole]) * block_tokens(Block(1, K1), rows, columns)
    assert block_tokens(block, *times) >= blocks_cost([block]) * times[0] * times[1] / 4


@a_few
@given(names, grids, st.integers(0, 5000), st.integers(0, 5000))
def test_length_is_constant_unless_the_tail_is_appended(name: str, grid: tuple[int, int], tail: int, more: int) -> None:
    schedule = parse(name)
    without = sum(counted(block, *grid) for block in schedule.before + schedule.after)
    assert context_tokens(schedule, *grid) == without
    lengths = [context_tokens(schedule, *grid, n) - without for n in (tail, tail + more)]
    match schedule.tail:
        case Tail.COMPRESS:
            assert lengths == [int(tail > 0), int(tail + more > 0)]
        case Tail.APPEND:
            assert lengths[0] <= lengths[1] <= (tail + more) * 25  # a pooled frame of 130 x 130 has 5 x 5 pixels
            assert (lengths[0] > 0) is (tail > 0)
        case _:
            assert lengths == [0, 0]


@a_few
@given(names, grids, st.integers(1, 33))
def test_the_section_costs_its_frames_at_full_resolution(name: str, grid: tuple[int, int], window: int) -> None:
    schedule = parse(name.replace("g9", f"g{window}"))
    assert section_tokens(schedule, *grid) == schedule.window * counted(Block(1, K1), *grid)


# On 64 x 96 latent pixels a pooled frame is 2 x 3, which one (4, 8, 8) kernel covers: four tail frames a token.
@pytest.mark.parametrize(("tail", "tokens"), [(0, 0), (1, 1), (4, 1), (5, 2), (100, 25)])
def test_appended_tail(tail: int, tokens: int) -> None:
    schedule = parse("ta_f16k4f2k2f1k1_g9")
    assert context_tokens(schedule, 64, 96, tail) - context_tokens(schedule, 64, 96) == tokens
    mirrored = parse("f1k1_x_g9_f1k1f2k2f16k4_ta")
    assert context_tokens(mirrored, 64, 96, tail) - context_tokens(mirrored, 64, 96) == tokens


def test_appended_tail_is_pooled_with_padding_then_encoded_by_the_most_compressing_kernel() -> None:
    assert tail_tokens(Tail.APPEND, K1, 3, 65, 96) == 3 * 2 * 2  # pooled to 3 x 3 pixels, 2 x 2 tokens
    assert tail_tokens(Tail.APPEND, Kernel(2, 1, 1), 3, 65, 96) == 2 * 3 * 3
    symmetric = parse("ta_f1k1f2k2f1k1_g9")
    assert context_tokens(symmetric, 64, 96, 6) - context_tokens(symmetric, 64, 96) == 3  # (2, 4, 4), not (1, 2, 2)
    far, near = parse("ta_f4k4h4w4f1k1h8w8_g9"), parse("ta_f1k1h8w8f4k4h4w4_g9")
    assert context_tokens(far, 64, 96, 8) - context_tokens(far, 64, 96) == 2  # of equal volumes the farther one
    assert context_tokens(near, 64, 96, 8) - context_tokens(near, 64, 96) == 8
    after = parse("g9_f1k1h8w8f4k4h4w4_ta")
    assert context_tokens(after, 64, 96, 8) - context_tokens(after, 64, 96) == 2


@pytest.mark.parametrize(("rows", "columns", "tail"), [(0, 96, 0), (64, 0, 0), (64, 96, -1)])
def test_lengths_refuse_impossible_numbers(rows: int, columns: int, tail: int) -> None:
    with pytest.raises(EngineError) as caught:
        context_tokens(parse(PAPER_ENDPOINT), rows, columns, tail)
    assert caught.value.code is Code.NUMBER_INVALID


# The length equation of the paper.


@a_few
@given(st.integers(0, 60), st.integers(0, 33), rates, st.integers(1, 3000))
def test_packed_length_is_the_sum_of_its_frames(frames: int, section: int, rate: Fraction, tokens: int) -> None:
    frame, total = Fraction(tokens), Fraction(section * tokens)
    for _ in range(frames):
        total += frame
        frame /= rate
    assert packed_length(frames, section, rate, tokens) == total


@a_few
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


@a_few
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
    assert str(schedule_of(counts)) == name
    assert str(schedule_of(counts, window=4, tail=Tail.COMPRESS)) == name.replace("td", "tc").replace("g9", "g4")


@a_few
@given(st.lists(st.integers(0, 64), min_size=1, max_size=16))
def test_levels_cost_exactly_what_they_say(counts: list[int]) -> None:
    assume(any(counts))
    schedule = schedule_of(counts)
    expected = sum(Fraction(count, 2**level) for level, count in enumerate(counts))
    assert blocks_cost(schedule.before + schedule.after) == expected
    # No padding hides in the cost: on a grid that every kernel divides, the tokens agree with it.
    side = 2 * 2 ** len(counts)
    assert context_tokens(schedule, side, side) == expected * (side // 2) ** 2
    assert sum(block.frames for block in schedule.past) == sum(counts)
    assert schedule.order() is Order.FORWARD
    volumes = [block.kernel.volume for block in schedule.past]
    assert volumes == sorted(volumes, reverse=True)


@a_few
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
        schedule_of(counts, tail=None)
    assert caught.value.code is Code.NUMBER_INVALID
