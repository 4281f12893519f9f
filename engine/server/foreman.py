"""The foreman: gives queued jobs to idle workers, writes down what they report, deals with the death of any of them.

Every change goes through the store first; what is not stored has not happened. Calls come from the server's threads and
from the pool's; one lock keeps them in sequence.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from ..errors import Code
from ..protocol import Cancelled, Event, Failed, Progress, Queued, event_from_json
from .orders import Cancel, Happened, Make, Pause, Paused, Report, Resume, Resumed
from .pool import Death, Pool
from .states import State
from .store import JobRecord, JobStore, StoreError

DEATHS_FORGIVEN = 1
"""Workers that may die on a job before it fails: the first time may be bad luck."""

log = logging.getLogger("shotpack.foreman")


class Foreman:
    """Runs the queue over a pool of workers. `happened` is called after every stored event, from any thread."""

    def __init__(self, store: JobStore, pool: Pool, home: Path, happened: Callable[[], None]) -> None:
        self._store = store
        self._pool = pool
        self._home = home
        self._happened = happened
        self._lock = threading.RLock()
        self._busy: dict[str, str] = {}
        """Which job each busy worker makes."""

    def start(self) -> None:
        """Queue again what ran when the engine died, and set the workers going."""
        for job in self._store.requeue_interrupted():
            self._tell(job, Progress("the engine was restarted; going on at the first unfinished section"))
        self._pool.start(self)

    def folder(self, job: str) -> Path:
        """The shot folder of a job; `job` is an id that the store made."""
        return self._home / "jobs" / self._store.job(job).id

    def image(self, sha256: str) -> Path:
        """Where a board that was sent in lies."""
        return self._home / "images" / sha256

    def submitted(self, job: str) -> None:
        """A job has been added to the store: tell its place and see whether somebody is free."""
        with self._lock:
            self._tell(job, Queued(len(self._store.jobs(State.QUEUED))))
            self._hand_out()

    def pause(self, job: str) -> JobRecord:
        """Stop a job after its present step, or keep it from beginning. Raises StoreError where it has ended."""
        with self._lock:
            record = self._store.job(job)
            worker = self._worker_of(job)
            if worker is not None and record.state is State.RUNNING:
                self._pool.order(worker, Pause(job))
                return record
            return self._store.move(job, State.PAUSED)

    def resume(self, job: str) -> JobRecord:
        """Let a paused job go on: at once where it stands still on a worker, else in its place in the queue."""
        with self._lock:
            worker = self._worker_of(job)
            if worker is not None:
                self._pool.order(worker, Resume(job))
                return self._store.job(job)
            record = self._store.move(job, State.QUEUED)
            self._hand_out()
            return record

    def cancel(self, job: str) -> JobRecord:
        """Give a job up: after the present step where it runs. Raises StoreError where it has ended."""
        with self._lock:
            if self._store.job(job).state.ended:
                raise StoreError(f"job {job} has ended already")
            worker = self._worker_of(job)
            if worker is not None:
                self._pool.order(worker, Cancel(job))
            else:
                self._tell(job, Cancelled(0))
            return self._store.job(job)

    # What the pool tells.

    def heard(self, worker: str, report: Report) -> None:
        """Write down what a worker reported."""
        with self._lock:
            if isinstance(report, Happened) and self._busy.get(worker) == report.job:
                self._tell(report.job, event_from_json(report.event))
                if self._store.job(report.job).state.ended:
                    del self._busy[worker]
            elif isinstance(report, Paused) and self._busy.get(worker) == report.job:
                self._store.move(report.job, State.PAUSED)
                self._happened()
            elif isinstance(report, Resumed) and self._busy.get(worker) == report.job:
                self._store.move(report.job, State.RUNNING)
                self._happened()
            self._hand_out()

    def died(self, worker: str, death: Death) -> None:
        """A worker is gone: its job goes on with another one, once; after that it fails with the reason."""
        with self._lock:
            job = self._busy.pop(worker, None)
            if job is None:
                return
            if self._store.count_attempt(job) <= DEATHS_FORGIVEN:
                self._store.move(job, State.QUEUED)
                self._tell(job, Progress(f"the worker was {death.reason}; going on with a fresh one"))
            else:
                self._tell(job, Failed(Code.WORKER_DIED, {"reason": death.reason, "log": death.log}))
            self._hand_out()

    def _hand_out(self) -> None:
        """Give every idle worker the next job in the queue."""
        for state in self._pool.workers():
            if not state.ready or state.name in self._busy:
                continue
            waiting = self._store.jobs(State.QUEUED)
            if not waiting:
                return
            record = waiting[0]
            self._store.move(record.id, State.RUNNING)
            self._busy[state.name] = record.id
            images = {board.image: str(self.image(board.image)) for board in record.request.boards}
            order = Make(record.id, str(self.folder(record.id)), record.request, images, record.attempts)
            self._pool.order(state.name, order)

    def _worker_of(self, job: str) -> str | None:
        return next((worker for worker, busy in self._busy.items() if busy == job), None)

    def _tell(self, job: str, event: Event) -> None:
        """Store an event, and let listeners know that there is one."""
        try:
            self._store.append(job, event)
        except StoreError as refused:
            log.warning("%s not stored: %s", event, refused)
            return
        self._happened()
