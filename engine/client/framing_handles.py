"""Framings drawn by hand: which part of one lies under the mouse, and what becomes of it when that is dragged.

What is drawn where is decided here, without a screen. Points of the screen are pixels, upward; places on a board are
shares of it from its left and upper edge, as in `framings.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import StrEnum

from ..framings import WIDTHS, Framing

Point = tuple[float, float]
REACH = 10.0
"""Pixels from a handle within which it is meant."""
_STALK = 26.0
"""Pixels from the upper edge to the handle that turns a framing."""


class Part(StrEnum):
    """What can be dragged of a framing."""

    MOVE = "move"
    """All within its edges."""
    SIZE = "size"
    """Its corners."""
    TURN = "turn"
    """The knob over its upper edge."""


def outline(framing: Framing, aspect: float, on_screen: Callable[[Point], Point]) -> tuple[Point, ...]:
    """Its corners on the screen: upper left, upper right, lower right, lower left."""
    return tuple(on_screen(corner) for corner in framing.corners(aspect))


def knob(corners: tuple[Point, ...]) -> tuple[Point, Point]:
    """The middle of a framing's upper edge on the screen, and the knob over it."""
    left, right, _, lower = corners
    middle = (left[0] + right[0]) / 2, (left[1] + right[1]) / 2
    up = left[0] - lower[0], left[1] - lower[1]
    length = math.hypot(*up) or 1.0
    return middle, (middle[0] + up[0] / length * _STALK, middle[1] + up[1] / length * _STALK)


def grabbed(outlines: Mapping[str, tuple[Point, ...]], at: Point) -> tuple[str, Part] | None:
    """The framing under a point of the screen, by its name in `outlines`, and which part; None where there is none.

    Handles go before what lies under them, and of two framings the smaller one.
    """
    ordered = sorted(outlines, key=lambda name: math.dist(outlines[name][0], outlines[name][1]))
    for name in ordered:
        if math.dist(knob(outlines[name])[1], at) <= REACH:
            return name, Part.TURN
    for name in ordered:
        if any(math.dist(corner, at) <= REACH for corner in outlines[name]):
            return name, Part.SIZE
    inside = next((name for name in ordered if _within(outlines[name], at)), None)
    return None if inside is None else (inside, Part.MOVE)


def dragged(framing: Framing, part: Part, start: Point, now: Point, aspect: float) -> Framing:
    """The framing after its part was dragged from one place on the board to another."""
    if part is Part.MOVE:
        return replace(framing, x=framing.x + now[0] - start[0], y=framing.y + now[1] - start[1])
    before, after = (_from_centre(framing, place, aspect) for place in (start, now))
    if part is Part.SIZE:
        ratio = abs(after) / max(abs(before), 1e-6)
        return replace(framing, width=min(max(framing.width * ratio, WIDTHS[0]), WIDTHS[1]))
    if abs(before) < 1e-6 or abs(after) < 1e-6:
        return framing
    turn = math.degrees(math.atan2((after / before).imag, (after / before).real))
    return replace(framing, roll=(framing.roll + turn + 180) % 360 - 180)


def kept_within(framing: Framing, aspect: float) -> Framing:
    """The framing moved onto the board; one that is too large for it is made as large as the board has room for it."""
    centred = replace(framing, x=0.5, y=0.5)
    reach = max(max(abs(x - 0.5), abs(y - 0.5)) for x, y in centred.corners(aspect))
    if reach > 0.5:
        return replace(centred, width=max(WIDTHS[0], framing.width * 0.5 / reach))
    across, down = (max(corner[axis] for corner in centred.corners(aspect)) - 0.5 for axis in (0, 1))
    return replace(framing, x=min(max(framing.x, across), 1 - across), y=min(max(framing.y, down), 1 - down))


def _from_centre(framing: Framing, place: Point, aspect: float) -> complex:
    """A place by a framing's centre: right and up, in widths of the board."""
    return complex(place[0] - framing.x, (framing.y - place[1]) / aspect)


def _within(corners: tuple[Point, ...], at: Point) -> bool:
    """Whether a point lies inside of a convex outline."""
    sides = zip(corners, (*corners[1:], corners[0]), strict=True)
    turns = [(b[0] - a[0]) * (at[1] - a[1]) - (b[1] - a[1]) * (at[0] - a[0]) for a, b in sides]
    return min(turns) >= 0 or max(turns) <= 0
