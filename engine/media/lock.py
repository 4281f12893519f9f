"""One process to a shot's folder: a lock that the operating system releases however its holder ends."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from filelock import lock_descriptor

from ..errors import Code, EngineError
from .files import disk_faults


@contextlib.contextmanager
def folder_lock(path: Path, folder: Path) -> Iterator[None]:
    """Hold the lock file `path` for `folder`.

    Raises EngineError `folder_busy` where another process holds it, `folder_unwritable` where the disk knows no locks
    and `disk_full` or `folder_unwritable` where the file cannot be made.
    """
    # Not filelock.FileLock: it makes folders, follows no links and on Windows removes the file that it leaves.
    with disk_faults(path):
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        with disk_faults(path):
            held = lock_descriptor(handle, blocking=False)
        if not held:
            raise EngineError(Code.FOLDER_BUSY, path=str(folder))
        yield
    finally:
        os.close(handle)
