"""The scheduler: gives queued jobs to idle workers, writes down what they report, deals with the death of any of them.

Every change goes through the store first; what is not stored has not happened. What is ordered of a job is stored as
well (`PendingOrder`), so that an order outlives the worker, and the engine, that it was given to. Calls come from the
server's threads and from the pool's; one lock keeps them in sequence, and nothing slow is done under it.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...events import PAUSED, Cancelled, Progress, Queued
from ..home import jobs_folder
from ..storage.records import JobRecord, StoredEvent, StoreError
from ..storage.states import PendingOrder, State
from ..storage.store import JobStore
from ..workers.pool import Pool
from ..workers.worker_messages import Amend, Cancel, Park, Pause, Resume, Unpark
from .assignments import Assignments
from .copies import Copies
from .job_folders import JobFolders
from .park_leases import Lease, Leases
from .worker_reports import WorkerReports

log = logging.getLogger("shotpack.scheduler")


class KeyTakenError(StoreError):
    """Something else was sent under the same Idempotency-Key."""


class Scheduler:
    """Runs the queue over a pool of workers. `happened` is called after every stored event, `passed` with every live
    one and its job, from any thread."""

    def __init__(
        self,
        store: JobStore,
        pool: Pool,
        home: Path,
        happened: Callable[[StoredEvent], None],
        passed: Callable[[str, dict[str, Any]], None] = lambda job, event: None,
        *,
        leases: Leases | None = None,
        folders: JobFolders | None = None,
    ) -> None:
        self._lock = threading.RLock()
        self._folders = folders or JobFolders(jobs_folder(home))
        self._assignments = Assignments(store, pool, self._folders, happened, passed)
        self._copies = Copies(self._lock, self._assignments)
        self._reports = WorkerReports(self._lock, self._assignments, self._look_after)
        self._store = store
        self._pool = pool
        self._leases = leases if leases is not None else Leases()
        self._taken_up = False

    def start(self) -> None:
        """Bring every job into a state that it can go on from, and set the workers going."""
        with self._lock:
            for record in self._store.jobs(State.QUEUED, State.RUNNING, State.PAUSED):
                if record.continues is not None and not self.folder(record.id).exists():
                    self._copies.begin(record)
            self._take_up()
        self._pool.start(self._reports)

    def stop(self) -> None:
        """Begin nothing more; what is being copied is copied at the next start."""
        self._folders.stop()

    def device_of(self, job: str) -> str:
        """What the device is called on which a job is made; empty where it is made on none."""
        worker = self._assignments.worker_of(job)
        found = next((state for state in self._pool.workers() if state.name == worker), None)
        return (found.title or found.device) if found else ""

    def folder(self, job: str) -> Path:
        """The shot folder of a job; `job` is an id that the store made."""
        return self._folders.of(self._store.job(job).id)

    def submitted(self, job: str) -> None:
        """A job has been added to the store: tell its place and see whether somebody is free."""
        with self._lock:
            self._assignments.tell(job, Queued(self._assignments.queued()))
            self._assignments.hand_out()

    def sent_before(self, key: str | None, body: str) -> JobRecord | None:
        """The job that came under the same `key`. Raises KeyTakenError where that was something else.

        `body` is a digest of what was sent.
        """
        sent = self._store.by_key(key) if key is not None else None
        if sent is not None and sent.body != body:
            raise KeyTakenError(f"another shot was sent under the key {key}")
        return sent

    def submit(
        self,
        request_json: str,
        name: str,
        key: str | None = None,
        body: str = "",
        continues: str | None = None,
        stop_after: int = 0,
    ) -> tuple[JobRecord, bool]:
        """Queue a shot, a ShotRequest as JSON, unless it was `sent_before`; returns its job and whether that is new.

        It begins with all files of the job that it `continues`, and pauses by itself `stop_after` so many sections (0:
        it does not). Raises StoreError where the one that it continues is gone.
        """
        with self._lock:
            if (sent := self.sent_before(key, body)) is not None:
                return sent, False
            if continues is not None:
                self._store.job(continues)
            record = self._add(request_json, name, continues, key, body, stop_after)
            if continues is not None:
                self._copies.begin(record)
            self._assignments.hand_out()
            return self._store.job(record.id), True

    def pause(self, job: str) -> JobRecord:
        """Stop a job after its present step, or keep it from beginning. Raises StoreError where it has ended."""
        with self._lock:
            record = self._alive(job)
            worker = self._assignments.worker_of(job)
            if worker is not None:
                if record.wanted is not PendingOrder.PAUSE:
                    self._assignments.want(worker, job, PendingOrder.PAUSE, Pause(job))
            elif record.state is not State.PAUSED:
                self._assignments.tell(job, Progress(PAUSED), State.PAUSED, PendingOrder.PAUSE)
            return self._store.job(job)

    def resume(self, job: str) -> JobRecord:
        """Let a paused job go on: at once where it stands still on a worker, else in its place in the queue.

        A job that failed or was cancelled has had its end told; a new one goes on with everything that it had made.
        One that runs or waits already goes on doing so. None stands still by itself any more.
        """
        with self._lock:
            record = self._store.job(job)
            if record.state in (State.FAILED, State.CANCELLED):
                return self._continue(record)
            return self.go_on(job)

    def go_on(self, job: str) -> JobRecord:
        """The same for a job that has not ended. Raises StoreError where it has, or is to."""
        with self._lock:
            record = self._alive(job)
            worker = self._assignments.worker_of(job)
            if worker is not None:
                if record.wanted is PendingOrder.PAUSE or record.stop_after:
                    self._assignments.want(worker, job, PendingOrder.GO_ON, Resume(job))
            elif record.state is State.PAUSED:
                self._assignments.tell(job, Queued(self._assignments.queued()), State.QUEUED, PendingOrder.GO_ON)
                self._assignments.hand_out()
            elif record.stop_after:
                self._store.want(job, PendingOrder.GO_ON)
            return self._store.job(job)

    def cancel(self, job: str) -> JobRecord:
        """Give a job up: after the present step where it runs. Raises StoreError where it has ended."""
        with self._lock:
            record = self._store.job(job)
            if record.state.ended:
                raise StoreError(f"job {job} has ended already")
            worker = self._assignments.worker_of(job)
            if worker is None:
                self._assignments.tell(job, Cancelled(self._assignments.sections_made(job)))
            elif record.wanted is not PendingOrder.CANCEL:
                self._assignments.want(worker, job, PendingOrder.CANCEL, Cancel(job))
            return self._store.job(job)

    def change(
        self,
        job: str,
        asked: dict[str, Any],
        *,
        name: str | None = None,
        starred: bool | None = None,
        place: Callable[[], object] = lambda: None,
    ) -> JobRecord:
        """Change all of this of a job or nothing; `asked` are fields of its request, as far as sections are not begun.

        `place` moves it in the queue. Raises StoreError where it is too late, or as `place` does.
        """
        with self._lock:
            with self._store.transaction():
                record = self._store.job(job)
                if asked:
                    if record.request.finish is not None:
                        raise StoreError("no section of a take that is only finished is made anew")
                    if record.state.ended or self._last_is_begun(job):
                        raise StoreError("its last section is begun already")
                    record = self._store.change(job, request=replace(record.request, **asked))
                place()
                record = self._store.change(job, name=name, starred=starred)
            worker = self._assignments.worker_of(job)
            if asked and worker is not None:
                self._pool.order(worker, Amend(job, record.request_json))
            return record

    def remove(self, job: str, *, unless_needed: bool = False) -> None:
        """Forget a job that has ended, and delete its folder. Raises StoreError where it has not.

        With `unless_needed` also where it is starred, or where a job that has not ended goes on from it.
        """
        with self._folders.removal(job) as doomed, self._lock:
            record = self._store.job(job)
            if not record.state.ended:
                raise StoreError(f"the job is {record.state}; cancel it first")
            if any(held.job == job for held in self._assignments.busy.values()):
                raise StoreError("a worker is just laying the job aside; try again in a moment")
            if job in self._assignments.copying.values():
                raise StoreError("a job that goes on from it is about to take what it needs; try again in a moment")
            if unless_needed and (record.starred or self._store.goes_on(job)):
                raise StoreError("it is starred, or another job goes on from it")
            try:
                doomed()
            except OSError as fault:  # Windows removes nothing that is open
                raise StoreError(
                    f"its folder cannot be removed ({fault.strerror or fault}); try again later"
                ) from fault
            self._store.remove(job)
            self._assignments.live.forget(job)

    def step(self, job: str) -> dict[str, Any] | None:
        """The newest step of a job that runs."""
        with self._lock:
            return self._assignments.live.step(job)

    # The device is somebody else's for a while.

    def leases(self) -> list[Lease]:
        """Who keeps the engine parked; nobody where it is not."""
        with self._lock:
            self._follow_leases()
            return self._leases.held()

    def park(self, client: str = "", seconds: float | None = None) -> None:
        """Take all weights off the devices and hold every job, until `unpark` or for so many seconds."""
        with self._lock:
            self._leases.take(client, seconds)
            self._follow_leases()

    def unpark(self, client: str = "") -> None:
        """Put the weights back and go on, unless another client still has a lease."""
        with self._lock:
            self._leases.give_back(client)
            self._follow_leases()

    def _take_up(self) -> None:
        """See to every job that no worker has: an engine before us had it. On a full disk that is done later on."""
        held = {held.job for held in self._assignments.busy.values()}
        try:
            for record in self._store.jobs(State.RUNNING, State.PAUSED):
                if record.id not in held:
                    reason = "the engine was restarted; going on at the first unfinished section"
                    self._reports.interrupted(record, reason)
        except sqlite3.Error as fault:
            log.warning("what ran when the last engine ended cannot be gone on with yet: %s", fault)
            return
        self._taken_up = True

    def _look_after(self) -> None:
        """What becomes due without a call: leases expire, and a disk that was full may have room."""
        self._follow_leases()
        if not self._taken_up:
            self._take_up()
            self._assignments.hand_out()
        self._copies.store_results()
        if self._assignments.owed:
            self._assignments.hand_out()

    def _follow_leases(self) -> None:
        """Park or unpark the workers as the leases say by now."""
        wanted = bool(self._leases.held())
        if wanted is not self._assignments.parked:
            self._assignments.parked = wanted
            for state in self._pool.workers():
                self._pool.order(state.name, Park() if wanted else Unpark())
            self._assignments.hand_out()

    def _alive(self, job: str) -> JobRecord:
        """A job that has not ended and is not to end. Raises StoreError for any other."""
        record = self._store.job(job)
        if record.state.ended:
            raise StoreError(f"job {job} is {record.state}")
        if record.wanted is PendingOrder.CANCEL:
            raise StoreError(f"job {job} is being cancelled")
        return record

    def _last_is_begun(self, job: str) -> bool:
        made = self._store.last_event(job, "section")
        return self._assignments.live.last_is_begun(job) or (
            made is not None and made.event["index"] >= made.event["of"]
        )

    def _add(
        self,
        request_json: str,
        name: str,
        continues: str | None = None,
        key: str | None = None,
        body: str = "",
        stop_after: int = 0,
    ) -> JobRecord:
        """Store a new job and its place in the queue, both or nothing: else one could be made that was refused."""
        with self._store.transaction():
            record = self._store.add(request_json, name, continues, key, body, stop_after)
            event = self._store.append(record.id, Queued(self._assignments.queued()))
        self._assignments.announce(event)
        return record

    def _continue(self, ended: JobRecord) -> JobRecord:
        """A job that begins with all that `ended` has on disk: a new one, or the one that does so already."""
        newest = ended
        while (later := self._store.continuation(newest.id)) is not None:
            newest = later
        if newest.state is State.FINISHED:
            return newest
        if not newest.state.ended:
            return self.resume(newest.id)
        record = self._add(newest.request_json, newest.name, continues=newest.id)
        self._copies.begin(record)
        self._assignments.hand_out()
        return self._store.job(record.id)
