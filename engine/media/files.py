"""Files written whole: a reader sees the old file, the new file or none, and never a part of one."""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from ..errors import Code, EngineError

_STALE_SECONDS = 24 * 3600.0
"""A temporary file that did not grow for so long is nobody's, even if some process has its writer's number by now."""
_PART = re.compile(r"\.(\d+)(?:-\w+)?\.part(?:\.[^.]*)?$")
_being_written: set[Path] = set()
"""Temporary files of this process's own threads."""
DISK_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
"""What an operating system says of a full disk, a quota, or a limit to a file's size."""


@contextlib.contextmanager
def disk_faults(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals to write `path` into errors an artist can act on.

    Raises EngineError `disk_full` for a full disk, quota or file size limit and `folder_unwritable` for the rest.
    """
    try:
        yield
    except OSError as fault:
        if fault.errno in DISK_FULL:
            raise EngineError(Code.DISK_FULL, path=str(path.parent)) from fault
        detail = (fault.strerror or str(fault)).lower()
        raise EngineError(Code.FOLDER_UNWRITABLE, path=str(path.parent), detail=detail) from fault


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; when the block ends well it is synced to disk and renamed to `path`.

    Every call has a temporary file of its own: of those that write the same `path` at once, in whatever threads and
    processes, the last one stays. When the block fails the temporary file is removed and `path` is as it was. Raises
    as `disk_faults` does.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part{path.suffix}")
    _being_written.add(temporary.absolute())
    try:
        with disk_faults(path):
            try:
                yield temporary
                with temporary.open("rb+") as written:
                    os.fsync(written.fileno())
                temporary.replace(path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
    finally:
        _being_written.discard(temporary.absolute())


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` to `path` in one step. Raises EngineError `disk_full` or `folder_unwritable`."""
    with whole_file(path) as temporary:
        temporary.write_bytes(data)


@contextlib.contextmanager
def whole_folder(path: Path, *, over: bool = False) -> Iterator[Path]:
    """Give an empty folder beside `path`; when the block ends well its files are synced and it is renamed to `path`.

    When the block fails it is removed, and where its process was killed, by the next one that makes `path`. Raises
    EngineError `disk_full` and `folder_unwritable`, this also for what is at `path` already and may not be written
    `over`.
    """
    if os.path.lexists(path) and not over:
        raise EngineError(Code.FOLDER_UNWRITABLE, path=str(path), detail="something is there already")
    make_folder(path.absolute().parent)
    for left in path.absolute().parent.glob(f".{glob.escape(path.name)}.*.part"):
        if left.is_dir() and not _is_written(left, time.time() - left.stat().st_mtime):
            shutil.rmtree(left, ignore_errors=True)
    temporary = path.absolute().with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    _being_written.add(temporary)
    try:
        with disk_faults(path):
            temporary.mkdir()
            yield temporary
            for file in temporary.rglob("*"):
                if file.is_file():
                    with file.open("rb+") as written:
                        os.fsync(written.fileno())
            if over and path.is_dir():
                shutil.rmtree(path)
            temporary.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)  # which is not there any more where all went well
        _being_written.discard(temporary)


def make_folder(path: Path) -> None:
    """Make `path` and its parents. Raises EngineError `disk_full` or `folder_unwritable`."""
    with disk_faults(path):
        path.mkdir(parents=True, exist_ok=True)
        if not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, "permission denied")


def require_space(folder: Path, needed: int, what: str) -> None:
    """Raise EngineError `disk_short` where fewer than `needed` bytes are free for `what` at `folder`.

    Its nearest parent that is there is looked at. Where nobody can write at all, or the file system does not tell,
    nothing is raised: making the folder says why.
    """
    existing = next((path for path in (folder, *folder.absolute().parents) if path.exists()), folder)
    try:
        disk = shutil.disk_usage(existing)
    except OSError:
        return
    # One of no size, such as /proc, holds no files of ours.
    if disk.free < needed and disk.total and os.access(existing, os.W_OK):
        sizes = {"free": readable_bytes(disk.free), "needed": readable_bytes(needed)}
        raise EngineError(Code.DISK_SHORT, path=str(folder), model=what, **sizes)


def readable_bytes(count: float) -> str:
    """A number of bytes as the hub and disks count them: `1.5 GB` is 1.5e9."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def sweep_parts(folder: Path, spared_seconds: float = 0.0) -> None:
    """Remove temporary files that killed processes left in `folder`; one that is being written stays.

    Those that were written to within `spared_seconds` stay as well: where writers on other machines may be at work.
    """
    for part in folder.glob(".*.part*"):
        with contextlib.suppress(FileNotFoundError):  # its writer was done
            idle = time.time() - part.stat().st_mtime
            if idle >= spared_seconds and not _is_written(part, idle):
                part.unlink()


def _is_written(part: Path, idle: float) -> bool:
    """Whether a thread of ours or a process that lives is still at a file that nobody wrote to for `idle` seconds."""
    named = _PART.search(part.name)
    writer = int(named[1]) if named else os.getpid()
    if writer == os.getpid():
        return part.absolute() in _being_written
    import psutil  # os.kill(pid, 0) would end the process on Windows

    return idle < _STALE_SECONDS and psutil.pid_exists(writer)
