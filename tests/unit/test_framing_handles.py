"""Framings under the mouse: what is taken hold of, and what a drag makes of it."""

from __future__ import annotations

import math

import pytest

from engine.client.framing_handles import Part, dragged, grabbed, kept_within, knob, outline
from engine.framings import Framing

ASPECT = 16 / 9
SCALE = 320.0


def on_screen(at):
    """A board of 320 by 180 pixels with its lower left corner at (100, 50)."""
    return 100 + at[0] * SCALE, 50 + (1 - at[1]) * SCALE / ASPECT


OUTLINES = {
    "start": outline(Framing(), ASPECT, on_screen),
    "end": outline(Framing(0.5, 0.5, 0.5), ASPECT, on_screen),
}


@pytest.mark.parametrize(
    ("at", "taken"),
    [
        ((180, 185), ("end", Part.SIZE)),
        ((104, 226), ("start", Part.SIZE)),
        ((260, 140), ("end", Part.MOVE)),
        ((120, 80), ("start", Part.MOVE)),
        ((260, 185 + 26), ("end", Part.TURN)),
        ((260, 230 + 26), ("start", Part.TURN)),
        ((90, 140), None),
        ((500, 500), None),
    ],
)
def test_handles_go_before_faces_and_the_smaller_framing_before_the_larger(at, taken):
    assert grabbed(OUTLINES, at) == taken


def test_the_knob_is_over_the_upper_edge_wherever_that_is():
    turned = outline(Framing(0.5, 0.5, 0.5, 90), ASPECT, on_screen)
    middle, at = knob(turned)
    assert middle == pytest.approx((260 - 45, 140)), "turned counterclockwise, its upper edge is at the left"
    assert at == pytest.approx((260 - 45 - 26, 140))
    assert grabbed({"end": turned}, (260, 215)) == ("end", Part.MOVE), "it is as high now as it was wide"


def test_a_framing_goes_with_the_mouse():
    assert dragged(Framing(0.5, 0.5, 0.6), Part.MOVE, (0.1, 0.2), (0.15, 0.1), ASPECT) == Framing(
        pytest.approx(0.55), pytest.approx(0.4), 0.6
    )


def test_a_corner_stays_under_the_mouse():
    framing = Framing(0.4, 0.5, 0.4, 30)
    corner = framing.corners(ASPECT)[1]
    wanted = tuple(at + 0.4 * (corner[n] - at) for n, at in enumerate((framing.x, framing.y)))
    smaller = dragged(framing, Part.SIZE, corner, wanted, ASPECT)
    assert smaller.corners(ASPECT)[1] == pytest.approx(wanted)
    assert dragged(framing, Part.SIZE, corner, (framing.x, framing.y), ASPECT).width == 0.05
    assert dragged(framing, Part.SIZE, corner, (900, 0.5), ASPECT).width == 4.0


def test_the_knob_stays_under_the_mouse():
    framing = Framing(0.5, 0.5, 0.5, 10)
    over = framing.place(0.5, -0.3, ASPECT)
    radius = math.hypot(over[0] - 0.5, (over[1] - 0.5) / ASPECT)
    left = 0.5 - radius, 0.5
    assert dragged(framing, Part.TURN, over, left, ASPECT).roll == pytest.approx(90)
    below = 0.5, 0.5 + radius * ASPECT
    assert abs(dragged(framing, Part.TURN, over, below, ASPECT).roll) == pytest.approx(180)
    assert dragged(framing, Part.TURN, over, (0.5, 0.5), ASPECT) == framing


@pytest.mark.parametrize("roll", [0, 15, -70])
@pytest.mark.parametrize("place", [(0.0, 0.5), (1.4, 0.9), (0.5, 0.5)])
def test_the_first_framing_is_kept_on_the_board(place, roll):
    small = kept_within(Framing(*place, 0.3, roll), ASPECT)
    assert small.within(ASPECT)
    assert (small.width, small.roll) == (0.3, roll)
    large = kept_within(Framing(*place, 3.0, roll), ASPECT)
    assert large.within(ASPECT)
    assert not Framing(large.x, large.y, large.width + 1e-4, roll).within(ASPECT), "as large as there is room for"
