"""What a finish makes of a sequence: how many frames, at which rate and size, and which moment of it each shows.

Integers and fractions only: it is asked before torch is there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from ..errors import Code, EngineError
from ..protocol import FRAMES_MAXIMUM, Finish

SIDE_MAXIMUM = 8192
NEAR = Fraction(1, 32)
"""Of frames: what lies no farther from one is that one, and not made out of two."""
_NEAR_SLOW = Fraction(1, 16)
"""The same of frames of the result: in slow motion a frame must not be shown twice."""
_MOST_DENOMINATOR = 1001
_TELEVISION = Fraction(1000, 1001)
_TELEVISION_RATES = (24, 30, 48, 60, 120)
_AS_WRITTEN = Fraction(1, 100)
"""How far a rate such as 23.98 or 59.94 may be from the fraction that it stands for."""
_SAME_SHAPE = 2
"""Pixels of a side by which a picture may miss a shape and still be fitted to it: the model's sizes are rounded."""


@dataclass(frozen=True)
class FinishPlan:
    """The result of finishing `source_frames` frames of `source_fps`. Frames are counted from 0."""

    source_frames: int
    source_fps: Fraction
    frames: int
    fps: Fraction
    width: int
    height: int
    """Pixels of the result, even: a movie's sides are. Where nothing is enlarged, an odd side loses its last pixel."""
    scale: Fraction
    """By how much sides are to grow at least."""
    slow: Fraction
    note: str = ""
    """A sentence for the artist where the result is not just what was asked for."""

    def position(self, frame: int) -> Fraction:
        """The moment of the source, in its frames, that result frame `frame` shows; a whole one where it is near to
        that, and the last one to the end.
        """
        step = self.source_fps / (self.fps * self.slow)
        exact = frame * step
        near = Fraction(round(exact))
        shown = near if abs(exact - near) <= min(NEAR, _NEAR_SLOW * step) else exact
        return min(shown, Fraction(self.source_frames - 1))

    @property
    def enlarges(self) -> bool:
        """Whether pictures become larger, which is an upscaler's work."""
        return self.scale > 1

    @property
    def makes_frames(self) -> bool:
        """Whether some of the result lie between two of the source's."""
        return any(self.is_made(frame) for frame in range(self.frames))

    def is_made(self, frame: int) -> bool:
        """Whether result frame `frame` lies between two of the source's: not what a model made, but a finish."""
        return self.position(frame).denominator != 1


def finish_plan(frames: int, size: tuple[int, int], fps: Fraction, finish: Finish) -> FinishPlan:
    """What `finish` makes of `frames` frames of `size` (width, height) at `fps`: exactly
    round(frames * slow * fps of the result / fps) of them, and at least one.

    Raises EngineError `frames_invalid` or `number_invalid` for what is too long or too large.
    """
    result_fps = fps if finish.fps is None else exact_rate(finish.fps)
    slow = Fraction(finish.slow).limit_denominator(_MOST_DENOMINATOR)
    count = max(1, round(frames * slow * result_fps / fps))
    if count > FRAMES_MAXIMUM:
        raise EngineError(Code.FRAMES_INVALID, frames=count, maximum=FRAMES_MAXIMUM)
    (width, height), note = _result_size(size, finish.upscale)
    scale = max(Fraction(width, size[0]), Fraction(height, size[1]))
    return FinishPlan(frames, fps, count, result_fps, width, height, scale, slow, note)


def exact_rate(fps: float) -> Fraction:
    """A frame rate as a fraction; 23.98, 29.97 and 59.94 and the like are 24000/1001, 30000/1001 and 60000/1001."""
    for whole in _TELEVISION_RATES:
        if abs(Fraction(fps) - whole * _TELEVISION) < _AS_WRITTEN:
            return whole * _TELEVISION
    return Fraction(fps).limit_denominator(_MOST_DENOMINATOR)


def _result_size(size: tuple[int, int], upscale: str) -> tuple[tuple[int, int], str]:
    """The result's size, and what there is to say of it."""
    if not upscale:
        return _even(size), "" if _even(size) == size else _evened(size)
    if "x" not in upscale:
        wanted = (size[0] * int(upscale), size[1] * int(upscale))
        _require_makeable(wanted, upscale)
        return wanted, ""
    wanted = (int(upscale.split("x")[0]), int(upscale.split("x")[1]))
    _require_makeable(wanted, upscale)
    frame = _even(wanted)
    fitted = _inside(size, frame)
    if fitted == frame:
        return frame, "" if frame == wanted else _evened(wanted)
    shapes = f"the pictures are {size[0]}x{size[1]}, which is another shape than {upscale}"
    made = f"{fitted[0]}x{fitted[1]}"
    return fitted, f"{shapes}: made {made}, which fits inside, so that nothing is cut off or stretched"


def _inside(size: tuple[int, int], frame: tuple[int, int]) -> tuple[int, int]:
    """The largest even size of the picture's shape within `frame`; `frame` itself where the shapes are the same."""
    scale = min(Fraction(frame[0], size[0]), Fraction(frame[1], size[1]))
    exact = (size[0] * scale, size[1] * scale)
    if all(side - within <= _SAME_SHAPE for side, within in zip(frame, exact, strict=True)):
        return frame
    width, height = (max(2, 2 * math.floor(side / 2 + Fraction(1, 2))) for side in exact)
    return min(width, frame[0]), min(height, frame[1])


def _even(size: tuple[int, int]) -> tuple[int, int]:
    return size[0] // 2 * 2, size[1] // 2 * 2


def _evened(size: tuple[int, int]) -> str:
    width, height = _even(size)
    return f"{size[0]}x{size[1]} is odd, and a movie's sides are even: made {width}x{height}"


def _require_makeable(size: tuple[int, int], asked: str) -> None:
    if max(size) > SIDE_MAXIMUM or min(size) < 2:
        name = "the size" if "x" in asked else f"the size enlarged by {asked}"
        allowed = f"sides of 16 to {SIDE_MAXIMUM}, such as 1920x1080"
        raise EngineError(Code.NUMBER_INVALID, name=name, value=f"{size[0]}x{size[1]}", allowed=allowed)
