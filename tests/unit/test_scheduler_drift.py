"""Where somebody is to be asked because a section drifts, the job stands still once, whoever dies meanwhile."""

from __future__ import annotations

import pytest

from engine.drift import Drift, Figure
from engine.events import Finished, Section
from engine.server.jobs.snapshot import snapshot
from engine.server.storage.states import PendingOrder, State
from engine.server.workers.worker_messages import Make, Paused, Ready, Release, Resume, Resumed
from tests.unit.scripted_pool import KILLED
from tests.unit.test_scheduler import Shop

OVER = (Figure("colours", 0.3, None, 0.2),)


def section(index: int) -> Section:
    return Section(index - 1, index, 3, 1, 37, (), ())


def drift(index: int, then: str = "ask") -> Drift:
    return Drift(index - 1, index, 3, OVER, then)


@pytest.fixture
def shop(tmp_path):
    made = Shop(tmp_path, "cpu")
    yield made
    made.store.close()


def drifts(shop: Shop, job: str) -> list[int]:
    return [each.event["index"] for each in shop.store.events(job=job) if each.event["event"] == "drift"]


def test_it_stands_still_and_makes_room_and_is_told_not_to_ask_again_when_it_goes_on(shop):
    job, other = shop.add(), shop.add()
    shop.tell("cpu", job, section(1), drift(1))
    assert (shop.state(job), shop.store.job(job).wanted) == (State.RUNNING, PendingOrder.PAUSE)
    shop.pool.listener.heard("cpu", Paused(job))
    assert shop.state(job) is State.PAUSED
    assert shop.pool.orders[-1][1] == Release(job)
    shop.pool.listener.died("cpu", KILLED)
    assert (shop.state(job), shop.store.job(job).attempts) == (State.PAUSED, 0)
    shop.pool.listener.heard("cpu", Ready("cpu", "cpu", 1))
    assert shop.state(other) is State.RUNNING
    shop.scheduler.resume(job)
    shop.tell("cpu", other, Finished(37, 1.0, None))
    again = shop.pool.orders[-1][1]
    assert isinstance(again, Make)
    assert (again.job, again.asked) == (job, 1)
    shop.tell("cpu", job, drift(1), section(2), drift(2, then=""), section(3), drift(3))
    assert drifts(shop, job) == [1, 2, 3]


def test_a_worker_that_dies_between_question_and_rest_is_not_missed(shop):
    job = shop.add()
    shop.tell("cpu", job, section(1), drift(1))
    shop.pool.listener.died("cpu", KILLED)
    assert (shop.state(job), shop.store.job(job).attempts) == (State.PAUSED, 0)


def test_an_engine_that_dies_there_comes_back_to_it(tmp_path):
    shop = Shop(tmp_path, "cpu")
    job = shop.add()
    shop.tell("cpu", job, section(1), drift(1))
    shop.store.close()
    shop = Shop(tmp_path, "cpu")
    shop.pool.listener.heard("cpu", Ready("cpu", "cpu", 1))
    assert shop.state(job) is State.PAUSED
    shop.store.close()


def test_told_to_go_on_before_it_rests_it_rests_and_goes_on(shop):
    job = shop.add()
    shop.tell("cpu", job, section(1), drift(1))
    shop.scheduler.resume(job)
    assert shop.pool.orders[-1][1] == Resume(job)
    shop.pool.listener.heard("cpu", Paused(job))
    shop.pool.listener.heard("cpu", Resumed(job))
    assert shop.state(job) is State.RUNNING


def test_whoever_is_cancelled_is_asked_nothing(shop):
    job = shop.add()
    shop.scheduler.cancel(job)
    shop.tell("cpu", job, section(1), drift(1))
    assert shop.store.job(job).wanted is PendingOrder.CANCEL


@pytest.mark.parametrize("then", ["", "stop", "again"])
def test_what_is_no_question_holds_nothing_back(shop, then):
    job = shop.add()
    shop.tell("cpu", job, section(1), drift(1, then))
    assert shop.store.job(job).wanted is PendingOrder.GO_ON
    assert drifts(shop, job) == [1]


def test_a_client_that_comes_later_hears_of_it(shop):
    job = shop.add()
    shop.tell("cpu", job, section(1), drift(1))
    _, number, events = shop.store.history(job)
    (told,) = snapshot(number, events).drift
    assert told["figures"] == [{"name": "colours", "value": 0.3, "least": None, "most": 0.2, "frame": 0}]
    assert "event" not in told
