"""The frames of a strip that lies in a shot's folder as a film: a program takes them, and all are there or none is.

What the program is, and what a film is made of, Blender's side knows.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..errors import Code, EngineError
from . import programs
from .pictures import is_file, is_picture

FILM = "clip.blend"
"""The film's name in the shot's folder."""
_PLACE = ".filming-"
_STALE_SECONDS = 24 * 3600.0
"""A film takes seconds: what is older is a closed Blender's, what is younger may be of one that films beside us."""
_LAST_LINES = 3


def to_take(folder: Path, names: Iterable[str]) -> bool:
    """Whether pictures of these names are missing in `folder` that can be taken from its film."""
    return is_file(folder / FILM) and not all(os.path.lexists(folder / name) for name in names)


def take(command: Sequence[str], folder: Path, names: Sequence[str]) -> None:
    """Have `command` take the pictures of the film in `folder`; waits for it. What is there already is left as it is.

    The program is told the film and a folder for what it makes, after what `command` says already. Raises EngineError:
    `bad_request` for names of anything but pictures beside each other, `image_unreadable` for the rest.
    """
    odd = next((name for name in names if not is_picture(name)), None)
    if odd is not None:
        raise EngineError(Code.BAD_REQUEST, detail=f"{odd!r} is not a picture's plain file name")
    if not to_take(folder, names):
        return
    _sweep(folder)
    film, said = folder / FILM, deque[str](maxlen=_LAST_LINES)
    try:
        with tempfile.TemporaryDirectory(prefix=_PLACE, dir=folder) as place:
            code = programs.run(
                [*command, str(film), place],
                programs.environ(),
                folder,
                lambda line: said.append(line.strip()) if line else None,
            )
            made = [Path(place) / name for name in dict.fromkeys(names)]
            if code or not all(is_file(picture) for picture in made):
                detail = " ".join(said) or f"Blender ended with exit code {code}"
                raise EngineError(Code.IMAGE_UNREADABLE, path=str(film), detail=detail)
            for picture in made:
                _put(picture, folder / picture.name)
    except OSError as fault:
        raise EngineError(
            Code.IMAGE_UNREADABLE, path=str(film), detail=fault.strerror or type(fault).__name__
        ) from fault


def _put(picture: Path, target: Path) -> None:
    """Move a picture to where nothing lies yet, whole; what lies there stays."""
    if os.path.lexists(target):
        return
    try:
        os.link(picture, target)
    except FileExistsError:
        return
    except OSError:  # a disk that knows no links; nobody else makes a picture of this name
        picture.rename(target)


def _sweep(folder: Path) -> None:
    """Remove what a Blender that was closed meanwhile has left."""
    for place in folder.glob(f"{_PLACE}*"):
        with contextlib.suppress(OSError):
            if time.time() - place.lstat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(place, ignore_errors=True)
