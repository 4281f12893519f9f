"""The job store: one end a job whatever happens, events in order, a queue that can be rearranged, migrations, kills."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import textwrap
import threading
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from engine.events import Cancelled, Failed, Finished, Progress, Step
from engine.protocol import Board, ShotRequest
from engine.serialization import to_json_text
from engine.server.storage.migrations import MIGRATIONS
from engine.server.storage.records import StoreError
from engine.server.storage.states import MAY_BECOME, State
from engine.server.storage.store import JobStore

REQUEST = ShotRequest(model="sketch", prompt="pan left", boards=(Board(1, "a" * 64),), frames=37)
ENDING = ("finished", "failed", "cancelled")
ENDS = (Finished(37, 1.0, "shot.mp4"), Failed("out_of_memory", {"device": "cpu"}), Cancelled(2))


@pytest.fixture
def store(tmp_path):
    opened = JobStore(tmp_path / "jobs.db")
    yield opened
    opened.close()


def test_a_job_comes_back_as_it_went_in(store):
    record = store.add(to_json_text(REQUEST), "shot 1")
    assert store.job(record.id) == record
    assert (record.request, record.state, record.name, record.attempts) == (REQUEST, State.QUEUED, "shot 1", 0)


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("again", ENDS)
def test_a_job_ends_once(store, end, again):
    job = store.add(to_json_text(REQUEST), "").id
    store.move(job, State.RUNNING)
    store.append(job, end)
    with pytest.raises(StoreError, match="ended already"):
        store.append(job, again)
    with pytest.raises(StoreError, match="ended already"):
        store.append(job, Progress("late"))
    assert store.job(job).state.ended
    assert [each.event["event"] for each in store.events()] == [end.event]


def test_the_database_itself_refuses_a_second_end(store, tmp_path):
    job = store.add(to_json_text(REQUEST), "").id
    store.move(job, State.RUNNING)
    store.append(job, Cancelled(0))
    with sqlite3.connect(tmp_path / "jobs.db") as other, pytest.raises(sqlite3.IntegrityError):
        other.execute("INSERT INTO events (job, time, event, terminal) VALUES (?, 0, '{}', 1)", (job,))


def test_what_was_missed_is_replayed_in_order(store):
    jobs = [store.add(to_json_text(REQUEST), str(n)).id for n in range(3)]
    for job in jobs:
        store.move(job, State.RUNNING)
    numbers = [store.append(jobs[n % 3], Step(0, n, 9, None)).number for n in range(9)]
    assert numbers == sorted(set(numbers))
    assert [each.number for each in store.events(after=numbers[3])] == numbers[4:]
    assert [each.event["step"] for each in store.events(job=jobs[1])] == [1, 4, 7]
    assert [each.number for each in store.events(limit=2)] == numbers[:2]
    assert store.last_number() == numbers[-1]


def test_numbers_are_not_given_twice_when_a_job_is_removed(store):
    job = store.add(to_json_text(REQUEST), "").id
    store.move(job, State.RUNNING)
    last = store.append(job, Finished(1, 0.0, None)).number
    store.remove(job)
    assert store.events() == []
    assert store.last_number() == last
    other = store.add(to_json_text(REQUEST), "").id
    store.move(other, State.RUNNING)
    assert store.append(other, Progress("loading")).number > last


def test_the_queue_can_be_rearranged(store):
    one, two, three = (store.add(to_json_text(REQUEST), str(n)).id for n in range(3))
    store.place_before(three, one)
    assert [row.id for row in store.jobs()] == [three, one, two]
    store.place_before(three, two)
    assert [row.id for row in store.jobs()] == [one, three, two]
    store.place_before(one, None)
    assert [row.id for row in store.jobs()] == [three, two, one]


def test_no_such_job(store):
    for call in (store.job, store.remove, lambda job: store.move(job, State.RUNNING), store.count_attempt):
        with pytest.raises(StoreError, match="no job"):
            call("0" * 16)


def test_only_the_owner_may_read_it(store, tmp_path):
    assert stat.S_IMODE((tmp_path / "jobs.db").stat().st_mode) == 0o600


def test_a_newer_database_is_left_alone(tmp_path):
    JobStore(tmp_path / "jobs.db").close()
    with sqlite3.connect(tmp_path / "jobs.db") as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(StoreError, match="newer"):
        JobStore(tmp_path / "jobs.db")


def test_every_version_can_be_brought_up_to_date(tmp_path):
    for version in range(len(MIGRATIONS)):
        path = tmp_path / f"{version}.db"
        with sqlite3.connect(path) as db:
            for statements in MIGRATIONS[:version]:
                db.executescript(statements)
            db.execute(f"PRAGMA user_version = {version}")
        store = JobStore(path)
        assert store.add(to_json_text(REQUEST), "").state is State.QUEUED
        store.close()


def test_threads_share_one_store(store):
    job = store.add(to_json_text(REQUEST), "").id
    store.move(job, State.RUNNING)
    threads = [
        threading.Thread(target=lambda: [store.append(job, Step(0, 1, 1, None)) for _ in range(25)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    numbers = [each.number for each in store.events()]
    assert numbers == list(range(1, 101))


def test_a_killed_writer_loses_nothing_that_it_was_told_is_stored(tmp_path):
    script = textwrap.dedent("""
        import sys
        from pathlib import Path
        from engine.events import Step
        from engine.server.storage.states import State
        from engine.server.storage.store import JobStore
        from engine.serialization import to_json_text
        from tests.unit.test_store import REQUEST
        store = JobStore(Path(sys.argv[1]))
        job = store.add(to_json_text(REQUEST), "").id
        store.move(job, State.RUNNING)
        for n in range(10**6):
            print(store.append(job, Step(0, n, 9, None)).number, flush=True)
    """)
    root = Path(__file__).resolve().parents[2]
    path = tmp_path / "jobs.db"
    writer = subprocess.Popen([sys.executable, "-c", script, str(path)], cwd=root, stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    for _ in range(40):
        told = int(writer.stdout.readline())
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    told = max([told, *(int(line) for line in writer.stdout if line.endswith("\n"))])
    writer.stdout.close()
    store = JobStore(path)
    assert store.last_number() >= told
    assert len(store.events(limit=10**6)) == store.last_number()
    assert len(store.jobs(State.RUNNING)) == 1
    store.close()


class Life(RuleBasedStateMachine):
    """Any sequence of calls: states follow the table, and every ended job has exactly one terminal event, its last."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.store = JobStore(Path(self.folder.name) / "jobs.db")
        self.jobs: list[str] = []

    @rule()
    def add(self) -> None:
        self.jobs.append(self.store.add(to_json_text(REQUEST), "").id)

    @precondition(lambda self: self.jobs)
    @rule(which=st.integers(0), state=st.sampled_from(State))
    def move(self, which: int, state: State) -> None:
        job = self.jobs[which % len(self.jobs)]
        before = self.store.job(job).state
        if state.ended:
            return  # jobs end by their terminal event alone
        if state in MAY_BECOME[before]:
            assert self.store.move(job, state).state is state
        else:
            with pytest.raises(StoreError):
                self.store.move(job, state)
            assert self.store.job(job).state is before

    @precondition(lambda self: self.jobs)
    @rule(which=st.integers(0), event=st.sampled_from([*ENDS, Progress("loading")]))
    def append(self, which: int, event: Finished) -> None:
        job = self.jobs[which % len(self.jobs)]
        before, count = self.store.job(job).state, len(self.store.events(job=job))
        try:
            self.store.append(job, event)
        except StoreError:
            assert before.ended or (event.event in ENDING and State(event.event) not in MAY_BECOME[before])
            assert len(self.store.events(job=job)) == count

    @invariant()
    def one_end_each(self) -> None:
        for record in self.store.jobs():
            ends = [each.event["event"] in ENDING for each in self.store.events(job=record.id)]
            assert sum(ends) == record.state.ended
            assert not any(ends[:-1])

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()


Life.TestCase.settings = settings(max_examples=40, deadline=None)
TestLife = Life.TestCase
