"""The foreman over a pool that does what the test says: the queue, pausing, cancelling, and deaths."""

from __future__ import annotations

import pytest

from engine.protocol import Board, Finished, Progress, ShotRequest, Step, to_json
from engine.server.foreman import Foreman
from engine.server.orders import Cancel, Happened, Make, Order, Pause, Paused, Resume, Resumed
from engine.server.pool import Death, Listener, WorkerState
from engine.server.states import State
from engine.server.store import JobStore, StoreError

REQUEST = ShotRequest(model="sketch", prompt="pan left", boards=(Board(1, "a" * 64),), frames=37)
KILLED = Death("killed, most likely out of memory", "last words")


class ScriptedPool:
    """Workers that only note their orders."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.states = [WorkerState(name, name, ready=True) for name in names]
        self.orders: list[tuple[str, Order]] = []

    def start(self, listener: Listener) -> None:
        self.listener = listener

    def workers(self) -> list[WorkerState]:
        return self.states

    def order(self, worker: str, order: Order) -> None:
        self.orders.append((worker, order))

    def stop(self) -> None:
        self.orders.clear()


class Shop:
    """A store, a foreman and a pool of `names`."""

    def __init__(self, home, *names: str) -> None:
        self.store = JobStore(home / "jobs.db")
        self.pool = ScriptedPool(names)
        self.stored = 0
        self.foreman = Foreman(self.store, self.pool, home, self._count)
        self.foreman.start()

    def _count(self) -> None:
        self.stored += 1

    def add(self) -> str:
        job = self.store.add(REQUEST, "").id
        self.foreman.submitted(job)
        return job

    def tell(self, worker: str, job: str, *events) -> None:
        for event in events:
            self.foreman.heard(worker, Happened(job, to_json(event)))

    def names(self, job: str) -> list[str]:
        return [each.event["event"] for each in self.store.events(job=job)]

    def state(self, job: str) -> State:
        return self.store.job(job).state


@pytest.fixture
def shop(tmp_path):
    made = Shop(tmp_path, "cpu")
    yield made
    made.store.close()


def test_jobs_are_handed_out_in_turn(shop, tmp_path):
    one, two = shop.add(), shop.add()
    assert [order.job for _, order in shop.pool.orders] == [one]
    order = shop.pool.orders[0][1]
    assert isinstance(order, Make)
    assert order.folder == str(tmp_path / "jobs" / one)
    assert order.images == {"a" * 64: str(tmp_path / "images" / ("a" * 64))}
    assert (shop.state(one), shop.state(two)) == (State.RUNNING, State.QUEUED)
    shop.tell("cpu", one, Step(0, 1, 1, None), Finished(37, 1.0, None))
    assert shop.state(one) is State.FINISHED
    assert shop.pool.orders[-1][1].job == two
    assert shop.names(one) == ["queued", "step", "finished"]
    assert shop.stored == 4


def test_every_worker_gets_a_job(tmp_path):
    shop = Shop(tmp_path, "cuda:0", "cuda:1")
    one, two, three = (shop.add() for _ in range(3))
    assert [(worker, order.job) for worker, order in shop.pool.orders] == [("cuda:0", one), ("cuda:1", two)]
    shop.tell("cuda:1", two, Finished(37, 1.0, None))
    assert (shop.pool.orders[-1][0], shop.pool.orders[-1][1].job) == ("cuda:1", three)
    shop.store.close()


def test_a_first_death_is_forgiven_and_a_second_is_not(shop):
    job, other = shop.add(), shop.add()
    shop.foreman.died("cpu", KILLED)
    assert shop.state(job) is State.RUNNING  # handed out again at once, before the other one
    assert [(order.job, order.thrift) for _, order in shop.pool.orders] == [(job, 0), (job, 1)]
    shop.foreman.died("cpu", KILLED)
    assert shop.state(job) is State.FAILED
    last = shop.store.events(job=job)[-1].event
    assert last == {
        "event": "failed",
        "code": "worker_died",
        "detail": {"reason": KILLED.reason, "log": KILLED.log},
    }
    assert shop.state(other) is State.RUNNING


def test_the_death_of_an_idle_worker_harms_nobody(shop):
    shop.foreman.died("cpu", KILLED)
    assert shop.store.events() == []


def test_what_a_dead_worker_still_says_is_not_believed(shop):
    job = shop.add()
    shop.pool.states[0].ready = False
    shop.foreman.died("cpu", KILLED)
    shop.tell("cpu", job, Finished(37, 1.0, None))
    assert shop.state(job) is State.QUEUED
    assert "finished" not in shop.names(job)


def test_pausing_and_resuming_a_running_job(shop):
    job = shop.add()
    shop.foreman.pause(job)
    assert shop.pool.orders[-1][1] == Pause(job)
    assert shop.state(job) is State.RUNNING  # until the worker says that it stands still
    shop.foreman.heard("cpu", Paused(job))
    assert shop.state(job) is State.PAUSED
    shop.foreman.resume(job)
    assert shop.pool.orders[-1][1] == Resume(job)
    shop.foreman.heard("cpu", Resumed(job))
    assert shop.state(job) is State.RUNNING


def test_pausing_a_waiting_job_lets_the_next_one_pass(shop):
    one, two, three = (shop.add() for _ in range(3))
    shop.foreman.pause(two)
    shop.tell("cpu", one, Finished(37, 1.0, None))
    assert (shop.state(two), shop.state(three)) == (State.PAUSED, State.RUNNING)
    shop.foreman.resume(two)
    shop.tell("cpu", three, Finished(37, 1.0, None))
    assert shop.state(two) is State.RUNNING


def test_cancelling_where_a_job_waits_runs_and_has_ended(shop):
    one, two = shop.add(), shop.add()
    shop.foreman.cancel(two)
    assert shop.names(two) == ["queued", "cancelled"]
    shop.foreman.cancel(one)
    assert shop.pool.orders[-1][1] == Cancel(one)
    shop.tell("cpu", one, Finished(37, 1.0, None))  # it was faster
    with pytest.raises(StoreError, match="finished"):
        shop.foreman.pause(one)
    assert shop.names(one)[-1] == "finished"
    for ended in (one, two):
        with pytest.raises(StoreError, match="ended already"):
            shop.foreman.cancel(ended)


def test_a_restarted_engine_goes_on_with_what_ran(tmp_path):
    shop = Shop(tmp_path, "cpu")
    one, two = shop.add(), shop.add()
    shop.store.close()
    again = Shop(tmp_path, "cpu")
    assert again.names(one) == ["queued", "progress"]
    again.foreman.heard("cpu", Resumed("nobody"))  # any report: the worker is there
    assert (again.state(one), again.state(two)) == (State.RUNNING, State.QUEUED)
    assert isinstance(again.store.events(job=one)[-1].event["stage"], str)
    again.store.close()


def test_progress_of_a_job_is_stored_in_order(shop):
    job = shop.add()
    shop.tell("cpu", job, Progress("loading"), *(Step(0, n, 3, None) for n in (1, 2, 3)))
    assert shop.names(job) == ["queued", "progress", "step", "step", "step"]
