"""A worker between its orders: whatever comes when, nothing is lost and nobody waits for an answer for ever."""

from __future__ import annotations

import io
import os
import queue
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.errors import Code, EngineError
from engine.events import Event, Finished, Progress, Section, Step
from engine.protocol import Board, ShotRequest
from engine.serialization import to_json_text
from engine.server.workers import worker as worker_module
from engine.server.workers.worker import Worker
from engine.server.workers.worker_messages import (
    Amend,
    Beat,
    Cancel,
    Happened,
    Make,
    Order,
    Pause,
    Paused,
    Release,
    Released,
    Report,
    Resume,
    Resumed,
    to_line,
)

WRITTEN = to_json_text(ShotRequest("sketch", "pan left", (Board(1, "a" * 64),), frames=37))
A, B = "a" * 16, "b" * 16
FINISHED = Finished(37, 1.0, None)


def make(job: str) -> Make:
    return Make(job, WRITTEN)


class Bench:
    """A worker without a device, whose shots are what a test says, and what it reports."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.reports: list[Report] = []
        self.worker = Worker("cpu", -1, Path("home"))
        patch.setattr(self.worker, "_say", self.reports.append)
        self._patch = patch

    def order(self, *orders: Order) -> None:
        for order in orders:
            self.worker._orders.put(order)

    def run(self, *script: Event | tuple[Order, ...], stop_after: int = 0) -> None:
        """Make job A, which consists of these events and of the orders that come before them."""

        def shot(_order: Make) -> Iterator[Event]:
            for each in script:
                if isinstance(each, tuple):
                    self.order(*each)
                else:
                    yield each

        self._patch.setattr(self.worker, "_shot", shot)
        self.worker._make(Make(A, WRITTEN, stop_after=stop_after))

    @property
    def told(self) -> list[object]:
        """Names of A's events, and the other reports as they are."""
        return [each.event["event"] if isinstance(each, Happened) else each for each in self.reports]

    def waiting(self) -> list[Order]:
        orders = []
        while True:
            try:
                orders.append(self.worker._orders.get_nowait())
            except queue.Empty:
                return orders


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(monkeypatch)


def test_orders_for_the_next_job_are_kept(bench: Bench) -> None:
    """The queue may believe that this one has ended; what belongs to the next one keeps its sequence."""
    following: tuple[Order, ...] = (make(B), Pause(B), Amend(B, WRITTEN), Resume(B))
    bench.run(following, Progress("encoding the prompt"), FINISHED)
    assert bench.told == ["progress", "finished"]
    assert bench.waiting() == list(following)


def test_orders_for_the_next_job_do_not_hide_those_for_this_one(bench: Bench) -> None:
    bench.run((Pause(A), make(B), Cancel(B), Resume(A), Cancel(A)), Progress("x"), Section(0, 1, 2, 1, 1, (), ()))
    assert bench.told == ["progress", Paused(A), Resumed(A), "cancelled"]
    assert bench.waiting() == [make(B), Cancel(B)]


def test_a_release_that_comes_after_the_resume_is_answered(bench: Bench) -> None:
    bench.run((Pause(A), Resume(A), Release(A)), Progress("x"), FINISHED)
    assert bench.told == ["progress", Paused(A), Resumed(A), Resumed(A), "finished"]


def test_a_release_before_the_resume_lays_aside(bench: Bench) -> None:
    """The resume then means a job that is not here any more, and the order that brings it back comes after."""
    bench.run((Pause(A), Release(A), Resume(A), make(A)), Progress("x"), FINISHED)
    assert bench.told == ["progress", Paused(A), Released(A)]
    assert bench.waiting() == [Resume(A), make(A)]


def test_it_stands_still_by_itself_once_its_sections_are_told(bench: Bench) -> None:
    first, second = Section(0, 1, 2, 1, 1, (), ()), Section(1, 2, 2, 1, 1, (), ())
    bench.run(Progress("x"), (Release(A),), first, second, FINISHED, stop_after=1)
    assert bench.told == ["progress", "section", Paused(A), Released(A)]
    bench.reports.clear()
    bench.run(Progress("x"), (Resume(A),), first, second, FINISHED, stop_after=1)  # told so just before it stops
    assert bench.told == ["progress", "section", Paused(A), Resumed(A), "section", "finished"]
    bench.reports.clear()
    bench.run((Resume(A),), Progress("x"), first, second, FINISHED, stop_after=1)  # and in time
    assert bench.told == ["progress", "section", "section", "finished"]
    bench.reports.clear()
    bench.run(first, second, FINISHED, stop_after=2)
    assert bench.told == ["section", "section", "finished"]


def test_a_shot_that_cannot_be_closed_well_is_cancelled_all_the_same(bench: Bench) -> None:
    """A full disk, while its movie is given up."""

    def shot(_order: Make) -> Iterator[Event]:
        try:
            bench.order(Cancel(A))
            yield Progress("writing the movie")
        finally:
            raise EngineError(Code.DISK_FULL, path="/jobs")

    bench._patch.setattr(bench.worker, "_shot", shot)
    bench.worker._make(make(A))
    assert bench.told == ["progress", "cancelled"]


def test_what_is_said_while_it_works_again_after_a_pause(bench: Bench) -> None:
    """A worker that goes on is no worker that rests: nobody would notice if it hung."""
    seen = []

    def shot(_order: Make) -> Iterator[Event]:
        bench.order(Pause(A), Resume(A))
        yield Step(0, 1, 3, None)
        activity = bench.worker._activity
        seen.append((activity.doing, activity.stage, activity.mark))
        yield FINISHED

    bench._patch.setattr(bench.worker, "_shot", shot)
    bench.worker._make(make(A))
    (doing, stage, mark), activity = seen[0], bench.worker._activity
    assert (doing, stage) == ("step", "sampling")
    assert mark > 3, "each order that was obeyed counts"
    assert (activity.doing, activity.stage) == ("idle", "resting")


@pytest.mark.parametrize("request_json", ['{"frames": "many"}', "{}", "{", "[" * 100_000])
def test_a_job_that_cannot_be_read_any_more_fails_and_the_worker_goes_on(bench: Bench, request_json: str) -> None:
    bench.worker._make(Make(B, request_json))
    (failed,) = bench.reports
    assert isinstance(failed, Happened)
    assert (failed.event["event"], failed.event["code"]) == ("failed", "bad_request")
    bench.run(FINISHED)
    assert bench.told[-1] == "finished"


def test_beats_go_on_where_memory_cannot_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without them the worker would be taken for dead, and the job with it."""
    amounts = iter([5])
    heard: queue.SimpleQueue[Report] = queue.SimpleQueue()
    worker = Worker("cpu", -1, Path("home"))
    monkeypatch.setattr(worker_module, "_BEAT_SECONDS", 0.01)
    monkeypatch.setattr(worker_module, "memory_used", lambda: next(amounts))

    class EnoughError(BaseException):
        """Ends the thread."""

    def say(report: Report) -> None:
        heard.put(report)
        if heard.qsize() == 3:
            raise EnoughError

    monkeypatch.setattr(worker, "_say", say)
    with pytest.raises(EnoughError):
        worker._beat()
    beats = [heard.get_nowait() for _ in range(3)]
    assert all(isinstance(beat, Beat) and beat.memory_used == 5 for beat in beats)


def test_an_order_without_sense_ends_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """A job would wait for it for ever; its death is told, and the job taken up again."""

    class EndedError(BaseException):
        """In place of the process's end."""

    def end(code: int) -> None:
        raise EndedError(code)

    monkeypatch.setattr(os, "_exit", end)
    worker = Worker("cpu", -1, Path("home"))
    for text, code in ((to_line(Pause(A)), 0), ('{"kind": "make"}\n', 1)):
        monkeypatch.setattr(sys, "stdin", io.StringIO(text))
        with pytest.raises(EndedError) as caught:
            worker._listen()
        assert caught.value.args == (code,)


def test_orders_that_come_while_it_waits_are_obeyed(bench: Bench) -> None:
    """From the thread that reads them."""
    said = threading.Event()
    bench._patch.setattr(bench.worker, "_say", lambda report: (bench.reports.append(report), said.set()))
    bench.order(Pause(A))

    def come() -> None:
        while not (bench.reports and isinstance(bench.reports[-1], Paused)):
            said.wait()
            said.clear()
        bench.order(make(B), Resume(A))

    orders = threading.Thread(target=come, daemon=True)
    orders.start()
    bench.run(Progress("x"), FINISHED)
    orders.join()
    assert bench.told == ["progress", Paused(A), Resumed(A), "finished"]
