"""One process to a shot's folder: a lock that the operating system releases however its holder ends."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from ..errors import Code, EngineError
from .files import disk_faults

if sys.platform == "win32":
    import msvcrt

    def _try_lock(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _try_lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextlib.contextmanager
def folder_lock(path: Path, folder: Path) -> Iterator[None]:
    """Hold the lock file `path` for `folder`. Raises EngineError `folder_busy` where another process holds it."""
    with disk_faults(path):
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            _try_lock(handle)
        except OSError as fault:
            raise EngineError(Code.FOLDER_BUSY, path=str(folder)) from fault
        yield
    finally:
        os.close(handle)
