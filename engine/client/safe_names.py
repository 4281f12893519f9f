"""Which names and places from a file or from the wire may be used on this machine's disk."""

from __future__ import annotations

import re
import stat
from pathlib import Path

_UNFIT = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|\ud800-\udfff]')
_DEVICES = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³]) *(\..*)?", re.IGNORECASE)
_LONGEST = 255
_LEADING = tuple(
    getattr(stat, tag) for tag in ("IO_REPARSE_TAG_SYMLINK", "IO_REPARSE_TAG_MOUNT_POINT") if hasattr(stat, tag)
)
"""Windows' marks of what leads elsewhere; other marks are on files that a cloud keeps."""
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def plain_name(name: str) -> bool:
    """Whether `name` is that of a file or folder and nothing more, on any system: no way to elsewhere, no device."""
    return (
        0 < len(name.encode("utf-8", "surrogatepass")) <= _LONGEST
        and not name.startswith(".")
        and not name.endswith((".", " "))
        and not _UNFIT.search(name)
        and not _DEVICES.fullmatch(name)
    )


def is_id(name: str) -> bool:
    """Whether `name` can be a job's or a shot's: it becomes part of an address, and of a path in the engine's home."""
    return _ID.fullmatch(name) is not None


def is_link(path: Path) -> bool:
    """Whether `path` itself leads elsewhere: a symbolic link, or a junction of Windows. Raises OSError but for none."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISLNK(found.st_mode) or getattr(found, "st_reparse_tag", 0) in _LEADING
