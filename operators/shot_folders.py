"""Where shots lie on disk: beside the .blend in //shots/NAME, in the user folder while the file has no place yet."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

import bpy

from ..engine.client.board_files import is_file
from ..engine.client.film_render import CLIP, GUIDE, MOVE, MOVED_OVER
from ..engine.client.safe_names import plain_name
from ..engine.client.shot import Shot
from ..engine.client.stored_request import read
from ..engine.client.unplaced_folders import clear_away, mark
from ..engine.file_copies import copy_whole
from . import adoption, runtime, settings, shot_strips, timeline, trust, unexpected

STILL = "board.png"
"""What a shot's strip shows before there is more: its board, the last frame of what it goes on from, or a blank."""
_GUIDE_BOARDS = "guide-board-*.png"
"""What a guide's film shows besides a shot's own boards (`guide_film.py`)."""
_FRAME_BYTES = 1_500_000
"""A frame as PNG at the models' sizes, and its provisional picture; noisy ones take the most."""
_UNFIT = re.compile(r"[^0-9A-Za-z_-]+")
_RECOVERED = re.compile(r"(.*_)?[0-9]+_autosave\.blend|quit\.blend")
"""What Blender calls files that it saves by itself: they lie where the system clears away."""


def shortage(frames: int, frame_bytes: float = _FRAME_BYTES) -> str | None:
    """The sentence for the artist where the disk has no room for a shot of so many frames."""
    base = _base()
    try:
        free = shutil.disk_usage(base).free
    except OSError:
        return None  # a file system that does not tell is tried, not refused
    wanted = frames * frame_bytes
    if free >= wanted:
        return None
    return f"{base} has {free / 1e6:.0f} MB free and the shot takes about {wanted / 1e6:.0f} MB; free some space."


def beside_file() -> bool:
    """Whether shots lie beside the file that is open; else they lie in Shotpack's own folder until it is saved."""
    return _has_place(bpy.data.filepath)


def new_folder(wish: str) -> tuple[str, Path]:
    """A name like `wish` that no other shot here has, and its folder, which is made.

    It is marked until its shot is on a timeline; what a Blender that was killed before that has left makes way.
    """
    base = _base()
    stem = _UNFIT.sub("-", wish).strip("-")[:40].lower() or "shot"
    stem = stem if plain_name(stem) else f"shot-{stem}"  # Windows keeps some names for devices
    for number in range(1, 10_000):
        name = stem if number == 1 else f"{stem}-{number}"
        folder = base / trust.SHOTS / name
        if not _begun(folder):
            continue
        if not trust.trusted(folder):
            trust.remember(folder)  # where the artist keeps all shots on another disk, by a link
        return name, folder
    raise FileExistsError(f"{base / trust.SHOTS} holds too many shots called {stem}")


def _begun(folder: Path) -> bool:
    """Make a shot's folder, with its mark; returns False where somebody else has it."""
    for _ in range(2):
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            if clear_away(folder):
                continue
            return False
        try:
            mark(folder)
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return True
    return False


def folder_anew(shot: Shot) -> Path:
    """A folder for a shot that is to be made once more: its own while that holds no frames, else a new one.

    The pictures that it starts from are in it. What was made before stays where it is. Raises OSError, and EngineError
    `bad_request` where the shot's request names anything but pictures beside each other.
    """
    read(shot.request)
    if not any(shot.folder.glob("[0-9]*.png")):
        return shot.folder
    return another_folder(shot)[1]


def another_folder(shot: Shot) -> tuple[str, Path]:
    """A new folder that holds the pictures that a shot starts from, for another shot of them; and that one's name.

    Raises as `folder_anew` does.
    """
    asked = read(shot.request)
    name_of_it, folder = new_folder(shot.name)
    copy_pictures(shot.folder, folder, asked.names)
    return name_of_it, folder


def copy_pictures(folder: Path, target: Path, names: Iterable[str]) -> None:
    """Give another shot what this one starts from; what is missing is said when that is sent. Raises OSError."""
    known = [STILL, CLIP, GUIDE, MOVE, *names]
    beside = (each.name for pattern in (MOVED_OVER, _GUIDE_BOARDS) for each in folder.glob(pattern))
    for name in dict.fromkeys([*known, *beside]):
        if is_file(folder / name):
            copy_whole(folder / name, target / name)


def move_beside(file: Path) -> set[Path]:
    """Before the file is saved for the first time: put its shots' pictures beside it, and let the strips show those.

    The old ones stay until the user folder is cleared: an undo, or a save that fails, may need them. Where the disk
    refuses, a shot stays where it is, whole. Returns the new folders.
    """
    if _has_place(bpy.data.filepath) or not _has_place(str(file)):
        return set()  # Blender itself keeps relative paths right when a saved file is saved elsewhere
    moved: dict[Path, Path] = {}
    for _, meta in list(shot_strips.stamped()):
        shot = runtime.shot_of(meta.shotpack.shot) or adoption.record(meta)
        if shot is None or not shot.folder.is_dir() or shot.folder in moved.values():
            continue
        if shot.folder in moved:  # with another take of it, which was not followed
            shot.folder = moved[shot.folder]
            timeline.point_at(shot)
            continue
        old, takes = shot.folder, runtime.beside(shot)
        moved[old] = old

        def carry(folder: Path, target: Path, takes: list[Shot] = takes) -> None:
            _copy(folder, target)
            for take in takes:  # they share a lock: none places anything meanwhile
                take.folder = target

        try:
            runtime.the_client().move(shot, _new_beside(file, old.name), carry)
        except OSError as fault:
            unexpected.report(fault)
            continue
        moved[old] = shot.folder
        for each in (shot, *takes):
            timeline.point_at(each)
    return {trust.plainly(folder) for folder in moved.values()}


def stay_trusted(file: Path, new: set[Path]) -> None:
    """Before a file is saved elsewhere, or a copy of it: its shots' folders are as good for that one as for this.

    `new` are those that were just put beside the file, which may be no place for this one: where it is a copy.
    """
    for folder in {shot_strips.folder_of(meta) for _, meta in shot_strips.stamped()} - {None}:
        if folder in new or (trust.trusted(folder) and not trust.trusted(folder, beside=str(file))):
            trust.remember(folder)


def _new_beside(file: Path, wish: str) -> Path:
    """A folder beside `file` that is not there yet, like `wish`."""
    base, number = file.parent / trust.SHOTS, 1
    folder = base / wish
    while os.path.lexists(folder):
        number += 1
        folder = base / f"{wish}-{number}"
    return folder


def _has_place(file: str) -> bool:
    """Whether a file lies where the artist has put it: it was saved, and is none that was recovered."""
    return bool(file) and _RECOVERED.fullmatch(Path(file).name) is None


def _base() -> Path:
    return Path(bpy.data.filepath).parent if _has_place(bpy.data.filepath) else settings.user_folder()


def _copy(folder: Path, target: Path) -> None:
    """All of `folder` in `target`, which is new; or nothing of it."""
    target.mkdir(parents=True)
    try:
        for path in folder.iterdir():
            if is_file(path) and not path.name.startswith("."):
                copy_whole(path, target / path.name)
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise
