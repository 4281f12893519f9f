"""What the engine's home keeps, and for how long: nothing that an artist made goes by itself.

By default go what nobody can miss: logs beyond their size, what a kill left half-written, pictures that no job names,
and of shots that have ended the provisional frames and the encodings, which going on makes again. Latents and frames
go only by a limit that the artist sets, with their whole job, the oldest first: never a starred one, never one that
has not ended or that such a one goes on from. What is younger than a while is left alone whatever it is: somebody may
be about to use it.
"""

from __future__ import annotations

import logging
import os
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...media.files import sweep_parts, write_whole
from ..home import images_folder, logs_folder
from ..storage.records import JobRecord, StoreError
from ..storage.store import JobStore
from ..uploads import Uploads
from .disk_use import DiskUse, SharedFiles, ShotUse, bytes_in, loose_bytes, shot_use
from .job_folders import JobFolders
from .scheduler import Scheduler

ORPHAN_SECONDS = 6 * 3600.0
"""Nothing younger goes: a picture may be about to be named by a job, a frame about to be fetched."""
YOUNG_SECONDS = 24 * 3600.0
"""A shot that ended within that time goes by no limit: Blender may be closed over night."""
DAMAGED_SECONDS = 30 * 24 * 3600.0
"""How long a job store that was set aside is there to be looked into."""
LOG_MOST, LOG_KEPT = 8 * 2**20, 2**20
"""Bytes a log may have, and how many of its last ones are kept then."""
_DAY = 24 * 3600.0
_FIRST_SECONDS, _EVERY_SECONDS = 2.0, 900.0
_STOP_SECONDS = 10.0
_BREATH_SECONDS = 0.002
"""Between two folders of some hundred files each: whoever calls the engine meanwhile goes first."""
_JOB = re.compile("[0-9a-f]{16}")

log = logging.getLogger("shotpack.retention")


@dataclass(frozen=True)
class Rule:
    """How long finished shots are kept; None: for ever."""

    days: float | None = None
    """Shots that ended longer ago go."""
    bytes: int | None = None
    """While the home takes more, the oldest shot goes."""


class Retention:
    """Looks after one home, on a thread of its own from `start` to `stop`; `sweep` may also be called by itself."""

    def __init__(
        self,
        home: Path,
        store: JobStore,
        scheduler: Scheduler,
        folders: JobFolders,
        uploads: Uploads,
        rule: Rule,
        clock: Callable[[], float] = time.time,
        first_seconds: float = _FIRST_SECONDS,
        every_seconds: float = _EVERY_SECONDS,
    ) -> None:
        """`clock` tells seconds since 1970; the first sweep comes so long after `start`, the others so far apart."""
        self.rule = rule
        self.use: DiskUse | None = None
        """What the last sweep left; None before the first."""
        self._home = home
        self._store = store
        self._scheduler = scheduler
        self._folders = folders
        self._uploads = uploads
        self._clock = clock
        self._seconds = first_seconds, every_seconds
        self._settled: dict[str, ShotUse] = {}
        """Of shots in whose folders nothing changes any more."""
        self._strays: dict[str, ShotUse] = {}
        self._shots: dict[str, ShotUse] = {}
        self._pictures = 0
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to look after it; returns at once."""
        self._thread = threading.Thread(target=self._run, name="shotpack's retention", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Begin nothing more, and wait for what is under way."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(_STOP_SECONDS)

    def sweep(self) -> None:
        """Let go of what may go, and see what is left. What cannot be done is logged, and tried again the next time."""
        for part in (
            self._sweep_parts,
            self._sweep_logs,
            self._sweep_shots,
            self._sweep_pictures,
            self._keep_to_rule,
            self._count,
        ):
            if self._stopped.is_set():
                return
            try:
                part()
            except Exception:  # whatever it is: the others must be done, and this one again
                log.exception("the home could not be looked after")

    def _run(self) -> None:
        seconds, afterwards = self._seconds
        while not self._stopped.wait(seconds):
            self.sweep()
            seconds = afterwards

    def _sweep_parts(self) -> None:
        """What a killed engine left half-written or half-removed; job stores that were set aside long ago."""
        self._folders.clear(lambda: {record.id for record in self._store.jobs()})
        for folder in (self._home, images_folder(self._home)):
            sweep_parts(folder, ORPHAN_SECONDS)
        for aside in self._home.glob("jobs.damaged-*"):
            if aside.is_file() and aside.stat().st_mtime < self._clock() - DAMAGED_SECONDS:
                aside.unlink()

    def _sweep_logs(self) -> None:
        for path in (logs_folder(self._home)).glob("*.log"):
            limit_log(path)

    def _sweep_shots(self) -> None:
        # Folders first: a job is in the store before its folder is there.
        there = self._folders.names()
        records = {record.id: record for record in self._store.jobs()}
        self._settled = {job: use for job, use in self._settled.items() if job in records}
        shots = {}
        for job, record in records.items():
            if job not in self._settled and self._stopped.wait(_BREATH_SECONDS):
                return
            shots[job] = self._settled.get(job) or self._settle(record)
        self._shots = shots
        self._strays = {name: shot_use(self._folders.of(name)) for name in there - records.keys() if self._stays(name)}

    def _settle(self, record: JobRecord) -> ShotUse:
        """Drop what an ended shot needs no more, some time after its end, and measure what is left."""
        settled = record.state.ended and self._age(record) > ORPHAN_SECONDS
        if settled:
            self._folders.shed(record.id)
        use = shot_use(self._folders.of(record.id))
        if settled:
            self._settled[record.id] = use
        return use

    def _stays(self, name: str) -> bool:
        """Whether a folder that no job has stays: it does unless it is of no use to anybody."""
        folder = self._folders.of(name)
        finished = any(any(folder.glob(made)) for made in ("frames/*", "checkpoint/latents-*", "shot.*"))
        if finished or not _JOB.fullmatch(name) or folder.stat().st_mtime > self._clock() - ORPHAN_SECONDS:
            return True
        self._folders.drop(name)
        return False

    def _sweep_pictures(self) -> None:
        self._pictures = self._uploads.sweep(self._store.pictures(), self._clock() - ORPHAN_SECONDS)

    def _keep_to_rule(self) -> None:
        """Remove shots by the artist's limits, the oldest first, each as by DELETE."""
        shared = self._shared()
        over = 0 if self.rule.bytes is None else self._measured(shared).total - self.rule.bytes
        for record in sorted(self._store.jobs(), key=lambda each: each.ended or each.created):
            if self._stopped.is_set():
                return
            old = self.rule.days is not None and self._age(record) > self.rule.days * _DAY
            if not (old or over > 0) or not record.state.ended or record.starred or self._age(record) < YOUNG_SECONDS:
                continue
            try:
                self._scheduler.remove(record.id, unless_needed=True)
            except (StoreError, OSError) as refused:  # Windows removes nothing that is open
                log.info("job %s stays: %s", record.id, refused)
                continue
            log.info("job %s (%s) was removed: %s", record.id, record.name, "it is old" if old else "room is short")
            if (use := self._shots.pop(record.id, None)) is not None:
                over -= use.frames + use.latents + shared.without(use)

    def _count(self) -> None:
        self.use = self._measured(self._shared())

    def _shared(self) -> SharedFiles:
        return SharedFiles([*self._shots.values(), *self._strays.values()])

    def _measured(self, shared: SharedFiles) -> DiskUse:
        shots = [*self._shots.values(), *self._strays.values()]
        return DiskUse(
            frames=sum(shot.frames for shot in shots),
            latents=sum(shot.latents for shot in shots) + shared.bytes,
            pictures=self._pictures,
            logs=bytes_in(logs_folder(self._home)),
            rest=loose_bytes(self._home),
        )

    def _age(self, record: JobRecord) -> float:
        """Seconds since a job ended."""
        return self._clock() - (record.created if record.ended is None else record.ended)


def limit_log(path: Path, most: int = LOG_MOST, kept: int = LOG_KEPT) -> None:
    """Begin a log of more than `most` bytes anew; the last `kept` ones lie beside it as `.old`.

    It is cut and not renamed: other processes append to it.
    """
    if path.stat().st_size <= most:
        return
    with path.open("rb") as file:
        file.seek(-kept, os.SEEK_END)
        tail = file.read()
    write_whole(path.with_suffix(".old"), tail.partition(b"\n")[2])
    os.truncate(path, 0)
