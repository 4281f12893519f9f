"""A camera's move over a strip's board: what its settings say, why it may not be had, and the film of its pictures.

The film is what `render_move.py` makes pictures of in a Blender of its own: the board, and the framing at each frame
that the model wants to be led at.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from ..engine.client import estimate
from ..engine.client.film_render import MOVE, MOVED_OVER
from ..engine.client.guide_frames import guide_frames, mask_name, picture_name
from ..engine.framed_pictures import framed
from ..engine.framings import Easing, Framing, Move
from ..engine.picture_sizes import covering_size, opening_size
from ..engine.protocol import GUIDE, Condition, ConditionFrame
from . import chosen, follow, guide_stage
from .shot_folders import STILL
from .strip_scene import LONGEST_SIDE, CaptureError

_LONGEST_SIDE = 4096
"""Pixels of a board that a move comes near to."""


def goes_over(boards: Any) -> bool:
    """Whether a camera is to move over the board of these (`start_sources.Boards`), which may be none."""
    return boards is not None and boards.start.shotpack_board.camera == "MOVE"


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


def prevented(wanted: Any, boards: Any) -> str | None:
    """The sentence that says why no camera can move over a strip's board as it is asked to. Cheap: panels ask it."""
    if not goes_over(boards):
        return None
    if (why := follow.unheard(wanted)) is not None:
        return why
    details = chosen.details_of(chosen.model_in_use(wanted))
    if details is not None and not details.get("guide_frames"):
        return "This model follows no camera; choose one that does, or set Camera to None."
    if boards.end is not None:
        return "A camera moves over one picture; let the shot end on none, or set Camera to None."
    return None


def longest_side(boards: Any) -> int:
    """How many pixels the longer side of a board is to have at most: more where a camera comes near."""
    if not goes_over(boards):
        return LONGEST_SIDE
    move = boards.start.shotpack_board.move
    return min(_LONGEST_SIDE, round(LONGEST_SIDE / min(1.0, move.start_width, move.end_width)))


def take(settings: Any, wanted: Any, frames: int, fps: float, folder: Path) -> tuple[Condition, ...]:
    """Let the board in `folder` be what the move's first framing shows of it; returns what a shot is to be led by.

    The whole board and the film lie beside it then. Raises CaptureError or OSError.
    """
    details = chosen.details_of(chosen.model_in_use(wanted))
    if details is None:
        raise CaptureError("The engine does not say what its models can; start it first.")
    move, whole = move_of(settings), folder / MOVED_OVER
    (folder / STILL).rename(whole)
    board = guide_stage.read(whole)[..., :3]
    shape = board.shape[1], board.shape[0]
    size = covering_size(shape, chosen.chosen_size(wanted) or estimate.size_for(details, shape))
    opening = framed(board, move.start, opening_size(shape, move.start.width, size))
    guide_stage.write(folder / STILL, opening)
    wished = guide_frames(details, frames, fps, conform=wanted.rate == "CONFORM", past_end=True)
    if not wished:
        return ()
    framings = {frame: move.at_frame(frame, frames) for frame in wished}
    film = {
        "size": size,
        "frames": {
            picture_name(frame).removesuffix(".png"): [framing.x, framing.y, framing.width, framing.roll]
            for frame, framing in framings.items()
        },
    }
    (folder / MOVE).write_text(json.dumps(film), encoding="utf-8")
    aspect = shape[0] / shape[1]
    held = (
        ConditionFrame(frame, picture_name(frame), None if framing.within(aspect) else mask_name(frame))
        for frame, framing in framings.items()
    )
    return (Condition(GUIDE, tuple(held)),)
