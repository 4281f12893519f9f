"""The dtypes that a GPU runs in (transformer bf16, other networks as released), on the CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from engine.inference.base import NetworkFamily
from engine.inference.helios import family as helios
from engine.inference.helios.family import Helios
from engine.inference.hunyuan import family as hunyuan
from engine.inference.hunyuan.family import HunyuanFramePack
from tests.engine.conftest import MakeShot
from tests.engine.helios_checkpoints import make_helios


@pytest.fixture
def families(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The families that shots are made with, which take the CPU for a GPU as far as dtypes go."""
    made: list[Any] = []
    original = NetworkFamily.__init__

    def remembered(self: NetworkFamily, *args: Any) -> None:
        original(self, *args)
        made.append(self)

    monkeypatch.setattr(NetworkFamily, "__init__", remembered)
    return made


def as_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (hunyuan, helios):
        real = module._dtypes
        monkeypatch.setattr(module, "_dtypes", lambda *_, real=real: real(torch.device("cuda")))


def test_released_dtypes_give_nearly_the_same_shot(
    make_shot: MakeShot, families: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = make_shot(37, steps=4, cfg=1.5, negative="w8").latents
    as_on_a_gpu(monkeypatch)
    released = make_shot(37, steps=4, cfg=1.5, negative="w8").latents
    assert released.isfinite().all()
    assert 0 < ((released - exact).norm() / exact.norm()).item() < 0.2
    assert isinstance(families[1], HunyuanFramePack)
    transformer = families[1]._transformer()
    assert transformer.proj_out.weight.dtype is torch.float32, "the output projection stays in float32"
    assert transformer.x_embedder.proj.weight.dtype is torch.bfloat16


def test_helios_released_dtypes_give_nearly_the_same_shot(
    make_shot: MakeShot, families: list[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {"model": make_helios(tmp_path / "model", seed=3, kind="distilled"), "steps": 3}
    exact = make_shot(33, **settings).latents
    as_on_a_gpu(monkeypatch)
    released = make_shot(33, **settings).latents
    assert released.isfinite().all()
    assert 0 < ((released - exact).norm() / exact.norm()).item() < 0.2
    assert isinstance(families[1], Helios)
    assert families[1]._vae().dtype is torch.float32
    assert families[1]._transformer().blocks[0].ffn.net[2].weight.dtype is torch.bfloat16
