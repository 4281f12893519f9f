"""Giving one job's finished work to another: the files are shared, not copied, where the disk can do that."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def carry_over(old: Path, new: Path) -> None:
    """Make `new` a shot folder with all that `old` holds; nothing where `old` was never begun.

    Files of a shot are never written to, only exchanged whole, so both folders may hold the same ones. `new` appears
    at once or not at all.
    """
    if not old.is_dir():
        return
    part = new.with_name(new.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(old, part, copy_function=_share, ignore=shutil.ignore_patterns("lock", "*.part"))
    part.rename(new)


def _share(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
