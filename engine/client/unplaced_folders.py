"""Folders of shots whose pictures are being taken, and which are on no timeline yet: each bears a mark that says who.

A Blender that is killed meanwhile leaves such a folder behind. Nothing was ever made in it and no file names it, so the
next shot that would be called so takes its place.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import time
from pathlib import Path

from .safe_names import is_link

_MARK = ".taking-pictures.json"
_AGE_SECONDS = 3600.0
"""How long pictures are taken at most, where it cannot be seen whether somebody still does: by another machine, say."""


def mark(folder: Path) -> None:
    """Pictures are being taken into `folder` from now on. Raises OSError."""
    (folder / _MARK).write_text(json.dumps({"host": platform.node(), "pid": os.getpid()}), encoding="utf-8")


def placed(folder: Path) -> None:
    """The shot is on a timeline: its folder is nobody else's from now on."""
    with contextlib.suppress(OSError):
        (folder / _MARK).unlink()


def clear_away(folder: Path) -> bool:
    """Remove a folder that somebody who is gone has left behind; returns whether it was one, and is gone.

    One that holds frames is none, nor is one behind a link.
    """
    mark = folder / _MARK
    try:
        if is_link(folder) or is_link(mark) or any(folder.glob("[0-9]*.png")) or not _is_left_behind(mark):
            return False
        shutil.rmtree(folder)
    except OSError:
        return False
    return True


def _is_left_behind(mark: Path) -> bool:
    if time.time() - mark.stat().st_mtime > _AGE_SECONDS:
        return True
    try:
        said = json.loads(mark.read_bytes())
        host, pid = said["host"], said["pid"]
    except (ValueError, KeyError, TypeError):
        return False  # half written; it counts as long as one that cannot be asked
    if host != platform.node() or os.name != "posix" or type(pid) is not int or pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False
