"""One frame comes to a shot's folder: from the engine's home where that is on this machine, else over HTTP.

It appears whole under its name or not at all, is never written again, and no link leads it elsewhere.
"""

from __future__ import annotations

import contextlib
import errno
import io
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol

from ..errors import Code, EngineError
from ..file_copies import copy_to, whole_beside
from .connection import Connection
from .safe_names import is_id, is_link
from .shot import RemoteFrame

_PNG, _PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"
_DISK_FULL = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))


@dataclass(frozen=True)
class Source:
    """Where an engine's frames are: its home on this machine, else its connection."""

    connection: Connection
    home: Path | None


class Destination(Protocol):
    """Where frames go: whoever exchanges `folder` holds `placing` meanwhile, and no frame is lost between the two."""

    folder: Path
    placing: threading.Lock
    gone: bool
    """Set under the same lock: nothing comes there any more."""


@dataclass
class FixedFolder:
    """A folder that stays where it is."""

    folder: Path
    placing: threading.Lock = field(default_factory=threading.Lock)
    gone: bool = False


def bring(source: Source, job: str, wanted: RemoteFrame, to: Destination) -> None:
    """Put one frame of `job` where `to` has its folder then.

    Raises EngineError: `folder_unwritable`, `disk_full`, or as the connection does.
    """
    with to.placing:
        if to.gone or _is_there(to.folder, wanted.name):
            return
    with _found(source, job, wanted) as found, to.placing:
        if not to.gone and not _is_there(to.folder, wanted.name):
            _write(to.folder, wanted.name, found)


def _found(source: Source, job: str, wanted: RemoteFrame) -> BinaryIO:
    """The frame's file in the engine's home, else what comes over HTTP, which takes its time."""
    if source.home is not None and is_id(job):
        with contextlib.suppress(OSError):
            return (source.home / "jobs" / job / wanted.path).open("rb")
    data = source.connection.picture(job, wanted.path)
    if not (data.startswith(_PNG) and data.endswith(_PNG_END)):
        raise EngineError(Code.ENGINE_UNREACHABLE, url=source.connection.url, detail="what came is not a whole picture")
    return io.BytesIO(data)


def _is_there(folder: Path, name: str) -> bool:
    with _disk_faults(folder):
        for path in (folder, folder / name):
            if is_link(path):
                raise EngineError(Code.FOLDER_UNWRITABLE, path=str(folder), detail=f"{path.name} leads elsewhere")
        return (folder / name).exists()


def _write(folder: Path, name: str, found: BinaryIO) -> None:
    with _disk_faults(folder):
        folder.mkdir(parents=True, exist_ok=True)
        # Another Blender that has the same file open may have been quicker.
        with contextlib.suppress(FileExistsError), whole_beside(folder / name, over=False) as passing:
            copy_to(found, passing)


@contextlib.contextmanager
def _disk_faults(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as fault:
        if fault.errno in _DISK_FULL:
            raise EngineError(Code.DISK_FULL, path=str(folder)) from fault
        raise EngineError(Code.FOLDER_UNWRITABLE, path=str(folder), detail=fault.strerror or str(fault)) from fault
