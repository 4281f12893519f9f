"""Files written whole: a reader sees the old file, the new file or none, and never a part of one."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from ..errors import Code, EngineError

_DISK_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}


@contextlib.contextmanager
def disk_faults(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals to write `path` into errors an artist can act on.

    Raises EngineError `disk_full` for a full disk, quota or file size limit and `folder_unwritable` for the rest.
    """
    try:
        yield
    except OSError as fault:
        if fault.errno in _DISK_FULL:
            raise EngineError(Code.DISK_FULL, path=str(path.parent)) from fault
        detail = (fault.strerror or str(fault)).lower()
        raise EngineError(Code.FOLDER_UNWRITABLE, path=str(path.parent), detail=detail) from fault


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; when the block ends well it is synced to disk and renamed to `path`.

    When the block fails the temporary file is removed and `path` is as it was. Raises as `disk_faults` does.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part{path.suffix}")
    with disk_faults(path):
        try:
            yield temporary
            with temporary.open("rb+") as written:
                os.fsync(written.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` to `path` in one step. Raises EngineError `disk_full` or `folder_unwritable`."""
    with whole_file(path) as temporary:
        temporary.write_bytes(data)


def make_folder(path: Path) -> None:
    """Make `path` and its parents. Raises EngineError `disk_full` or `folder_unwritable`."""
    with disk_faults(path):
        path.mkdir(parents=True, exist_ok=True)
        if not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, "permission denied")


def sweep_parts(folder: Path) -> None:
    """Remove temporary files that a killed process left in `folder`."""
    for part in folder.glob(".*.part*"):
        part.unlink(missing_ok=True)
