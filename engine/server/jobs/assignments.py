"""Which worker has which job: queued ones are handed to idle workers, paused ones make room where nobody is idle."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...drift import Drift
from ...events import Event
from ..storage.records import JobRecord, StoredEvent
from ..storage.states import PendingOrder, State
from ..storage.store import JobStore
from ..workers.pool import Pool
from ..workers.worker_messages import Make, Order, Release
from .job_folders import JobFolders
from .live_progress import LiveProgress

log = logging.getLogger("shotpack.scheduler")


@dataclass
class Held:
    """The job that a worker makes, or holds paused."""

    job: str
    releasing: bool = False
    """The worker was told to lay it aside, and has not said yet that it has."""


class Assignments:
    """What the scheduler and the workers' reports share; everything here is called under the scheduler's lock."""

    def __init__(
        self,
        store: JobStore,
        pool: Pool,
        folders: JobFolders,
        happened: Callable[[StoredEvent], None],
        passed: Callable[[str, dict[str, Any]], None],
    ) -> None:
        """`happened` is called after every stored event, `passed` with every live one and its job."""
        self.store = store
        self.pool = pool
        self.folders = folders
        self.live = LiveProgress()
        self.busy: dict[str, Held] = {}
        """By worker."""
        self.copying: dict[str, str] = {}
        """Jobs whose folders are being filled with what another one, the value, had made; they wait."""
        self.parked = False
        self.owed = False
        """Whether handing out failed, such as on a full disk, and is to be tried again."""
        self.passed = passed
        self._happened = happened

    def hand_out(self) -> None:
        """Give every idle worker the next job in the queue; where none is idle, paused jobs make room.

        Where the store cannot be written it is `owed`: what led here has been done, and is not done again.
        """
        if self.parked:
            return
        self.owed = True
        try:
            self._hand_out()
            self.owed = False
        except sqlite3.Error as fault:
            log.warning("no job can be handed out: %s", fault)

    def _hand_out(self) -> None:
        workers = self.pool.workers()
        idle = [state.name for state in workers if state.ready and state.name not in self.busy]
        while idle and (waiting := self._waiting(1)):
            self._give(idle, waiting[0])
        laid_up = [worker for worker, held in self.busy.items() if not held.releasing and self._stands_still(held.job)]
        coming = sum(held.releasing for held in self.busy.values())  # those have room made for them already
        waiting = self._waiting(coming + len(laid_up))[coming:] if laid_up else []
        for worker, _ in zip(laid_up, waiting, strict=False):
            self.busy[worker].releasing = True
            self.pool.order(worker, Release(self.busy[worker].job))

    def _give(self, idle: list[str], record: JobRecord) -> None:
        """Let the first of the idle workers make this job."""
        self.store.move(record.id, State.RUNNING)
        worker = idle.pop(0)
        self.busy[worker] = Held(record.id)
        asked = self.drifts_told(record.id)
        self.pool.order(worker, Make(record.id, record.request_json, record.attempts, record.stop_after, asked))

    def _waiting(self, most: int) -> list[JobRecord]:
        return self.store.waiting(most, {*(held.job for held in self.busy.values()), *self.copying})

    def _stands_still(self, job: str) -> bool:
        """Whether a job is paused and nobody has told it to go on, or to end."""
        record = self.store.job(job)
        return record.state is State.PAUSED and record.wanted is PendingOrder.PAUSE

    def want(self, worker: str, job: str, wanted: PendingOrder, order: Order) -> None:
        """Order something of a job from the worker that has it, so that it holds even if that worker dies."""
        self.store.want(job, wanted)
        self.pool.order(worker, order)

    def worker_of(self, job: str) -> str | None:
        """The worker that makes the job or holds it paused, unless it is just laying it aside."""
        return next((name for name, held in self.busy.items() if held.job == job and not held.releasing), None)

    def let_go(self, worker: str) -> None:
        """The worker has its job no longer."""
        held = self.busy.pop(worker, None)
        if held is not None:
            self.live.forget(held.job)

    def at_stop(self, record: JobRecord) -> bool:
        """Whether all sections are told after which a job stands still by itself; its last one is no such stop."""
        made = self.store.last_event(record.id, "section") if record.stop_after else None
        return made is not None and record.stop_after <= made.event["index"] < made.event["of"]

    def sections_made(self, job: str) -> int:
        """How many of a job's sections are told."""
        made = self.store.last_event(job, "section")
        return int(made.event["index"]) if made else 0

    def drifts_told(self, job: str) -> int:
        """Of how many of a job's sections it is told how far they drift."""
        told = self.store.last_event(job, Drift.event)
        return int(told.event["index"]) if told else 0

    def queued(self) -> int:
        """How many jobs wait."""
        return self.store.counts()[State.QUEUED]

    def tell(self, job: str, event: Event, state: State | None = None, wanted: PendingOrder | None = None) -> None:
        """Store an event and what changes with it, and let listeners know. Raises StoreError where it may not be."""
        self.announce(self.store.append(job, event, state=state, wanted=wanted))

    def announce(self, event: StoredEvent) -> None:
        """Let listeners know of an event that is stored."""
        self._happened(event)
