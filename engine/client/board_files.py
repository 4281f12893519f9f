"""The pictures that lie in a shot's folder: which names may be theirs, and how they are read to be sent.

A .blend that somebody sends holds names of his choosing, and comes with a folder of his filling. None of them may lead
to another file of this machine.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
from pathlib import Path

from ..errors import Code, EngineError
from .safe_names import is_link, plain_name

ENDINGS = (".png", ".jpg", ".jpeg")
"""What an engine takes."""
LARGEST = 64 << 20
"""Bytes: no engine takes more in one call."""
_PNG = b"\x89PNG\r\n\x1a\n"
_BEGINNINGS = (_PNG, b"\xff\xd8\xff")
_HEADER = struct.Struct(">8s4x4s2I")
"""Of a PNG: its beginning, then the first chunk's length, kind, width and height."""
_ENDS = (b"IEND\xaeB`\x82", b"\xff\xd9")
# No link at the end of the path is followed, and a pipe that lies there is not waited for.
_OPEN = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def is_picture(name: object) -> bool:
    """Whether `name` is that of a picture and no way to elsewhere."""
    return isinstance(name, str) and plain_name(name) and name.lower().endswith(ENDINGS)


def is_file(path: Path) -> bool:
    """Whether a file lies at `path` itself, and no link to one."""
    try:
        return stat.S_ISREG(path.lstat().st_mode) and not is_link(path)
    except OSError:
        return False


def is_whole(path: Path) -> bool:
    """Whether a PNG or JPEG file lies at `path`, written to its end: Blender says nothing of a disk that is full."""
    if not is_file(path):
        return False
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - max(map(len, _ENDS))))
        return file.read().endswith(_ENDS)


def png_size(path: Path) -> tuple[int, int] | None:
    """Width and height, in pixels, of the PNG at `path` itself; None where there is none."""
    if not is_file(path):
        return None
    try:
        with path.open("rb") as file:
            beginning, kind, width, height = _HEADER.unpack(file.read(_HEADER.size))
    except (OSError, struct.error):
        return None
    return (width, height) if (beginning, kind) == (_PNG, b"IHDR") and width and height else None


def read(folder: Path, name: str) -> bytes:
    """The picture called `name` that lies in `folder` itself.

    Raises EngineError: `bad_request` for a name that is no picture's, `image_missing` where none lies there, and
    `image_unreadable` for anything else than a PNG or JPEG file of at most LARGEST bytes.
    """
    if not is_picture(name):
        raise EngineError(Code.BAD_REQUEST, detail=f"{name!r} is not a picture's plain file name")
    path = folder / name
    try:
        if is_link(folder) or is_link(path):
            raise _unreadable(path, "it is a link to somewhere else")
        handle = os.open(path, _OPEN)
    except FileNotFoundError as fault:
        raise EngineError(Code.IMAGE_MISSING, path=str(path)) from fault
    except OSError as fault:
        detail = "it is a link to somewhere else" if fault.errno == errno.ELOOP else fault.strerror
        raise _unreadable(path, detail or type(fault).__name__) from fault
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise _unreadable(path, "it is not a file")
        if found.st_size > LARGEST:
            raise _unreadable(path, f"it is larger than {LARGEST >> 20} MiB")
        with os.fdopen(handle, "rb", closefd=False) as file:
            data = file.read(LARGEST)
    except OSError as fault:
        raise _unreadable(path, fault.strerror or type(fault).__name__) from fault
    finally:
        os.close(handle)
    if not data.startswith(_BEGINNINGS):
        raise _unreadable(path, "it is neither PNG nor JPEG")
    return data


def _unreadable(path: Path, detail: str) -> EngineError:
    return EngineError(Code.IMAGE_UNREADABLE, path=str(path), detail=detail)
