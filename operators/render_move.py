"""Makes the pictures of a camera's move over a board: a program for a Blender without a window.

`blender --background --factory-startup --python render_move.py -- FILM FOLDER` reads FILM, a JSON file that says how
large pictures are to be and which part of which board beside it each shows, and writes each into FOLDER, as
`0005.00.png`, and where it shows the board, as `0005.00-seen.png`. Of the extension it needs what makes a picture of a
framing, and what reads and writes pictures.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

BOARD = "whole.png"
"""The board beside the film (`film_render.MOVED_OVER`) where it names none."""
PROGRESS = "shotpack-move"
"""How a line begins that says: picture, of, and the share of its pixels that the board shows."""
_NAME = re.compile(r"[0-9]{4,6}\.[0-9]{2}")
_BOARD = re.compile(r"(whole|board)(-[0-9]{5})?\.png")
_SIDES = range(8, 4097)


def _module(name: str) -> Any:
    """A module of the extension's; a program of its own is no part of a package."""
    here = Path(__file__).parent
    for folder in (str(here), str(here.parent)):
        if folder not in sys.path:
            sys.path.insert(0, folder)
    return importlib.import_module(name)


@dataclass(frozen=True)
class Wanted:
    """What a film asks for."""

    size: tuple[int, int]
    """The (width, height) of its pictures."""
    boards: dict[str, dict[str, tuple[float, ...]]]
    """By board: what each picture shows of it, by the picture's name."""


def wanted_of(film: Path) -> Wanted:
    """What a film asks for. Raises ValueError."""
    said = json.loads(film.read_text(encoding="utf-8"))
    width, height = (int(side) for side in said["size"])
    frames = {str(name): tuple(float(number) for number in framing) for name, framing in said["frames"].items()}
    if width not in _SIDES or height not in _SIDES:
        raise ValueError(f"{width}x{height} is no picture's size")
    over, boards = said.get("boards", {}), dict[str, dict[str, tuple[float, ...]]]()
    for name, framing in frames.items():
        if _NAME.fullmatch(name) is None or len(framing) != 4:
            raise ValueError(f"{name!r} is not the name of a move's picture, or has {len(framing)} numbers")
        board = str(over.get(name, BOARD))
        if _BOARD.fullmatch(board) is None:
            raise ValueError(f"{board!r} is not the name of a board")
        boards.setdefault(board, {})[name] = framing
    return Wanted((width, height), boards)


def make(film: Path, folder: Path) -> None:
    """Make all pictures of a film in `folder`."""
    framings, pictures, files = (_module(name) for name in ("engine.framings", "engine.framed_pictures", "guide_stage"))
    wanted = wanted_of(film)
    number, count = 0, sum(len(frames) for frames in wanted.boards.values())
    for name, frames in wanted.boards.items():
        if (film.parent / name).is_symlink():
            raise ValueError(f"{name} is a link to somewhere else")
        board = files.read(film.parent / name)[..., :3]
        shown = {each: framings.checked(framings.Framing(*numbers)) for each, numbers in frames.items()}
        for each, colours, seen in pictures.pictures_of(board, shown, wanted.size):
            files.write(folder / f"{each}.png", colours)
            files.write(folder / f"{each}-seen.png", np.dstack([seen] * 3))
            number += 1
            print(PROGRESS, number, count, f"{seen.mean():.4f}", flush=True)


if __name__ == "__main__":
    _film, _folder = sys.argv[sys.argv.index("--") + 1 :]
    make(Path(_film), Path(_folder))
