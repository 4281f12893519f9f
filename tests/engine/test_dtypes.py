"""The dtypes that a GPU runs in (transformer bf16, the rest fp16, output projection float32), on the CPU."""

from __future__ import annotations

import pytest
import torch

from engine.models.hunyuan import HunyuanFramePack
from tests.engine.conftest import MakeShot


def test_released_dtypes_give_nearly_the_same_shot(make_shot: MakeShot, monkeypatch: pytest.MonkeyPatch) -> None:
    exact = make_shot(37, steps=4, cfg=1.5, negative="w8").latents
    families: list[HunyuanFramePack] = []
    original = HunyuanFramePack.__init__

    def as_on_a_gpu(self: HunyuanFramePack, *args: object) -> None:
        original(self, *args)  # type: ignore[arg-type]
        self._transformer_dtype, self._other_dtype = torch.bfloat16, torch.float16
        families.append(self)

    monkeypatch.setattr(HunyuanFramePack, "__init__", as_on_a_gpu)
    released = make_shot(37, steps=4, cfg=1.5, negative="w8").latents
    assert released.isfinite().all()
    assert 0 < ((released - exact).norm() / exact.norm()).item() < 0.2
    transformer = families[0]._transformer()
    assert transformer.proj_out.weight.dtype is torch.float32
    assert transformer.x_embedder.proj.weight.dtype is torch.bfloat16
