"""Frame rates: which of the model's frames each frame of the shot shows. Integers and fractions only."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction
from math import floor

from ..finishing.plan import NEAR


def rate(fps: float) -> Fraction:
    """A frame rate as an exact fraction; 23.976 and the like keep their meaning within one part in a million."""
    return Fraction(fps).limit_denominator(1001)


@dataclass(frozen=True)
class Conform:
    """Maps shot frames at `fps` to the model's frames at `native`, both counted from 0; equal rates map one to one.

    Every shot frame shows one whole frame of the model's, the nearest in time: no ghosts of two frames mixed. Motion
    keeps its speed whatever the two rates are. The recipe has no such step: it plays at the rate it was trained at.
    """

    fps: Fraction
    native: Fraction

    def native_of(self, frame: int) -> int:
        """The model's frame that shot frame `frame` shows; halves go up."""
        return (2 * frame * self.native + self.fps) // (2 * self.fps)

    def shown_before(self, natives: int) -> int:
        """How many frames before a moment lies the one that the model's frame `natives` before it shows; halves go up.

        It counts back where `native_of` counts on: what precedes a shot must end right where the shot begins.
        """
        return (2 * natives * self.fps + self.native) // (2 * self.native)

    def frames_of(self, natives: range, frames: int) -> range:
        """The shot's frames, below `frames`, that show one of the model's frames `natives` (contiguous)."""
        return range(min(frames, self.first_showing(natives.start)), min(frames, self.first_showing(natives.stop)))

    def native_frames(self, frames: int) -> int:
        """How many of the model's frames a shot of `frames` frames (at least 1) needs."""
        return self.native_of(frames - 1) + 1

    def first_showing(self, native: int) -> int:
        """The first shot frame that shows `native` or a later one: the least n with n native/fps + 1/2 >= `native`."""
        return max(0, -((-(2 * native - 1) * self.fps) // (2 * self.native)))


@dataclass(frozen=True)
class FrameSource:
    """What one frame of the shot is: the made frame `first`, or what lies between that and the next one."""

    first: int
    part: Fraction = Fraction(0)
    """How far from `first`, 0, to the one after it, 1."""

    @property
    def made(self) -> range:
        """The one or two frames that it takes."""
        return range(self.first, self.first + 1 + (self.part > 0))

    @property
    def nearest(self) -> int:
        """The one of them that it is nearest to; halves go up."""
        return self.first + (2 * self.part >= 1)


@dataclass(frozen=True)
class ShownFrames:
    """Which of the frames that are made each frame of the shot shows, stretch by stretch; all counted from 0.

    Every stretch has a clock of its own that starts with its board: so each board is shown at exactly its frame,
    whatever the two rates are, and of the surplus that a stretch makes at its far end nothing is shown.
    """

    conform: Conform
    frames: int
    """Of the shot."""
    starts: tuple[int, ...]
    """The shot's frame at which each stretch starts, ascending, 0 first."""
    made: tuple[int, ...]
    """The made frame that each of them shows, its start board's."""
    last: Conform | None = None
    """The clock of the last stretch where it is another: one that arrives at the picture after the shot."""
    stops: tuple[int, ...] = ()
    """Where frames are made in between: the made frame after each stretch's last, which nothing before it looks at.
    Else none, and every frame shows the nearest one."""
    boards: frozenset[int] = frozenset()
    """The shot's frames that show a board: the nearest one even so."""

    def clock(self, stretch: int) -> Conform:
        """How the frames of a stretch pass, from its start."""
        return self.last if self.last is not None and stretch == len(self.starts) - 1 else self.conform

    def made_of(self, frame: int) -> int:
        """The made frame that shot frame `frame` shows."""
        stretch = bisect_right(self.starts, frame) - 1
        return self.made[stretch] + self.clock(stretch).native_of(frame - self.starts[stretch])

    def made_at(self, frame: Fraction) -> Fraction:
        """The time, in made frames, of a moment `frame` of the shot, which may lie between two frames."""
        stretch = bisect_right(self.starts, frame) - 1
        clock = self.clock(stretch)
        return self.made[stretch] + (frame - self.starts[stretch]) * clock.native / clock.fps

    def source_of(self, frame: int) -> FrameSource:
        """What shot frame `frame` is made from: the nearest made frame, or the two around it in its stretch."""
        nearest = FrameSource(self.made_of(frame))
        if not self.stops or frame in self.boards:
            return nearest
        at = self.made_at(Fraction(frame))
        first = floor(at)
        beyond = first + 1 >= self.stops[bisect_right(self.starts, frame) - 1]
        return nearest if beyond or abs(at - nearest.first) <= NEAR else FrameSource(first, at - first)

    def frames_of(self, made: range) -> range:
        """The shot's frames that show one of the made frames `made` (contiguous), or something nearest to it."""
        return range(self._first(made.start), self._first(made.stop))

    def _first(self, made: int) -> int:
        """The first of the shot's frames that shows `made` or a later one; how many there are where none does."""
        stretch = max(0, bisect_right(self.made, made) - 1)
        stop = (*self.starts, self.frames)[stretch + 1]
        return min(stop, self.starts[stretch] + self.clock(stretch).first_showing(made - self.made[stretch]))
