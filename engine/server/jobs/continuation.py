"""Giving one job's finished work to another: every file one of its own, that shares room on the disk where it can."""

from __future__ import annotations

import math
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from ...file_copies import copy_to
from ...media.take_files import FIRST_TAKE, TakeFiles

PART = ".part"
"""What a folder's name ends with while it is being filled."""
_SHARED = "checkpoint"
"""Hard links will do there: nobody outside the engine is given these files, and the engine never writes into one."""
_SHOWN = ("frames", "provisional")
_TAKE = re.compile(r"-t(\d+)\.png$")
_SLACK_SECONDS = 2.0
"""Some disks tell time no finer."""


def carry_over(old: Path, new: Path) -> None:
    """Make `new` a shot folder with all that `old` holds; nothing where `old` was never begun.

    `new` appears at once or not at all. A frame that somebody may have retouched is left out: it is decoded again.
    Raises OSError.
    """
    if not old.is_dir():
        return
    part = new.with_name(new.name + PART)
    shutil.rmtree(part, ignore_errors=True)
    settled: dict[int, float] = {}
    for source, target in _pairs(old, part):
        kind = source.relative_to(old).parts[0]
        if kind in _SHOWN:
            named = _TAKE.search(source.name)
            take = int(named[1]) if named else FIRST_TAKE
            if take not in settled:
                settled[take] = _settled(TakeFiles(old, take))
            if not _untouched(source, settled[take]):
                continue
        if kind != _SHARED or not _linked(source, target):
            _copy(source, target)
    part.rename(new)


def _settled(files: TakeFiles) -> float:
    """When the newest of a take's sections, or the take itself, was settled."""
    said = [*files.checkpoint.glob("*.safetensors"), *([files.record] if files.record.exists() else [])]
    return max((path.stat().st_mtime for path in said), default=math.inf)


def _pairs(old: Path, new: Path) -> Iterator[tuple[Path, Path]]:
    """Every whole file of `old`, and its place in `new`, where its folder is made."""
    for place, _, names in os.walk(old, onerror=_refuse):
        there = new / Path(place).relative_to(old)
        there.mkdir(parents=True)
        for name in names:
            source = Path(place, name)
            if name != "lock" and not (name.startswith(".") and ".part" in name) and not source.is_symlink():
                yield source, there / name


def _refuse(fault: OSError) -> None:
    raise fault


def _untouched(frame: Path, settled: float) -> bool:
    """Whether a frame is as the engine wrote it: before its section was settled, and into a file that is ours alone.

    Shotpack 0.1.0 hard-linked the frames into the artist's folder: whoever retouched one there changed ours.
    """
    found = frame.stat()
    return found.st_nlink == 1 and found.st_mtime <= settled + _SLACK_SECONDS


def _linked(source: Path, target: Path) -> bool:
    try:
        os.link(source, target)
    except OSError:  # a disk that cannot
        return False
    return True


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as file:
        copy_to(file, target)
        found = os.fstat(file.fileno())
    with target.open("rb+") as copy:
        os.fsync(copy.fileno())
    os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))
