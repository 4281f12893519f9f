"""What workers report, written down: events, pauses, and the death of any of them."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ...drift import Drift, OnDrift
from ...errors import Code, EngineError
from ...events import GOING_ON, PAUSED, Cancelled, Failed, Finished, Progress, Queued, Section, event_from_json
from ..storage.records import JobRecord, StoreError
from ..storage.states import PendingOrder, State
from ..workers.pool import Death, TryAgainError
from ..workers.worker_messages import Beat, Happened, Park, Paused, Ready, Released, Report, Resumed
from .assignments import Assignments, Held
from .live_progress import LIVE

DEATHS_FORGIVEN = 1
"""Workers that may die on a job before it fails: the first time may be bad luck."""

log = logging.getLogger("shotpack.scheduler")


class WorkerReports:
    """The pool's listener. `every_beat` is called under the lock whenever a worker shows that it lives."""

    def __init__(self, lock: threading.RLock, assignments: Assignments, every_beat: Callable[[], None]) -> None:
        self._lock = lock
        self._assignments = assignments
        self._store = assignments.store
        self._every_beat = every_beat

    def heard(self, worker: str, report: Report) -> None:
        """Write down what a worker reported. Raises TryAgainError where the store cannot be written now."""
        with self._lock, _told_again():
            if isinstance(report, Beat):
                self._every_beat()
                return
            held = self._assignments.busy.get(worker)
            if isinstance(report, Ready):
                if self._assignments.parked:
                    self._assignments.pool.order(worker, Park())
            elif held is None or report.job != held.job:
                log.warning("worker %s reports on a job that it does not have: %s", worker, report)
            else:
                try:
                    self._write_down(worker, held, report)
                except StoreError as refused:
                    log.warning("%s not stored: %s", report, refused)
            self._assignments.hand_out()

    def died(self, worker: str, death: Death) -> None:
        """A worker is gone: its job goes on with another one, once; after that it fails with the reason.

        Raises TryAgainError where the store cannot be written now.
        """
        with self._lock, _told_again():
            held = self._assignments.busy.get(worker)
            if held is not None:
                record = self._store.job(held.job)
                self.interrupted(record, f"the worker was {death.reason}; going on with a fresh one", death)
                self._assignments.let_go(worker)
            self._assignments.hand_out()

    def _write_down(self, worker: str, held: Held, report: Report) -> None:
        """What a worker says of the job that it has. Raises StoreError where that is not true any more."""
        job = held.job
        if isinstance(report, Happened):
            self._event(worker, job, report)
        elif isinstance(report, Released):
            record = self._store.job(job)
            if not self._follow(record) and record.state is State.RUNNING:  # nobody had asked for that; it waits again
                self._assignments.tell(job, Queued(self._assignments.queued()), State.QUEUED)
            self._assignments.let_go(worker)
        elif isinstance(report, Paused):
            record = self._store.job(job)
            by_itself = record.wanted is PendingOrder.GO_ON and self._assignments.at_stop(record)
            wanted = PendingOrder.PAUSE if by_itself else None
            self._assignments.tell(job, Progress(PAUSED), State.PAUSED, wanted)
        elif isinstance(report, Resumed):
            held.releasing = False
            self._assignments.tell(job, Progress(GOING_ON), State.RUNNING)

    def _event(self, worker: str, job: str, report: Happened) -> None:
        try:
            event = event_from_json(report.event)
        except EngineError as fault:
            log.warning("job %s: %s", job, fault.line)
            return
        if isinstance(event, LIVE):
            self._assignments.live.heard(job, event)
            self._assignments.passed(job, report.event)
            return
        # A resumed shot tells of all its sections: of those that a killed worker could not report any more too.
        if isinstance(event, Section) and event.index <= self._assignments.sections_made(job):
            return
        wanted = None
        if isinstance(event, Drift):
            if event.index <= self._assignments.drifts_told(job):
                return
            if event.then == OnDrift.ASK and self._store.job(job).wanted is PendingOrder.GO_ON:
                wanted = PendingOrder.PAUSE  # the worker stands still by itself; its death changes nothing of that
        try:
            self._assignments.tell(job, event, wanted=wanted)
        except StoreError as refused:  # it was given up while the worker laid it aside
            log.warning("job %s: %s", job, refused)
        if isinstance(event, (Finished, Failed, Cancelled)):
            self._assignments.let_go(worker)
        self._assignments.live.heard(job, event)

    def interrupted(self, record: JobRecord, reason: str, death: Death | None = None) -> None:
        """Whoever had the job is gone; what was wanted of it holds. A death counts, the engine's own does not."""
        job = record.id
        self._assignments.live.forget(job)
        if record.state.ended:
            return
        if self._follow(record):
            return
        if record.state is State.RUNNING and death is None:
            self._assignments.tell(job, Progress(reason), State.QUEUED)
        elif record.state is State.RUNNING and death is not None:
            forgiven = record.attempts < DEATHS_FORGIVEN
            failure = Failed(Code.WORKER_DIED, {"reason": death.reason, "log": death.log})
            with self._store.transaction():
                self._store.count_attempt(job)
                event = (
                    self._store.append(job, Progress(reason), state=State.QUEUED)
                    if forgiven
                    else self._store.append(job, failure)
                )
            self._assignments.announce(event)

    def _follow(self, record: JobRecord) -> bool:
        """Do what was ordered of a job from a worker that has it no longer; returns whether there was anything."""
        job = record.id
        if record.state.ended:
            return False
        if record.wanted is PendingOrder.CANCEL:
            self._assignments.tell(job, Cancelled(self._assignments.sections_made(job)))
        elif record.state is State.RUNNING and (
            record.wanted is PendingOrder.PAUSE or self._assignments.at_stop(record)
        ):
            self._assignments.tell(job, Progress(PAUSED), State.PAUSED, PendingOrder.PAUSE)
        elif record.state is State.PAUSED and record.wanted is PendingOrder.GO_ON:
            self._assignments.tell(job, Queued(self._assignments.queued()), State.QUEUED)
        else:
            return False
        return True


@contextmanager
def _told_again() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as fault:
        raise TryAgainError(f"the job store cannot be written: {fault}") from fault
