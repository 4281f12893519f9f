"""A pool whose workers do what a test says, one step at a time, as real ones would: orders and reports in sequence."""

from __future__ import annotations

import collections
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import engine.server.workers.pool
from engine.events import Cancelled, Event, Failed, Finished, Section, SectionPlan, Started, Step
from engine.serialization import to_json
from engine.server.storage.store import JobStore
from engine.server.workers.pool import Death, Listener, WorkerState
from engine.server.workers.worker_messages import (
    Cancel,
    Happened,
    Make,
    Order,
    Park,
    Pause,
    Paused,
    Ready,
    Release,
    Released,
    Report,
    Resume,
    Resumed,
    Unpark,
)
from tests.patience import PATIENCE

KILLED = Death("killed, most likely out of memory", "last words")
SECTIONS = 2
# By its name, so that this pool also drives a scheduler of an earlier commit, which knows no such thing.
TryAgainError: type[Exception] = getattr(engine.server.workers.pool, "TryAgainError", RuntimeError)


class FillingStore(JobStore):
    """A store on a disk that may be full: at once, or after so many more transactions."""

    full = False
    full_from: int | None = None

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        if not self._connection.in_transaction:
            if self.full or self.full_from == 0:
                raise sqlite3.OperationalError("database or disk is full")
            self.full_from = None if self.full_from is None else self.full_from - 1
        with super().transaction() as db:
            yield db


class ScriptedPool:
    """Workers that only note their orders."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.states = [WorkerState(name, name, ready=True) for name in names]
        self.orders: list[tuple[str, Order]] = []
        self._ordered = threading.Condition()

    def start(self, listener: Listener) -> None:
        self.listener = listener

    def workers(self) -> list[WorkerState]:
        return self.states

    def order(self, worker: str, order: Order) -> None:
        with self._ordered:
            self.orders.append((worker, order))
            self._ordered.notify_all()

    def stop(self) -> None:
        self.orders.clear()

    def wait_for_make(self, job: str) -> None:
        """Wait until some worker is to make the job."""
        with self._ordered:
            made = self._ordered.wait_for(
                lambda: any(isinstance(order, Make) and order.job == job for _, order in self.orders), timeout=PATIENCE
            )
        assert made


class WorkerProcess:
    """One process of a worker, as `engine.server.workers.worker` behaves; `act` does its next thing."""

    def __init__(self) -> None:
        self.inbox: collections.deque[Order] = collections.deque()
        self.outbox: collections.deque[Report] = collections.deque([Ready("cpu", "cpu", 1)])
        self.job: str | None = None
        self.paused = self.parked = False
        self.stop_after = 0
        self._work: collections.deque[Event] = collections.deque()

    @property
    def jobs(self) -> list[str]:
        """The job that it has, and those that it has been given."""
        return [*filter(None, [self.job]), *(order.job for order in self.inbox if isinstance(order, Make))]

    def act(self) -> None:
        """Read one order, or do the next piece of work."""
        if self.inbox:
            self._obey(self.inbox.popleft())
        elif self.job is not None and not self.paused and not self.parked:
            self._say(self._work.popleft())

    def fail(self) -> None:
        """What it makes goes wrong."""
        if self.job is not None and not self.paused and not self.parked:
            self._say(Failed("internal"))

    def _obey(self, order: Order) -> None:
        if isinstance(order, Make):
            assert self.job is None, "a worker was given a second job"
            self.job, self.stop_after = order.job, getattr(order, "stop_after", 0)
            plans = tuple(SectionPlan(section, 1, 37, "") for section in range(SECTIONS))
            self._work.append(Started("forward", plans, 37, 64, 64, 30.0, 1, 0))
            for section in range(SECTIONS):
                self._work += [Step(section, 1, 1, None), Section(section, section + 1, SECTIONS, 1, 37, (), ())]
            self._work.append(Finished(37, 1.0, None))
        elif isinstance(order, (Park, Unpark)):
            self.parked = isinstance(order, Park)
        elif order.job != self.job:
            return
        elif isinstance(order, Cancel):
            self._say(Cancelled(0))
        elif isinstance(order, Pause) and not self.paused:
            self.paused = True
            self.outbox.append(Paused(order.job))
        elif isinstance(order, Resume):
            self.stop_after = 0
            if self.paused:
                self.paused = False
                self.outbox.append(Resumed(order.job))
        elif isinstance(order, Release) and self.paused:
            self.outbox.append(Released(order.job))
            self._idle()

    def _say(self, event: Event) -> None:
        assert self.job is not None
        self.outbox.append(Happened(self.job, to_json(event)))
        if isinstance(event, (Finished, Failed, Cancelled)):
            self._idle()
        elif isinstance(event, Section) and 0 < self.stop_after <= event.index < event.of:
            self.paused = True
            self.outbox.append(Paused(self.job))

    def _idle(self) -> None:
        self.job, self.paused = None, False
        self._work.clear()


class LivingPool:
    """A pool of such processes; nothing happens by itself."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.states = [WorkerState(name, name) for name in names]
        self.processes: dict[str, WorkerProcess | None] = dict.fromkeys(names)
        self.listener: Listener | None = None
        self._untold: set[str] = set()
        """Workers whose deaths the listener has not taken yet."""

    def start(self, listener: Listener) -> None:
        self.listener = listener

    def workers(self) -> list[WorkerState]:
        return self.states

    def order(self, worker: str, order: Order) -> None:
        process = self.processes[worker]
        if process is not None:  # one that is dead just now never gets it
            process.inbox.append(order)

    def stop(self) -> None:
        self.listener = None

    def spawn(self, worker: str) -> None:
        """Start a worker's process where none runs; the death of the one before is told first."""
        if self.processes[worker] is None and self._death_is_told(worker):
            self.processes[worker] = WorkerProcess()

    def deliver(self, worker: str) -> None:
        """Pass on a worker's next report, if there is one; where the listener cannot take it, it stays."""
        process = self.processes[worker]
        if process is None or not process.outbox or self.listener is None:
            return
        report = process.outbox[0]
        if isinstance(report, Ready):
            self._state(worker).ready = True
        try:
            self.listener.heard(worker, report)
            process.outbox.popleft()
        except TryAgainError:
            pass

    def kill(self, worker: str) -> None:
        """A worker's process dies with all that it had not said."""
        if self.processes[worker] is not None:
            self.processes[worker] = None
            self._state(worker).ready = False
            self._untold.add(worker)
            self._death_is_told(worker)

    def _death_is_told(self, worker: str) -> bool:
        if worker in self._untold and self.listener is not None:
            try:
                self.listener.died(worker, KILLED)
                self._untold.discard(worker)
            except TryAgainError:
                pass
        return worker not in self._untold

    def _state(self, worker: str) -> WorkerState:
        return next(state for state in self.states if state.name == worker)
