"""Shots through boards: stretches that know nothing of each other, each board at exactly its frame."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.errors import Code, EngineError
from engine.framepack.grid import Grid, Seam
from engine.framepack.packing import PAPER_ENDPOINT, RELEASED_FORWARD, RELEASED_INVERTED, Order, parse, with_window
from engine.framepack.plan import ShotPlan, Stretch, plan_shot, plan_stretches
from engine.generation.resolve import ResolvedRequest, resolve
from engine.inference.hunyuan.spec import RELEASED
from engine.protocol import Board, PromptAt, ShotRequest

SCHEDULES = {Order.INVERTED: RELEASED_INVERTED, Order.FORWARD: RELEASED_FORWARD, Order.ENDPOINT: PAPER_ENDPOINT}
HISTORY = 16 + 2 + 1
FPS = [24.0, 25.0, 23.976, 30.0, 59.94, 60.0, 12.0]

orders = st.sampled_from(Order)
a_few = settings(max_examples=60, deadline=None)


def plan_of(order: Order, lengths: Sequence[int], window: int = 9, end: bool = False) -> ShotPlan:
    schedule = parse(with_window(SCHEDULES[order], window))
    return plan_stretches(lengths, grid=Grid(window, 4, Seam.BLEND), schedule=schedule, end=end)


@st.composite
def plans(draw: st.DrawFn) -> ShotPlan:
    lengths = draw(st.lists(st.integers(1, 300), min_size=1, max_size=6))
    end = draw(st.booleans()) and lengths[-1] > 1
    return plan_of(draw(orders), lengths, draw(st.integers(1, 33)), end)


@st.composite
def requests(draw: st.DrawFn) -> ShotRequest:
    """Boards at least four frames apart, at any rate; perhaps one at the end."""
    apart = draw(st.lists(st.integers(8, 120), min_size=1, max_size=5))
    at = [1]
    for distance in apart:
        at.append(at[-1] + distance)
    after = draw(st.sampled_from([0, 8, 50]))
    boards = tuple(Board(frame, str(n)) for n, frame in enumerate(at))
    changes = draw(st.lists(st.integers(1, at[-1] + after), max_size=6, unique=True))
    return ShotRequest(
        "model",
        "first",
        boards=draw(st.permutations(boards).map(tuple)),
        frames=at[-1] + after,
        fps=draw(st.sampled_from(FPS)),
        conform=draw(st.booleans()),
        order=str(draw(orders)),
        prompts=tuple(PromptAt(frame, f"from {frame}") for frame in changes),
    )


def resolved(request: ShotRequest, *, pinned: bool = False) -> ResolvedRequest:
    return resolve(request, RELEASED, (256, 144), pinned=pinned)


def sections_of(plan: ShotPlan, stretch: Stretch) -> list[int]:
    """The numbers of making of a stretch's sections."""
    return [each.number for each in plan.made if each.section in stretch.sections]


# One stretch is a shot of its own.


@a_few
@given(orders, st.integers(1, 600), st.integers(1, 33))
def test_a_single_stretch_is_the_shot_as_it_always_was(order: Order, frames: int, window: int) -> None:
    schedule = parse(with_window(SCHEDULES[order], window))
    alone = plan_shot(frames, grid=Grid(window, 4, Seam.BLEND), schedule=schedule)
    assert plan_of(order, [frames], window) == alone


@a_few
@given(plans())
def test_a_last_stretch_with_no_board_at_its_end_is_planned_as_a_shot_of_its_own(plan: ShotPlan) -> None:
    last = plan.stretches[-1]
    if ends_on_board(plan):
        return
    schedule = parse(with_window(SCHEDULES[plan.order], plan.grid.window))
    alone = plan_shot(last.frames, grid=plan.grid, schedule=schedule)
    moved = [each.moved(last.sections.start, last.latents.start, last.made.start) for each in alone.made]
    assert list(plan.made[-len(moved) :]) == moved


@pytest.mark.parametrize("order", [Order.INVERTED, Order.ENDPOINT])
@pytest.mark.parametrize("sections", [1, 2, 5])
def test_a_stretch_of_whole_sections_is_planned_as_a_shot_to_an_end_board(order: Order, sections: int) -> None:
    """Frame 36n + 1 comes from the last latent: the board that a shot ends on there waits right after it."""
    first, *_ = plan_of(order, [36 * sections + 1, 37]).stretches
    plan = plan_of(order, [36 * sections + 1, 37])
    schedule = parse(SCHEDULES[order])
    alone = plan_shot(36 * sections + 1, grid=plan.grid, schedule=schedule, boards=(0, 36 * sections))
    assert list(plan.made[: len(first.sections)]) == list(alone.made)


def test_the_words_of_a_planned_shot() -> None:
    """Two sections for 49 frames have six latents too many; one for 37 has none; the last ends on no board."""
    plan = plan_of(Order.INVERTED, [49, 37, 5])
    assert [(each.section, each.anchor) for each in plan.made] == [(1, 6), (0, 0), (2, 19), (3, 29)]
    assert [list(each.own) for each in plan.made] == [
        list(range(10, 19)),
        list(range(1, 10)),
        list(range(20, 29)),
        list(range(30, 39)),
    ]
    assert [stretch.made for stretch in plan.stretches] == [range(24, 73), range(76, 113), range(116, 153)]
    # The first board is held for latents 1 to 6, of which 6 is decoded as the first frame; the second waits at 19.
    assert plan.boards == (*range(7), 19, 29)
    assert plan.pictures == (*[0] * 7, 1, 2)
    assert plan.made[1].pins == tuple(range(1, 7))
    assert plan.made[1].decode.latents == range(6, 19)
    assert 19 in plan.made[0].layout.latents()
    assert plan.made[0].layout.generated.start - 1 == 3  # as many latents lie between the board and the second section
    assert 29 in plan.made[2].layout.latents()
    assert plan.latents == plan.end == 39


def test_forward_stretches_know_of_no_board_to_come() -> None:
    plan = plan_of(Order.FORWARD, [49, 37, 5])
    assert [each.section for each in plan.made] == [0, 1, 2, 3]
    assert plan.boards == (0, 19, 29)
    assert all(each.pins == () for each in plan.made)
    assert [plan.beside_board(each) for each in plan.made] == [True, False, True, True]
    with_end = plan_of(Order.FORWARD, [49, 37], end=True)
    assert with_end.boards == (0, 19, 28)
    assert with_end.made[-1].pins == (28,)


# Nothing of an earlier picture.


def ends_on_board(plan: ShotPlan) -> bool:
    """Whether a board lies on the last frame: then there is one more than there are stretches."""
    return max(plan.pictures) == len(plan.stretches)


@a_few
@given(plans())
def test_a_stretch_sees_itself_and_the_board_it_ends_on(plan: ShotPlan) -> None:
    for place, stretch in enumerate(plan.stretches):
        given_to_it = {board for board in stretch.boards if board != plan.end or ends_on_board(plan)}
        pictures = {plan.pictures[plan.boards.index(board)] for board in given_to_it}
        assert pictures <= {place, place + 1}
        made = set(given_to_it)
        for number in sections_of(plan, stretch):
            planned = plan.made[number]
            assert planned.anchor is not None
            assert plan.pictures[plan.boards.index(planned.anchor)] == place
            assert planned.layout.latents() <= made
            assert set(planned.decode.latents) <= made | set(planned.own)
            made |= set(planned.own)
        assert made - {stretch.latents.stop} == set(stretch.latents)
        assert plan.order is not Order.FORWARD or stretch.latents.stop not in made


@a_few
@given(plans())
def test_a_stretch_ends_right_before_the_next_board(plan: ShotPlan) -> None:
    """What is too much of its sections lies at its near end, where its own board is held."""
    for place, stretch in enumerate(plan.stretches):
        if plan.order is Order.FORWARD or (place == len(plan.stretches) - 1 and not ends_on_board(plan)):
            continue
        *held, after = stretch.boards
        last = place == len(plan.stretches) - 1
        seen = [held.pop()] if last else []  # nobody begins with the board at the end: the last latent is its as well
        assert after == stretch.latents.stop
        assert held == list(range(stretch.latents.start, held[-1] + 1))
        assert stretch.made.start == 4 * held[-1]
        assert len(held) <= plan.grid.window  # something is made, even between neighbouring frames
        surplus = len(stretch.made) - stretch.frames
        assert surplus < 4 or len(held) == plan.grid.window
        section = plan.by_section[stretch.sections[-1]]
        assert after in section.layout.latents()
        assert plan.beside_board(section)
        pins = [pin for number in sections_of(plan, stretch) for pin in plan.made[number].pins]
        assert sorted(pins) == [*held[1:], *seen]
        assert seen == [after - 1] * last


# Numbers.


@a_few
@given(plans())
def test_each_section_latent_and_frame_is_made_once(plan: ShotPlan) -> None:
    assert [each.number for each in plan.made] == list(range(plan.sections))
    assert sorted(plan.by_section) == list(range(plan.sections))
    made = [latent for each in plan.made for latent in plan.own_latents(each)]
    starts = [stretch.latents.start for stretch in plan.stretches]
    assert sorted(made + starts) == list(range(plan.latents))
    wanted = Counter(frame for stretch in plan.stretches for frame in stretch.made)
    assert Counter(f for each in plan.made for block in each.decode.final for f in block) == wanted
    assert Counter(frame for each in plan.made for frame in each.adds) == wanted
    for stretch in plan.stretches:
        assert plan.grid.sections(stretch.frames) == len(stretch.sections)
        assert stretch.frames <= len(stretch.made) < stretch.frames + plan.grid.stride + plan.grid.lead
        assert stretch.made.stop == 4 * (stretch.latents.stop - 1) + 1
        for frame in stretch.made:
            assert frame in plan.adding(frame).adds
    assert plan.frames == sum(stretch.frames for stretch in plan.stretches)


@a_few
@given(plans())
def test_what_is_decoded_becomes_the_frames_it_sets(plan: ShotPlan) -> None:
    for each in plan.made:
        clip = range(4 * each.decode.latents.start, 4 * (each.decode.latents.stop - 1) + 1)
        assert sorted(f for block in (*each.decode.final, *each.decode.provisional) for f in block) == list(clip)


@a_few
@given(plans())
def test_latents_in_memory_are_bounded_by_one_stretch(plan: ShotPlan) -> None:
    alive: set[int] = set()
    for planned in plan.made:
        wanted = (planned.layout.latents() | set(planned.decode.latents)) - set(planned.own)
        assert wanted <= alive | set(plan.boards), "what is looked at is there"
        alive = {latent for latent in alive | set(planned.own) if plan.last_use.get(latent, -1) > planned.number}
        sides = 2 if plan.order is Order.ENDPOINT else 1
        assert len(alive) <= sides * max(HISTORY, plan.grid.window)
        if any(planned.number == max(sections_of(plan, stretch)) for stretch in plan.stretches):
            assert not alive


def test_cut_sections_make_no_stretches() -> None:
    with pytest.raises(ValueError, match="cut"):
        plan_stretches([9, 9], grid=Grid(9, 4, Seam.CUT), schedule=parse(RELEASED_FORWARD), end=False)


# From a request to frames.


@a_few
@given(requests())
@example(ShotRequest("m", "w", (Board(1, "0"), Board(50, "1"), Board(99, "2")), frames=99, fps=24.0, order="inverted"))
def test_every_board_is_shown_at_exactly_its_frame(request: ShotRequest) -> None:
    shot = resolved(request)
    plan, shown = shot.plan, shot.shown
    boards = sorted(request.boards, key=lambda board: board.frame)
    end = boards[-1].frame == request.frames
    for board, stretch in zip(boards, plan.stretches, strict=not end):
        made = shown.made_of(board.frame - 1)
        assert made == stretch.made.start
        first = next(each for each in plan.made if made in {block.start for block in each.decode.final})
        # It is the first frame of a clip whose first latent is the board's, encoded alone.
        assert first.decode.latents.start == made // 4
        assert shot.board_images[made // 4] == board.image
    if end and len(plan.stretches) > 1:
        latents = [latent for latent, image in shot.board_images.items() if image == boards[-1].image]
        held = plan.grid.latent_of(shown.made_of(request.frames - 1))
        assert latents == ([held] if plan.order is Order.FORWARD else [held, plan.end])
        assert plan.order is Order.FORWARD or plan.end == held + 1


@a_few
@given(requests())
def test_exactly_so_many_frames_each_from_its_own_stretch(request: ShotRequest) -> None:
    shot = resolved(request)
    plan, shown = shot.plan, shot.shown
    showing = Counter(f for each in plan.made for block in each.decode.final for f in shot.frames_of(block))
    assert showing == Counter(range(request.frames))
    ends = [*shown.starts[1:], request.frames]
    for stretch, start, stop in zip(plan.stretches, shown.starts, ends, strict=True):
        assert list(shot.frames_of(stretch.made)) == list(range(start, stop))
        for frame in range(start, stop):
            made = shown.made_of(frame)
            assert made - stretch.made.start == shown.conform.native_of(frame - start) < stretch.frames
            assert frame in shot.frames_of(range(made, made + 1))
    assert plan.frames == sum(shown.conform.native_frames(b - a) for a, b in zip(shown.starts, ends, strict=True))


@a_few
@given(requests())
def test_the_plan_that_is_told_covers_the_shot_and_borders_lie_at_boards(request: ShotRequest) -> None:
    shot = resolved(request)
    told = sorted(shot.section_plans(), key=lambda plan: plan.section)
    assert [frame for plan in told for frame in range(plan.first, plan.last + 1)] == list(range(1, request.frames + 1))
    at = {board.frame for board in request.boards} - {request.frames}
    assert at <= {plan.first for plan in told}
    assert [plan.section for plan in shot.section_plans()] == [each.section for each in shot.plan.made]


@a_few
@given(requests())
def test_words_hold_at_their_board_and_move_to_the_nearest_border(request: ShotRequest) -> None:
    shot = resolved(request)
    changes = sorted(request.prompts, key=lambda change: change.frame)
    ends = [*shot.shown.starts[1:], request.frames]
    expected: list[str] = []
    for stretch, start, stop in zip(shot.plan.stretches, shot.shown.starts, ends, strict=True):
        words = [each.text for each in changes if each.frame - 1 <= start]
        here = {0: words[-1] if words else request.prompt}
        surplus = 4 * (stretch.made.start // 4 - stretch.latents.start)
        borders = [1, *(37 + 36 * section - surplus for section in range(len(stretch.sections) - 1))]
        for change in changes:
            if start < change.frame - 1 < stop:
                at = shot.shown.conform.native_of(change.frame - 1 - start)
                nearest = min(reversed(borders), key=lambda border: abs(border - at))
                if stop == request.frames or abs(nearest - at) < stretch.frames - at:
                    here[borders.index(nearest)] = change.text
        for section in range(len(borders)):
            expected.append(here.get(section, expected[-1] if expected else ""))
    assert shot.prompts == tuple(expected)


def test_words_move_to_borders_inside_their_stretch() -> None:
    boards = (Board(1, "a"), Board(80, "b"))
    changes = (PromptAt(30, "to border 46"), PromptAt(77, "to the board"), PromptAt(130, "to border 117"))
    shot = resolved(ShotRequest("m", "zero", boards, frames=160, order="inverted", prompts=changes))
    told = sorted(shot.section_plans(), key=lambda plan: plan.section)
    # 79 frames take three sections and leave 28 frames too many, which the first section is shorter by.
    assert [(each.first, each.last, each.prompt) for each in told] == [
        (1, 9, "zero"),
        (10, 45, "zero"),
        (46, 79, "to border 46"),
        (80, 116, "to the board"),
        (117, 152, "to border 117"),
        (153, 160, "to border 117"),
    ]


@a_few
@given(requests())
def test_what_0_1_0_began_keeps_its_plan(request: ShotRequest) -> None:
    shot = resolved(request, pinned=True)
    boards = [shot.shown.conform.native_of(board.frame - 1) for board in request.boards]
    assert len(shot.plan.stretches) == 1
    assert shot.plan == plan_shot(
        shot.shown.conform.native_frames(request.frames),
        grid=shot.plan.grid,
        schedule=parse(SCHEDULES[shot.plan.order]),
        boards=sorted(boards),
    )


@pytest.mark.parametrize(
    ("fps", "apart"),
    [(30.0, 4), (24.0, 3), (60.0, 6), (12.0, 2)],
)
def test_boards_too_near_are_refused_in_one_sentence(fps: float, apart: int) -> None:
    def request(distance: int) -> ShotRequest:
        return ShotRequest("m", "w", (Board(1, "a"), Board(50, "b"), Board(50 + distance, "c")), frames=200, fps=fps)

    with pytest.raises(EngineError, match=f"keep boards at least {apart} frames apart") as caught:
        resolved(request(apart - 1))
    assert (caught.value.code, caught.value.exit_code) == (Code.BOARD_INVALID, 2)
    assert len(resolved(request(apart)).plan.stretches) == 3


def test_what_0_1_0_took_as_near_goes_on() -> None:
    boards = (Board(1, "a"), Board(3, "b"), Board(6, "c"))
    request = ShotRequest("m", "w", boards, frames=99, order="inverted")
    assert resolved(request, pinned=True).plan.boards == (0, 1, 2)
    with pytest.raises(EngineError, match="too near"):
        resolved(request)
    with pytest.raises(EngineError, match="the board at frame 3 is too near"):
        resolved(replace(request, boards=(*boards[:2], Board(5, "c"))), pinned=True)


def test_a_start_and_an_end_may_be_as_near_as_ever() -> None:
    shot = resolved(ShotRequest("m", "w", (Board(1, "a"), Board(2, "b")), frames=2))
    assert len(shot.plan.stretches) == 1
    with pytest.raises(EngineError, match="too near"):
        resolved(ShotRequest("m", "w", (Board(1, "a"), Board(1, "b")), frames=2))


def test_a_model_without_boards_within_refuses_them() -> None:
    request = ShotRequest("m", "w", (Board(1, "a"), Board(50, "b")), frames=99)
    with pytest.raises(EngineError, match="takes a board at the start only"):
        resolve(request, replace(RELEASED, boards_within=False), (256, 144))
