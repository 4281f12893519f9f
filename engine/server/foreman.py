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
from ..protocol import (
    GOING_ON,
    PAUSED,
    Cancelled,
    Event,
    Failed,
    Progress,
    Queued,
    Section,
    ShotRequest,
    event_from_json,
)
from .carry import carry_over
from .orders import (
    Amend,
    Beat,
    Cancel,
    Happened,
    Make,
    Park,
    Pause,
    Paused,
    Ready,
    Release,
    Released,
    Report,
    Resume,
    Unpark,
)
from .pool import Death, Pool
from .states import State
from .store import JobRecord, JobStore, StoredEvent, StoreError

DEATHS_FORGIVEN = 1
"""Workers that may die on a job before it fails: the first time may be bad luck."""

log = logging.getLogger("shotpack.foreman")


class Foreman:
    """Runs the queue over a pool of workers. `happened` is called after every stored event, from any thread."""

    def __init__(self, store: JobStore, pool: Pool, home: Path, happened: Callable[[StoredEvent], None]) -> None:
        self._store = store
        self._pool = pool
        self._home = home
        self._happened = happened
        self._lock = threading.RLock()
        self._busy: dict[str, str] = {}
        """Which job each busy worker makes, or holds paused."""
        self._releasing: set[str] = set()
        """Workers that are laying their paused job aside."""
        self.parked = False

    def start(self) -> None:
        """Queue again what ran when the engine died, and set the workers going."""
        for job in self._store.requeue_interrupted():
            self._tell(job, Progress("the engine was restarted; going on at the first unfinished section"))
        for record in self._store.jobs(State.QUEUED):
            if record.continues is not None and not self.folder(record.id).exists():
                carry_over(self.folder(record.continues), self.folder(record.id))
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
            self._tell(job, Queued(self._store.counts()[State.QUEUED]))
            self._hand_out()

    def pause(self, job: str) -> JobRecord:
        """Stop a job after its present step, or keep it from beginning. Raises StoreError where it has ended."""
        with self._lock:
            record = self._store.job(job)
            worker = self._worker_of(job)
            if worker is not None and record.state is State.RUNNING:
                self._pool.order(worker, Pause(job))
                return record
            self._store.move(job, State.PAUSED)
            self._tell(job, Progress(PAUSED))
            return self._store.job(job)

    def resume(self, job: str) -> JobRecord:
        """Let a paused job go on: at once where it stands still on a worker, else in its place in the queue.

        A job that failed or was cancelled has had its end told; a new one goes on with everything that it had made.
        """
        with self._lock:
            record = self._store.job(job)
            if record.state in (State.FAILED, State.CANCELLED):
                return self._continue(record)
            worker = self._worker_of(job)
            if worker is not None and record.state is State.PAUSED:
                self._pool.order(worker, Resume(job))
                return record
            self._store.move(job, State.QUEUED)
            self._tell(job, Queued(self._store.counts()[State.QUEUED]))
            self._hand_out()
            return self._store.job(job)

    def cancel(self, job: str) -> JobRecord:
        """Give a job up: after the present step where it runs. Raises StoreError where it has ended."""
        with self._lock:
            if self._store.job(job).state.ended:
                raise StoreError(f"job {job} has ended already")
            worker = self._worker_of(job)
            if worker is not None:
                self._pool.order(worker, Cancel(job))
            else:
                self._tell(job, Cancelled(self._sections_made(job)))
            return self._store.job(job)

    def amend(self, job: str, request: ShotRequest) -> JobRecord:
        """Exchange what a job asks for, as far as its sections are not begun. Raises StoreError where all are."""
        with self._lock:
            record = self._store.job(job)
            if record.state.ended or self._last_is_begun(job):
                raise StoreError("its last section is begun already")
            record = self._store.change(job, request=request)
            worker = self._worker_of(job)
            if worker is not None:
                self._pool.order(worker, Amend(job, request))
            return record

    def park(self, park: bool) -> None:
        """Take all weights off the devices and hold every job, or put them back and go on."""
        with self._lock:
            self.parked = park
            for state in self._pool.workers():
                self._pool.order(state.name, Park() if park else Unpark())
            self._hand_out()

    # What the pool tells.

    def heard(self, worker: str, report: Report) -> None:
        """Write down what a worker reported."""
        if isinstance(report, Beat):
            return
        with self._lock:
            job = self._busy.get(worker)
            if isinstance(report, Ready):
                if self.parked:
                    self._pool.order(worker, Park())
            elif job is None or report.job != job:
                log.warning("worker %s reports on a job that it does not have: %s", worker, report)
            elif isinstance(report, Happened):
                event = event_from_json(report.event)
                # A resumed shot tells of all its sections: of those that a killed worker could not report any more too.
                if not (isinstance(event, Section) and event.index <= self._sections_made(job)):
                    self._tell(job, event)
                if self._store.job(job).state.ended:
                    del self._busy[worker]
            elif isinstance(report, Released):
                self._let_go(worker)
            else:
                paused = isinstance(report, Paused)
                self._store.move(job, State.PAUSED if paused else State.RUNNING)
                self._tell(job, Progress(PAUSED if paused else GOING_ON))
            self._hand_out()

    def died(self, worker: str, death: Death) -> None:
        """A worker is gone: its job goes on with another one, once; after that it fails with the reason."""
        with self._lock:
            job = self._let_go(worker)
            if job is None or self._store.job(job).state is not State.RUNNING:
                return  # a paused job goes on when the artist says so
            if self._store.count_attempt(job) <= DEATHS_FORGIVEN:
                self._store.move(job, State.QUEUED)
                self._tell(job, Progress(f"the worker was {death.reason}; going on with a fresh one"))
            else:
                self._tell(job, Failed(Code.WORKER_DIED, {"reason": death.reason, "log": death.log}))
            self._hand_out()

    def _hand_out(self) -> None:
        """Give every idle worker the next job in the queue; where none is idle, paused jobs make room."""
        if self.parked:
            return
        workers = self._pool.workers()
        idle = [state.name for state in workers if state.ready and state.name not in self._busy]
        laid_up = [
            worker
            for worker, job in self._busy.items()
            if worker not in self._releasing and self._store.job(job).state is State.PAUSED
        ]
        waiting = self._store.waiting(len(idle) + len(laid_up), self._busy.values()) if idle or laid_up else []
        for worker, record in zip(idle, waiting, strict=False):
            self._store.move(record.id, State.RUNNING)
            self._busy[worker] = record.id
            images = {image: str(self.image(image)) for image in record.request.pictures}
            folder = str(self.folder(record.id))
            self._pool.order(worker, Make(record.id, folder, record.request, images, record.attempts > 0))
        for worker, _ in zip(laid_up, waiting[len(idle) :], strict=False):
            self._releasing.add(worker)
            self._pool.order(worker, Release(self._busy[worker]))

    def _sections_made(self, job: str) -> int:
        made = self._store.last_event(job, "section")
        return int(made.event["index"]) if made else 0

    def _last_is_begun(self, job: str) -> bool:
        """Whether the section that is made last has had a step."""
        begun, step = self._store.last_event(job, "started"), self._store.last_event(job, "step")
        if begun is None or step is None or step.number < begun.number:
            return False
        return bool(step.event["section"] == begun.event["sections"][-1]["section"])

    def _continue(self, ended: JobRecord) -> JobRecord:
        """A new job that begins with all that `ended` has on disk."""
        record = self._store.add(ended.request, ended.name, continues=ended.id)
        carry_over(self.folder(ended.id), self.folder(record.id))
        self.submitted(record.id)
        return self._store.job(record.id)

    def _let_go(self, worker: str) -> str | None:
        """The worker has its job no longer; returns which that was."""
        self._releasing.discard(worker)
        return self._busy.pop(worker, None)

    def _worker_of(self, job: str) -> str | None:
        """The worker that makes the job or holds it paused, unless it is just laying it aside."""
        held = (worker for worker, busy in self._busy.items() if busy == job and worker not in self._releasing)
        return next(held, None)

    def _tell(self, job: str, event: Event) -> None:
        """Store an event, and let listeners know that there is one."""
        try:
            self._happened(self._store.append(job, event))
        except StoreError as refused:
            log.warning("%s not stored: %s", event, refused)
