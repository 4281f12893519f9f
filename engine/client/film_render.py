"""Pictures that lie in a shot's folder as a film: a program takes them, and all are there or none is.

What the program is, and what a film is made of, Blender's side knows.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from ..errors import Code, EngineError
from . import subprocesses
from .board_files import is_file, is_picture, is_whole

CLIP, GUIDE, MOVE = "clip.blend", "guide.blend", "move.json"
"""Films by their names in the shot's folder: of a strip that is gone on from, of a scene that is followed, and of a
camera that moves over a board."""
MOVED_OVER = "whole*.png"
"""Those boards, beside their film: the shot's own are the parts that are seen first (`whole_of`)."""
Heard = Callable[[str], None]
"""Is told each line that the program prints, and an empty one before it begins and while it prints none; where it
raises, the program is killed."""
_PLACE = ".filming-"
_STALE_SECONDS = 24 * 3600.0
"""A film takes seconds: what is older is a closed Blender's, what is younger may be of one that films beside us."""
_LAST_LINES = 3
_LEAST_BYTES = 2**20
"""Free on a disk, below which a film that is not taken failed for want of room."""


class FilmRenderer:
    """Takes the pictures of films that this artist's Blenders have made, known by what is in them, and of no others.

    A film that comes with somebody's file may show any picture of this machine's disk.
    """

    def __init__(self, commands: Mapping[str, Sequence[str]] = MappingProxyType({}), notes: Path | None = None) -> None:
        """`commands` are the programs by film, as `take` wants them; `notes` is a file, outside of any given away."""
        self._commands = commands
        self._notes = notes
        self._closed = threading.Event()

    def note(self, film: Path) -> None:
        """We have made this one. Raises OSError."""
        if self._notes is not None:
            # In one write: what another Blender notes at the same moment stays whole.
            with self._notes.open("ab") as notes:
                notes.write(f"{_digest(film)}\n".encode())

    def take(self, folder: Path, film: str, names: Sequence[str], heard: Heard = lambda _: None) -> None:
        """As `take` does; `bad_request` for a film that we have not made.

        Nothing where the folder has moved since this was asked for, or all is there by now.
        """
        if not to_take(folder, film, names):
            return
        if not self._is_ours(folder / film):
            detail = f"{film} was not made by this Blender, and may show anything on this machine"
            raise EngineError(Code.BAD_REQUEST, detail=detail)
        take(self._commands.get(film, ()), folder, film, names, self._closed, heard)

    def take_all(self, folder: Path, films: Mapping[str, Sequence[str]], heard: Heard = lambda _: None) -> None:
        """`take` each of `films`, which are by name the pictures to take."""
        for film, names in films.items():
            self.take(folder, film, names, heard)

    def close(self) -> None:
        """Take nothing more; a program that runs is killed."""
        self._closed.set()

    def _is_ours(self, film: Path) -> bool:
        try:
            return self._notes is not None and _digest(film) in self._notes.read_text(encoding="utf-8").split()
        except (OSError, ValueError):
            return False


def whole_of(board: str) -> str:
    """What the whole of a shot's board is called over which a camera moves: `board-00031.png` is a part of it."""
    return board.replace("board", "whole", 1)


def films_to_take(folder: Path, clip: tuple[str, ...], guide: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """The films in a shot's folder that its clip's or its guide's pictures are still to be taken from, with these."""
    films = {CLIP: clip, GUIDE: guide, MOVE: guide}
    return {film: names for film, names in films.items() if to_take(folder, film, names)}


def to_take(folder: Path, film: str, names: Iterable[str]) -> bool:
    """Whether pictures of these names are missing in `folder` that can be taken from the film of that name in it."""
    return is_file(folder / film) and not all(os.path.lexists(folder / name) for name in names)


def take(
    command: Sequence[str],
    folder: Path,
    film: str,
    names: Sequence[str],
    closed: threading.Event | None = None,
    heard: Heard = lambda _: None,
) -> None:
    """Have `command` take the pictures of a film in `folder`; waits for it. What is there already is left as it is.

    The program is told the film and a folder for what it makes, after what `command` says already. Raises EngineError:
    `bad_request` for names of anything but pictures beside each other, `disk_full`, `film_failed` for the rest;
    once `closed` is set, or where `heard` raises, the program is killed.
    """
    odd = next((name for name in names if not is_picture(name)), None)
    if odd is not None:
        raise EngineError(Code.BAD_REQUEST, detail=f"{odd!r} is not a picture's plain file name")
    _sweep(folder)
    place_of_film, said = folder / film, deque[str](maxlen=_LAST_LINES)

    def hear(line: str | None) -> None:
        if closed is not None and closed.is_set():
            raise EngineError(Code.FILM_FAILED, path=str(place_of_film), detail="nobody waits for it any more")
        if line:
            said.append(line.strip())
        heard(line.strip() if line else "")

    hear(None)
    try:
        with tempfile.TemporaryDirectory(prefix=_PLACE, dir=folder) as place:
            code = subprocesses.run(
                [*command, str(place_of_film), place],
                subprocesses.environ(),
                Path(place),  # empty: nothing that lies in the shot's folder is taken for a part of the program
                hear,
            )
            made = [Path(place) / name for name in dict.fromkeys(names)]
            if code or not all(is_whole(picture) for picture in made):
                if shutil.disk_usage(place).free < _LEAST_BYTES:
                    raise EngineError(Code.DISK_FULL, path=str(folder))
                detail = " ".join(said) or f"Blender ended with exit code {code}"
                raise EngineError(Code.FILM_FAILED, path=str(place_of_film), detail=detail)
            for picture in made:
                _put(picture, folder / picture.name)
    except OSError as fault:
        raise EngineError(
            Code.FILM_FAILED, path=str(place_of_film), detail=fault.strerror or type(fault).__name__
        ) from fault


def _digest(film: Path) -> str:
    with film.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
