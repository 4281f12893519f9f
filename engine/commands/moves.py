"""A move over the start board, for the command line: the board as the first framing shows it, and the guide."""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from ..framings import Easing, Framing, Move, parsed

if TYPE_CHECKING:
    from ..framed_pictures import Array
    from ..media.boards import BoardPicture
    from ..media.guide_files import GuidePicture
    from ..models.folder import ModelFolder


@dataclass(frozen=True)
class Clock:
    """When a shot's frames are: how many, at which rate, and whether they keep the model's speed."""

    frames: int
    fps: float
    conform: bool


def add_move(parser: argparse.ArgumentParser) -> None:
    """Add the options of a move."""
    parser.add_argument(
        "--move",
        type=_move,
        metavar="'X,Y,WIDTH[,ROLL] to X,Y,WIDTH[,ROLL]'",
        help="a camera move over --image, where the model can: the part that is seen first and last by its centre, from"
        " the left and upper edge, and its width, as shares of the picture, and degrees counterclockwise",
    )
    parser.add_argument(
        "--move-easing",
        choices=[str(easing) for easing in Easing],
        help="linear, or ease: it sets off and comes to rest gently (default: linear)",
    )


def moved(
    board: BoardPicture, move: Move, model: ModelFolder, size: tuple[int, int] | None, clock: Clock
) -> tuple[BoardPicture, list[GuidePicture]]:
    """What a shot of a move over `board` starts from, and the pictures that lead it.

    `size` is the shot's own, if it has one. Raises EngineError `condition_unsupported` for a model that takes no guide.
    """
    import numpy as np

    from ..client.guide_frames import guide_frames
    from ..framed_pictures import framed, seen
    from ..media.boards import decode_board
    from ..media.guide_files import GuidePicture
    from ..models.abilities import abilities
    from ..models.spec import condition_unsupported
    from ..picture_sizes import covering_size, fitting_size, opening_size
    from ..protocol import GUIDE

    can = abilities(model)
    wanted = guide_frames(asdict(can), clock.frames, clock.fps, conform=clock.conform, past_end=True)
    if not can.guide_frames:
        raise condition_unsupported(GUIDE)
    pixels = np.asarray(decode_board(board.data, board.name), np.float32) / 255
    shape = board.width, board.height
    size = size or fitting_size(*shape, can.sizes, multiple=can.size_multiple, limits=can.side_limits)
    covering = covering_size(shape, size)
    opening = framed(pixels, move.start, opening_size(shape, move.start.width, covering))
    start = board if move.start == Framing() else _picture(opening, f"{board.name}, first framing")
    led, aspect = [], shape[0] / shape[1]
    for frame in wanted:
        framing = move.at_frame(frame, clock.frames)
        picture = _picture(framed(pixels, framing, covering), f"{board.name} at frame {frame:g}")
        mask = None
        if not framing.within(aspect):
            shown = np.dstack([seen(framing, covering, shape).astype(np.float32)] * 3)
            mask = _picture(shown, f"what is seen of {board.name} at frame {frame:g}")
        led.append(GuidePicture(frame, picture, mask))
    return start, led


def _picture(colours: Array, name: str) -> BoardPicture:
    """Colours (H, W, 3), 0 to 1, as a PNG."""
    import numpy as np

    from ..media.boards import check_board
    from ..media.frames import png_bytes

    return check_board(png_bytes((colours.clip(0, 1) * 255).round().astype(np.uint8), {}), name)


def _move(text: str) -> Move:
    try:
        return parsed(text)
    except ValueError as fault:
        raise argparse.ArgumentTypeError(str(fault)) from fault
