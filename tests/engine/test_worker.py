"""Real worker processes under the foreman: shots come out as without a server, whoever is killed or paused."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.framepack.job import prepare, run
from engine.media.boards import open_board
from engine.media.files import make_folder
from engine.models.folder import open_folder
from engine.protocol import Board, Event, Finished, Progress, ShotRequest
from engine.server.foreman import Foreman
from engine.server.orders import Make
from engine.server.pool import LocalPool
from engine.server.states import State
from engine.server.store import JobStore
from engine.server.worker import Worker
from tests.engine.checkpoints import BOARD, TINY

LIMIT = 120.0
BOARD_PICTURE = open_board(BOARD)
REQUEST = ShotRequest(
    model=str(TINY),
    prompt="w5 w2 w81",
    boards=(Board(1, BOARD_PICTURE.sha256),),
    frames=109,
    width=64,
    height=64,
    steps=6,
)


class Shop:
    """A store, a foreman and one real worker, in `home`."""

    def __init__(self, home: Path) -> None:
        for folder in ("jobs", "images", "logs"):
            make_folder(home / folder)
        (home / "images" / BOARD_PICTURE.sha256).write_bytes(BOARD_PICTURE.data)
        self.store = JobStore(home / "jobs.db")
        self.pool = LocalPool(["cpu"], home / "logs")
        self.foreman = Foreman(self.store, self.pool, home, lambda _event: None)
        self.foreman.start()

    def add(self, request: ShotRequest = REQUEST) -> str:
        job = self.store.add(request, "").id
        self.foreman.submitted(job)
        return job

    def wait(self, fits: Callable[[], bool]) -> None:
        begun = time.monotonic()
        while not fits():
            assert time.monotonic() - begun < LIMIT, [each.event for each in self.store.events()][-5:]
            time.sleep(0.02)

    def wait_for_event(self, job: str, name: str, count: int = 1) -> None:
        self.wait(lambda: self.names(job).count(name) >= count)

    def names(self, job: str) -> list[str]:
        return [each.event["event"] for each in self.store.events(job=job)]

    def frames(self, job: str) -> list[bytes]:
        return [path.read_bytes() for path in sorted((self.foreman.folder(job) / "frames").glob("*.png"))]

    def kill_worker(self) -> None:
        pid = self.pool.workers()[0].pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

    def close(self) -> None:
        self.pool.stop()
        self.store.close()


@pytest.fixture
def shop(tmp_path) -> Iterator[Shop]:
    made = Shop(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> list[bytes]:
    """The frames of the same request without any server."""
    folder = tmp_path_factory.mktemp("alone") / "shot"
    job = prepare(REQUEST, {BOARD_PICTURE.sha256: BOARD_PICTURE}, open_folder(TINY), "cpu", folder)
    events = list(run(job, {BOARD_PICTURE.sha256: BOARD_PICTURE}, resume=False))
    assert isinstance(events[-1], Finished)
    return [path.read_bytes() for path in sorted((folder / "frames").glob("*.png"))]


def pixels(frames: list[bytes]) -> list[bytes]:
    """Frames without what their text chunks say of time."""
    import io

    from PIL import Image

    return [Image.open(io.BytesIO(frame)).tobytes() for frame in frames]


def test_a_shot_through_a_worker_is_the_shot(shop, undisturbed):
    job = shop.add()
    shop.wait_for_event(job, "finished")
    assert pixels(shop.frames(job)) == pixels(undisturbed)
    assert shop.store.job(job).state is State.FINISHED
    assert shop.names(job)[0] == "queued"
    assert [each.event["section"] for each in shop.store.events(job=job) if each.event["event"] == "section"] == [
        2,
        1,
        0,
    ]
    state = shop.pool.workers()[0]
    assert state.ready
    assert state.memory_total > 0


def test_a_killed_worker_costs_no_finished_section(shop, undisturbed):
    job = shop.add()
    shop.wait_for_event(job, "section")
    shop.kill_worker()
    shop.wait_for_event(job, "finished")
    assert pixels(shop.frames(job)) == pixels(undisturbed)
    made = [each.event["section"] for each in shop.store.events(job=job) if each.event["event"] == "section"]
    assert made == [2, 1, 0]
    assert shop.names(job).count("finished") == 1
    assert shop.store.job(job).attempts == 1


def test_pausing_stands_still_and_going_on_changes_nothing(shop, undisturbed):
    job = shop.add()
    shop.wait_for_event(job, "step", 2)
    shop.foreman.pause(job)
    shop.wait(lambda: shop.store.job(job).state is State.PAUSED)
    count = len(shop.names(job))
    time.sleep(1.0)
    assert len(shop.names(job)) == count
    shop.foreman.resume(job)
    shop.wait_for_event(job, "finished")
    assert pixels(shop.frames(job)) == pixels(undisturbed)


def test_cancelling_keeps_what_is_finished_and_frees_the_worker(shop):
    job, other = shop.add(), shop.add(ShotRequest(**{**vars(REQUEST), "frames": 1}))
    shop.wait_for_event(job, "section")
    steps = shop.names(job).count("step")
    shop.foreman.cancel(job)
    shop.wait_for_event(job, "cancelled")
    assert shop.names(job).count("step") <= steps + 3  # what it did before it heard of it
    assert list((shop.foreman.folder(job) / "checkpoint").glob("latents-*"))
    assert shop.store.events(job=job)[-1].event == {"event": "cancelled", "done": 1}
    shop.wait_for_event(other, "finished")


def test_a_bad_job_fails_with_its_reason_and_the_worker_lives_on(shop):
    job = shop.add(ShotRequest(**{**vars(REQUEST), "model": "no-such-model"}))
    shop.wait_for_event(job, "failed")
    assert shop.store.events(job=job)[-1].event["code"] == "model_unknown"
    other = shop.add(ShotRequest(**{**vars(REQUEST), "frames": 1}))
    shop.wait_for_event(other, "finished")
    assert shop.pool.workers()[0].deaths == 0


def test_a_job_that_kills_its_workers_fails_after_the_second(shop):
    job = shop.add()
    for attempt in (1, 2):
        shop.wait(lambda: shop.store.job(job).state is State.RUNNING and shop.pool.workers()[0].ready)
        shop.kill_worker()
        shop.wait(lambda attempt=attempt: shop.store.job(job).attempts == attempt)
    shop.wait_for_event(job, "failed")
    last = shop.store.events(job=job)[-1].event
    assert last["code"] == "worker_died"
    assert last["detail"]["reason"] == "killed, most likely out of memory"


def test_a_worker_ends_when_nobody_holds_its_pipe(shop):
    shop.wait(lambda: shop.pool.workers()[0].ready)
    pid = shop.pool.workers()[0].pid
    shop.pool.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_the_store_can_be_read_while_a_worker_computes(shop, tmp_path):
    job = shop.add()
    shop.wait_for_event(job, "step")
    with sqlite3.connect(f"file:{tmp_path / 'jobs.db'}?mode=ro", uri=True) as other:
        assert other.execute("SELECT state FROM jobs").fetchone()[0] == "running"
    shop.foreman.cancel(job)
    shop.wait_for_event(job, "cancelled")


def test_the_next_jobs_order_is_not_read_by_the_one_that_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The foreman hands out the next job the moment it hears of the end, which may be before the worker is through."""
    reports, lines = os.pipe()
    worker = Worker("cpu", lines)
    following = Make("b" * 16, str(tmp_path), REQUEST, {})

    def shot(_order: Make) -> Iterator[Event]:
        yield Progress("encoding the prompt")
        worker._orders.put(following)
        yield Finished(109, 1.0, None)

    monkeypatch.setattr(worker, "_shot", shot)
    worker._make(Make("a" * 16, str(tmp_path), REQUEST, {}))
    os.close(lines)
    os.close(reports)
    assert worker._orders.get_nowait() is following
