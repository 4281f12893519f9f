"""The engine on a CUDA device: `python3 dev.py test gpu`. The tiny checkpoint runs there in the released dtypes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from engine.events import Section
from engine.generation.job import prepare, run
from engine.media.boards import open_board
from engine.models.folder import open_folder
from engine.protocol import Board, ShotRequest
from tests.engine.helios_checkpoints import make_helios

TINY = Path(__file__).resolve().parent.parent / "fixtures" / "tiny-framepack"
BOARD = TINY.parent / "board.png"

pytestmark = pytest.mark.gpu


@pytest.fixture(scope="module", params=["framepack", "helios"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if request.param == "framepack":
        return TINY
    return make_helios(tmp_path_factory.mktemp("models") / "helios", seed=3, kind="distilled")


def shot(
    folder: Path, model: Path, device: str, *, stop_after: int | None = None, resume: bool = False
) -> list[np.ndarray]:
    board = open_board(BOARD)
    request = ShotRequest(
        "tiny", "w5 w2", (Board(1, board.sha256),), frames=109, width=64, height=64, steps=4, conform=False
    )
    job = prepare(request, {board.sha256: board}, open_folder(model), device, folder)
    sections = 0
    for event in run(job, {board.sha256: board}, resume=resume):
        sections += isinstance(event, Section)
        if sections == stop_after:
            break
    return [np.asarray(Image.open(path)) for path in sorted((folder / "frames").glob("*.png"))]


def test_a_shot_on_the_gpu_looks_like_the_one_on_the_cpu(model: Path, tmp_path: Path) -> None:
    assert torch.cuda.is_available(), "this tier needs a CUDA device"
    on_gpu, on_cpu = shot(tmp_path / "gpu", model, "cuda:0"), shot(tmp_path / "cpu", model, "cpu")
    assert len(on_gpu) == len(on_cpu) == 109
    # bf16 and fp16 against float32, through random weights: alike, not equal
    assert np.abs(np.stack(on_gpu).astype(float) - np.stack(on_cpu)).mean() < 8


def test_resumed_on_the_gpu_bit_for_bit(model: Path, tmp_path: Path) -> None:
    whole = shot(tmp_path / "whole", model, "cuda:0")
    shot(tmp_path / "parts", model, "cuda:0", stop_after=1)
    parts = shot(tmp_path / "parts", model, "cuda:0", resume=True)
    assert np.array_equal(np.stack(whole), np.stack(parts))
