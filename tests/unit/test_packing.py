"""Packing names: the paper's examples, their orders, reading back, refusals, and what weights can do."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import Code, EngineError
from engine.framepack.packing import (
    PAPER_ENDPOINT,
    RELEASED_FORWARD,
    RELEASED_INVERTED,
    Block,
    Kernel,
    Order,
    Schedule,
    Tail,
    check_kernels,
    parse,
    with_window,
)

RELEASED_KERNELS = ((1, 2, 2), (2, 4, 4), (4, 8, 8))
K1, K2, K4, K8 = Kernel(1, 2, 2), Kernel(2, 4, 4), Kernel(4, 8, 8), Kernel(8, 16, 16)
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

a_few = settings(max_examples=60, deadline=None)
counts = st.integers(1, 40)
kernels = st.one_of(
    st.integers(1, 16).map(lambda n: Kernel(n, 2 * n, 2 * n)), st.builds(Kernel, counts, counts, counts)
)
runs = st.lists(st.builds(Block, counts, kernels), min_size=1, max_size=4).map(tuple)
tails = st.sampled_from([None, *Tail])


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
    assert str(parse("ta_f2k2f1k1+d")) == "ta_f2k2f1k1+D"


def test_explicit_kernels_shorten_to_the_papers_names() -> None:
    schedule = parse("f8k4h8w8f2k1h4w4f3k4h2w4_g9")
    assert schedule.past == (Block(8, K4), Block(2, Kernel(1, 4, 4)), Block(3, Kernel(4, 2, 4)))
    assert str(schedule) == "f8k4f2k1h4w4f3k4h2w4_g9"


@a_few
@given(schedules())
def test_a_name_reads_back(schedule: Schedule) -> None:
    name = str(schedule)
    assert parse(name) == schedule
    assert str(parse(name)) == name


@a_few
@given(schedules(), st.data())
def test_white_space_is_refused_anywhere(schedule: Schedule, data: st.DataObject) -> None:
    name = str(schedule)
    at = data.draw(st.integers(0, len(name)))
    space = data.draw(st.sampled_from([" ", "\n", "\t", "\u00a0"]))
    with pytest.raises(EngineError) as caught:
        parse(name[:at] + space + name[at:])
    assert caught.value.code is Code.SCHEDULE_INVALID


@a_few
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


@a_few
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


@a_few
@given(schedules(), counts)
def test_another_window_changes_nothing_else(schedule: Schedule, window: int) -> None:
    assert parse(with_window(str(schedule), window)) == replace(schedule, window=window)


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
