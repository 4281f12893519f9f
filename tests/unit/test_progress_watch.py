"""When a worker counts as hanging: by its stage, its mark, and what its process does; and what it says it is at."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from engine.events import Event, Preview, Progress, Queued, Section, Started, Step
from engine.server.workers.activity import Activity
from engine.server.workers.progress_watch import Watch, Work, measure_work, patience_in
from engine.server.workers.worker_messages import Stage, stage_named

HOUR = 3600.0
Measure = Callable[[int], Work | None]


class Watched:
    """A watch under a clock that this moves; the worker beats all the while with the mark that it is left with."""

    def __init__(self, stage: Stage, device: str = "cuda:0", measure: Measure = lambda _pid: Work(0, 0, 0)) -> None:
        self.now = 0.0
        self.watch = Watch(1, lambda: self.now, lambda pid: measure(pid))
        self.watch.device = device
        self.stage = stage
        self.watch.marked(stage, 1)

    def after(self, seconds: float, *, beats: bool = True, marks: bool = False) -> str | None:
        """The first verdict within so many seconds."""
        end = self.now + seconds
        while self.now < end:
            self.now += 5
            if beats:
                self.watch.heard()
            if marks:
                self.watch.marked(self.stage, int(self.now))
            if (reason := self.watch.verdict("doing it")) is not None:
                return reason
        return None

    def works(self, _pid: int) -> Work:
        """A process that computes at a tenth of a processor."""
        return Work(self.now / 10, 0, 0)


WORKING = [stage for stage in Stage if stage is not Stage.RESTING]


@pytest.mark.parametrize("stage", WORKING)
def test_a_process_that_does_nothing_is_noticed_within_the_hour(stage: Stage) -> None:
    quiet = patience_in(stage, "cpu").quiet
    assert 180 <= quiet <= HOUR / 2
    for device in ("cpu", "cuda:0", "mps"):
        watched = Watched(stage, device)
        assert watched.after(quiet - 10) is None
        assert watched.after(20) == f"ended because it stood still for {quiet + 5:.0f} s while doing it"


@pytest.mark.parametrize("stage", WORKING)
@pytest.mark.parametrize("device", ["cpu", "cuda:0"])
def test_a_process_that_works_is_let_do_so_but_not_for_ever(stage: Stage, device: str) -> None:
    """A graphics card that hangs makes its process spin."""
    busy = patience_in(stage, device).busy
    watched = Watched(stage, device)
    watched.watch._measure = watched.works
    assert watched.after(busy - 10) is None
    assert (watched.after(20) or "").startswith("ended because it stood still")


@pytest.mark.parametrize(
    ("stage", "device", "hours"),
    [
        (Stage.LOADING, "cpu", 1.5),  # 26 GB at 5 MB/s
        (Stage.CHECKING, "cpu", 1.2),  # 40 GB at 10 MB/s
        (Stage.SAMPLING, "cpu", 3),  # a step of a 13B model on two cores
        (Stage.SAMPLING, "cuda:0", 1),  # its blocks are compiled
    ],
)
def test_what_takes_long_by_its_nature_is_no_hang(stage: Stage, device: str, hours: float) -> None:
    watched = Watched(stage, device)
    watched.watch._measure = watched.works
    assert watched.after(hours * HOUR) is None


@pytest.mark.parametrize(
    "grown", [Work(1, 0, 0), Work(0, 2**20, 0), Work(0, 0, 2**24)], ids=["computes", "reads", "fills its memory"]
)
def test_each_sign_of_work_counts(grown: Work) -> None:
    done = 0

    def measure(_pid: int) -> Work:
        nonlocal done
        done += 1
        return Work(grown.seconds * done, grown.disk * done, grown.memory * done)

    assert Watched(Stage.LOADING, measure=measure).after(HOUR) is None


def test_beats_alone_are_no_sign_of_work() -> None:
    """They cost a thousandth of a processor, and the account of a shot's memory about a hundredth."""
    watched = Watched(Stage.LOADING)
    watched.watch._measure = lambda _pid: Work(watched.now / 50, int(watched.now) * 200, 0)
    assert watched.after(HOUR) is not None


def test_a_mark_that_moves_is_all_that_is_asked() -> None:
    assert Watched(Stage.SAMPLING).after(24 * HOUR, marks=True) is None


def test_one_that_waits_for_orders_needs_only_beat() -> None:
    watched = Watched(Stage.RESTING)
    assert watched.after(24 * HOUR) is None
    assert watched.after(120, beats=False) == "ended because it said nothing for 65 s while doing it"


def test_one_that_is_not_looked_at_is_not_blamed() -> None:
    """The machine slept, or nobody could take in what was said: its pipe is read on, and only then time passes."""
    watched = Watched(Stage.RESTING)
    for _ in range(3):
        watched.now += 24 * HOUR
        assert watched.watch.verdict("sleeping") is None
        watched.watch.heard()


def test_beats_may_be_late_where_the_process_works() -> None:
    """While a library is loaded no other thread has its turn."""
    watched = Watched(Stage.LOADING)
    watched.watch._measure = watched.works
    assert watched.after(500, beats=False) is None
    assert watched.after(200, beats=False) is not None


def test_a_process_that_cannot_be_measured_counts_as_quiet() -> None:
    assert Watched(Stage.LOADING, measure=lambda _pid: None).after(HOUR) is not None


def test_a_stage_that_is_not_known_gets_time() -> None:
    assert stage_named("loading") is Stage.LOADING
    assert stage_named("painting") is stage_named("") is Stage.SAMPLING


def test_a_real_process_and_its_children_are_measured() -> None:
    """The child computes and fills its memory, its parent only waits."""
    child = "b = bytearray(2 ** 26)\nfor n in range(10 ** 6): n * n\nprint('done', flush=True)\ninput()"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    with subprocess.Popen([sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"done\n"
        work = measure_work(process.pid)
        process.communicate(b"\n")
    assert work is not None
    assert work.seconds > 0
    assert work.memory > 2**26
    assert measure_work(process.pid) is None


STARTED = Started("inverted", (), 37, 64, 64, 30.0, 3, 0)
PREVIEW = Preview(0, 1, "")
SECTION = Section(0, 1, 1, 1, 37, (), ())


@pytest.mark.parametrize(
    ("event", "stage"),
    [
        (Progress("checking the model"), Stage.CHECKING),
        (Progress("encoding the prompt"), Stage.ENCODING),
        (Progress("encoding the boards"), Stage.ENCODING),
        (Progress("loading the transformer"), Stage.LOADING),
        (Progress("out of memory; trying once more with less at a time"), Stage.LOADING),
        (Progress("writing the movie, 40 %"), Stage.WRITING),
        (STARTED, Stage.LOADING),
        (Step(0, 2, 3, None), Stage.SAMPLING),
        (Step(0, 3, 3, None), Stage.DECODING),
        (PREVIEW, Stage.SAMPLING),
        (SECTION, Stage.SAMPLING),
        (Queued(1), Stage.RESTING),
    ],
)
def test_what_follows_an_event(event: Event, stage: Stage) -> None:
    activity = Activity()
    mark = activity.mark
    activity.happened(event)
    assert activity.stage is stage
    assert activity.doing == (event.stage if isinstance(event, Progress) else event.event)
    assert activity.mark > mark


@pytest.mark.parametrize(
    ("doing", "stage"),
    [
        ("loading transformer 5/5", Stage.LOADING),
        ("encoding or decoding", Stage.ENCODING),
        ("sampling", Stage.SAMPLING),
        ("checking the job", Stage.CHECKING),
    ],
)
def test_what_begins(doing: str, stage: Stage) -> None:
    activity = Activity()
    activity.begin(doing)
    assert (activity.doing, activity.stage) == (doing, stage)
