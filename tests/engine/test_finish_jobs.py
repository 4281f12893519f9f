"""Finishing takes as jobs: a worker makes them between two shots, and they stand still, end and go on like shots."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine.generation import finish_take
from engine.protocol import Finish, Take
from engine.serialization import to_json_text
from engine.server.workers.worker_messages import Cancel, Make, Order, Park, Pause, Release, Released, Resume, Unpark
from tests.engine.test_worker import SMALL, A, B, Bench

FRAMES = 74
FINISHING = replace(SMALL, take=Take(2, A), finish=Finish(upscale="2", slow=2.0, between="flow"))


class FinishBench(Bench):
    """A finished shot, and orders that come while its finishing take is made: after the frame of that number."""

    def __init__(self, home: Path, patch: pytest.MonkeyPatch) -> None:
        super().__init__(home, patch)
        self.run()
        self.after: dict[int, tuple[Order, ...]] = {}
        finishing = finish_take.finish_frames

        def watched(*args: object, **more: object) -> Iterator[int]:
            for written in finishing(*args, **more):  # type: ignore[arg-type]
                for order in self.after.pop(written, ()):
                    self.worker._orders.put(order)
                yield written

        patch.setattr(finish_take, "finish_frames", watched)

    def make(self, job: str = A) -> Make:
        return Make(job, to_json_text(FINISHING)) if self.finished(job) else super().make(job)

    def finished(self, job: str = A) -> bool:
        return (self.folder(job) / "shot.json").exists()

    def made(self) -> int:
        return len(list((self.folder(A) / "frames").glob("*-t02.png")))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    with pytest.MonkeyPatch.context() as patch:
        alone = FinishBench(tmp_path_factory.mktemp("alone"), patch)
        alone.run()
        return alone.frames()


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FinishBench:
    return FinishBench(tmp_path, monkeypatch)


def test_it_is_made_and_told_like_a_shot(bench: FinishBench, undisturbed: list[bytes]) -> None:
    bench.run()
    assert bench.told == ["started", "finishing", "section", "writing", "finished"]
    assert (bench.last["frames"], bench.last["movie"]) == (FRAMES, "shot-t02.mp4")
    assert bench.frames() == undisturbed
    bench.run()
    assert bench.told == ["finished"], "sent again it is there"


def test_paused_and_parked_between_two_frames_it_goes_on(bench: FinishBench, undisturbed: list[bytes]) -> None:
    bench.after = {5: (Pause(A),), 9: (Park(), Unpark())}
    made: list[int] = []
    bench.then = {"paused": lambda: made.append(bench.made())}
    bench.run(paused=(Park(), Unpark(), Resume(A)))
    assert made == [5]
    assert bench.last["event"] == "finished"
    assert bench.frames() == undisturbed


def test_parked_it_loses_nothing_where_the_last_shots_weights_are_lost(
    bench: FinishBench, undisturbed: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are none of its own."""
    assert bench.worker._families.last is not None

    def lost(*_: object) -> None:
        raise RuntimeError("CUDA error: unspecified launch failure")

    monkeypatch.setattr(type(bench.worker._families.last), "park", lost)
    bench.after = {5: (Park(), Unpark())}
    bench.run()
    assert bench.last["event"] == "finished", bench.last
    assert bench.frames() == undisturbed


def test_laid_aside_it_goes_on_elsewhere(bench: FinishBench, undisturbed: list[bytes]) -> None:
    bench.after = {7: (Pause(A),)}
    bench.run(paused=(Release(A),))
    assert bench.reports[-1] == Released(A)
    assert bench.made() == 7
    bench.run(B)  # another shot meanwhile
    bench.run()
    assert bench.last["event"] == "finished"
    assert bench.frames() == undisturbed


def test_cancelled_it_keeps_its_frames_and_the_shot(bench: FinishBench, undisturbed: list[bytes]) -> None:
    record = (bench.folder(A) / "shot.json").read_bytes()
    bench.after = {7: (Cancel(A),)}
    bench.run()
    assert bench.last == {"event": "cancelled", "done": 0}
    assert bench.made() == 7
    assert (bench.folder(A) / "shot.json").read_bytes() == record
    bench.run()
    assert bench.frames() == undisturbed


def test_what_cannot_be_finished_fails_with_a_sentence(bench: FinishBench) -> None:
    (bench.folder(A) / "takes" / "02.json").unlink(missing_ok=True)
    (bench.folder(A) / "checkpoint" / "request.json").write_text(json.dumps({"model": {}}))
    bench.run()
    assert bench.last["event"] == "failed"
    assert bench.last["code"] == "checkpoint_damaged"
