"""Copies of files, for both sides: each is a file of its own, and appears whole under its name or not at all.

Where the disk can, a copy shares the blocks of what it was made from until one of the two is written to; a hard link
would be the same file, and whoever retouches one picture would change the other. Standard library only.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_FICLONE = 0x40049409
"""Linux' request to let one file share another's blocks (linux/fs.h)."""
_HERE = -2
"""macOS' AT_FDCWD: a path as it is (sys/fcntl.h)."""


@contextlib.contextmanager
def whole_beside(target: Path, *, over: bool = True) -> Iterator[Path]:
    """Give a name beside `target` that is free; what lies there when the block ends is synced and becomes `target`.

    Nothing is left of it where the block fails. Raises OSError; FileExistsError where `target` is there and may not be
    written `over`.
    """
    passing = target.with_name(f".{target.name}.{os.getpid()}-{threading.get_ident()}.part")
    passing.unlink(missing_ok=True)
    try:
        yield passing
        with passing.open("rb+") as written:
            os.fsync(written.fileno())
        if over:
            passing.replace(target)
        else:
            _become(passing, target)
    finally:
        passing.unlink(missing_ok=True)


def copy_whole(source: Path, target: Path) -> None:
    """Make `target` a copy of the file `source` that shares nothing with it but room on the disk. Raises OSError."""
    with source.open("rb") as file, whole_beside(target) as passing:
        copy_to(file, passing)


def copy_to(source: BinaryIO, target: Path) -> None:
    """Fill the new file `target` with what `source` holds; it appears bit by bit. Raises OSError."""
    if not _cloned(source, target):
        with target.open("xb") as new:
            shutil.copyfileobj(source, new, 2**20)


def _cloned(source: BinaryIO, target: Path) -> bool:
    """Whether the disk could share the blocks; `target` is not there where it could not."""
    try:
        old = source.fileno()
    except io.UnsupportedOperation:
        return False  # nothing of a disk
    if sys.platform == "darwin":
        clone = getattr(ctypes.CDLL(None), "fclonefileat", None)
        return clone is not None and clone(old, _HERE, os.fsencode(target), 0) == 0
    if sys.platform != "linux":
        return False
    import fcntl

    try:
        with target.open("xb") as new:
            fcntl.ioctl(new.fileno(), _FICLONE, old)
    except OSError:  # another disk, or one that cannot; a full one says so when it is copied to
        target.unlink(missing_ok=True)
        return False
    return True


def _become(passing: Path, target: Path) -> None:
    """Take the name `target`, which must be free."""
    if os.name == "nt":
        passing.rename(target)
        return
    try:
        os.link(passing, target)
    except FileExistsError:
        raise
    except OSError:  # a disk that knows no links
        if os.path.lexists(target):
            raise FileExistsError(str(target)) from None
        passing.replace(target)
