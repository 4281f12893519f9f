"""Makes the pictures of a camera's move over a board: a program for a Blender without a window.

`blender --background --factory-startup --python render_move.py -- FILM FOLDER` reads FILM, a JSON file that says how
large pictures are to be and which part of the board beside it each shows, and writes each into FOLDER, as
`0005.00.png`, and where it shows the board, as `0005.00-seen.png`. Of the extension it needs what makes a picture of a
framing, and what reads and writes pictures.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np

BOARD = "whole.png"
"""The board beside the film (`film_render.MOVED_OVER`)."""
PROGRESS = "shotpack-move"
"""How a line begins that says: picture, of, and the share of its pixels that the board shows."""
_NAME = re.compile(r"[0-9]{4,6}\.[0-9]{2}")
_SIDES = range(8, 4097)


def _module(name: str) -> Any:
    """A module of the extension's; a program of its own is no part of a package."""
    here = Path(__file__).parent
    for folder in (str(here), str(here.parent)):
        if folder not in sys.path:
            sys.path.insert(0, folder)
    return importlib.import_module(name)


def wanted_of(film: Path) -> tuple[tuple[int, int], dict[str, tuple[float, ...]]]:
    """The (width, height) of a film's pictures, and what each shows by its name. Raises ValueError."""
    said = json.loads(film.read_text(encoding="utf-8"))
    width, height = (int(side) for side in said["size"])
    frames = {str(name): tuple(float(number) for number in framing) for name, framing in said["frames"].items()}
    if width not in _SIDES or height not in _SIDES:
        raise ValueError(f"{width}x{height} is no picture's size")
    for name, framing in frames.items():
        if _NAME.fullmatch(name) is None or len(framing) != 4:
            raise ValueError(f"{name!r} is not the name of a move's picture, or has {len(framing)} numbers")
    return (width, height), frames


def make(film: Path, folder: Path) -> None:
    """Make all pictures of a film in `folder`."""
    framings, pictures, files = (_module(name) for name in ("engine.framings", "engine.framed_pictures", "guide_stage"))
    size, frames = wanted_of(film)
    if (film.parent / BOARD).is_symlink():
        raise ValueError(f"{BOARD} is a link to somewhere else")
    board = files.read(film.parent / BOARD)[..., :3]
    for number, (name, numbers) in enumerate(frames.items(), start=1):
        framing = framings.checked(framings.Framing(*numbers))
        seen = pictures.seen(framing, size, (board.shape[1], board.shape[0]))
        files.write(folder / f"{name}.png", pictures.framed(board, framing, size))
        files.write(folder / f"{name}-seen.png", np.dstack([seen] * 3))
        print(PROGRESS, number, len(frames), f"{seen.mean():.4f}", flush=True)


if __name__ == "__main__":
    _film, _folder = sys.argv[sys.argv.index("--") + 1 :]
    make(Path(_film), Path(_folder))
