"""The scheduler through any sequence of calls, reports, deaths and restarts: every job ends once, no order is lost."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest import mock

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from engine.protocol import Board, ShotRequest
from engine.serialization import to_json_text
from engine.server.jobs.scheduler import Scheduler
from engine.server.storage.records import StoreError
from engine.server.storage.states import State
from engine.server.workers.worker_messages import Beat
from tests.unit.scripted_pool import FillingStore, LivingPool

REQUEST = ShotRequest(model="sketch", prompt="pan left", boards=(Board(1, "a" * 64),), frames=37)
ENDING = ("finished", "failed", "cancelled")
WORKERS = ("one", "two")
which = st.integers(0, 20)
workers = st.sampled_from(WORKERS)


class Life(RuleBasedStateMachine):
    """Calls of clients, and workers that read orders and report at any pace, die and come back."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.home = Path(self._folder.name)
        (self.home / "jobs").mkdir()
        self.copies: list[Callable[[], object]] = []
        self._later = mock.patch.object(ThreadPoolExecutor, "submit", self._submit)
        self._later.start()
        self.jobs: list[str] = []
        self.asked: dict[str, str] = {}
        """What was last ordered of a job, and accepted."""
        self._open()

    def _submit(self, work: Callable[..., object], *arguments: Any) -> Future[None]:
        self.copies.append(lambda: work(*arguments))
        return Future()

    def _open(self, *, full: bool = False) -> None:
        self.store = FillingStore(self.home / "jobs.db")
        self.store.full = full
        self.pool = LivingPool(WORKERS)
        self.scheduler = Scheduler(self.store, self.pool, self.home, lambda _event: None)
        self.copies.clear()
        self.scheduler.start()

    def _call(self, call: Callable[[str], Any], number: int, asked: str) -> None:
        job = self.jobs[number % len(self.jobs)]
        try:
            record = call(job)
        except (StoreError, sqlite3.Error):
            return
        if record.id not in self.jobs:
            self.jobs.append(record.id)
        self.asked[record.id] = asked

    @initialize()
    def begin(self) -> None:
        for worker in WORKERS:
            self.pool.spawn(worker)

    @rule()
    def add(self) -> None:
        job = self.store.add(to_json_text(REQUEST), "").id
        folder = self.home / "jobs" / job
        folder.mkdir()
        (folder / "made").touch()
        self.jobs.append(job)
        self.scheduler.submitted(job)

    @rule(stop_after=st.integers(1, 2))
    def add_one_that_stops(self, stop_after: int) -> None:
        try:
            record, _ = self.scheduler.submit(to_json_text(REQUEST), "", stop_after=stop_after)
        except sqlite3.Error:
            return
        self.jobs.append(record.id)

    @precondition(lambda self: self.jobs)
    @rule(number=which)
    def pause(self, number: int) -> None:
        self._call(lambda job: self.scheduler.pause(job), number, "pause")

    @precondition(lambda self: self.jobs)
    @rule(number=which)
    def resume(self, number: int) -> None:
        self._call(lambda job: self.scheduler.resume(job), number, "resume")

    @precondition(lambda self: self.jobs)
    @rule(number=which)
    def cancel(self, number: int) -> None:
        self._call(lambda job: self.scheduler.cancel(job), number, "cancel")

    @rule(worker=workers)
    def work(self, worker: str) -> None:
        if (process := self.pool.processes[worker]) is not None:
            process.act()

    @rule(worker=workers)
    def work_and_deliver(self, worker: str) -> None:
        self.work(worker)
        self.deliver(worker)

    @rule(worker=workers)
    def fail(self, worker: str) -> None:
        if (process := self.pool.processes[worker]) is not None:
            process.fail()

    @rule(worker=workers)
    def deliver(self, worker: str) -> None:
        self.pool.deliver(worker)

    @rule(worker=workers)
    def beat(self, worker: str) -> None:
        if self.pool.processes[worker] is not None and self.pool.listener is not None:
            self.pool.listener.heard(worker, Beat("whatever", 0))

    @rule(worker=workers)
    def die(self, worker: str) -> None:
        self.pool.kill(worker)

    @rule(worker=workers)
    def come_back(self, worker: str) -> None:
        self.pool.spawn(worker)

    @precondition(lambda self: self.copies)
    @rule()
    def copy(self) -> None:
        self.copies.pop(0)()

    @rule()
    def restart(self) -> None:
        self.store.close()
        self._open()

    @invariant()
    def one_end_each(self) -> None:
        for record in self.store.jobs():
            ends = [each.event["event"] in ENDING for each in self.store.events(job=record.id, limit=10_000)]
            assert sum(ends) == record.state.ended
            assert not any(ends[:-1])

    @invariant()
    def none_goes_past_its_stop(self) -> None:
        for record in self.store.jobs():
            made = self.store.last_event(record.id, "section")
            if record.stop_after and made is not None:
                assert made.event["index"] <= record.stop_after

    @invariant()
    def no_job_is_made_twice_at_once(self) -> None:
        had = [job for process in self.pool.processes.values() if process for job in process.jobs]
        assert len(set(had)) == len(had)

    def teardown(self) -> None:
        try:
            self._calm_down()
            for record in self.store.jobs():
                asked = self.asked.get(record.id)
                stands = asked == "pause" or record.stop_after > 0
                assert record.state.ended or (stands and record.state is State.PAUSED), (record, asked)
                if record.state is State.PAUSED:
                    self.scheduler.resume(record.id)
            self._calm_down()
            assert all(record.state.ended for record in self.store.jobs())
            self.one_end_each()
        finally:
            self._later.stop()
            self.store.close()
            self._folder.cleanup()

    def _calm_down(self) -> None:
        """Let everybody do what there is to do."""
        for _ in range(40 * (len(self.jobs) + 1)):
            for worker in WORKERS:
                self.come_back(worker)
                self.work(worker)
                self.pool.deliver(worker)
                self.beat(worker)
            if self.copies:
                self.copy()


class WholeLife(Life):
    """The same with a disk that fills, a parked engine, changed requests, and jobs that are removed."""

    @rule(full=st.booleans())
    def disk(self, full: bool) -> None:
        self.store.full = full

    @rule()
    def add(self) -> None:
        try:
            super().add()
        except sqlite3.Error:
            # Where it was stored it is there, and only its place in the queue was not told.
            self.jobs = [record.id for record in self.store.jobs()]

    @rule(key=st.sampled_from("xyz"))
    def send(self, key: str) -> None:
        before = {record.id for record in self.store.jobs()}
        try:
            record, new = self.scheduler.submit(to_json_text(REQUEST), "", key, "body")
        except sqlite3.Error:
            assert {record.id for record in self.store.jobs()} == before
            return
        assert new is (record.id not in before)
        assert record.key == key
        if new:
            self.jobs.append(record.id)

    @rule()
    def restart(self) -> None:
        full = self.store.full
        self.store.close()
        self._open(full=full)

    @rule(client=st.sampled_from("ab"))
    def park(self, client: str) -> None:
        self.scheduler.park(client, 3600)

    @rule(client=st.sampled_from("ab"))
    def unpark(self, client: str) -> None:
        self.scheduler.unpark(client)

    @precondition(lambda self: self.jobs)
    @rule(number=which)
    def change(self, number: int) -> None:
        job = self.jobs[number % len(self.jobs)]
        try:
            changed = self.scheduler.change(job, {"prompt": f"roll {number}"}, name="x")
        except (StoreError, sqlite3.Error):
            return
        assert changed.request.prompt == f"roll {number}"

    @precondition(lambda self: self.jobs)
    @rule(number=which)
    def remove(self, number: int) -> None:
        job = self.jobs[number % len(self.jobs)]
        try:
            self.scheduler.remove(job)
        except (StoreError, sqlite3.Error):
            assert any(record.id == job for record in self.store.jobs())
            return
        self.jobs.remove(job)
        assert not (self.home / "jobs" / job).exists()

    def _calm_down(self) -> None:
        self.store.full = False
        for client in "ab":
            self.scheduler.unpark(client)
        super()._calm_down()


Life.TestCase.settings = settings(max_examples=40, stateful_step_count=50, deadline=None)
WholeLife.TestCase.settings = settings(max_examples=40, stateful_step_count=50, deadline=None)
TestLife = Life.TestCase
TestWholeLife = WholeLife.TestCase
