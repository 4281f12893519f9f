"""Out of memory at every stage: one sentence, exit code 4, and nothing that was finished is lost or made again."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from engine.errors import Code, EngineError
from engine.framepack import job
from engine.framepack.job import prepare, run
from engine.framepack.memory_faults import memory_faults
from engine.media.boards import open_board
from engine.models.folder import open_folder
from engine.models.hunyuan import HunyuanFramePack
from engine.protocol import Board, Event, Progress, ShotRequest, Step
from tests.engine.checkpoints import BOARD, TINY

PLACE = job.place_model
Starve = Callable[[str, Collection[int]], None]


def make(folder: Path, *, resume: bool = False) -> list[Event]:
    board = open_board(BOARD)
    request = ShotRequest("tiny", "w5 w2 w81", (Board(1, board.sha256),), frames=73, width=64, height=64, steps=3)
    prepared = prepare(request, {board.sha256: board}, open_folder(TINY), "cpu", folder)
    return list(run(prepared, {board.sha256: board}, resume=resume))


@pytest.fixture
def starve(monkeypatch: pytest.MonkeyPatch) -> Starve:
    """Let the calls of a method that are numbered so, from 1, find no memory."""

    def starve(method: str, calls: Collection[int]) -> None:
        numbers = itertools.count(1)
        original = getattr(HunyuanFramePack, method)

        def failing(self, *args):  # type: ignore[no-untyped-def]
            if next(numbers) in calls:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
            return original(self, *args)

        monkeypatch.setattr(HunyuanFramePack, method, failing)

    return starve


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """The frames of the shot where there is memory enough, by file name."""
    folder = tmp_path_factory.mktemp("whole") / "shot"
    make(folder)
    return {path.name: np.asarray(Image.open(path)) for path in (folder / "frames").glob("*.png")}


STAGES = [
    ("encode_texts", 1, "encoding"),
    ("encode_visions", 1, "encoding"),
    ("encode_latent", 1, "encoding"),
    ("begin", 2, "loading the transformer"),
    ("decode", 1, "decoding"),
    ("decode", 2, "decoding"),
]


def same_frames(folder: Path, whole: dict[str, np.ndarray]) -> bool:
    return all(np.array_equal(Image.open(folder / "frames" / name), frame) for name, frame in whole.items())


@pytest.mark.parametrize(("method", "call"), [stage[:2] for stage in STAGES])
def test_memory_runs_out_once(
    starve: Starve, tmp_path: Path, whole: dict[str, np.ndarray], method: str, call: int
) -> None:
    """The shot goes on with less at a time, and what was finished is not made again."""
    starve(method, {call})
    placements: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            job, "place_model", lambda *a, leaner=0, **k: placements.append(leaner) or PLACE(*a, leaner=leaner, **k)
        )
        events = make(tmp_path / "starved")
    assert placements == [0, 1]
    said = [event.stage for event in events if isinstance(event, Progress)]
    assert "out of memory; trying once more with less at a time" in said
    assert len([event for event in events if isinstance(event, Step)]) == 6, "no section is sampled twice"
    assert events[-1].event == "finished"
    assert same_frames(tmp_path / "starved", whole)


@pytest.mark.parametrize(("method", "call", "stage"), STAGES)
def test_memory_runs_out_for_good(
    starve: Starve,
    tmp_path: Path,
    whole: dict[str, np.ndarray],
    method: str,
    call: int,
    stage: str,
) -> None:
    """Twice is enough: one sentence, exit code 4, and the shot can be taken up where it stands."""
    starve(method, {call, call + 1})
    folder = tmp_path / "starved"
    with pytest.raises(EngineError) as caught:
        make(folder)
    assert caught.value.code is Code.OUT_OF_MEMORY
    assert caught.value.exit_code == 4
    assert stage in caught.value.line

    sampled = len(list((folder / "checkpoint").glob("latents-*")))
    events = make(folder, resume=True)
    assert len({event.section for event in events if isinstance(event, Step)}) == 2 - sampled
    assert same_frames(folder, whole)


def test_the_cpu_says_it_in_words() -> None:
    """torch has no class for it: whatever its words are today, they must be understood."""
    with pytest.raises(EngineError) as caught, memory_faults(torch.device("cpu"), "sampling"):
        torch.empty(2**50, dtype=torch.uint8)
    assert caught.value.code is Code.OUT_OF_MEMORY


def test_other_faults_pass_through() -> None:
    with pytest.raises(RuntimeError, match="shape"), memory_faults(torch.device("cpu"), "sampling"):
        torch.zeros(3).reshape(2)


def test_space_is_asked_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new shot is refused where it would not fit; one that is resumed has taken its space and is let through."""
    make(tmp_path / "shot")
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(EngineError) as caught:
        make(tmp_path / "another")
    assert caught.value.code is Code.DISK_FULL
    assert not (tmp_path / "another").exists()
    assert make(tmp_path / "shot", resume=True)[-1].event == "finished"
