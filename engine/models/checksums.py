"""SHA-256 of model files: computed once for each state of a file, compared with what a model folder records."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

from ..errors import EngineError
from ..media.files import make_folder, write_whole
from .folder import ModelFolder, check_file
from .paths import cache_home

Progress = Callable[[str, int, int], None]
"""Told (file name, bytes done, bytes in all) while a file is read or fetched."""

_CACHE = "checksums.json"


@dataclass(frozen=True)
class FileState:
    """One file of a model as `inspect` found it; `problem` is None where it is as it should be."""

    name: str
    path: Path
    problem: str | None = None
    recorded: bool = True
    """Whether there was a checksum to compare with."""


def file_sha256(path: Path, *, fresh: bool = False, progress: Progress | None = None) -> str:
    """The SHA-256 of a file, from the cache where path, size and time of change are the same; `fresh` reads it anew.

    Raises OSError where the file cannot be read. A cache that cannot be written costs time and nothing else.
    """
    before = _stamp(path)
    known = {} if fresh else _cached()
    entry = known.get(_key(path))
    if isinstance(entry, list) and entry[:2] == before:
        return str(entry[2])
    with path.open("rb", buffering=0) as file:
        reader = _Reader(file, path, before[0], progress)
        sha256 = hashlib.file_digest(reader, "sha256").hexdigest()
    if _stamp(path) == before:  # a file that changed while it was read is not remembered
        remember(path, sha256)
    return sha256


def remember(path: Path, sha256: str) -> None:
    """Note the SHA-256 of a file as it is now, computed while it was written."""
    known = _cached()
    known[_key(path)] = [*_stamp(path), sha256]
    try:
        make_folder(cache_home())
        write_whole(cache_home() / _CACHE, json.dumps(known, indent=0, sort_keys=True).encode())
    except EngineError:
        pass


def fingerprint(folder: ModelFolder, progress: Progress | None = None) -> str:
    """One SHA-256 for all the files a model is loaded from, whatever the folder is called and wherever its parts lie.

    Raises EngineError `model_damaged` where a file cannot be read.
    """
    digest = hashlib.sha256()
    for name, path in folder.files():
        digest.update(f"{name}\0{_sha256(folder, name, path, progress)}\n".encode("utf-8", "backslashreplace"))
    return digest.hexdigest()


def require_intact(folder: ModelFolder, progress: Progress | None = None) -> None:
    """Compare the files with the checksums the folder records, if any; unchanged files are not read again.

    Raises EngineError `model_damaged` naming the first file that is missing or differs.
    """
    for name, sha256 in sorted(folder.facts.files.items()):
        path = folder.locate(name)
        if not path.is_file():
            raise folder.damage(f"{name} is missing")
        if _sha256(folder, name, path, progress) != sha256:
            raise folder.damage(f"{name} does not match its checksum")


def inspect(folder: ModelFolder, progress: Progress | None = None) -> Iterator[FileState]:
    """Read every file anew and say how it is, one after the other: recorded checksum, or else its header alone."""
    found = dict(folder.files())
    recorded = folder.facts.files
    for component, path in sorted(folder.components.items()):
        if not path.is_dir():
            yield FileState(component, path, "missing")
    for name in sorted(found.keys() | recorded.keys()):
        path = found.get(name) or folder.locate(name)
        problem = check_file(folder, name)
        if problem is None and name in recorded:
            try:
                same = file_sha256(path, fresh=True, progress=progress) == recorded[name]
                problem = None if same else "does not match its checksum"
            except OSError as fault:
                problem = f"cannot be read ({(fault.strerror or str(fault)).lower()})"
        yield FileState(name, path, problem, name in recorded)


def verify(folder: ModelFolder, progress: Progress | None = None) -> list[FileState]:
    """The files of a model that are missing, damaged or not what was recorded; every file is read anew."""
    return [state for state in inspect(folder, progress) if state.problem is not None]


def _sha256(folder: ModelFolder, name: str, path: Path, progress: Progress | None) -> str:
    try:
        return file_sha256(path, progress=progress)
    except OSError as fault:
        detail = f"{name} cannot be read ({(fault.strerror or str(fault)).lower()})"
        raise folder.damage(detail, "check its permissions and the disk") from fault


class _Reader:
    """A file that tells how far it has been read."""

    def __init__(self, file: FileIO, path: Path, total: int, progress: Progress | None) -> None:
        self._file = file
        self._name = path.name
        self._total = total
        self._progress = progress
        self._done = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:
        count = self._file.readinto(buffer)
        self._done += count
        if self._progress is not None and count:
            self._progress(self._name, self._done, self._total)
        return count


def _key(path: Path) -> str:
    return str(path.resolve())


def _stamp(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def _cached() -> dict[str, Any]:
    try:
        known = json.loads((cache_home() / _CACHE).read_bytes())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
