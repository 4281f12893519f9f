"""Step caches: fewer block evaluations, results near the exact ones, and the released TeaCache rule to the letter."""

from __future__ import annotations

import functools
import json

import numpy as np
import pytest
import torch
from diffusers import HunyuanVideoFramepackTransformer3DModel
from diffusers.models.transformers.transformer_hunyuan_video import HunyuanVideoSingleTransformerBlock

from engine.inference.speed.step_cache import TEACACHE_POLYNOMIAL, apply_teacache
from tests.engine.checkpoints import TINY
from tests.engine.conftest import MakeShot


@pytest.fixture
def block_calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Counts evaluations of single-stream blocks, below whatever hooks are on them."""
    calls: list[int] = []
    forward = HunyuanVideoSingleTransformerBlock.forward

    @functools.wraps(forward)  # diffusers' hooks read the signature
    def counted(self, *args, **kwargs):  # type: ignore[no-untyped-def]
        calls.append(1)
        return forward(self, *args, **kwargs)

    monkeypatch.setattr(HunyuanVideoSingleTransformerBlock, "forward", counted)
    return calls


def relative(got: torch.Tensor, want: torch.Tensor) -> float:
    return ((got - want).norm() / want.norm()).item()


@pytest.mark.usefixtures("latents_only")
@pytest.mark.parametrize("cache", ["teacache:0.3", "first-block:0.7"])
@pytest.mark.parametrize("cfg", [1.0, 2.0])
def test_caches_skip_work(make_shot: MakeShot, block_calls: list[int], cache: str, cfg: float) -> None:
    exact = make_shot(73, steps=12, cfg=cfg)
    evaluated = len(block_calls)
    block_calls.clear()
    cached = make_shot(73, steps=12, cfg=cfg, cache=cache)
    assert len(block_calls) < 0.8 * evaluated
    assert relative(cached.latents, exact.latents) < 0.2


@pytest.mark.usefixtures("latents_only")
@pytest.mark.parametrize("cache", ["teacache:0.000001", "first-block:0.000001"])
def test_a_threshold_of_nothing_is_exact(make_shot: MakeShot, cache: str) -> None:
    assert torch.equal(make_shot(73, steps=4, cache=cache).latents, make_shot(73, steps=4).latents)


@pytest.mark.usefixtures("latents_only")
def test_a_cached_shot_is_the_same_twice(make_shot: MakeShot) -> None:
    """Nothing carries over from section to section or shot to shot."""
    first, second = (make_shot(109, steps=8, cache="teacache:0.3").latents for _ in range(2))
    assert torch.equal(first, second)


def inputs(x: torch.Tensor, timestep: float) -> dict[str, object]:
    random = torch.Generator().manual_seed(1)
    frames = {"clean": 2, "history_2x": 2, "history_4x": 4}
    context = {f"latents_{name}": torch.randn((1, 16, n, 8, 8), generator=random) for name, n in frames.items()}
    indices = {f"indices_latents_{name}": torch.arange(n) for name, n in frames.items()}
    return {
        "hidden_states": x,
        "timestep": torch.tensor([timestep]),
        "encoder_hidden_states": torch.randn((1, 5, 16), generator=random),
        "encoder_attention_mask": torch.ones((1, 5)),
        "pooled_projections": torch.randn((1, 8), generator=random),
        "image_embeds": torch.randn((1, 4, 32), generator=random),
        "indices_latents": torch.arange(10, 13),
        "guidance": torch.tensor([10000.0]),
        "return_dict": False,
        **context,
        **indices,
    }


@torch.inference_mode()
def test_teacache_follows_the_released_rule(block_calls: list[int]) -> None:
    """An independent reading of the rule, on signals recorded from the plain model, foretells every skip."""
    plain = HunyuanVideoFramepackTransformer3DModel.from_pretrained(TINY / "transformer")
    signals: list[torch.Tensor] = []
    plain.transformer_blocks[0].norm1.register_forward_hook(lambda _, __, out: signals.append(out[0]))
    steps, threshold = 20, 0.25
    random = torch.Generator().manual_seed(2)
    begin, end = torch.randn((2, 1, 16, 3, 8, 8), generator=random)
    states = [(begin + (end - begin) * n / steps, 1000 * (1 - n / steps)) for n in range(steps)]
    for x, timestep in states:
        plain(**inputs(x, timestep))

    computed, total = [True], 0.0
    for n in range(1, steps):
        change = ((signals[n] - signals[n - 1]).abs().mean() / signals[n - 1].abs().mean()).item()
        total += float(np.polyval(TEACACHE_POLYNOMIAL, change))
        if total < threshold and n < steps - 1:
            computed.append(False)
        else:
            computed.append(True)
            total = 0.0
    assert 2 < sum(computed) < steps

    cached = HunyuanVideoFramepackTransformer3DModel.from_pretrained(TINY / "transformer")
    apply_teacache(cached, threshold, steps)
    was_computed = []
    for x, timestep in states:
        block_calls.clear()
        with cached.cache_context("prompt"):
            cached(**inputs(x, timestep))
        was_computed.append(bool(block_calls))
    assert was_computed == computed


@pytest.mark.usefixtures("latents_only")
@pytest.mark.parametrize(
    ("speed", "cache"), [("exact", "none"), ("balanced", "teacache:0.15"), ("fast", "teacache:0.25")]
)
def test_a_speed_is_a_cache_that_was_measured(make_shot: MakeShot, speed: str, cache: str) -> None:
    """What the record says was used is the model's own choice for the speed; a cache that is named goes before it."""

    def used(**settings: object) -> str:
        shot = make_shot(1, steps=1, **settings)  # type: ignore[arg-type]
        request: dict[str, str] = json.loads((shot.folder / "shot.json").read_text())["request"]
        return request["cache"]

    assert used(speed=speed) == cache
    assert used(speed=speed, cache="first-block:0.2") == "first-block:0.2"
