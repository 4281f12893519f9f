"""A widened transformer: nearly what the narrow one says, and every new weight can learn."""

from __future__ import annotations

import pytest
import torch
from diffusers import HunyuanVideoFramepackTransformer3DModel

from engine.models.catalog import find_model
from training.__main__ import main
from training.networks.widen import widened


@pytest.fixture(scope="module")
def sketch() -> HunyuanVideoFramepackTransformer3DModel:
    folder = find_model("sketch").components["transformer"]
    return HunyuanVideoFramepackTransformer3DModel.from_pretrained(folder, torch_dtype=torch.float32).eval()


def said(transformer: HunyuanVideoFramepackTransformer3DModel, height: int = 8, width: int = 12) -> torch.Tensor:
    """What it predicts for a section of noise after a start frame of noise."""
    generator = torch.Generator().manual_seed(1)

    def noise(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    return transformer(
        hidden_states=noise(1, 16, 9, height, width),
        timestep=torch.tensor([700.0]),
        encoder_hidden_states=noise(1, 16, transformer.config["text_embed_dim"]),
        encoder_attention_mask=torch.ones(1, 16),
        pooled_projections=noise(1, transformer.config["pooled_projection_dim"]),
        image_embeds=noise(1, 9, transformer.config["image_proj_dim"]),
        indices_latents=torch.arange(1, 10),
        guidance=torch.tensor([10_000.0]),
        latents_clean=noise(1, 16, 2, height, width),
        indices_latents_clean=torch.tensor([0, 10]),
        latents_history_2x=noise(1, 16, 2, height, width),
        indices_latents_history_2x=torch.arange(2) + 11,
        latents_history_4x=noise(1, 16, 16, height, width),
        indices_latents_history_4x=torch.arange(16) + 13,
        return_dict=False,
    )[0]


def test_a_wider_one_says_nearly_the_same(sketch: HunyuanVideoFramepackTransformer3DModel) -> None:
    torch.manual_seed(0)
    heads = sketch.config["num_attention_heads"] + 2
    wide = widened(sketch, heads)
    assert wide.config["num_attention_heads"] == heads
    with torch.no_grad():
        before, after = said(sketch), said(wide.eval())
    assert ((after - before).norm() / before.norm()).item() < 0.05


def test_everything_new_can_learn(sketch: HunyuanVideoFramepackTransformer3DModel) -> None:
    wide = widened(sketch, sketch.config["num_attention_heads"] + 1).requires_grad_(True)
    said(wide).pow(2).mean().backward()
    assert [name for name, each in wide.named_parameters() if each.grad is None or not each.grad.any()] == []


def test_narrower_is_refused(tmp_path: object, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["train", "--out", str(tmp_path), "--model", "sketch", "--heads", "6", "--steps", "1"])
    assert status == 2
    assert "heads" in capsys.readouterr().err
