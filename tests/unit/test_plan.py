"""Plans: replayed frame by frame for any length, window and order, and compared with the released recipe's tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.framepack.grid import Grid, Seam
from engine.framepack.layout import PackedBlock, SectionLayout, padding
from engine.framepack.packing import (
    PAPER_ENDPOINT,
    RELEASED_FORWARD,
    RELEASED_INVERTED,
    Block,
    Order,
    parse,
    with_window,
)
from engine.framepack.plan import PlannedSection, ShotPlan, making_sequence, plan_shot
from engine.framepack.token_counts import block_tokens, context_tokens, section_tokens

SCHEDULES = {
    Order.INVERTED: RELEASED_INVERTED,
    Order.FORWARD: RELEASED_FORWARD,
    Order.ENDPOINT: PAPER_ENDPOINT,
}
HISTORY = 16 + 2 + 1
RELEASED = Grid(window=9, compression=4, seam=Seam.BLEND)
CUT = Grid(window=9, compression=4, seam=Seam.CUT)

lengths = st.integers(1, 5000)
windows = st.integers(1, 33)
orders = st.sampled_from(Order)
a_few = settings(max_examples=60, deadline=None)
fewer = settings(max_examples=25, deadline=None)


def plan_of(order: Order, frames: int, window: int = 9, boards: Sequence[int] = (0,)) -> ShotPlan:
    """The plan of a shot by the layout that `order` has."""
    grid = Grid(window, compression=4, seam=Seam.BLEND)
    return plan_shot(frames, grid=grid, schedule=parse(with_window(SCHEDULES[order], window)), boards=boards)


@st.composite
def boarded(draw: st.DrawFn, longest: int = 1200) -> tuple[list[int], ShotPlan]:
    """The pixel frames of a start board, boards in between and perhaps an end board, and a plan through them."""
    order, frames, window = draw(orders), draw(st.integers(1, longest)), draw(windows)
    between = draw(st.lists(st.integers(1, frames), max_size=5))
    end = [frames - 1] if draw(st.booleans()) else []
    boards: dict[int, int] = {}
    for frame in [0, *end, *between]:
        if frame < frames:
            boards.setdefault(-(-frame // 4), frame)  # one board a latent
    chosen = sorted(boards.values())
    return chosen, plan_of(order, frames, window, chosen)


@given(boarded())
@a_few
def test_sections_beside_a_board(case):
    """The first always is, the last one where an end board waits, in between those that boards lie in or touch."""
    frames, plan = case
    held = {-(-frame // 4) for frame in frames}
    if plan.end in plan.boards:
        held.add(plan.end)
        if plan.latents - 1 == max(held - {plan.end}):
            held.discard(plan.latents - 1)  # it waits after the shot instead
    for planned in plan.made:
        reach = {own(plan, planned).start - 1, *own(plan, planned), own(plan, planned).stop}
        assert plan.beside_board(planned) == bool(reach & held)


def test_of_three_sections_the_first_is_beside_the_only_board():
    plan = plan_of(Order.INVERTED, 109)
    assert {each.section for each in plan.made if plan.beside_board(each)} == {0}


def own(plan: ShotPlan, planned: PlannedSection) -> range:
    """The latents that a section makes."""
    return range(planned.section * plan.grid.window + 1, (planned.section + 1) * plan.grid.window + 1)


def frames_in(blocks: Iterable[range]) -> list[int]:
    return [frame for block in blocks for frame in block]


def held(blocks: Iterable[PackedBlock]) -> list[int]:
    """The latents in the slots of `blocks`, in time order, empty slots left out."""
    return [slot.latent for block in blocks for slot in block.slots if slot.latent is not None]


def indices(blocks: Iterable[PackedBlock]) -> list[int]:
    return [slot.index for block in blocks for slot in block.slots]


def length(layout: SectionLayout, window: int) -> int:
    """Tokens of a section and its context on 64 x 96 latent pixels, counted slot by slot."""
    context = [Block(len(block.slots), block.kernel) for block in layout.blocks]
    return sum(block_tokens(block, 64, 96) for block in context) + window * 1536


# What becomes of every pixel frame.


@a_few
@given(orders, lengths, windows)
@example(Order.INVERTED, 5000, 9)
@example(Order.FORWARD, 5000, 1)
@example(Order.ENDPOINT, 5000, 2)
def test_every_frame_becomes_final_exactly_once(order: Order, frames: int, window: int) -> None:
    plan = plan_of(order, frames, window)
    final = Counter(frames_in(block for planned in plan.made for block in planned.decode.final))
    assert final == Counter(range(plan.grid.frames(plan.sections)))
    assert frames <= len(final)


@a_few
@given(orders, lengths, windows)
def test_what_is_provisional_is_decoded_and_not_yet_final(order: Order, frames: int, window: int) -> None:
    plan = plan_of(order, frames, window)
    decoded: set[int] = set()
    final: set[int] = set()
    waiting: dict[int, range] = {}
    for planned in plan.made:
        decode = planned.decode
        clip = range(4 * decode.latents.start, 4 * (decode.latents.stop - 1) + 1)
        blended = [seam for seam in (decode.blend_before, decode.blend_after) if seam is not None]
        for seam in blended:
            assert waiting.pop(seam.start) == seam  # decoded before, on the other side of the seam
            assert len(seam) == 4 * window - 3
            assert set(seam) <= set(clip)
        assert sorted(frames_in(decode.final + decode.provisional)) == list(clip)
        assert not final & set(clip)
        for blocks in (decode.final, decode.provisional):
            assert all(earlier.stop <= later.start for earlier, later in pairwise(blocks))
        # Nothing is new in this decode but the section, the frames that join it to a neighbour, and the start's own.
        news = set(clip) - decoded
        assert set(plan.grid.block(planned.section)) <= news
        assert news.isdisjoint(frames_in(blended))
        decoded |= set(clip)
        final |= set(frames_in(decode.final))
        waiting.update({block.start: block for block in decode.provisional})
        assert set(frames_in(waiting.values())) == decoded - final
        assert len(waiting) <= (2 if order is Order.ENDPOINT else 1)
    assert waiting == {}


@a_few
@given(orders, lengths, windows)
def test_a_decode_is_short(order: Order, frames: int, window: int) -> None:
    plan = plan_of(order, frames, window)
    for planned in plan.made:
        assert len(planned.decode.latents) <= (3 if order is Order.ENDPOINT else 2) * window + 1
        assert set(own(plan, planned)) <= set(planned.decode.latents)
        assert (planned.decode.latents.start == 0) is (planned.section == 0)
    made = {0}
    for planned in plan.made:
        made |= set(own(plan, planned))
        assert set(planned.decode.latents) <= made


def test_decodes_of_the_released_recipe() -> None:
    inverted = [(p.decode.latents, p.decode.final, p.decode.provisional) for p in plan_of(Order.INVERTED, 109).made]
    assert inverted == [
        (range(19, 28), (), (range(76, 109),)),
        (range(10, 28), (range(73, 76), range(76, 109)), (range(40, 73),)),
        (range(0, 19), (range(0, 4), range(4, 37), range(37, 40), range(40, 73)), ()),
    ]
    forward = [(p.decode.latents, p.decode.blend_before) for p in plan_of(Order.FORWARD, 109).made]
    assert forward == [(range(0, 10), None), (range(1, 19), range(4, 37)), (range(10, 28), range(40, 73))]


# Grids.


@pytest.mark.parametrize(("frames", "sections"), [(1, 1), (37, 1), (38, 2), (73, 2), (145, 4), (1801, 50)])
def test_sections_as_recorded(frames: int, sections: int) -> None:
    assert RELEASED.sections(frames) == sections
    assert plan_of(Order.INVERTED, frames).sections == sections


@a_few
@given(lengths, windows, st.sampled_from(Seam))
def test_sections_are_the_fewest_that_reach(frames: int, window: int, seam: Seam) -> None:
    grid = Grid(window, 4, seam)
    assert grid.frames(grid.sections(frames)) >= frames
    assert grid.sections(frames) == 1 or grid.frames(grid.sections(frames) - 1) < frames


@a_few
@given(windows, st.integers(1, 60))
def test_frames_of_a_grid(window: int, sections: int) -> None:
    grid = Grid(window, 4, Seam.BLEND)
    assert grid.frames(sections) == 4 * (sections * window + 1) - 3  # as many as that many latents decode to
    assert [grid.block(section).start for section in range(sections)] == [
        4 * (section * window + 1) for section in range(sections)
    ]


@a_few
@given(st.integers(0, 5000))
def test_a_frame_is_decoded_from_its_latent(frame: int) -> None:
    latent = RELEASED.latent_of(frame)
    shown = range(0, 1) if latent == 0 else range(4 * latent - 3, 4 * latent + 1)
    assert frame in shown


def test_cut_seams_add_33_frames_a_section() -> None:
    assert [CUT.frames(sections) for sections in (1, 2, 3)] == [33, 66, 99]
    assert [CUT.sections(frames) for frames in (1, 33, 34, 66, 67)] == [1, 1, 2, 2, 3]


@fewer
@given(orders, lengths, windows)
def test_cut_sections_are_final_at_once(order: Order, frames: int, window: int) -> None:
    grid = Grid(window, 4, Seam.CUT)
    plan = plan_shot(frames, grid=grid, schedule=parse(with_window(SCHEDULES[order], window)))
    for planned in plan.made:
        first = planned.section * (4 * window - 3)
        assert planned.decode.latents == own(plan, planned)
        assert planned.decode.final == (range(first, first + 4 * window - 3),)
        assert planned.decode.provisional == ()
        assert (planned.decode.blend_before, planned.decode.blend_after) == (None, None)
    final = sorted(frames_in(block for planned in plan.made for block in planned.decode.final))
    assert final == list(range(grid.frames(plan.sections)))
    assert len(final) - grid.stride < frames <= len(final)


# The sequence of making.


@fewer
@given(orders, lengths, windows)
def test_each_section_is_made_once(order: Order, frames: int, window: int) -> None:
    plan = plan_of(order, frames, window)
    assert (plan.order, plan.frames, plan.sections) == (order, frames, plan.grid.sections(frames))
    assert [planned.number for planned in plan.made] == list(range(plan.sections))
    assert [planned.section for planned in plan.made] == list(making_sequence(order, plan.sections))
    made = sorted(latent for planned in plan.made for latent in plan.own_latents(planned))
    assert made == list(range(1, plan.latents))


@a_few
@given(st.integers(1, 300))
def test_sequences(sections: int) -> None:
    assert list(making_sequence(Order.FORWARD, sections)) == list(range(sections))
    assert list(making_sequence(Order.INVERTED, sections)) == list(range(sections))[::-1]
    left = list(range(sections))
    ends = [left.pop(0 if turn % 2 == 0 else -1) for turn in range(sections)]
    assert list(making_sequence(Order.ENDPOINT, sections)) == ends


def test_endpoint_sequence_as_written() -> None:
    assert list(making_sequence(Order.ENDPOINT, 7)) == [0, 6, 1, 5, 2, 4, 3]


# Contexts.


@fewer
@given(boarded())
def test_contexts_hold_only_what_is_made_or_a_board(boarded: tuple[list[int], ShotPlan]) -> None:
    _, plan = boarded
    known = set(plan.boards)
    for planned in plan.made:
        assert planned.layout.latents() <= known
        known |= set(own(plan, planned))


@fewer
@given(boarded())
def test_contexts_are_in_time_order(boarded: tuple[list[int], ShotPlan]) -> None:
    _, plan = boarded
    for planned in plan.made:
        layout, latents = planned.layout, own(plan, planned)
        assert max(held(layout.before)) < latents.start
        assert min(held(layout.after), default=latents.stop) >= latents.stop
        times = [*indices(layout.before), *layout.generated, *indices(layout.after)]
        assert times[0] == 0
        assert all(earlier < later for earlier, later in pairwise(times))
        assert len(layout.generated) == plan.grid.window
        for block in layout.blocks:
            assert [slot.index for slot in block.slots] == list(
                range(block.slots[0].index, block.slots[0].index + len(block.slots))
            )


@fewer
@given(st.sampled_from([Order.INVERTED, Order.FORWARD]), lengths, windows)
def test_history_is_what_lies_next_to_the_section(order: Order, frames: int, window: int) -> None:
    plan = plan_of(order, frames, window)
    for planned in plan.made:
        latents = own(plan, planned)
        anchor, *past = held(planned.layout.before)
        assert anchor == planned.anchor == 0
        if order is Order.FORWARD:
            assert past == list(range(max(0, latents.start - HISTORY), latents.start))
            assert planned.layout.after == ()
        else:
            assert past == []
            assert held(planned.layout.after) == list(range(latents.stop, min(latents.stop + HISTORY, plan.end)))


@fewer
@given(lengths, windows)
def test_endpoint_sections_see_both_ends_of_their_gap(frames: int, window: int) -> None:
    plan = plan_of(Order.ENDPOINT, frames, window)
    done = {0}
    for planned in plan.made:
        latents = own(plan, planned)
        seen = planned.layout.latents()
        if planned.number >= 2:
            assert max(done & set(range(latents.start))) in seen
            assert min(done & set(range(latents.stop, plan.end))) in seen
        done |= set(latents)


@a_few
@given(orders, lengths, windows)
@example(Order.ENDPOINT, 5000, 3)
def test_packed_length_is_constant(order: Order, frames: int, window: int) -> None:
    schedule = parse(with_window(SCHEDULES[order], window))
    expected = context_tokens(schedule, 64, 96) + section_tokens(schedule, 64, 96)
    plan = plan_of(order, frames, window)
    assert {length(planned.layout, window) for planned in plan.made} == {expected}


@pytest.mark.parametrize("order", Order)
def test_packed_length_as_recorded(order: Order) -> None:
    assert {length(planned.layout, 9) for planned in plan_of(order, 1801).made} == {17664}


def latent_indices(layout: SectionLayout) -> list[range]:
    """The time indices of each part of a layout, in time order."""
    before = [range(block.slots[0].index, block.slots[-1].index + 1) for block in layout.before]
    after = [range(block.slots[0].index, block.slots[-1].index + 1) for block in layout.after]
    return [*before, layout.generated, *after]


def test_released_inverted_indices() -> None:
    first, *_, last = plan_of(Order.INVERTED, 145).made
    assert latent_indices(first.layout) == [range(1), range(28, 37), range(37, 38), range(38, 40), range(40, 56)]
    assert latent_indices(last.layout) == [range(1), range(1, 10), range(10, 11), range(11, 13), range(13, 29)]
    assert held(first.layout.after) == []
    assert held(last.layout.after) == list(range(10, 29))
    kernels = [(block.kernel.frames, block.kernel.rows, block.kernel.columns) for block in last.layout.blocks]
    assert kernels == [(1, 2, 2), (1, 2, 2), (2, 4, 4), (4, 8, 8)]


def test_released_forward_indices() -> None:
    first, *others = plan_of(Order.FORWARD, 145).made
    for planned in (first, *others):
        assert latent_indices(planned.layout) == [range(1), range(1, 17), range(17, 19), range(19, 20), range(20, 29)]
    assert held(first.layout.before) == [0, 0]  # the start is anchor and most recent frame at once
    assert held(others[-1].layout.before) == [0, *range(9, 28)]


@pytest.mark.parametrize(
    "paddings",
    [
        [0],
        [1, 0],
        [2, 1, 0],
        [3, 2, 1, 0],
        [3, 2, 2, 1, 0],
        [3, 2, 2, 2, 1, 0],
        [3, 2, 2, 2, 2, 1, 0],
        [3, 2, 2, 2, 2, 2, 1, 0],
    ],
)
def test_padding_schedule_of_the_released_recipe(paddings: list[int]) -> None:
    for window in (1, 9, 33):
        plan = plan_of(Order.INVERTED, len(paddings) * 4 * window + 1, window)
        assert [planned.layout.generated.start - 1 for planned in plan.made] == [n * window for n in paddings]


@a_few
@given(st.integers(0, 5000), windows, st.integers(1, 600), st.booleans())
def test_padding_never_exceeds_the_true_gap(distance: int, window: int, sections: int, first: bool) -> None:
    gap = padding(distance, window, sections, first)
    assert gap <= distance
    assert sections <= 4 or gap <= 3 * window


def test_endpoint_layouts() -> None:
    plan = plan_of(Order.ENDPOINT, 217, boards=(0, 216))
    by_section = {planned.section: planned.layout for planned in plan.made}
    left, right, end = by_section[1], by_section[4], by_section[5]
    # From the left: history far to near, the section, and the nearest latent made beyond, at most two windows away.
    assert latent_indices(left) == [range(16), range(16, 18), range(18, 19), range(19, 28), range(46, 47)]
    assert held(left.before) == list(range(10))
    assert held(left.after) == [46]
    # From the right: its mirror image.
    mirrored = [range(1), range(19, 28), range(28, 29), range(29, 31), range(31, 47)]
    assert latent_indices(right) == mirrored
    assert held(right.before) == [18]
    assert held(right.after) == list(range(46, 55))
    # The last section: three windows away from the start, toward the end board.
    assert end.generated == range(28, 37)
    assert (held(end.before), held(end.after)) == ([0], [55])


@fewer
@given(st.sampled_from([Order.INVERTED, Order.ENDPOINT]), st.integers(1, 4), windows)
def test_a_short_shot_keeps_its_true_times(order: Order, sections: int, window: int) -> None:
    plan = plan_of(order, sections * 4 * window + 1, window)
    for planned in plan.made:
        shift = own(plan, planned).start - planned.layout.generated.start
        slots = [slot for block in planned.layout.blocks for slot in block.slots if slot.latent is not None]
        assert all(slot.latent == slot.index + shift for slot in slots)


# Boards.


@fewer
@given(boarded())
def test_boards_in_between_are_pinned_in_one_section(boarded: tuple[list[int], ShotPlan]) -> None:
    boards, plan = boarded
    pins = Counter(pin for planned in plan.made for pin in planned.pins)
    ends = len(boards) > 1 and boards[-1] == plan.frames - 1 and plan.order is not Order.FORWARD
    expected = [-(-frame // 4) for frame in boards[1:]]
    if ends and expected[-1] == plan.latents - 1:
        expected.pop()  # it waits in the next slot instead
    assert pins == Counter(expected)
    for planned in plan.made:
        assert set(planned.pins) <= set(own(plan, planned))
    assert (plan.end in plan.boards) is ends
    assert list(plan.boards) == [0, *expected, *([plan.end] if ends else [])]


@fewer
@given(boarded())
def test_end_board_stands_after_the_last_section(boarded: tuple[list[int], ShotPlan]) -> None:
    _, plan = boarded
    last = next(planned for planned in plan.made if planned.section == plan.sections - 1)
    after = {slot.index: slot.latent for block in last.layout.after for slot in block.slots}
    if plan.end in plan.boards:
        assert plan.end in last.layout.latents()
    if plan.order is Order.INVERTED:
        assert after[last.layout.generated.stop] == (plan.end if plan.end in plan.boards else None)
    assert all(plan.end not in p.layout.latents() for p in plan.made if plan.order is Order.INVERTED and p is not last)


@pytest.mark.parametrize("order", [Order.INVERTED, Order.ENDPOINT])
@pytest.mark.parametrize(
    ("frames", "boards"),
    [
        (145, (0, 37)),  # the shot ends with its last latent: the board waits behind it
        (143, (0, 37)),  # so do the shots that end within that latent
        (141, (0, 35, 37)),  # trimmed: the latent of the shot's last frame is pinned as well
        (110, (0, 28, 37)),
    ],
)
def test_end_board_of_a_trimmed_shot(order: Order, frames: int, boards: tuple[int, ...]) -> None:
    plan = plan_of(order, frames, boards=(0, frames - 1))
    assert plan.boards == boards
    assert [pin for planned in plan.made for pin in planned.pins] == list(boards[1:-1])


def test_forward_pins_its_end_board() -> None:
    plan = plan_of(Order.FORWARD, 145, boards=(0, 144))
    assert plan.boards == (0, 36)
    assert plan.made[-1].pins == (36,)


@fewer
@given(boarded())
def test_anchors_are_the_latest_board_before_the_section(boarded: tuple[list[int], ShotPlan]) -> None:
    _, plan = boarded
    for planned in plan.made:
        first = own(plan, planned).start
        assert planned.anchor == max(board for board in plan.boards if board < first)
        if plan.order is not Order.ENDPOINT:
            assert planned.layout.before[0].slots[0].latent == planned.anchor


def test_boards_in_between_bring_the_anchor_nearer() -> None:
    plan = plan_of(Order.INVERTED, 145, boards=(0, 70))  # latent 18, the last of section 1
    assert [(p.section, p.anchor, p.layout.generated.start - 1) for p in plan.made] == [
        (3, 18, 9),
        (2, 18, 0),
        (1, 0, 9),
        (0, 0, 0),
    ]


# Memory.


def most_alive(plan: ShotPlan) -> int:
    """The most latents in memory between two sections, when the shot is made as the generator makes it."""
    alive: set[int] = set()
    most = 0
    for planned in plan.made:
        wanted = (planned.layout.latents() | set(planned.decode.latents)) - set(own(plan, planned))
        assert wanted <= alive | set(plan.boards)  # nothing is looked at that was dropped
        alive |= set(own(plan, planned))
        alive = {latent for latent in alive if plan.last_use[latent] > planned.number}
        most = max(most, len(alive))
    assert alive == set()
    return most


@fewer
@given(boarded())
def test_latents_in_memory_are_bounded(boarded: tuple[list[int], ShotPlan]) -> None:
    _, plan = boarded
    sides = 2 if plan.order is Order.ENDPOINT else 1
    assert most_alive(plan) <= sides * max(HISTORY, plan.grid.window) + len(plan.boards)


@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize("window", [3, 9, 33])
def test_latents_in_memory_do_not_grow_with_length(order: Order, window: int) -> None:
    short, long = (most_alive(plan_of(order, frames, window)) for frames in (120 * window, 600 * window))
    assert short == long


def test_endpoint_planning_starts_from_the_start_board_and_looks_at_the_end_board() -> None:
    """The paper's name read literally: the start is the newest history, the endpoint lies beyond the gap."""
    grid = Grid(9, 4, Seam.BLEND)
    plan = plan_shot(145, grid=grid, schedule=parse(PAPER_ENDPOINT), boards=(0, 144))
    first = plan.made[0]
    past, after = [slot.latent for block in first.layout.before for slot in block.slots], first.layout.after
    assert past == [None] * 18 + [0]
    assert first.layout.generated == range(19, 28)
    assert [(slot.index, slot.latent) for block in after for slot in block.slots] == [(28 + 27, 37)]


def test_boards_on_cut_sections_lie_in_their_own_section() -> None:
    grid = Grid(9, 4, Seam.CUT)
    assert [grid.latent_of(frame) for frame in (0, 1, 4, 32, 33, 34, 65)] == [0, 2, 2, 9, 10, 11, 18]
