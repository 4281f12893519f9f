"""Real worker processes under the scheduler: shots come out as without a server, whoever is killed or paused."""

from __future__ import annotations

import itertools
import os
import queue
import signal
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.events import Event, Finished, Progress
from engine.generation.job import prepare, run
from engine.inference.hunyuan.family import HunyuanFramePack
from engine.inference.registry import Families
from engine.media.boards import open_board
from engine.media.files import make_folder
from engine.models.folder import open_folder
from engine.protocol import Board, ShotRequest
from engine.serialization import to_json_text
from engine.server.home import jobs_folder, picture_file
from engine.server.jobs.scheduler import Scheduler
from engine.server.storage.states import State
from engine.server.storage.store import JobStore
from engine.server.workers.local_pool import LocalPool
from engine.server.workers.worker import Worker
from engine.server.workers.worker_messages import (
    Cancel,
    Happened,
    Make,
    Order,
    Park,
    Pause,
    Paused,
    Release,
    Released,
    Report,
    Resume,
    Resumed,
    Unpark,
)
from tests.engine.checkpoints import BOARD, TINY
from tests.patience import PATIENCE

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
    """A store, a scheduler and one real worker, in `home`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        for folder in ("jobs", "images", "logs"):
            make_folder(home / folder)
        (home / "images" / BOARD_PICTURE.sha256).write_bytes(BOARD_PICTURE.data)
        self.store = JobStore(home / "jobs.db")
        self.pool = LocalPool(["cpu"], home)
        self.live: list[tuple[str, str]] = []
        self.scheduler = Scheduler(self.store, self.pool, home, lambda _event: None, self._passed)
        self.scheduler.start()

    def _passed(self, job: str, event: dict[str, Any]) -> None:
        self.live.append((job, event["event"]))

    def add(self, request: ShotRequest = REQUEST) -> str:
        job = self.store.add(to_json_text(request), "").id
        self.scheduler.submitted(job)
        return job

    def wait(self, fits: Callable[[], bool]) -> None:
        begun = time.monotonic()
        while not fits():
            assert time.monotonic() - begun < PATIENCE, [each.event for each in self.store.events()][-5:]
            time.sleep(0.02)

    def wait_for_event(self, job: str, name: str, count: int = 1) -> None:
        self.wait(lambda: self.names(job).count(name) >= count)

    def names(self, job: str) -> list[str]:
        """The job's events: those that are stored, then those that only passed."""
        stored = [each.event["event"] for each in self.store.events(job=job)]
        return stored + [name for of, name in self.live if of == job]

    def frames(self, job: str) -> list[bytes]:
        return [path.read_bytes() for path in sorted((self.scheduler.folder(job) / "frames").glob("*.png"))]

    def kill_worker(self) -> None:
        pid = self.pool.workers()[0].pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

    def close(self) -> None:
        self.pool.stop()
        self.store.close()


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Iterator[Shop]:
    """One for all tests: a worker takes seconds to start, and each killed one is followed by the next."""
    made = Shop(tmp_path_factory.mktemp("shop"))
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
    shop.scheduler.pause(job)
    shop.wait(lambda: shop.store.job(job).state is State.PAUSED)
    count = len(shop.names(job))
    time.sleep(1.0)
    assert len(shop.names(job)) == count
    shop.scheduler.resume(job)
    shop.wait_for_event(job, "finished")
    assert pixels(shop.frames(job)) == pixels(undisturbed)


def test_a_job_stops_by_itself_whoever_is_killed_and_goes_on_to_the_bit(shop, undisturbed):
    job = shop.scheduler.submit(to_json_text(REQUEST), "", stop_after=2)[0].id
    shop.wait_for_event(job, "section")
    shop.wait_for_event(job, "step", 8)
    shop.kill_worker()  # within the section after which it is to stop
    shop.wait(lambda: shop.store.job(job).state is State.PAUSED)
    assert shop.names(job).count("section") == 2
    begun = shop.names(job).count("step")
    shop.kill_worker()  # while it stands still
    other = shop.add(ShotRequest(**{**vars(REQUEST), "frames": 1}))
    shop.wait_for_event(other, "finished")
    assert (shop.store.job(job).state, shop.store.job(job).attempts) == (State.PAUSED, 1)
    assert (shop.names(job).count("section"), shop.names(job).count("step")) == (2, begun)
    shop.scheduler.resume(job)
    shop.wait_for_event(job, "finished")
    assert shop.names(job).count("step") == begun + REQUEST.steps  # of the third section alone
    assert pixels(shop.frames(job)) == pixels(undisturbed)


def test_cancelling_keeps_what_is_finished_and_frees_the_worker(shop):
    job, other = shop.add(), shop.add(ShotRequest(**{**vars(REQUEST), "frames": 1}))
    shop.wait_for_event(job, "section")
    steps = shop.names(job).count("step")
    shop.scheduler.cancel(job)
    shop.wait_for_event(job, "cancelled")
    assert shop.names(job).count("step") <= steps + 3  # what it did before it heard of it
    assert list((shop.scheduler.folder(job) / "checkpoint").glob("latents-*"))
    assert shop.store.events(job=job)[-1].event == {"event": "cancelled", "done": 1}
    shop.wait_for_event(other, "finished")


def test_a_bad_job_fails_with_its_reason_and_the_worker_lives_on(shop):
    deaths = shop.pool.workers()[0].deaths
    job = shop.add(ShotRequest(**{**vars(REQUEST), "model": "no-such-model"}))
    shop.wait_for_event(job, "failed")
    assert shop.store.events(job=job)[-1].event["code"] == "model_unknown"
    other = shop.add(ShotRequest(**{**vars(REQUEST), "frames": 1}))
    shop.wait_for_event(other, "finished")
    assert shop.pool.workers()[0].deaths == deaths


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


def test_a_worker_ends_when_nobody_holds_its_pipe(tmp_path):
    shop = Shop(tmp_path)
    shop.wait(lambda: shop.pool.workers()[0].pid is not None)
    pid = shop.pool.workers()[0].pid
    shop.pool.stop()
    shop.store.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_the_store_can_be_read_while_a_worker_computes(shop):
    job = shop.add()
    shop.wait_for_event(job, "step")
    with sqlite3.connect(f"file:{shop.home / 'jobs.db'}?mode=ro", uri=True) as other:
        assert other.execute("SELECT state FROM jobs WHERE id = ?", (job,)).fetchone()[0] == "running"
    shop.scheduler.cancel(job)
    shop.wait_for_event(job, "cancelled")


def test_the_next_jobs_order_is_not_read_by_the_one_that_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scheduler hands out the next job the moment it hears of the end, perhaps before the worker is through."""
    reports, lines = os.pipe()
    worker = Worker("cpu", lines, tmp_path)
    following = Make("b" * 16, to_json_text(REQUEST))

    def shot(_order: Make) -> Iterator[Event]:
        yield Progress("encoding the prompt")
        worker._orders.put(following)
        yield Finished(109, 1.0, None)

    monkeypatch.setattr(worker, "_shot", shot)
    worker._make(Make("a" * 16, to_json_text(REQUEST)))
    os.close(lines)
    os.close(reports)
    assert worker._orders.get_nowait() is following


# A worker without its process: orders come with certain reports, so what crosses what is no matter of luck.

SMALL = ShotRequest(**{**vars(REQUEST), "frames": 37, "steps": 2})
A, B = "a" * 16, "b" * 16
LESS = "out of memory; trying once more with less at a time"
Fault = Callable[[], Exception]
Fail = Callable[[str, Fault], None]


def full() -> Exception:
    return torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")


def lost() -> Exception:
    return RuntimeError("CUDA error: unspecified launch failure")


class Bench:
    """A worker in this process; with the first report of a name the orders of `on` come, after what `then` does."""

    def __init__(self, home: Path, patch: pytest.MonkeyPatch) -> None:
        self.home = home
        self.reports: list[Report] = []
        self.on: dict[str, tuple[Order, ...]] = {}
        self.then: dict[str, Callable[[], object]] = {}
        picture = picture_file(home, BOARD_PICTURE.sha256)
        picture.parent.mkdir(exist_ok=True)
        picture.write_bytes(BOARD_PICTURE.data)
        self.worker = Worker("cpu", -1, home)
        self.worker._families = Families()
        patch.setattr(self.worker, "_say", self._said)

    def make(self, job: str = A) -> Make:
        return Make(job, to_json_text(SMALL))

    def folder(self, job: str) -> Path:
        return jobs_folder(self.home) / job

    def run(self, job: str = A, **on: tuple[Order, ...]) -> None:
        """Make a shot; `on` holds orders by the name of the event or report that they come with."""
        self.reports.clear()
        self.on = dict(on)
        self.worker._make(self.make(job))

    def _said(self, report: Report) -> None:
        self.reports.append(report)
        self.then.pop(self._name(report), lambda: None)()
        for order in self.on.pop(self._name(report), ()):
            self.worker._orders.put(order)

    @staticmethod
    def _name(report: Report) -> str:
        """`step`, `paused`, or the first word of what a progress event says."""
        if not isinstance(report, Happened):
            return report.kind
        name = report.event.get("stage", report.event["event"])
        return str(name).partition(" ")[0].strip(",;")

    @property
    def told(self) -> list[str]:
        """What was reported, in words, without what comes again and again."""
        said = [self._name(each) for each in self.reports]
        return [name for name in said if name not in ("step", "preview")]

    @property
    def stages(self) -> list[str]:
        return [each.event["stage"] for each in self.reports if isinstance(each, Happened) and "stage" in each.event]

    @property
    def last(self) -> dict[str, object]:
        last = self.reports[-1]
        assert isinstance(last, Happened)
        return last.event

    def frames(self, job: str = A) -> list[bytes]:
        return pixels([path.read_bytes() for path in sorted((self.folder(job) / "frames").glob("*.png"))])


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """The frames of `SMALL`, undisturbed."""
    with pytest.MonkeyPatch.context() as patch:
        alone = Bench(tmp_path_factory.mktemp("small"), patch)
        alone.run()
        return alone.frames()


@pytest.fixture
def fail(monkeypatch: pytest.MonkeyPatch) -> Fail:
    """Let a method of the model raise a fault when it is called first."""

    def fail(method: str, fault: Fault) -> None:
        faults, original = [fault], getattr(HunyuanFramePack, method)

        def failing(self: object) -> None:
            if faults:
                raise faults.pop()()
            original(self)

        monkeypatch.setattr(HunyuanFramePack, method, failing)

    return fail


@pytest.mark.parametrize(("method", "fault"), [("unpark", full), ("park", MemoryError)])
def test_weights_that_cannot_be_moved_for_memory_are_loaded_leaner(
    bench: Bench, small: list[bytes], monkeypatch: pytest.MonkeyPatch, fail: Fail, method: str, fault: Fault
) -> None:
    """Blender, or whoever the card was lent to, has left too little: the shot goes on with less at a time."""
    fail(method, fault)
    transformer: list[weakref.ref[object]] = []
    gone: list[bool] = []
    families = bench.worker._families
    bench.then["step"] = lambda: transformer.append(weakref.ref(families.last._networks._kept["transformer"]))
    close = families.close
    monkeypatch.setattr(
        families, "close", lambda: (close(), gone.append(bool(transformer) and transformer[0]() is None))
    )
    bench.run(step=(Park(), Unpark()))
    assert bench.last["event"] == "finished", bench.last
    assert gone == [False, False, True, True], "what was half on the card is still in memory when less is to be taken"
    assert bench.stages.count(LESS) == 1
    assert bench.frames() == small


def test_a_paused_job_that_loses_its_weights_stays_paused(bench: Bench, small: list[bytes], fail: Fail) -> None:
    fail("unpark", full)
    bench.run(step=(Pause(A), Park()), paused=(Unpark(), Resume(A)))
    begun = bench.told.index("paused")
    assert bench.told[begun : begun + 3] == ["paused", "resumed", "out"], "nothing happens to a job that stands still"
    assert bench.last["event"] == "finished"
    assert bench.frames() == small


def test_a_job_that_loses_its_weights_can_still_be_laid_aside_or_cancelled(bench: Bench, fail: Fail) -> None:
    fail("unpark", full)
    bench.run(step=(Pause(A), Park()), paused=(Unpark(), Release(A)))
    assert bench.reports[-1] == Released(A)
    assert LESS not in bench.stages
    bench.run(step=(Park(), Unpark(), Cancel(A)))
    assert bench.last["event"] == "cancelled"


def test_weights_that_cannot_be_moved_for_another_reason_fail_the_job_alone(
    bench: Bench, small: list[bytes], fail: Fail
) -> None:
    fail("unpark", lost)
    bench.run(step=(Park(), Unpark()))
    assert bench.last["event"] == "failed"
    assert "unspecified launch failure" in str(bench.last["detail"])
    assert bench.worker._families.last is None, "half a model is left on the card"
    bench.run(B)
    assert bench.last["event"] == "finished"
    assert bench.frames(B) == small


@pytest.mark.parametrize(("method", "fault"), [("unpark", full), ("park", lost)])
def test_weights_of_the_job_before_are_nobodys_trouble(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, fail: Fail, method: str, fault: Fault
) -> None:
    """Between two jobs, and before the next one has its model, what cannot be moved is let go, and the worker lives."""
    fail(method, fault)
    ended: queue.SimpleQueue[dict[str, object]] = queue.SimpleQueue()
    said = bench.worker._say

    def say(report: Report) -> None:
        said(report)
        if isinstance(report, Happened) and report.event["event"] in ("finished", "failed", "cancelled"):
            ended.put(report.event)

    monkeypatch.setattr(bench.worker, "_say", say)
    for thread in ("_listen", "_beat", "_begin"):
        monkeypatch.setattr(bench.worker, thread, lambda: None)
    threading.Thread(target=bench.worker.run, daemon=True).start()
    give = bench.worker._orders.put
    give(bench.make(A))
    assert ended.get(timeout=PATIENCE)["event"] == "finished"
    for order in (Park(), Park(), Unpark(), Unpark(), Park(), bench.make(B), Unpark()):
        give(order)
    assert ended.get(timeout=PATIENCE)["event"] == "finished"
    assert LESS not in bench.stages


# The movie.


def parts(folder: Path) -> list[Path]:
    return [*folder.glob("*.mp4"), *folder.glob(".*.part*")]


def test_the_movies_writing_is_told_and_hears_cancel(
    bench: Bench, small: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.run(writing=(Cancel(A),))
    assert bench.last == {"event": "cancelled", "done": 1}
    assert parts(bench.folder(A)) == []
    assert bench.frames() == small

    calls = itertools.count(1)
    holds = bench.worker._orders.holds
    with monkeypatch.context() as patch:  # an order that comes while a frame is written is heard after it
        third = bench.worker._orders.put
        patch.setattr(bench.worker._orders, "holds", lambda job: (next(calls) == 3 and third(Cancel(A)), holds(job))[1])
        bench.run()
    assert bench.stages[-2:] == ["writing the movie", "writing the movie, 8 %"]
    assert bench.last["event"] == "cancelled"
    assert parts(bench.folder(A)) == []

    bench.run()  # another attempt at the same shot writes the movie, and makes nothing again
    assert "step" not in [bench._name(each) for each in bench.reports]
    assert bench.last["event"] == "finished"
    assert [path.name for path in parts(bench.folder(A))] == ["shot.mp4"]


def test_the_movies_writing_hears_pause_and_parking(bench: Bench, small: list[bytes]) -> None:
    bench.run(writing=(Park(), Pause(A)), paused=(Resume(A), Unpark()))
    assert bench.told[-4:] == ["writing", "paused", "resumed", "finished"]
    assert (bench.folder(A) / "shot.mp4").stat().st_size > 0

    bench.run(B, writing=(Pause(B), Release(B)))
    assert bench.reports[-2:] == [Paused(B), Released(B)]
    assert parts(bench.folder(B)) == []
    assert bench.frames(B) == small


def test_every_frame_of_a_movie_is_a_sign_of_life(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    marks: list[int] = []
    holds = bench.worker._orders.holds
    monkeypatch.setattr(
        bench.worker._orders, "holds", lambda job: (marks.append(bench.worker._activity.mark), holds(job))[1]
    )
    bench.run()
    assert len(set(marks)) == len(marks) == SMALL.frames
    assert Resumed(A) not in bench.reports
