"""Out of memory at every stage: one sentence, exit code 4, and nothing that was finished is lost or made again."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from engine.errors import Code, EngineError
from engine.framepack.job import prepare, run
from engine.framepack.memory_faults import memory_faults
from engine.media.boards import open_board
from engine.models.folder import open_folder
from engine.models.hunyuan import HunyuanFramePack
from engine.protocol import Board, Event, ShotRequest, Step
from tests.engine.checkpoints import BOARD, TINY
from tests.engine.conftest import MakeShot


def make(folder: Path, *, resume: bool = False) -> list[Event]:
    board = open_board(BOARD)
    request = ShotRequest("tiny", "w5 w2 w81", (Board(1, board.sha256),), frames=73, width=64, height=64, steps=3)
    job = prepare(request, board, open_folder(TINY), "cpu", folder)
    return list(run(job, {board.sha256: board}, resume=resume))


@pytest.mark.parametrize(
    ("method", "call", "stage"),
    [
        ("encode_texts", 1, "encoding"),
        ("encode_latent", 1, "encoding"),
        ("begin", 2, "loading the transformer"),
        ("decode", 1, "decoding"),
        ("decode", 2, "decoding"),
    ],
)
def test_memory_runs_out(
    make_shot: MakeShot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, call: int, stage: str
) -> None:
    calls = 0
    original = getattr(HunyuanFramePack, method)

    def failing(self, *args):  # type: ignore[no-untyped-def]
        nonlocal calls
        calls += 1
        if calls == call:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
        return original(self, *args)

    monkeypatch.setattr(HunyuanFramePack, method, failing)
    folder = tmp_path / "starved"
    with pytest.raises(EngineError) as caught:
        make(folder)
    assert caught.value.code is Code.OUT_OF_MEMORY
    assert caught.value.exit_code == 4
    assert stage in caught.value.line

    sampled = len(list((folder / "checkpoint").glob("latents-*")))
    events = make(folder, resume=True)
    assert len({event.section for event in events if isinstance(event, Step)}) == 2 - sampled
    whole = make_shot(73)
    for path in whole.frames:
        assert np.array_equal(Image.open(path), Image.open(folder / "frames" / path.name))


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
