"""The engine's Python environment on the disk: what state it is in, and how another one takes its place.

A new one is made in FOLDER.new and moved to FOLDER when it is known to work; the one that was there waits in
FOLDER.old meanwhile. Whatever is killed at whatever moment, a folder that looks whole is whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path

from ...errors import Code, EngineError

if sys.platform == "win32":
    import msvcrt

    def _try_lock(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _try_lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


_STAMP = "shotpack-environment.json"
"""In the environment: 'incomplete' from its first moment, and what it was filled with as the very last step."""
_BUSY_SECONDS = 10.0
"""How long a folder may stay busy: on Windows, virus scanners hold files that were just written."""


class EnvironmentState(StrEnum):
    """What a folder is to Shotpack; an outdated one works, but was filled from other requirements."""

    ABSENT = "absent"
    INCOMPLETE = "incomplete"
    OUTDATED = "outdated"
    READY = "ready"


WHOLE = (EnvironmentState.OUTDATED, EnvironmentState.READY)
"""Those that an engine runs in."""


def environment_python(folder: Path) -> Path:
    """The interpreter of the environment in `folder`."""
    return folder / "Scripts" / "python.exe" if os.name == "nt" else folder / "bin" / "python"


def locks(requirements: Path) -> list[Path]:
    """What fills an environment, one after the other: the packages with the hashes of their files, then torch.txt
    beside them, if there is one, with what has none, because each machine gets its own wheel of it.
    """
    torch = requirements.with_name("torch.txt")
    return [requirements, *([torch] if torch.is_file() else [])]


def requirements_hash(requirements: Path) -> str:
    """The SHA-256 of what fills an environment, however the files' lines end."""
    return hash_of(locks(requirements))


def hash_of(files: Iterable[Path]) -> str:
    """The SHA-256 of files' lines, however they end."""
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def state_of(folder: Path, requirements: Path) -> EnvironmentState:
    """What `folder` is, as its stamp has it; an environment whose Python went away is incomplete."""
    if not folder.exists():
        place = Place(folder, requirements)
        begun = place.new.exists() or place.old.exists()
        return EnvironmentState.INCOMPLETE if begun else EnvironmentState.ABSENT
    try:
        stamp = json.loads((folder / _STAMP).read_bytes())
        whole = stamp["state"] == EnvironmentState.READY and environment_python(folder).exists()
        current = stamp["requirements"] == requirements_hash(requirements)
    except (OSError, ValueError, KeyError, TypeError):
        return EnvironmentState.INCOMPLETE
    if not whole:
        return EnvironmentState.INCOMPLETE
    return EnvironmentState.READY if current else EnvironmentState.OUTDATED


class Place:
    """Where an environment goes, and the two folders beside it."""

    def __init__(self, folder: Path, requirements: Path) -> None:
        self.folder, self.requirements = folder, requirements
        self.new = folder.with_name(f"{folder.name}.new")
        self.old = folder.with_name(f"{folder.name}.old")

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keep a second Blender from installing here; the system lets go however the holder ends.

        Raises EngineError `install_failed` where another one does.
        """
        with self.folder.with_name(f".{self.folder.name}.lock").open("a") as file:
            try:
                _try_lock(file.fileno())
            except OSError as fault:
                detail = "another Blender is installing it"
                raise EngineError(Code.INSTALL_FAILED, detail=detail, advice="wait until it has ended") from fault
            yield

    def clear(self) -> None:
        """Put back an environment that a killed install had moved aside, and remove what else it left.

        Raises EngineError `install_failed` where the folder holds what is not ours.
        """
        if not self.folder.exists() and state_of(self.old, self.requirements) in WHOLE:
            _move(self.old, self.folder)
        if self.folder.exists() and state_of(self.folder, self.requirements) not in WHOLE:
            ours = any((self.folder / name).exists() for name in (_STAMP, "pyvenv.cfg"))
            if not ours and any(self.folder.iterdir()):
                detail = f"{self.folder} holds something else"
                raise EngineError(Code.INSTALL_FAILED, detail=detail, advice="choose another folder")
            remove(self.folder)
        self.abandon()
        remove(self.old)

    def begin(self) -> None:
        """Make the new environment's folder, which says that it is incomplete."""
        self.new.mkdir()
        self._stamp(EnvironmentState.INCOMPLETE)

    def abandon(self) -> None:
        """Remove a new environment that came to nothing."""
        remove(self.new)

    def finish(self) -> None:
        """Put the new environment in its place; the one that was there goes back where that cannot be done."""
        self._stamp(EnvironmentState.READY)
        if self.folder.exists():
            _move(self.folder, self.old)
        try:
            _move(self.new, self.folder)
        except OSError:
            if self.old.exists():
                _move(self.old, self.folder)
            raise
        with contextlib.suppress(OSError):  # what is still in use is removed by the next install
            remove(self.old)

    def _stamp(self, state: EnvironmentState) -> None:
        part = self.new / f"{_STAMP}.part"
        with part.open("w", encoding="utf-8") as file:
            json.dump({"state": state, "requirements": requirements_hash(self.requirements)}, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self.new / _STAMP)


def remove(folder: Path) -> None:
    """Remove a folder; its stamp goes first, so that what a kill leaves of it does not look whole."""
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        (folder / _STAMP).unlink(missing_ok=True)
        shutil.rmtree(folder)


def _move(source: Path, target: Path) -> None:
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            source.rename(target)
            return
        except PermissionError:
            if os.name != "nt" or time.monotonic() > deadline:
                raise
            time.sleep(0.5)
