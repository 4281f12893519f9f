"""What the scheduler can since it tells steps live: changes, leases, a disk that is full."""

from __future__ import annotations

import json

import pytest

from engine.events import Cancelled, Finished, Frames, Progress, Section, Step
from engine.serialization import to_json, to_json_text
from engine.server.jobs.park_leases import Leases
from engine.server.jobs.scheduler import Scheduler
from engine.server.storage.records import StoreError
from engine.server.storage.states import State
from engine.server.storage.store import JobStore
from engine.server.workers.worker_messages import (
    Amend,
    Beat,
    Happened,
    Park,
    Paused,
    Ready,
    Release,
    Released,
    Resume,
    Resumed,
    Unpark,
)
from tests.unit.scripted_pool import KILLED, FillingStore, ScriptedPool, TryAgainError
from tests.unit.test_scheduler import REQUEST, Shop, plan


@pytest.fixture
def shop(tmp_path):
    made = Shop(tmp_path, "cpu")
    yield made
    made.store.close()


def test_steps_are_passed_on_and_the_newest_is_known(tmp_path):
    passed = []
    store, pool = JobStore(tmp_path / "jobs.db"), ScriptedPool(("cpu",))
    scheduler = Scheduler(
        *(store, pool, tmp_path),
        lambda _event: None,
        lambda job, event: passed.append((job, event.get("step") or event["files"])),
    )
    scheduler.start()
    job = store.add(to_json_text(REQUEST), "").id
    scheduler.submitted(job)
    first = Frames(0, ("frames/0001.png",))
    for event in (*(Step(0, n, 3, None) for n in (1, 2, 3)), Progress("decoding"), first):
        pool.listener.heard("cpu", Happened(job, to_json(event)))
    assert [each.event["event"] for each in store.events(job=job)] == ["queued", "progress"]
    assert scheduler.step(job) == to_json(Step(0, 3, 3, None))
    assert passed == [(job, 1), (job, 2), (job, 3), (job, ["frames/0001.png"])]
    pool.listener.heard("cpu", Happened(job, to_json(Finished(37, 1.0, None))))
    assert scheduler.step(job) is None
    store.close()


def test_a_request_changes_until_the_last_section_is_begun(shop):
    waiting_first, job = shop.add(), shop.add()
    assert shop.scheduler.change(job, {"prompt": "roll"}).request.prompt == "roll"
    assert not any(isinstance(order, Amend) for _, order in shop.pool.orders)
    shop.scheduler.cancel(waiting_first)
    shop.tell("cpu", waiting_first, Cancelled(0))
    assert json.loads(shop.pool.orders[-1][1].request)["prompt"] == "roll"
    shop.tell("cpu", job, plan(1, 0), Step(1, 1, 4, None))
    changed = shop.scheduler.change(job, {"steps": 2}).request
    assert (changed.prompt, changed.steps) == ("roll", 2)
    assert shop.pool.orders[-1][1] == Amend(job, to_json_text(changed))
    shop.tell("cpu", job, Step(0, 1, 2, None))
    with pytest.raises(StoreError, match="begun"):
        shop.scheduler.change(job, {"steps": 3}, name="new")
    assert (shop.store.job(job).request, shop.store.job(job).name) == (changed, "")  # all of it or nothing
    shop.pool.listener.died("cpu", KILLED)  # what was begun is begun again
    assert shop.scheduler.change(job, {"steps": 3}).request.steps == 3


def test_leases_are_counted_by_client_and_expire(tmp_path):
    now = 0.0
    leases = Leases(lambda: now)
    store, pool = JobStore(tmp_path / "jobs.db"), ScriptedPool(("cpu",))
    scheduler = Scheduler(store, pool, tmp_path, lambda _event: None, leases=leases)
    scheduler.start()
    scheduler.park("one", 10)
    scheduler.park("two", 30)
    scheduler.park("one", 10)
    assert [order for _, order in pool.orders] == [Park()]
    scheduler.unpark("two")
    scheduler.unpark("two")
    assert scheduler.leases()
    now = 9.0
    scheduler.park("one", 10)  # begun anew
    now = 18.0
    pool.listener.heard("cpu", Beat("parked", 0))
    assert [(lease.client, lease.seconds_left) for lease in scheduler.leases()] == [("one", 1.0)]
    now = 19.5  # its client is dead; a worker's beat is all that happens
    pool.listener.heard("cpu", Beat("parked", 0))
    assert [order for _, order in pool.orders] == [Park(), Unpark()]
    store.close()


def test_a_full_disk_keeps_the_report_and_owes_the_next_job(tmp_path):
    store, pool = FillingStore(tmp_path / "jobs.db"), ScriptedPool(("cpu",))
    scheduler = Scheduler(store, pool, tmp_path, lambda _event: None)
    scheduler.start()
    one, two = (store.add(to_json_text(REQUEST), "").id for _ in range(2))
    scheduler.submitted(one)
    scheduler.submitted(two)
    store.full = True
    finished = Happened(one, to_json(Finished(37, 1.0, None)))
    with pytest.raises(TryAgainError):
        pool.listener.heard("cpu", finished)
    with pytest.raises(TryAgainError):
        pool.listener.died("cpu", KILLED)
    store.full = False
    pool.listener.heard("cpu", finished)
    assert (store.job(one).state, store.job(two).state) == (State.FINISHED, State.RUNNING)
    three = store.add(to_json_text(REQUEST), "").id
    scheduler.submitted(three)
    store.full_from = 1  # the end can be stored, and handing out the next one cannot
    pool.listener.heard("cpu", Happened(two, to_json(Finished(37, 1.0, None))))
    store.full_from = None
    assert store.job(three).state is State.QUEUED
    pool.listener.heard("cpu", Beat("idle", 0))
    assert store.job(three).state is State.RUNNING
    store.close()


def stopping(shop, stop_after=1):
    return shop.scheduler.submit(to_json_text(REQUEST), "", stop_after=stop_after)[0].id


def section(index, of=2):
    return Section(index - 1, index, of, 1, 37, (), ())


def test_a_job_stands_still_by_itself_and_makes_room_and_goes_on_when_told(shop):
    job, other = stopping(shop), shop.add()
    assert shop.pool.orders[-1][1].stop_after == 1
    shop.tell("cpu", job, section(1))
    shop.pool.listener.heard("cpu", Paused(job))
    assert shop.state(job) is State.PAUSED
    assert isinstance(shop.pool.orders[-1][1], Release)  # as one that somebody has paused
    shop.pool.listener.heard("cpu", Released(job))
    assert (shop.state(job), shop.state(other)) == (State.PAUSED, State.RUNNING)
    shop.scheduler.resume(job)
    shop.tell("cpu", other, Finished(37, 1.0, None))
    assert (shop.pool.orders[-1][1].job, shop.pool.orders[-1][1].stop_after) == (job, 0)
    assert shop.state(job) is State.RUNNING


def test_told_to_go_on_before_it_stops_it_does_not_stop(shop):
    job, waiting = stopping(shop), stopping(shop)
    shop.scheduler.resume(waiting)
    shop.scheduler.resume(job)
    assert shop.pool.orders[-1][1] == Resume(job)
    # The worker may have stood still already when it heard that; then it says so, and that it goes on.
    shop.tell("cpu", job, section(1))
    shop.pool.listener.heard("cpu", Paused(job))
    assert not any(isinstance(order, Release) for _, order in shop.pool.orders)
    shop.pool.listener.heard("cpu", Resumed(job))
    assert shop.state(job) is State.RUNNING
    shop.tell("cpu", job, section(2), Finished(37, 1.0, None))
    assert (shop.pool.orders[-1][1].job, shop.pool.orders[-1][1].stop_after) == (waiting, 0)


def test_a_worker_that_dies_at_the_stop_is_not_missed(shop):
    job = stopping(shop)
    shop.tell("cpu", job, section(1))
    shop.pool.listener.died("cpu", KILLED)
    assert (shop.state(job), shop.store.job(job).attempts) == (State.PAUSED, 0)


def test_an_engine_that_dies_at_the_stop_comes_back_to_it(tmp_path):
    shop = Shop(tmp_path, "cpu")
    at_stop, before = stopping(shop), stopping(shop, 2)
    shop.tell("cpu", at_stop, section(1, of=3))
    shop.store.close()
    shop = Shop(tmp_path, "cpu")
    shop.pool.listener.heard("cpu", Ready("cpu", "cpu", 1))
    assert (shop.state(at_stop), shop.state(before)) == (State.PAUSED, State.RUNNING)
    assert shop.pool.orders[-1][1].stop_after == 2
    shop.store.close()


def test_a_stop_at_the_last_section_is_none(shop):
    job = stopping(shop, 2)
    shop.tell("cpu", job, section(1), section(2))
    shop.pool.listener.died("cpu", KILLED)
    assert shop.state(job) is State.RUNNING
