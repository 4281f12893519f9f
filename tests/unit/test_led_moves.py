"""A move as it leads a shot: from its board to the shot's end, or until it must become the next board."""

from __future__ import annotations

import pytest

from engine.client.led_moves import Clock, led_move
from engine.framings import Framing, Move

EVERY = {"native_fps": 30.0, "guide_frames": 1}
PUSH = Move(Framing(), Framing(0.6, 0.5, 0.5))


def led(frames: int, *, fps: float = 30.0, move: Move = PUSH, **where: int):
    return led_move(move, (320, 180), (96, 64), EVERY, Clock(frames, fps, conform=True), **where)


def test_it_lasts_to_the_end_and_begins_after_the_board():
    found = led(13)
    assert list(found.framings) == [float(frame) for frame in range(2, 14)]
    assert found.framings[13.0] == PUSH.end
    assert (found.size, found.opening) == ((114, 64), (320, 180))
    assert found.within == set(found.framings)


def test_before_another_board_it_is_done_a_second_earlier():
    found = led(91, after=91)
    assert (min(found.framings), max(found.framings)) == (2.0, 60.0)
    assert found.framings[60.0] == PUSH.end, "all of the move is seen"
    assert found.framings[31.0].width == pytest.approx(0.5 ** (30 / 59))


def test_or_half_way_where_that_is_nearer():
    found = led(21, after=21)
    assert max(found.framings) == 10.0
    assert found.framings[10.0] == PUSH.end
    assert not led(2, after=2).framings, "nothing lies between"


def test_it_begins_at_its_board():
    found = led(200, fps=24.0, at=49, after=97)
    assert min(found.framings) == 49.8, "the model's frames are counted from the board"
    assert max(found.framings) == pytest.approx(72, abs=0.8)
    assert found.framings[min(found.framings)].width == pytest.approx(0.5 ** (0.8 / 23))
    last = led(200, fps=24.0, at=97)
    assert max(last.framings) >= 200
    assert last.framings[max(last.framings)] == PUSH.end


def test_all_stretches_together_are_no_more_than_a_request_holds():
    starts = [1, 301, 2001, 3999, 4000]
    led_by = [led(5000, at=at, after=after) for at, after in zip(starts, [*starts[1:], None], strict=True)]  # type: ignore[arg-type]
    assert sum(len(each.framings) for each in led_by) <= 1200
    assert all(each.framings for each in led_by[:3])


def test_what_lies_beside_the_board_wants_a_mask():
    found = led(13, move=Move(Framing(width=0.5), Framing(1.0, 0.5, 0.5)))
    assert min(found.within) == 2.0
    assert max(found.framings) not in found.within
