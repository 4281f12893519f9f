"""A camera's move over a board as a shot is led by it: at which of its frames, by which part of the board, how large.

The same sums on the command line, which makes the pictures at once, and in Blender, which has another one make them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..framings import Framing, Move
from ..picture_sizes import covering_size, opening_size
from ..protocol import BOARDS_MAXIMUM, CLIP_MAXIMUM
from .guide_frames import guide_frames

LANDING_SECONDS = 1.0
"""A move over a board is done so long before the next board, or half way to it where that is nearer: until then the
picture has to become that one, and where it is led it cannot."""


@dataclass(frozen=True)
class Clock:
    """When a shot's frames are: how many, at which rate, and whether they keep the model's speed."""

    frames: int
    fps: float
    conform: bool


@dataclass(frozen=True)
class LedMove:
    """What leads a shot while a camera moves over one of its boards."""

    opening: tuple[int, int]
    """The (width, height) of the part of the board that is seen first: the shot's own board is that."""
    size: tuple[int, int]
    """The (width, height) of each picture that leads."""
    framings: Mapping[float, Framing]
    """What each shows, by the shot's frame, from 1, ascending."""
    within: frozenset[float]
    """Those frames of which the board shows all; the others want a mask."""


def frames_of_move(frames: int, fps: float, *, at: int = 1, after: int | None = None) -> int:
    """How many frames a move takes, its board's own among them, in a shot of `frames`; `at` and `after` as in
    `led_move`."""
    if after is None:
        return frames - at + 1
    way = after - at
    return way - min(max(1, round(LANDING_SECONDS * fps)), way // 2)


def led_move(
    move: Move,
    board: tuple[int, int],
    size: tuple[int, int],
    details: Mapping[str, Any],
    clock: Clock,
    *,
    at: int = 1,
    after: int | None = None,
) -> LedMove:
    """How a move over a `board` of that (width, height) leads a shot of `size` by a model with these `details`.

    The board lies at the frame `at` of the shot. The move lasts to the shot's end, or where there is a board after it,
    at the frame `after`, until `LANDING_SECONDS` before that. Without framings for a model that takes no guide.
    """
    covering = covering_size(board, size)
    ends = frames_of_move(clock.frames, clock.fps, at=at, after=after)
    # Of all that a request may hold, each stretch of a shot gets its share, and boards between may want one each.
    alone = at == 1 and after is None
    most = CLIP_MAXIMUM if alone else max(1, (CLIP_MAXIMUM - BOARDS_MAXIMUM) * ends // clock.frames)
    wanted = guide_frames(details, ends, clock.fps, conform=clock.conform, past_end=after is None, most=most)
    framings = {round(at - 1 + frame, 2): move.at_frame(frame, ends) for frame in wanted}
    aspect = board[0] / board[1]
    within = frozenset(frame for frame, framing in framings.items() if framing.within(aspect))
    return LedMove(opening_size(board, move.start.width, covering), covering, framings, within)
