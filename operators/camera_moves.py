"""A camera's moves over a shot's boards: what strips' settings say, why they may not be had, and their pictures' film.

The film is what `render_move.py` makes pictures of in a Blender of its own: the boards, and the framing at each frame
that the model wants to be led at. Another board ends a move a second before it (`LANDING_SECONDS`): until then the
picture has to become that one.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from ..engine.client import estimate
from ..engine.client.film_render import MOVE, whole_of
from ..engine.client.guide_frames import mask_name, picture_name
from ..engine.client.led_moves import Clock, LedMove, led_move
from ..engine.framed_pictures import framed
from ..engine.framings import Easing, Framing, Move
from ..engine.protocol import GUIDE, Condition, ConditionFrame
from . import chosen, follow, guide_stage
from .strip_scene import LONGEST_SIDE, CaptureError

_LONGEST_SIDE = 4096
"""Pixels of a board that a move comes near to."""


def goes_over(strip: Any) -> bool:
    """Whether a camera is to move over a strip's board."""
    return bool(strip.shotpack_board.camera == "MOVE")


def move_over(strip: Any) -> Move | None:
    """How a camera moves over a strip's board; None where none does."""
    return move_of(strip.shotpack_board.move) if goes_over(strip) else None


def move_of(settings: Any) -> Move:
    """The move that a strip's settings say: theirs is counted upward, as Blender's heights are."""
    start, end = (framing_of(settings, which) for which in ("start", "end"))
    return Move(start, end, Easing(settings.easing.lower()))


def framing_of(settings: Any, which: str) -> Framing:
    """The framing `start` or `end` of a strip's move."""
    x, y = getattr(settings, f"{which}_center")
    return Framing(x, 1 - y, getattr(settings, f"{which}_width"), math.degrees(getattr(settings, f"{which}_roll")))


def set_framing(settings: Any, which: str, framing: Framing) -> None:
    """Let the framing `start` or `end` of a strip's move be another one."""
    setattr(settings, f"{which}_center", (framing.x, 1 - framing.y))
    setattr(settings, f"{which}_width", framing.width)
    setattr(settings, f"{which}_roll", math.radians(framing.roll))


def aspect_of(scene: Any) -> float:
    """A board's width by its height: that of the scene that shows it."""
    return float(scene.render.resolution_x / scene.render.resolution_y)


def shown(scene: Any, settings: Any, which: str) -> float:
    """The share, 0 to 1, of the framing `start` or `end` that the board shows."""
    return framing_of(settings, which).shown(aspect_of(scene))


def prevented(wanted: Any) -> str | None:
    """The sentence that says why no camera can move over a board. Cheap: panels ask it."""
    if (why := follow.unheard(wanted)) is not None:
        return why
    details = chosen.details_of(chosen.model_in_use(wanted))
    if details is not None and not details.get("guide_frames"):
        return "This model follows no camera; choose one that does, or set Camera to None."
    return None


def longest_side(strip: Any) -> int:
    """How many pixels the longer side of a strip's board is to have at most: more where a camera comes near."""
    if not goes_over(strip):
        return LONGEST_SIDE
    move = strip.shotpack_board.move
    return min(_LONGEST_SIDE, round(LONGEST_SIDE / min(1.0, move.start_width, move.end_width)))


class BoardMoves:
    """The moves over the boards of a shot, as far as those are taken; in the end its pictures' film.

    A board without a move is held in the film as well where others have one: the model passes it over, but the shot's
    strip shows it meanwhile.
    """

    def __init__(self, wanted: Any, frames: int, fps: float, folder: Path) -> None:
        self._wanted, self._folder = wanted, folder
        self._clock = Clock(frames, fps, wanted.rate == "CONFORM")
        self._led: list[tuple[str, LedMove]] = []
        self._still: list[tuple[str, int]] = []

    def add(self, frame: int, file: str, move: Move | None, after: int | None) -> None:
        """The board at a frame of the shot, from 1, in the shot's folder, and the frame of the next one.

        With a move it is what its first framing shows from then on; the whole board lies beside it. Raises CaptureError
        or OSError.
        """
        if move is None:
            self._still.append((file, frame))
            return
        details = chosen.details_of(chosen.model_in_use(self._wanted))
        if details is None:
            raise CaptureError("The engine does not say what its models can; start it first.")
        whole = whole_of(file)
        (self._folder / file).rename(self._folder / whole)
        board = guide_stage.read(self._folder / whole)[..., :3]
        shape = board.shape[1], board.shape[0]
        size = chosen.chosen_size(self._wanted) or estimate.size_for(details, shape)
        led = led_move(move, shape, size, details, self._clock, at=frame, after=after)
        guide_stage.write(self._folder / file, framed(board, move.start, led.opening))
        self._led.append((whole, led))

    def conditions(self) -> tuple[Condition, ...]:
        """Write the film; returns what leads the shot: nothing where no camera moves. Raises OSError."""
        held = [
            (frame, board, framing, frame in led.within)
            for board, led in self._led
            for frame, framing in led.framings.items()
        ]
        if not held:
            return ()
        held += [(float(frame), board, Framing(), True) for board, frame in self._still if frame < self._clock.frames]
        names = {frame: picture_name(frame).removesuffix(".png") for frame, *_ in held}
        film = {
            "size": self._led[0][1].size,
            "frames": {names[frame]: [each.x, each.y, each.width, each.roll] for frame, _, each, _ in held},
            "boards": {names[frame]: board for frame, board, *_ in held},
        }
        (self._folder / MOVE).write_text(json.dumps(film), encoding="utf-8")
        led_by = (
            ConditionFrame(frame, picture_name(frame), None if within else mask_name(frame))
            for frame, _, _, within in sorted(held, key=lambda each: each[0])
        )
        return (Condition(GUIDE, tuple(led_by)),)
