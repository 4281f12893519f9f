"""Bringing finished frames from the engine to the shot's folder beside the .blend, on a thread of its own.

From an engine on this machine they are linked where the disk can (they take no room twice) and copied where it cannot;
from another machine they are fetched. Every file appears whole under its name or not at all, and is never rewritten.
"""

from __future__ import annotations

import contextlib
import os
import queue
import shutil
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import Code, EngineError
from .connection import Connection
from .shot import Wanted

_WAITS = (0.5, 2.0, 5.0, 15.0)
"""Seconds before a frame that could not be had is tried again."""


@dataclass(frozen=True)
class Source:
    """Where an engine's frames are: its home on this machine, else its connection."""

    connection: Connection
    home: Path | None


@dataclass(frozen=True)
class Arrival:
    """What became of one batch: frames that are there now, and why others are not."""

    shot: str
    frames: tuple[Wanted, ...]
    failed: tuple[Wanted, ...] = ()
    fault: EngineError | None = None


class Gatherer:
    """Fetches frames in the order asked for; `drain` tells what has come."""

    def __init__(self) -> None:
        self._todo: queue.Queue[tuple[Source, str, str, Path, Sequence[Wanted]] | None] = queue.Queue()
        self._arrivals: queue.Queue[Arrival] = queue.Queue()
        self._stopping = threading.Event()
        threading.Thread(target=self._run, name="shotpack frames", daemon=True).start()

    def fetch(self, source: Source, shot: str, job: str, folder: Path, frames: Sequence[Wanted]) -> None:
        """Bring `frames` of `job` to `folder`."""
        self._todo.put((source, shot, job, folder, frames))

    def drain(self, most: int = 8) -> list[Arrival]:
        """The batches that have come since, at most `most`."""
        arrivals: list[Arrival] = []
        with contextlib.suppress(queue.Empty):
            while len(arrivals) < most:
                arrivals.append(self._arrivals.get_nowait())
        return arrivals

    def close(self) -> None:
        """Fetch nothing more."""
        self._stopping.set()
        self._todo.put(None)

    def _run(self) -> None:
        while (batch := self._todo.get()) is not None and not self._stopping.is_set():
            source, shot, job, folder, frames = batch
            there: list[Wanted] = []
            fault: EngineError | None = None
            for wanted in frames:
                try:
                    self._bring(source, job, folder, wanted)
                    there.append(wanted)
                except EngineError as error:
                    fault = error
            failed = tuple(wanted for wanted in frames if wanted not in there)
            self._arrivals.put(Arrival(shot, tuple(there), failed, fault))

    def _bring(self, source: Source, job: str, folder: Path, wanted: Wanted) -> None:
        target = folder / wanted.name
        if target.exists():
            return
        waits: tuple[float | None, ...] = (*_WAITS, None)
        for wait in waits:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                place(source, job, wanted, target)
                return
            except EngineError as error:
                # The line may be back in a moment; a frame that the engine does not have will not come.
                if wait is None or error.code is not Code.ENGINE_UNREACHABLE or self._stopping.wait(wait):
                    raise
            except OSError as fault:
                detail = fault.strerror or str(fault)
                raise EngineError(Code.FOLDER_UNWRITABLE, path=str(folder), detail=detail) from fault


def place(source: Source, job: str, wanted: Wanted, target: Path) -> None:
    """Put one frame at `target`, whole. Raises EngineError, or OSError where the disk refuses."""
    passing = target.with_name(f".{target.name}.part")
    passing.unlink(missing_ok=True)
    try:
        if source.home is None:
            passing.write_bytes(source.connection.picture(job, wanted.path))
        else:
            try:
                link_or_copy(source.home / "jobs" / job / wanted.path, passing)
            except FileNotFoundError:
                passing.write_bytes(source.connection.picture(job, wanted.path))
        passing.replace(target)
    finally:
        passing.unlink(missing_ok=True)


def link_or_copy(path: Path, target: Path) -> None:
    """The same file under another name, which takes no room; a copy on another disk, or one that knows no links."""
    try:
        os.link(path, target)
    except OSError:
        shutil.copyfile(path, target)
