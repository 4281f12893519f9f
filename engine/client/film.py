"""The frames of a strip that lies in a shot's folder as a film: a program takes them, and all are there or none is.

What the program is, and what a film is made of, Blender's side knows.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..errors import Code, EngineError
from . import programs

FILM = "clip.blend"
"""The film's name in the shot's folder."""
_PLACE = ".filming-"
_LAST_LINES = 3


def to_take(folder: Path, names: Iterable[str]) -> bool:
    """Whether pictures of these names are missing in `folder` that can be taken from its film."""
    return (folder / FILM).is_file() and not all((folder / name).is_file() for name in names)


def take(command: Sequence[str], folder: Path, names: Sequence[str]) -> None:
    """Have `command` take the pictures of the film in `folder`; waits for it. Raises EngineError `image_unreadable`.

    The program is told the film and a folder for what it makes, after what `command` says already.
    """
    if not to_take(folder, names):
        return
    for stale in folder.glob(f"{_PLACE}*"):
        shutil.rmtree(stale, ignore_errors=True)  # Blender was closed meanwhile
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
            if code or not all(picture.is_file() for picture in made):
                detail = " ".join(said) or f"Blender ended with exit code {code}"
                raise EngineError(Code.IMAGE_UNREADABLE, path=str(film), detail=detail)
            for picture in made:
                shutil.move(picture, folder / picture.name)
    except OSError as fault:
        raise EngineError(
            Code.IMAGE_UNREADABLE, path=str(film), detail=fault.strerror or type(fault).__name__
        ) from fault
