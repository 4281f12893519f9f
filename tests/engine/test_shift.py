"""The noise levels that a section is denoised along: by size, or as the model's folder fixes them, near and far."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import pytest
import torch

from engine.framepack.sigmas import shifted_sigmas
from engine.framepack.solvers.base import Solver
from engine.inference.family import Denoising
from engine.inference.hunyuan.family import HunyuanFramePack
from tests.engine.checkpoints import BOARD, TINY
from tests.engine.conftest import MakeShot

pytestmark = pytest.mark.usefixtures("latents_only")
FIXED = {"shift": 20, "far_shift": 3}


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> list[list[float]]:
    """The noise levels of every section, in the sequence in which sections are made."""
    levels: list[list[float]] = []
    computed = HunyuanFramePack.sigmas

    def note(family: HunyuanFramePack, denoising: Denoising, tokens: int) -> list[float]:
        levels.append(computed(family, denoising, tokens))
        return levels[-1]

    monkeypatch.setattr(HunyuanFramePack, "sigmas", note)
    return levels


def model_saying(folder: Path, facts: dict[str, float]) -> Path:
    """The tiny model with these facts beside its own."""
    shutil.copytree(TINY, folder)
    path = folder / "shotpack.json"
    own = json.loads(path.read_text()) if path.is_file() else {}
    path.write_text(json.dumps(own | facts))
    return folder


@pytest.mark.parametrize(
    ("boards", "expected"),
    [({}, [3, 3, 20]), ({109: BOARD}, [20, 3, 20]), ({60: BOARD}, [20, 20, 3, 20])],
    ids=["start", "end", "between"],
)
def test_sections_far_from_every_board_have_a_shift_of_their_own(
    boards: dict[int, Path], expected: list[float], make_shot: MakeShot, noted: list[list[float]], tmp_path: Path
) -> None:
    """In the sequence of making, last first; a board within makes two stretches of two sections."""
    make_shot(109, model=model_saying(tmp_path / "model", FIXED), boards=boards)
    assert noted == [pytest.approx(shifted_sigmas(3, math.log(shift))) for shift in expected]


def test_one_fixed_shift_holds_for_all_sections(make_shot: MakeShot, noted: list[list[float]], tmp_path: Path) -> None:
    make_shot(109, model=model_saying(tmp_path / "model", {"shift": 20}))
    assert noted == 3 * [pytest.approx(shifted_sigmas(3, math.log(20)))]


def test_the_released_line_holds_where_the_folder_says_nothing(make_shot: MakeShot, noted: list[list[float]]) -> None:
    make_shot(109)
    tokens = 9 * 4 * 4  # 64 x 64 pixels are 8 x 8 latents, and 2 x 2 of them a token
    mu = 0.5 + (1.15 - 0.5) * (tokens - 256) / (4096 - 256)
    assert noted == 3 * [pytest.approx(shifted_sigmas(3, mu))]


def test_euler_follows_the_checkpoints_scheduler(make_shot: MakeShot, noted: list[list[float]], tmp_path: Path) -> None:
    make_shot(model=model_saying(tmp_path / "model", FIXED), solver=Solver.EULER)
    make_shot(solver=Solver.EULER)
    assert torch.equal(*(torch.tensor(levels) for levels in noted))
