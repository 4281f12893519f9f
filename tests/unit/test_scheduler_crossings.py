"""The scheduler where things cross: calls and reports, copies and kills, and a disk that fills in between."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from engine.events import Failed, Finished
from engine.serialization import to_json, to_json_text
from engine.server.jobs.scheduler import Scheduler
from engine.server.storage.records import StoreError
from engine.server.storage.states import State
from engine.server.workers.worker_messages import Beat, Happened, Make, Paused, Ready, Release, Released, Resumed
from tests.patience import PATIENCE
from tests.unit.scripted_pool import FillingStore, ScriptedPool
from tests.unit.test_scheduler import REQUEST, Shop


@pytest.fixture
def shop(tmp_path):
    made = Shop(tmp_path, "cpu")
    yield made
    made.store.close()


@pytest.fixture
def copies(monkeypatch):
    """Copies of folders wait here until a test lets them be made."""
    waiting: list[Callable[[], object]] = []

    def later(_executor: object, work: Callable[..., object], *arguments: Any) -> Future[None]:
        waiting.append(lambda: work(*arguments))
        return Future()

    monkeypatch.setattr(ThreadPoolExecutor, "submit", later)
    return waiting


def failed_job(shop: Shop, home: Path) -> str:
    """A job that has failed, and has made something."""
    job = shop.add()
    (home / "jobs" / job / "checkpoint").mkdir(parents=True)
    (home / "jobs" / job / "checkpoint" / "made").touch()
    shop.tell("cpu", job, Failed("internal"))
    return job


def made(home: Path, job: str) -> bool:
    return (home / "jobs" / job / "checkpoint" / "made").exists()


@pytest.mark.parametrize(("call", "becomes"), [("cancel", State.CANCELLED), ("resume", State.QUEUED)])
def test_an_order_that_comes_between_two_answers_of_a_worker_that_lays_its_job_aside(shop, call, becomes):
    long = shop.add()
    shop.scheduler.pause(long)
    shop.pool.listener.heard("cpu", Paused(long))
    shop.scheduler.resume(long)
    shop.scheduler.pause(long)
    shop.scheduler.pause(shop.add())  # somebody waits for a moment
    short = shop.add()
    assert any(isinstance(order, Release) for _, order in shop.pool.orders)
    shop.pool.listener.heard("cpu", Resumed(long))  # the answer to the order before
    getattr(shop.scheduler, call)(long)
    shop.pool.listener.heard("cpu", Paused(long))
    shop.pool.listener.heard("cpu", Released(long))
    if becomes is State.CANCELLED:
        assert (shop.state(long), shop.state(short)) == (State.CANCELLED, State.RUNNING)
    else:  # it has its place before the other
        assert (shop.state(long), shop.state(short)) == (State.RUNNING, State.QUEUED)


def test_one_paused_job_makes_room_for_one_that_waits(tmp_path):
    shop = Shop(tmp_path, "one", "two")
    first, second = shop.add(), shop.add()
    for worker, job in (("one", first), ("two", second)):
        shop.scheduler.pause(job)
        shop.pool.listener.heard(worker, Paused(job))
    shop.add()
    shop.scheduler.leases()
    shop.pool.listener.heard("two", Paused(second))  # whatever is heard, nobody else has come
    assert sum(isinstance(order, Release) for _, order in shop.pool.orders) == 1
    shop.store.close()


def test_a_job_that_was_paused_before_its_copy_was_made_has_it_after_a_restart(tmp_path, copies):
    shop = Shop(tmp_path, "cpu")
    job = failed_job(shop, tmp_path)
    again = shop.scheduler.resume(job).id
    shop.scheduler.pause(again)
    shop.store.close()  # killed before anything was copied
    copies.clear()
    shop = Shop(tmp_path, "cpu")
    shop.scheduler.resume(again)
    for copy in copies:
        copy()
    assert shop.state(again) is State.RUNNING
    assert made(tmp_path, again)
    shop.store.close()


def test_a_job_that_was_given_up_and_removed_before_its_copy_leaves_no_folder(shop, tmp_path, copies):
    job = failed_job(shop, tmp_path)
    again = shop.scheduler.resume(job).id
    shop.scheduler.cancel(again)
    shop.scheduler.remove(again)
    copies.pop()()
    assert [folder.name for folder in (tmp_path / "jobs").iterdir()] == [job]
    shop.scheduler.remove(job)


def test_a_job_stays_until_the_one_that_goes_on_from_it_has_its_copy(shop, tmp_path, copies):
    job = failed_job(shop, tmp_path)
    again = shop.scheduler.resume(job).id
    with pytest.raises(StoreError, match="moment"):
        shop.scheduler.remove(job)
    copies.pop()()
    shop.scheduler.remove(job)
    assert shop.state(again) is State.RUNNING
    assert made(tmp_path, again)


def test_nobody_waits_while_a_folder_is_copied(shop, tmp_path, monkeypatch):
    job, other = failed_job(shop, tmp_path), shop.add()
    linked, link = threading.Event(), os.link
    paused = []

    def slowly(*given: Any, **more: Any) -> None:
        caller = threading.Thread(target=lambda: paused.append(shop.scheduler.pause(other)))
        caller.start()
        caller.join(PATIENCE / 10)
        link(*given, **more)
        linked.set()

    monkeypatch.setattr(os, "link", slowly)
    shop.scheduler.resume(job)
    assert linked.wait(PATIENCE)
    assert paused


def test_a_copy_for_which_there_is_no_room_fails_its_job_once_that_can_be_stored(tmp_path, copies, monkeypatch):
    store, pool = FillingStore(tmp_path / "jobs.db"), ScriptedPool(("cpu",))
    scheduler = Scheduler(store, pool, tmp_path, lambda _event: None)
    scheduler.start()
    job = store.add(to_json_text(REQUEST), "").id
    scheduler.submitted(job)
    (tmp_path / "jobs" / job).mkdir(parents=True)
    (tmp_path / "jobs" / job / "made").touch()
    pool.listener.heard("cpu", Happened(job, to_json(Failed("internal"))))
    again = scheduler.resume(job).id
    monkeypatch.setattr("engine.server.jobs.job_folders.carry_over", _full)
    store.full = True
    copies.pop()()
    pool.listener.heard("cpu", Beat("idle", 0))
    assert not any(isinstance(order, Make) and order.job == again for _, order in pool.orders)
    store.full = False
    pool.listener.heard("cpu", Beat("idle", 0))
    assert store.job(again).state is State.FAILED
    assert store.events(job=again)[-1].event["code"] == "disk_full"
    assert not any(isinstance(order, Make) and order.job == again for _, order in pool.orders)
    store.close()


def _full(_old: Path, _new: Path) -> None:
    raise OSError(28, "No space left on device")


def test_a_shot_that_cannot_be_told_of_is_not_taken_in(tmp_path):
    store, pool = FillingStore(tmp_path / "jobs.db"), ScriptedPool(("cpu",))
    scheduler = Scheduler(store, pool, tmp_path, lambda _event: None)
    scheduler.start()
    store.full_from = 1  # the job could be stored, and its first event could not
    try:
        scheduler.submit(to_json_text(REQUEST), "", "key", "body")
    except sqlite3.OperationalError:
        assert store.jobs() == []
    store.full_from = None
    record, _ = scheduler.submit(to_json_text(REQUEST), "", "key", "body")
    pool.listener.heard("cpu", Beat("idle", 0))  # all that happens where the only worker is idle
    assert store.job(record.id).state is State.RUNNING
    assert [each.event["event"] for each in store.events(job=record.id)] == ["queued"]
    store.close()


def test_a_folder_that_cannot_be_taken_away_keeps_its_job(shop, tmp_path, monkeypatch):
    job = failed_job(shop, tmp_path)

    def refuse(_path: Path, _target: Path) -> Path:
        raise PermissionError(13, "a file in it is open")

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(StoreError, match="open"):
        shop.scheduler.remove(job)
    assert shop.state(job) is State.FAILED
    assert made(tmp_path, job)


def test_an_engine_that_starts_on_a_full_disk_goes_on_once_there_is_room(tmp_path):
    shop = Shop(tmp_path, "cpu")
    running, waiting = shop.add(), shop.add()
    shop.store.close()
    store, pool = FillingStore(tmp_path / "jobs.db"), ScriptedPool(("cpu",))
    store.full = True
    scheduler = Scheduler(store, pool, tmp_path, lambda _event: None)
    scheduler.start()
    pool.listener.heard("cpu", Ready("cpu", "cpu", 1))
    pool.listener.heard("cpu", Beat("idle", 0))
    assert pool.orders == []
    store.full = False
    pool.listener.heard("cpu", Beat("idle", 0))
    assert [order.job for _, order in pool.orders] == [running]
    pool.listener.heard("cpu", Beat("sampling", 0))  # and is not interrupted once more
    pool.listener.heard("cpu", Happened(running, to_json(Finished(37, 1.0, None))))
    assert [order.job for _, order in pool.orders] == [running, waiting]
    store.close()
