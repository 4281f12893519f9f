"""Frame rates: which of the model's frames each frame of the shot shows. Integers and fractions only."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


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
        return range(min(frames, self._first(natives.start)), min(frames, self._first(natives.stop)))

    def native_frames(self, frames: int) -> int:
        """How many of the model's frames a shot of `frames` frames (at least 1) needs."""
        return self.native_of(frames - 1) + 1

    def _first(self, native: int) -> int:
        """The first shot frame that shows `native` or a later one: the least n with n native/fps + 1/2 >= `native`."""
        return max(0, -((-(2 * native - 1) * self.fps) // (2 * self.native)))
