"""Shots that arrive at a picture which comes after them and is not theirs: exact lengths, and nothing of it shown."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.errors import Code, EngineError
from engine.framepack.packing import Order
from engine.generation.resolve import ResolvedRequest
from engine.protocol import Board, PromptAt, ShotRequest
from tests.unit.test_stretches import FPS, SCHEDULES, a_few, resolved

BACKWARD = (Order.INVERTED, Order.ENDPOINT)


@st.composite
def bridges(draw: st.DrawFn) -> ShotRequest:
    """From a board, perhaps through others, to the one after the last frame."""
    at = [1]
    for distance in draw(st.lists(st.integers(8, 120), max_size=2)):
        at.append(at[-1] + distance)
    frames = at[-1] + draw(st.integers(7, 150))
    return ShotRequest(
        "model",
        "first",
        boards=tuple(Board(frame, str(number)) for number, frame in enumerate([*at, frames + 1])),
        frames=frames,
        fps=draw(st.sampled_from(FPS)),
        conform=draw(st.booleans()),
        order=str(draw(st.sampled_from(BACKWARD))),
    )


def bridge(gap: int, fps: float = 30, order: str = "inverted") -> ResolvedRequest:
    """The bridge of `gap` frames: its first frame is the strip before it, which shows that already."""
    boards = (Board(1, "a"), Board(gap + 2, "b"))
    return resolved(ShotRequest("model", "words", boards, frames=gap + 1, fps=fps, order=order))


@a_few
@given(bridges())
@example(ShotRequest("m", "w", (Board(1, "0"), Board(39, "1")), frames=38, fps=24.0, order="inverted"))
def test_exactly_so_many_frames_up_to_the_one_before_the_board(request: ShotRequest) -> None:
    shot = resolved(request)
    plan, shown, last = shot.plan, shot.shown, shot.plan.stretches[-1]
    showing = Counter(f for each in plan.made for block in each.decode.final for f in shot.frames_of(block))
    assert showing == Counter(range(request.frames))
    made = [shown.made_of(frame) for frame in range(shown.starts[-1], request.frames)]
    assert made == sorted(made)
    # From the stretch's board to the last frame that is decoded before the board after it.
    assert (made[0], made[-1]) == (last.made.start, 4 * last.latents.stop - 1) == (last.made.start, last.made.stop - 1)
    told = sorted(shot.section_plans(), key=lambda each: each.section)
    assert [f for each in told for f in range(each.first, each.last + 1)] == list(range(1, request.frames + 1))


@a_few
@given(bridges())
def test_the_board_is_seen_where_the_model_was_shown_one_and_decoded_behind_the_last_section(
    request: ShotRequest,
) -> None:
    shot = resolved(request)
    plan = shot.plan
    assert shot.board_images[plan.end] == request.boards[-1].image
    section = plan.by_section[plan.sections - 1]
    assert plan.end in section.layout.latents()
    assert plan.end - 1 not in plan.boards  # nothing that is made is held fast there
    assert section.decode.latents.stop == plan.end + 1
    assert section.decode.final[-1] == range(4 * plan.end - 3, 4 * plan.end)
    # No other decode reaches so far, so nothing blends these frames.
    assert all(each is section or each.decode.latents.stop <= plan.end for each in plan.made)


def test_native_frames_of_bridges() -> None:
    """37 frames at 30 a second: the board 38 frames after the first, so at the tenth latent behind nine: one section.

    At 24 it is 47.5 native frames away, which one section of 40 is shown for; 60 frames at 30 take two.
    """
    shot = bridge(37)
    assert (shot.plan.sections, shot.plan.end, shot.plan.boards) == (1, 10, (0, 10))
    assert (shot.shown.made_of(0), shot.shown.made_of(1), shot.shown.made_of(37)) == (0, 1, 39)
    shot = bridge(37, fps=24)
    assert (shot.plan.sections, shot.plan.end, shot.plan.boards) == (1, 10, (0, 10))
    assert (shot.shown.made_of(0), shot.shown.made_of(37)) == (0, 39)
    shot = bridge(60)
    assert (shot.plan.sections, shot.plan.end, shot.plan.boards) == (2, 19, (0, 19))
    assert (shot.shown.made_of(0), shot.shown.made_of(60)) == (0, 4 * 19 - 1)
    assert bridge(12).plan.boards == (*range(7), 10)  # three latents lie between: the start board is held for six more
    assert [bridge(gap).plan.sections for gap in (1, 49, 50, 94, 95)] == [1, 1, 2, 2, 3]
    # Where a whole number of latents fits, frames follow each other as they are made.
    shot = bridge(39)
    assert [shot.shown.made_of(frame) for frame in range(40)] == list(range(40))
    assert bridge(1).plan.sections == 1


def test_words_move_to_its_own_borders() -> None:
    boards = (Board(1, "a"), Board(77, "b"))
    changes = (PromptAt(10, "early"), PromptAt(50, "late"))
    shot = resolved(ShotRequest("model", "first", boards, frames=76, order="inverted", prompts=changes))
    told = sorted(shot.section_plans(), key=lambda each: each.section)
    assert [(each.first, each.last, each.prompt) for each in told] == [(1, 37, "early"), (38, 76, "late")]


@pytest.mark.parametrize("frames", [38, 40])
def test_what_cannot_be_arrived_at(frames: int) -> None:
    boards = (Board(1, "a"), Board(39, "b"))
    with pytest.raises(EngineError) as caught:
        resolved(ShotRequest("model", "words", boards, frames=38 if frames == 38 else 37, order="forward"))
    assert caught.value.code is Code.BOARD_INVALID
    assert ("forward order" if frames == 38 else "move it inside the shot") in caught.value.line


def test_orders_are_all_here() -> None:
    assert {*BACKWARD, Order.FORWARD} == set(SCHEDULES)
