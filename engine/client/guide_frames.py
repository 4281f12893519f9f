"""At which of a shot's frames a model wants a guide's pictures, what they are called, and how they play meanwhile."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ..errors import EngineError
from ..protocol import CLIP_MAXIMUM, FRAMES_MAXIMUM
from .stored_request import read

_MOST_DENOMINATOR = 1001
_PROGRESS = "shotpack-guide"
_MOVED = "shotpack-move"
_LEFT_OUT = "shotpack-left-out"
_MATCH = "shotpack-match"
_MOST_LEFT_OUT = 20
_MATCHES = 0.1
"""How well a board's edges must lie on the scene's: of boards in nine styles none had less than 0.16, none of other
pictures of the same scenes, or shifted ones, more than 0.05 (docs/blender.md)."""


@dataclass
class GuideProgress:
    """What the program that makes a guide's pictures has told so far."""

    made: int = 0
    of: int = 0
    seen: float = 1.0
    """The share of the latest picture, 0 to 1, that a board shows."""
    flat: bool = False
    """Whether they are of one board under a move: another board would show no more of it."""
    left_out: tuple[str, ...] = ()
    """Objects whose surfaces cannot be followed, by name and kind."""
    mismatched: tuple[int, ...] = ()
    """The boards, by their numbers from 1, whose edges lie elsewhere than what the camera sees."""

    def hear(self, line: str) -> None:
        """Take in a line of the program's; any other line is passed over."""
        words = line.split()
        if len(words) == 4 and words[0] in (_PROGRESS, _MOVED):
            with suppress(ValueError):
                self.flat = words[0] == _MOVED
                self.made, self.of, self.seen = int(words[1]), int(words[2]), float(words[3])
        elif len(words) == 3 and words[0] == _MATCH:
            with suppress(ValueError):
                if float(words[2]) < _MATCHES:
                    self.mismatched += (int(words[1]),)
        elif len(words) > 1 and words[0] == _LEFT_OUT and len(self.left_out) < _MOST_LEFT_OUT:
            self.left_out += (line.partition(" ")[2],)


def guide_frames(
    details: Mapping[str, Any],
    frames: int,
    fps: float,
    *,
    conform: bool,
    past_end: bool = False,
    most: int = CLIP_MAXIMUM,
) -> list[float]:
    """The frames (from 1, hundredths) of a shot of `frames` frames that a model (`details` of the engine) wants led.

    Each `guide_frames` native frames one, the board's own left out; where those are more than `most`, as many native
    frames apart as it takes. Empty for a model that takes no guide, or for an engine that says nothing of it. What
    the shot shows last may be made together with frames that it does not show: with `past_end` the one that they are
    led by counts as well, where it can be had.
    """
    every = int(details.get("guide_frames", 0))
    if not every:
        return []
    ratio = Fraction(1)
    if conform:
        ratio = Fraction(fps).limit_denominator(_MOST_DENOMINATOR) / Fraction(details["native_fps"]).limit_denominator(
            _MOST_DENOMINATOR
        )
    last = int((frames - 1) / ratio)
    every *= max(1, -(-last // (every * max(1, most - past_end))))
    if past_end:
        last = -(-int((frames - 1) / ratio + Fraction(1, 2)) // every) * every
    found = {round(float(1 + native * ratio), 2) for native in range(every, last + 1, every)}
    return sorted(frame for frame in found if frame <= FRAMES_MAXIMUM)


def picture_name(frame: float) -> str:
    """What the picture for a frame is called, as the engine's command line has it."""
    return f"{frame:07.2f}.png"


def mask_name(frame: float) -> str:
    """What the mask for a frame is called: white where its picture is true."""
    return f"{frame:07.2f}-seen.png"


def playing_of(request: str, frames: int) -> tuple[str, ...]:
    """The picture to show at each frame of a shot while it is not made: the guide's nearest in time.

    Boards are none of them: a strip shows all its pictures at the scale of its first, and they are of another size.
    Empty where the request (`stored_request`) has no guide.
    """
    try:
        asked = read(request)
        led = [(float(frame["frame"]), str(frame["image"])) for each in asked.conditions for frame in each["frames"]]
    except (EngineError, LookupError, TypeError, ValueError):  # a file may hold anything
        return ()
    if not led or not asked.boards:
        return ()
    held = sorted(led)
    times = [time for time, _ in held]
    shown = []
    for frame in range(1, frames + 1):
        after = bisect_right(times, frame)
        near = held[max(0, after - 1) : after + 1]
        shown.append(min(near, key=lambda each: abs(each[0] - frame))[1])
    return tuple(shown)
