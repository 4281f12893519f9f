"""How far a section of a shot has drifted, as it is told: figures, their limits, and sentences for people.

Standard library only, because Blender imports it. What is measured `engine/generation/drift_meter.py` says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

_FAR = 10.0
"""The share of a limit that nothing is allowed to be beyond."""


class Measure(StrEnum):
    """What is measured of a section."""

    SHARPNESS = "sharpness"
    """How crisp its frames are, over the board's."""
    SOFTENS = "softens"
    """How crisp they are over those of the section beside it that was made before it: a blur that comes at once."""
    SHARPENS = "sharpens"
    """How crisp they are over those of the section at the board, where that was made before it: a shot that is drawn
    over again and again."""
    COLOURS = "colours"
    """How far their colours are from the board's, 0 to 1."""
    LIKENESS = "likeness"
    """How much they look like the board, wherever the camera has gone with it, -1 to 1."""
    JUMP = "jump"
    """The largest change from a frame to the next within it, over what is usual there."""
    SEAM = "seam"
    """The change from the section before to this one, over what is usual in both."""
    REPEATS = "repeats"
    """Frames that show the one before once more although the picture moves."""
    WARP = "warp"
    """How much is new at the seam that no motion explains, over what is usual there; with OpenCV alone."""


class OnDrift(StrEnum):
    """What is to be done where a section is beyond a limit."""

    MARK = ""
    """Say so."""
    ASK = "ask"
    """And stand still until told to go on."""
    STOP = "stop"
    """And end; what is made is kept, and going on goes on."""
    AGAIN = "again"
    """And, once the shot is made, make that section again with another seed, as a take: whoever sent the shot does."""


@dataclass(frozen=True)
class Figure:
    """One measure of a section, and what it may be; None where there is no such limit."""

    name: str
    """A `Measure`; text, so that one of a later engine is no fault."""
    value: float
    least: float | None = None
    most: float | None = None
    frame: int = 0
    """Where in the shot it is so, counted from 1; 0: in the whole section."""

    @property
    def over(self) -> bool:
        """Whether it is beyond a limit."""
        return (self.least is not None and self.value < self.least) or (
            self.most is not None and self.value > self.most
        )

    @property
    def share(self) -> float:
        """How much of what is allowed it takes: 1 at a limit, more beyond it; 0 where there is none."""
        shares = [0.0]
        if self.most is not None:
            shares.append(self.value / self.most if self.most > 0 else _FAR * (self.value > 0))
        if self.least is not None and self.least > 0:
            shares.append(self.least / self.value if self.value > self.least / _FAR else _FAR)
        elif self.least is not None:
            shares.append(_FAR * (self.value < self.least))
        return max(shares)


@dataclass(frozen=True)
class Drift:
    """How far a section has drifted, told once all its frames are final. An engine of 0.1.0 tells none."""

    event: ClassVar[str] = "drift"
    section: int
    """Its place in time, from 0."""
    index: int
    """How many sections are measured now, from 1."""
    of: int
    figures: tuple[Figure, ...]
    then: str = ""
    """What is to be done now (`OnDrift`); nothing where no figure is beyond its limit or nothing was asked for."""

    @property
    def over(self) -> tuple[Figure, ...]:
        """The figures that are beyond a limit, the farthest first."""
        return tuple(sorted((figure for figure in self.figures if figure.over), key=lambda each: -each.share))

    @property
    def share(self) -> float:
        """How much of what is allowed the section takes: 1 where the first of its figures is at its limit."""
        return max((figure.share for figure in self.figures), default=0.0)


def first_to_make_again(made: Iterable[int], drift: Mapping[int, Drift]) -> int | None:
    """The section, by its place in time, that is to be made again with another seed; None where none is.

    `made` are the sections in the sequence of making. It is the first of those that are over a limit: every other one
    was made after it, and, but for those beyond a board, from it, so that it is made again as well.
    """
    return next((section for section in made if section in drift and drift[section].then == OnDrift.AGAIN), None)


def tries_left(on_drift: str, *, is_take: bool) -> str:
    """What the take asks for (`OnDrift`) that makes a section again: one more such take, and then no other."""
    return str(OnDrift.MARK) if is_take else on_drift


_SAID = {
    Measure.COLOURS: ("", "colours drift"),
    Measure.LIKENESS: ("unlike the board", ""),
    Measure.SHARPNESS: ("blurred", "harsh"),
    Measure.SOFTENS: ("softer than the section beside it", ""),
    Measure.SHARPENS: ("", "harsher than the section at the board"),
    Measure.JUMP: ("", "jumps"),
    Measure.SEAM: ("", "broken seam"),
    Measure.REPEATS: ("", "repeats frames"),
    Measure.WARP: ("", "seam that no motion explains"),
}
"""In words: below the least that is allowed, above the most."""


def words_of(figure: Figure) -> str:
    """What is wrong, in a word or two, without numbers."""
    below, above = _SAID.get(Measure(figure.name), ("", "")) if figure.name in list(Measure) else ("", "")
    low = figure.least is not None and figure.value < figure.least
    return (below if low else above) or figure.name


def limit_of(figure: Figure) -> str:
    """The limit that a figure is beyond, in numbers."""
    below = figure.least is not None and figure.value < figure.least
    limit = figure.least if below else figure.most
    return "" if limit is None else f"{limit:.3g}"


def sentence(drift: Drift) -> str:
    """What is wrong with a section, for a terminal; empty where nothing is."""
    told = [
        f"{words_of(figure)}{f' at frame {figure.frame}' if figure.frame else ''}"
        f" ({figure.value:.3g}, limit {limit_of(figure)})"
        for figure in drift.over
    ]
    return f"section {drift.section + 1}: {', '.join(told)}" if told else ""
