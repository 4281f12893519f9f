"""A move over the start board, for the command line: the board as the first framing shows it, and the guide."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING

from ..client.led_moves import Clock, led_move
from ..framings import Easing, Framing, Move, parsed

if TYPE_CHECKING:
    from ..framed_pictures import Array
    from ..media.boards import BoardPicture
    from ..media.guide_files import GuidePicture
    from ..models.folder import ModelFolder


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
    board: BoardPicture,
    move: Move,
    model: ModelFolder,
    size: tuple[int, int] | None,
    clock: Clock,
    after: int | None = None,
) -> tuple[BoardPicture, list[GuidePicture]]:
    """What a shot of a move over `board` starts from, and the pictures that lead it.

    `size` is the shot's own, if it has one, `after` the frame of its next board. Raises EngineError
    `condition_unsupported` for a model that takes no guide.
    """
    import numpy as np

    from ..framed_pictures import framed, pictures_of
    from ..media.boards import decode_board
    from ..media.guide_files import GuidePicture
    from ..models.abilities import abilities
    from ..models.spec import condition_unsupported
    from ..picture_sizes import fitting_size
    from ..protocol import GUIDE

    can = abilities(model)
    if not can.guide_frames:
        raise condition_unsupported(GUIDE)
    pixels = np.asarray(decode_board(board.data, board.name), np.float32) / 255
    shape = board.width, board.height
    size = size or fitting_size(*shape, can.sizes, multiple=can.size_multiple, limits=can.side_limits)
    led = led_move(move, shape, size, asdict(can), clock, after=after)
    opening = framed(pixels, move.start, led.opening)
    start = board if move.start == Framing() else _picture(opening, f"{board.name}, first framing")
    pictures = []
    for frame, colours, seen in pictures_of(pixels, led.framings, led.size):
        mask = None
        if frame not in led.within:
            mask = _picture(
                np.dstack([seen.astype(np.float32)] * 3), f"what is seen of {board.name} at frame {frame:g}"
            )
        pictures.append(GuidePicture(frame, _picture(colours, f"{board.name} at frame {frame:g}"), mask))
    return start, pictures


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
