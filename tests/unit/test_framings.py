"""Moves over a board against closed forms: complex numbers for turns, fixed points for pushes, counting for areas."""

from __future__ import annotations

import cmath
import math

import numpy as np
import pytest

from engine.framings import Easing, Framing, Move, MoveKind, checked, move_of, parsed

ASPECTS = (16 / 9, 1.0, 0.5)


@pytest.mark.parametrize("aspect", ASPECTS)
@pytest.mark.parametrize("roll", [0.0, 20.0, -90.0, 135.0])
def test_corners_are_those_of_a_turned_rectangle(aspect, roll):
    framing = Framing(0.4, 0.7, 0.5, roll)
    # Up is positive for complex numbers, and so is counterclockwise.
    turn, half = cmath.exp(1j * math.radians(roll)), complex(0.25, 0.25 / aspect)
    wanted = [
        complex(0.4, -0.7 / aspect) + turn * corner
        for corner in (complex(-half.real, half.imag), half, complex(half.real, -half.imag), -half)
    ]
    for (x, y), corner in zip(framing.corners(aspect), wanted, strict=True):
        assert (x, y) == pytest.approx((corner.real, -corner.imag * aspect), abs=1e-12)


@pytest.mark.parametrize(("start", "end"), [((0.5, 0.5, 1.0), (0.62, 0.4, 0.6)), ((0.3, 0.6, 0.2), (0.5, 0.5, 1.5))])
def test_a_push_is_even_and_keeps_its_aim(start, end):
    move = Move(Framing(*start), Framing(*end))
    assert move.at(0) == move.start
    assert move.at(1).width == pytest.approx(move.end.width, abs=1e-12)
    widths = [move.at(step / 8).width for step in range(9)]
    assert np.ptp(np.diff(np.log(widths))) < 1e-12
    aims = [(a * end[2] - b * start[2]) / (end[2] - start[2]) for a, b in zip(start[:2], end[:2], strict=True)]
    for time in np.linspace(0, 1, 9):
        framing = move.at(time)
        here = [(aim - at) / framing.width for aim, at in zip(aims, (framing.x, framing.y), strict=True)]
        first = [(aim - at) / start[2] for aim, at in zip(aims, start[:2], strict=True)]
        assert here == pytest.approx(first, abs=1e-12)


def test_a_pan_goes_straight_and_a_roll_turns_evenly():
    move = Move(Framing(0.2, 0.5, 0.4), Framing(0.8, 0.6, 0.4, 30))
    middle = move.at(0.5)
    assert (middle.x, middle.y, middle.width, middle.roll) == pytest.approx((0.5, 0.55, 0.4, 15))
    nearly = Move(Framing(0.2, 0.5, 0.4), Framing(0.8, 0.6, 0.4 * (1 + 1e-12), 30)).at(0.25)
    assert (nearly.x, nearly.y) == pytest.approx((0.35, 0.525), abs=1e-9)


def test_a_move_fills_its_shot_from_the_first_frame_to_the_last():
    move = Move(Framing(), Framing(0.6, 0.5, 0.5))
    assert move.at_frame(1, 73) == move.start
    assert move.at_frame(73, 73).width == pytest.approx(0.5)
    assert move.at_frame(76.2, 73) == move.at_frame(73, 73)
    assert move.at_frame(1, 1) == move.start


def test_easing_sets_off_and_comes_to_rest():
    ease = Easing.EASE
    assert [ease.share(time) for time in (-1, 0, 0.5, 1, 2)] == [0, 0, 0.5, 1, 1]
    assert ease.share(0.01) < 0.001
    assert ease.share(0.25) == pytest.approx((1 - math.cos(math.pi / 4)) / 2, abs=0.011), "near a sine's"
    assert Easing.LINEAR.share(0.3) == 0.3


@pytest.mark.parametrize("aspect", ASPECTS)
@pytest.mark.parametrize("kind", MoveKind)
@pytest.mark.parametrize("amount", [0.1, 0.6])
def test_every_kind_stays_on_the_board(kind, amount, aspect):
    amount *= 100 if kind.startswith("roll") else 1
    move = move_of(kind, amount, aspect)
    assert move.start != move.end
    assert all(move.at(time).within(aspect) for time in np.linspace(0, 1, 33))


def test_kinds_go_where_they_say():
    def ends(kind, amount=0.2):
        move = move_of(kind, amount, 16 / 9)
        return move.start, move.end

    assert ends(MoveKind.PUSH_IN) == (Framing(), Framing(width=0.8))
    assert ends(MoveKind.PULL_OUT) == (Framing(width=0.8), Framing())
    assert ends(MoveKind.PAN_RIGHT) == (Framing(0.4, 0.5, 0.8), Framing(0.6, 0.5, 0.8))
    assert ends(MoveKind.PAN_LEFT) == ends(MoveKind.PAN_RIGHT)[::-1]
    assert ends(MoveKind.TILT_DOWN) == (Framing(0.5, 0.4, 0.8), Framing(0.5, 0.6, 0.8)), "down is down"
    assert ends(MoveKind.TILT_UP) == ends(MoveKind.TILT_DOWN)[::-1]
    start, end = ends(MoveKind.ROLL_LEFT, 30)
    assert (start.width, start.roll, end.roll) == (end.width, 0, 30)
    assert ends(MoveKind.ROLL_RIGHT, 30)[1].roll == -30


def test_the_widest_roll_touches_the_board_s_edge():
    move = move_of(MoveKind.ROLL_LEFT, 30, 16 / 9)
    assert not Framing(0.5, 0.5, move.end.width + 1e-6, 30).within(16 / 9)


@pytest.mark.parametrize(
    "framing", [Framing(0.5, 0.5, 2.0), Framing(0.9, 0.2, 0.7, 25), Framing(1.2, 0.5, 0.5, -60), Framing(1.9, 1.9, 0.1)]
)
@pytest.mark.parametrize("aspect", ASPECTS)
def test_the_share_that_is_shown_is_that_of_its_points(framing, aspect):
    steps = (np.arange(400) + 0.5) / 400
    points = [framing.place(across, down, aspect) for across in steps for down in steps[::4]]
    inside = np.mean([0 <= x <= 1 and 0 <= y <= 1 for x, y in points])
    assert framing.shown(aspect) == pytest.approx(inside, abs=4e-3)
    assert framing.within(aspect) == (inside == 1)


def test_a_move_in_words():
    move = parsed("0.5,0.5,1.0,0 to 0.62, 0.5, 0.6", Easing.EASE)
    assert move == Move(Framing(), Framing(0.62, 0.5, 0.6), Easing.EASE)
    assert parsed("0.5,0.5,1 to 0.5,0.5,1,-12.5").end.roll == -12.5


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("0.5,0.5,1", "does not go from one framing to another"),
        ("0.5,0.5 to 0.5,0.5,1", "has 2 numbers"),
        ("0.5,0.5,1 to 0.5,half,1", "is no framing"),
        ("0.5,0.5,1 to 0.5,0.5,0", "width is 0; it must be from 0.05 to 4"),
        ("0.5,0.5,1 to nan,0.5,1", "center is nan"),
    ],
)
def test_words_that_are_no_move(words, said):
    with pytest.raises(ValueError, match=said):
        parsed(words)


def test_what_cannot_be_shown_is_refused():
    assert checked(Framing()) == Framing()
    with pytest.raises(ValueError, match="roll is 400"):
        checked(Framing(roll=400))
