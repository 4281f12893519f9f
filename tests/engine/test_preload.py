"""A worker without a job loads a small model ahead: the first shot samples and decodes alone, to the same frames."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from engine.generation import preload as module
from engine.generation.job import prepare, run
from engine.generation.preload import preload
from engine.inference.hunyuan.family import HunyuanFramePack
from engine.inference.registry import Families
from engine.media.boards import open_board
from engine.models.folder import open_folder
from engine.protocol import Board, ShotRequest
from tests.engine.checkpoints import BOARD, TINY

CPU = torch.device("cpu")


class Loads(Families):
    """Families that note which networks are loaded."""

    def __init__(self) -> None:
        self.loaded: list[str] = []
        super().__init__(lambda doing: self.loaded.append(doing) if doing.startswith("loading") else None)


def make(families: Families, folder: Path, **more: object) -> list[bytes]:
    board = open_board(BOARD)
    request = ShotRequest(
        *(str(TINY), "w5 w2 w81", (Board(1, board.sha256),)),
        **{"frames": 73, "width": 64, "height": 64, "steps": 2} | more,
    )
    pictures = {board.sha256: board}
    list(run(prepare(request, pictures, open_folder(TINY), "cpu", folder), pictures, resume=False, families=families))
    return [path.read_bytes() for path in sorted((folder / "frames").glob("*.png"))]


def test_a_shot_finds_all_its_networks_loaded(tmp_path: Path) -> None:
    ahead, cold = Loads(), Loads()
    preload(ahead, [(TINY.name, TINY)], CPU, None, wanted=lambda: False)
    assert len(ahead.loaded) == 5
    ahead.loaded.clear()
    frames = make(ahead, tmp_path / "ahead")
    assert ahead.loaded == []
    assert make(cold, tmp_path / "cold") == frames
    assert len(cold.loaded) == 2, "what the encoders made is kept"


def test_a_shot_of_another_kind_loads_what_it_needs(tmp_path: Path) -> None:
    """Kernels and caches are others."""
    families = Loads()
    preload(families, [(TINY.name, TINY)], CPU, None, wanted=lambda: False)
    families.loaded.clear()
    assert make(families, tmp_path / "fast", speed="fast") == make(Families(), tmp_path / "cold", speed="fast")
    assert len(families.loaded) == 5


def test_whoever_is_wanted_stops_between_two_networks(tmp_path: Path) -> None:
    families = Loads()
    preload(families, [(TINY.name, TINY)], CPU, None, wanted=lambda: len(families.loaded) >= 3)
    assert len(families.loaded) == 3
    assert make(families, tmp_path / "shot") == make(Families(), tmp_path / "cold")
    assert len(families.loaded) == 5


def test_where_it_is_not_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    families = Loads()
    preload(families, [(TINY.name, TINY)], torch.device("cuda"), None, wanted=lambda: False)
    preload(families, [(TINY.name, TINY)], CPU, 1000, wanted=lambda: False)  # bytes of memory
    damaged = tmp_path / "damaged"
    shutil.copytree(TINY, damaged)
    (damaged / "vae" / "config.json").write_text("{")
    with caplog.at_level("INFO"):
        preload(families, [("damaged", damaged), (TINY.name, TINY)], CPU, None, wanted=lambda: False)
    assert "not loaded ahead" in caplog.text
    with monkeypatch.context() as patch:
        patch.setattr(module, "_SMALL", 1_000_000)
        preload(families, [(TINY.name, TINY)], CPU, None, wanted=lambda: False)
    preload(families, [], CPU, None, wanted=lambda: False)
    assert families.loaded == []


def test_the_first_small_one_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    larger = tmp_path / "larger"
    shutil.copytree(TINY, larger)
    size = sum(path.stat().st_size for _, path in open_folder(TINY).files())
    with (larger / "transformer" / "more.safetensors").open("wb") as file:
        file.truncate(2 * size)
    monkeypatch.setattr(module, "_SMALL", 2 * size)
    families = Loads()
    preload(families, [("larger", larger), (TINY.name, TINY)], CPU, None, wanted=lambda: False)
    family = families.last
    assert isinstance(family, HunyuanFramePack)
    assert family._components["vae"] == TINY / "vae"
