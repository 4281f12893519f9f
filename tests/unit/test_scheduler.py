"""The scheduler over a pool that does what the test says: the queue, pausing, cancelling, and deaths."""

from __future__ import annotations

import pytest

from engine.events import Failed, Finished, Progress, Section, SectionPlan, Started, Step
from engine.protocol import Board, ShotRequest
from engine.serialization import to_json, to_json_text
from engine.server.jobs.scheduler import Scheduler
from engine.server.storage.records import StoredEvent, StoreError
from engine.server.storage.states import State
from engine.server.storage.store import JobStore
from engine.server.workers.worker_messages import (
    Cancel,
    Happened,
    Make,
    Park,
    Pause,
    Paused,
    Ready,
    Release,
    Released,
    Resume,
    Resumed,
    Unpark,
)
from tests.unit.scripted_pool import KILLED, ScriptedPool

REQUEST = ShotRequest(model="sketch", prompt="pan left", boards=(Board(1, "a" * 64),), frames=37)


class Shop:
    """A store, a scheduler and a pool of `names`."""

    def __init__(self, home, *names: str) -> None:
        self.store = JobStore(home / "jobs.db")
        self.pool = ScriptedPool(names)
        self.stored = 0
        self.scheduler = Scheduler(self.store, self.pool, home, self._count)
        self.scheduler.start()

    def _count(self, _event: StoredEvent) -> None:
        self.stored += 1

    def add(self) -> str:
        job = self.store.add(to_json_text(REQUEST), "").id
        self.scheduler.submitted(job)
        return job

    def tell(self, worker: str, job: str, *events) -> None:
        for event in events:
            self.pool.listener.heard(worker, Happened(job, to_json(event)))

    def names(self, job: str) -> list[str]:
        return [each.event["event"] for each in self.store.events(job=job)]

    def state(self, job: str) -> State:
        return self.store.job(job).state


@pytest.fixture
def shop(tmp_path):
    made = Shop(tmp_path, "cpu")
    yield made
    made.store.close()


def test_jobs_are_handed_out_in_turn(shop):
    one, two = shop.add(), shop.add()
    assert [order.job for _, order in shop.pool.orders] == [one]
    order = shop.pool.orders[0][1]
    assert isinstance(order, Make)
    assert order.request == shop.store.job(one).request_json == to_json_text(REQUEST)
    assert (shop.state(one), shop.state(two)) == (State.RUNNING, State.QUEUED)
    shop.tell("cpu", one, Step(0, 1, 1, None), Finished(37, 1.0, None))
    assert shop.state(one) is State.FINISHED
    assert shop.pool.orders[-1][1].job == two
    assert shop.names(one) == ["queued", "finished"]  # steps are told and not kept
    assert shop.stored == 3


def test_every_worker_gets_a_job(tmp_path):
    shop = Shop(tmp_path, "cuda:0", "cuda:1")
    one, two, three = (shop.add() for _ in range(3))
    assert [(worker, order.job) for worker, order in shop.pool.orders] == [("cuda:0", one), ("cuda:1", two)]
    shop.tell("cuda:1", two, Finished(37, 1.0, None))
    assert (shop.pool.orders[-1][0], shop.pool.orders[-1][1].job) == ("cuda:1", three)
    shop.store.close()


def test_a_first_death_is_forgiven_and_a_second_is_not(shop):
    job, other = shop.add(), shop.add()
    shop.pool.listener.died("cpu", KILLED)
    assert shop.state(job) is State.RUNNING  # handed out again at once, before the other one
    assert [(order.job, order.retry) for _, order in shop.pool.orders] == [(job, False), (job, True)]
    shop.pool.listener.died("cpu", KILLED)
    assert shop.state(job) is State.FAILED
    last = shop.store.events(job=job)[-1].event
    assert last == {
        "event": "failed",
        "code": "worker_died",
        "detail": {"reason": KILLED.reason, "log": KILLED.log},
    }
    assert shop.state(other) is State.RUNNING


def test_the_death_of_an_idle_worker_harms_nobody(shop):
    shop.pool.listener.died("cpu", KILLED)
    assert shop.store.events() == []


def test_what_a_dead_worker_still_says_is_not_believed(shop):
    job = shop.add()
    shop.pool.states[0].ready = False
    shop.pool.listener.died("cpu", KILLED)
    shop.tell("cpu", job, Finished(37, 1.0, None))
    assert shop.state(job) is State.QUEUED
    assert "finished" not in shop.names(job)


def test_pausing_and_resuming_a_running_job(shop):
    job = shop.add()
    shop.scheduler.pause(job)
    assert shop.pool.orders[-1][1] == Pause(job)
    assert shop.state(job) is State.RUNNING  # until the worker says that it stands still
    shop.pool.listener.heard("cpu", Paused(job))
    assert shop.state(job) is State.PAUSED
    shop.scheduler.resume(job)
    assert shop.pool.orders[-1][1] == Resume(job)
    shop.pool.listener.heard("cpu", Resumed(job))
    assert shop.state(job) is State.RUNNING


def test_pausing_a_waiting_job_lets_the_next_one_pass(shop):
    one, two, three = (shop.add() for _ in range(3))
    shop.scheduler.pause(two)
    shop.tell("cpu", one, Finished(37, 1.0, None))
    assert (shop.state(two), shop.state(three)) == (State.PAUSED, State.RUNNING)
    shop.scheduler.resume(two)
    shop.tell("cpu", three, Finished(37, 1.0, None))
    assert shop.state(two) is State.RUNNING


def test_cancelling_where_a_job_waits_runs_and_has_ended(shop):
    one, two = shop.add(), shop.add()
    shop.scheduler.cancel(two)
    assert shop.names(two) == ["queued", "cancelled"]
    shop.scheduler.cancel(one)
    assert shop.pool.orders[-1][1] == Cancel(one)
    shop.tell("cpu", one, Finished(37, 1.0, None))  # it was faster
    with pytest.raises(StoreError, match="finished"):
        shop.scheduler.pause(one)
    assert shop.names(one)[-1] == "finished"
    for ended in (one, two):
        with pytest.raises(StoreError, match="ended already"):
            shop.scheduler.cancel(ended)


def test_a_restarted_engine_goes_on_with_what_ran(tmp_path):
    shop = Shop(tmp_path, "cpu")
    one, two = shop.add(), shop.add()
    shop.store.close()
    again = Shop(tmp_path, "cpu")
    assert again.names(one) == ["queued", "progress"]
    again.pool.listener.heard("cpu", Ready("cpu", "cpu", 1))
    assert (again.state(one), again.state(two)) == (State.RUNNING, State.QUEUED)
    assert isinstance(again.store.events(job=one)[-1].event["stage"], str)
    again.store.close()


def test_progress_of_a_job_is_stored_in_order(shop):
    job = shop.add()
    shop.tell("cpu", job, *(Progress(f"loading {n}") for n in range(3)))
    assert [each.event.get("stage") for each in shop.store.events(job=job)] == [
        None,
        "loading 0",
        "loading 1",
        "loading 2",
    ]


def test_a_paused_job_makes_room_and_comes_back(shop):
    long = shop.add()
    shop.scheduler.pause(long)
    shop.pool.listener.heard("cpu", Paused(long))
    assert not any(isinstance(order, Release) for _, order in shop.pool.orders)  # nobody else waits
    short = shop.add()
    assert shop.pool.orders[-1][1] == Release(long)
    third = shop.add()
    assert [order for _, order in shop.pool.orders].count(Release(long)) == 1
    shop.pool.listener.heard("cpu", Released(long))
    assert (shop.state(long), shop.state(short)) == (State.PAUSED, State.RUNNING)
    shop.scheduler.resume(long)
    assert shop.state(long) is State.QUEUED
    shop.tell("cpu", short, Finished(37, 1.0, None))
    assert (shop.state(long), shop.state(third)) == (State.RUNNING, State.QUEUED)  # it kept its place


def test_a_job_that_is_being_laid_aside_can_go_on_or_be_given_up(shop):
    long = shop.add()
    shop.scheduler.pause(long)
    shop.pool.listener.heard("cpu", Paused(long))
    other = shop.add()
    shop.scheduler.resume(long)  # crosses the worker's answer: nobody else may take it before that
    assert shop.state(long) is State.QUEUED
    assert sum(isinstance(order, Make) for _, order in shop.pool.orders) == 1
    shop.pool.listener.heard("cpu", Released(long))
    assert (shop.state(long), shop.state(other)) == (State.RUNNING, State.QUEUED)

    shop.scheduler.pause(long)
    shop.pool.listener.heard("cpu", Paused(long))
    third = shop.add()
    assert shop.pool.orders[-1][1] == Release(long)
    shop.scheduler.cancel(long)
    assert shop.state(long) is State.CANCELLED
    shop.pool.listener.heard("cpu", Released(long))
    assert (shop.state(other), shop.state(third)) == (State.RUNNING, State.QUEUED)


def test_a_paused_job_stays_paused_when_its_worker_dies(shop):
    job = shop.add()
    shop.scheduler.pause(job)
    shop.pool.listener.heard("cpu", Paused(job))
    shop.pool.listener.died("cpu", KILLED)
    assert shop.state(job) is State.PAUSED
    shop.scheduler.resume(job)
    assert shop.state(job) is State.RUNNING
    assert isinstance(shop.pool.orders[-1][1], Make)


def plan(*sections: int) -> Started:
    return Started("inverted", tuple(SectionPlan(n, 1, 37, "") for n in sections), 73, 64, 64, 30.0, 4, 0)


def test_a_job_that_ended_badly_goes_on_as_a_new_one(shop, tmp_path):
    job = shop.add()
    folder = tmp_path / "jobs" / job
    (folder / "frames").mkdir(parents=True)
    (folder / "frames" / "0001.png").write_bytes(b"picture")
    (folder / "lock").touch()
    shop.tell("cpu", job, plan(1, 0), Section(1, 1, 2, 38, 36, (), ()), Failed("internal"))
    with pytest.raises(StoreError):
        shop.scheduler.cancel(job)
    again = shop.scheduler.resume(job)
    shop.pool.wait_for_make(again.id)
    assert (again.continues, shop.state(again.id)) == (job, State.RUNNING)
    assert shop.scheduler.resume(job).id == again.id  # the answer was lost, and the artist pressed once more
    assert (tmp_path / "jobs" / again.id / "frames" / "0001.png").read_bytes() == b"picture"
    assert not (tmp_path / "jobs" / again.id / "lock").exists()
    assert shop.state(job) is State.FAILED
    assert shop.names(job).count("failed") == 1
    shop.tell("cpu", again.id, Finished(73, 1.0, None))
    with pytest.raises(StoreError):
        shop.scheduler.resume(again.id)


def test_what_a_continued_job_needs_is_there_after_a_kill_in_between(tmp_path):
    shop = Shop(tmp_path, "cpu")
    job = shop.add()
    (tmp_path / "jobs" / job).mkdir(parents=True)
    (tmp_path / "jobs" / job / "made").touch()
    shop.tell("cpu", job, Failed("internal"))
    again = shop.store.add(to_json_text(REQUEST), "", continues=job)  # and here the engine was killed
    shop.store.close()
    restarted = Shop(tmp_path, "cpu")
    restarted.pool.listener.heard("cpu", Ready("cpu", "cpu", 1))
    restarted.pool.wait_for_make(again.id)
    assert (tmp_path / "jobs" / again.id / "made").exists()
    restarted.store.close()


def test_a_cancelled_job_tells_how_much_of_it_is_made(shop):
    job = shop.add()
    shop.tell("cpu", job, plan(1, 0), Section(1, 1, 2, 38, 36, (), ()))
    shop.scheduler.pause(job)
    shop.pool.listener.heard("cpu", Paused(job))
    shop.add()
    shop.pool.listener.heard("cpu", Released(job))
    shop.scheduler.cancel(job)
    assert shop.store.events(job=job)[-1].event == {"event": "cancelled", "done": 1}


def test_a_parked_engine_hands_nothing_out(shop):
    one = shop.add()
    shop.scheduler.park()
    assert shop.pool.orders[-1] == ("cpu", Park())
    shop.tell("cpu", one, Finished(37, 1.0, None))
    two = shop.add()
    assert shop.state(two) is State.QUEUED
    shop.pool.listener.heard("cpu", Ready("cpu", "cpu", 1))  # a fresh worker learns of it
    assert shop.pool.orders[-1] == ("cpu", Park())
    shop.scheduler.unpark()
    assert ("cpu", Unpark()) in shop.pool.orders
    assert shop.state(two) is State.RUNNING


def test_going_on_with_a_job_that_runs_or_waits_changes_nothing(shop):
    job, other = shop.add(), shop.add()
    for each in (job, job, other):
        shop.scheduler.resume(each)
    assert (shop.state(job), shop.state(other)) == (State.RUNNING, State.QUEUED)
    assert len(shop.pool.orders) == 1
    shop.tell("cpu", job, Finished(37, 1.0, None))
    assert (shop.state(job), shop.state(other)) == (State.FINISHED, State.RUNNING)


def test_a_paused_job_that_is_told_to_go_on_makes_no_room(shop):
    job = shop.add()
    shop.scheduler.pause(job)
    shop.pool.listener.heard("cpu", Paused(job))
    shop.scheduler.resume(job)
    other = shop.add()  # the worker has not said yet that it goes on
    assert not any(isinstance(order, Release) for _, order in shop.pool.orders)
    shop.pool.listener.heard("cpu", Resumed(job))
    shop.scheduler.pause(job)
    assert shop.pool.orders[-1][1] == Pause(job)
    shop.pool.listener.heard("cpu", Paused(job))
    shop.pool.listener.heard("cpu", Released(job))
    assert shop.state(other) is State.RUNNING


@pytest.mark.parametrize("ends", ["worker", "engine"])
def test_what_was_ordered_outlives_the_worker_and_the_engine(tmp_path, ends):
    shop = Shop(tmp_path, "one", "two", "three")
    given_up, halted, going_on = (shop.add() for _ in range(3))
    shop.scheduler.cancel(given_up)
    shop.scheduler.pause(halted)
    shop.scheduler.pause(going_on)
    shop.pool.listener.heard("three", Paused(going_on))
    shop.scheduler.resume(going_on)
    if ends == "worker":
        for state in shop.pool.states:
            state.ready = False
            shop.pool.listener.died(state.name, KILLED)
    else:
        shop.store.close()
        shop = Shop(tmp_path, "one")
    assert shop.state(given_up) is State.CANCELLED
    assert shop.state(halted) is State.PAUSED
    assert shop.state(going_on) in (State.QUEUED, State.RUNNING)
    shop.store.close()


def test_an_engine_starts_without_the_job_that_another_continues(tmp_path):
    shop = Shop(tmp_path, "cpu")
    busy, never_begun = shop.add(), shop.add()
    shop.scheduler.cancel(never_begun)
    again = shop.scheduler.resume(never_begun)
    shop.store.remove(never_begun)
    shop.store.close()
    restarted = Shop(tmp_path, "cpu")
    for job in (busy, again.id):
        restarted.pool.listener.heard("cpu", Ready("cpu", "cpu", 1))
        restarted.pool.wait_for_make(job)
        restarted.tell("cpu", job, Finished(37, 1.0, None))
    assert {restarted.state(job) for job in (busy, again.id)} == {State.FINISHED}
    restarted.store.close()


def test_the_end_of_a_chain_of_continued_jobs_goes_on(shop, tmp_path):
    first = shop.add()
    (tmp_path / "jobs" / first).mkdir(parents=True)
    (tmp_path / "jobs" / first / "made").touch()
    shop.tell("cpu", first, Failed("internal"))
    other = shop.add()  # keeps the worker busy
    second = shop.scheduler.resume(first).id
    shop.scheduler.cancel(second)  # before it ever ran
    third = shop.scheduler.resume(first)
    assert third.continues == second
    shop.tell("cpu", other, Finished(37, 1.0, None))
    shop.pool.wait_for_make(third.id)
    assert (tmp_path / "jobs" / third.id / "made").exists()
