"""The SHA-256 of a shot's files, as its record keeps them: which of them were changed since."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from .files import disk_faults


def file_digests(root: Path, files: Iterable[Path]) -> dict[str, str]:
    """SHA-256 in hex of each of `files`, by its path from `root`, with slashes.

    Raises EngineError `folder_unwritable` where one cannot be read.
    """
    return {path.relative_to(root).as_posix(): _sha256(path) for path in files}


def compare(root: Path, kept: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Each file of `kept`, paths from `root`, that is not as it was, with `changed`, `missing` or `unreadable`."""
    for name, sha256 in kept.items():
        if not (root / name).is_file():  # a pipe that lies there is not waited for
            yield name, "missing"
            continue
        try:
            with (root / name).open("rb") as file:
                now = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            yield name, "unreadable"
        else:
            if now != sha256:
                yield name, "changed"


def _sha256(path: Path) -> str:
    with disk_faults(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
