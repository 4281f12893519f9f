"""Where shots lie on disk: beside the .blend in //shots/NAME, in the user folder while the file has no place yet."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from pathlib import Path

import bpy

from ..engine.client.film import FILM
from ..engine.client.shot import Shot
from ..engine.file_copies import copy_whole
from . import runtime, settings, timeline

SHOTS = "shots"
STILL = "board.png"
"""What a shot's strip shows before there is more: its board, the last frame of what it goes on from, or a blank."""
_FRAME_BYTES = 1_500_000
"""A frame as PNG at the models' sizes, and its provisional picture; noisy ones take the most."""
_UNFIT = re.compile(r"[^0-9A-Za-z_-]+")


def shortage(frames: int) -> str | None:
    """The sentence for the artist where the disk has no room for a shot of so many frames."""
    base = _base()
    try:
        free = shutil.disk_usage(base).free
    except OSError:
        return None  # a file system that does not tell is tried, not refused
    wanted = frames * _FRAME_BYTES
    if free >= wanted:
        return None
    return f"{base} has {free / 1e6:.0f} MB free and the shot takes about {wanted / 1e6:.0f} MB; free some space."


def new_folder(wish: str) -> tuple[str, Path]:
    """A name like `wish` that no other shot here has, and its folder, which is made."""
    base = _base()
    stem = _UNFIT.sub("-", wish).strip("-")[:40].lower() or "shot"
    for number in range(1, 10_000):
        name = stem if number == 1 else f"{stem}-{number}"
        folder = base / SHOTS / name
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return name, folder
    raise FileExistsError(f"{base / SHOTS} holds too many shots called {stem}")


def folder_anew(shot: Shot) -> Path:
    """A folder for a shot that is to be made once more: its own while that holds no frames, else a new one.

    The pictures that it starts from are in it. What was made before stays where it is. Raises OSError.
    """
    if not any(shot.folder.glob("[0-9]*.png")):
        return shot.folder
    _, folder = new_folder(shot.name)
    asked = json.loads(shot.request)
    for name in dict.fromkeys([STILL, FILM, *(name for _, name in asked["boards"]), *asked.get("clip", ())]):
        with contextlib.suppress(FileNotFoundError):  # what is missing is said when the shot is sent
            copy_whole(shot.folder / name, folder / name)
    return folder


def move_beside(file: Path) -> None:
    """Before the file is saved for the first time: put its shots' pictures beside it, and let the strips show those.

    The old ones stay until the user folder is cleared: an undo, or a save that fails, may need them.
    """
    if bpy.data.filepath:
        return  # Blender itself keeps relative paths right when a saved file is saved elsewhere
    moved: dict[str, Path] = {}
    for _, meta in list(timeline.stamped()):
        shot, folder = meta.shotpack.shot, timeline.folder_of(meta)
        if shot in moved or folder is None or not folder.is_dir():
            continue
        target = _free(file.parent / SHOTS / folder.name)
        with contextlib.suppress(OSError):  # where the disk refuses, the strips go on showing the old ones
            _copy(folder, target)
            moved[shot] = target
    for shot, target in moved.items():
        timeline.point_at(shot, str(target))
        if (followed := runtime.shot_of(shot)) is not None:
            followed.folder = target


def _base() -> Path:
    return Path(bpy.data.filepath).parent if bpy.data.filepath else settings.user_folder()


def _free(folder: Path) -> Path:
    number, free = 1, folder
    while free.exists():
        number += 1
        free = folder.with_name(f"{folder.name}-{number}")
    return free


def _copy(folder: Path, target: Path) -> None:
    """All of `folder` in `target`, linked where the disk can."""
    target.mkdir(parents=True)
    for path in folder.iterdir():
        if path.is_file() and not path.name.startswith("."):
            copy_whole(path, target / path.name)
