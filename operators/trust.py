"""Which folders may be used: a file names those of its shots, and anybody may have written the file.

Trusted are `//shots/NAME` beside the saved file, NAME in the user folder's shots, and what the artist has agreed to
with Use This Folder, which is noted outside of any file. Of every other folder nothing is even looked at: on Windows
that alone may send a password to another machine.
"""

from __future__ import annotations

import functools
import json
import os
from pathlib import Path

import bpy

from ..engine.client.film_render import CLIP, GUIDE, MOVE, FilmRenderer
from ..engine.client.safe_names import is_link, plain_name
from . import settings
from .background_program import background_program

SHOTS = "shots"
"""The folder of all shots, beside a file and in the user folder."""
_NOTES = "trusted-folders.jsonl"
_FILMS = "own-films.txt"
_PROGRAMS = {CLIP: "render_clip.py", GUIDE: "render_guide.py", MOVE: "render_move.py"}
"""The programs that take a film's pictures, by the film."""


def trusted(folder: Path, beside: str | None = None) -> bool:
    """Whether a shot's folder may be used from the file at `beside`: the one that is open, where that is left out."""
    return usable(folder, beside) is not None


def usable(folder: Path, beside: str | None = None) -> Path | None:
    """The folder itself, where it may be used: one that the artist has agreed to may be named by a link to it."""
    file = bpy.data.filepath if beside is None else beside
    homes = [settings.user_folder() / SHOTS, *([plainly(file).parent / SHOTS] if file else [])]
    folder = plainly(folder)
    try:
        if folder.parent in homes and plain_name(folder.name) and not is_link(folder.parent) and not is_link(folder):
            return folder
        agreed = _agreed().get(str(folder))
        return Path(agreed) if agreed is not None and agreed == os.path.realpath(folder) else None
    except OSError:
        return None  # a disk that does not answer now may do so when the file is opened again


def remember(folder: Path) -> None:
    """Trust a folder from now on, as long as it leads where it leads now. Raises OSError where that cannot be noted."""
    folder = plainly(folder)
    leads = os.path.realpath(folder)
    lines = [json.dumps({"folder": name, "leads": leads}) for name in dict.fromkeys((str(folder), leads))]
    # In one write: what another Blender notes at the same moment stays whole.
    with (settings.user_folder() / _NOTES).open("ab") as notes:
        notes.write("".join(f"{line}\n" for line in lines).encode())


def film_renderer() -> FilmRenderer:
    """What takes the films that this artist's Blenders have made, which are noted outside of any file, too."""
    beside = Path(__file__).with_name
    commands = {film: background_program(beside(script)) for film, script in _PROGRAMS.items()}
    return FilmRenderer(commands, settings.user_folder() / _FILMS)


def plainly(path: Path | str) -> Path:
    """A path without `..` and the like; the disk is not asked."""
    return Path(os.path.abspath(path))  # noqa: PTH100  Path.resolve would ask the disk


def _agreed() -> dict[str, str]:
    """The folders that the artist has agreed to, and where each of them led then."""
    notes = settings.user_folder() / _NOTES
    try:
        facts = notes.stat()
        return _noted(notes, facts.st_mtime_ns, facts.st_size)
    except OSError:
        return {}


@functools.lru_cache(maxsize=1)
def _noted(notes: Path, _changed: int, _size: int) -> dict[str, str]:
    """The notes as they are; a file with many shots asks for each of them."""
    lines = notes.read_text(encoding="utf-8", errors="replace").splitlines()
    found = {}
    for line in lines:
        try:
            note = json.loads(line)
            found[str(note["folder"])] = str(note["leads"])
        except (ValueError, KeyError, TypeError):
            continue  # half a line, of a Blender that was killed
    return found
