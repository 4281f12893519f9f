"""Copies of files, for both sides: each is a file of its own, and appears whole under its name or not at all.

Where the disk can, a copy shares the blocks of what it was made from until one of the two is written to; a hard link
would be the same file, and whoever retouches one picture would change the other. Standard library only.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

_FICLONE = 0x40049409
"""Linux' request to let one file share another's blocks (linux/fs.h)."""


@contextlib.contextmanager
def whole_beside(target: Path) -> Iterator[Path]:
    """Give a name beside `target` that is free; what lies there when the block ends is synced and becomes `target`.

    Nothing is left of it where the block fails. Raises OSError.
    """
    passing = target.with_name(f".{target.name}.{os.getpid()}-{threading.get_ident()}.part")
    passing.unlink(missing_ok=True)
    try:
        yield passing
        with passing.open("rb+") as written:
            os.fsync(written.fileno())
        passing.replace(target)
    finally:
        passing.unlink(missing_ok=True)


def copy_whole(source: Path, target: Path) -> None:
    """Make `target` a copy of the file `source` that shares nothing with it but room on the disk. Raises OSError."""
    with whole_beside(target) as passing:
        if not _cloned(source, passing):
            shutil.copyfile(source, passing)


def _cloned(source: Path, target: Path) -> bool:
    """Whether the disk could share the blocks; `target` is not there where it could not."""
    if sys.platform == "darwin":
        clone = getattr(ctypes.CDLL(None), "clonefile", None)
        return clone is not None and clone(os.fsencode(source), os.fsencode(target), 0) == 0
    if sys.platform != "linux":
        return False
    import fcntl

    with source.open("rb") as old:
        try:
            with target.open("xb") as new:
                fcntl.ioctl(new.fileno(), _FICLONE, old.fileno())
        except OSError:  # another disk, or one that cannot; a full one says so when it is copied to
            target.unlink(missing_ok=True)
            return False
    return True
