"""What is drawn of a shot's sections on the timeline: rectangles in frames and channels, without a screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .section_borders import SectionState, TimedSection

COLOURS: dict[SectionState, tuple[float, float, float, float]] = {
    SectionState.WAITING: (0.6, 0.6, 0.6, 0.55),
    SectionState.MAKING: (1.0, 0.8, 0.2, 1.0),
    SectionState.PROVISIONAL: (0.35, 0.65, 1.0, 1.0),
    SectionState.FINAL: (0.4, 0.85, 0.4, 1.0),
}
CHANGED = (1.0, 0.35, 0.1, 1.0)
"""The line over a section whose words have changed since it was made."""
DRIFTED = (0.95, 0.15, 0.15, 1.0)
"""The mark over a section that has drifted beyond a limit; one with other words is over it."""
BORDER = (1.0, 1.0, 1.0, 0.8)
_BOTTOM, _TOP, _OVER, _DRIFT, _STRIP = 0.06, 0.16, 0.22, 0.22, 0.95
"""Of a channel's height: the bar at a strip's lower edge, the lines over it, and where the strip ends."""

Rectangle = tuple[float, float, float, float]
"""Left, bottom, right, top."""


class Marks(NamedTuple):
    """What is to be drawn: bars, each in its colour, and borders as upright lines (frame, bottom, top)."""

    bars: list[tuple[Rectangle, tuple[float, float, float, float]]]
    borders: list[tuple[float, float, float]]


def marks(sections: Sequence[TimedSection], start: int, shown: range, channel: int) -> Marks:
    """The marks of a shot whose first frame lies at frame `start` of the timeline and of which `shown` is seen."""
    found = Marks([], [])
    for each in sections:
        left = max(start + each.first - 1, shown.start)
        right = min(start + each.last, shown.stop)
        if left >= right:
            continue
        found.bars.append(((left, channel + _BOTTOM, right, channel + _TOP), COLOURS[each.state]))
        if each.drifted:
            found.bars.append(((left, channel + _TOP, right, channel + _DRIFT), DRIFTED))
        if each.changed:
            low = _DRIFT if each.drifted else _TOP
            found.bars.append(((left, channel + low, right, channel + low + _OVER - _TOP), CHANGED))
        if left > shown.start:  # a shot's own ends are the strip's
            found.borders.append((left, channel + _BOTTOM, channel + _STRIP))
    return found
