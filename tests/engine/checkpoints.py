"""Tiny random checkpoints in the released layout, made from diffusers' and transformers' own classes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import torch
from diffusers import AutoencoderKLHunyuanVideo, HunyuanVideoFramepackTransformer3DModel
from safetensors.torch import save_file

from engine.inference.hunyuan.packed_transformer import PackedTransformer

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
TINY = FIXTURES / "tiny-framepack"
BOARD = FIXTURES / "board.png"


def make_checkpoint(path: Path, *, seed: int, layers: int = 1, head_dim: int = 24, heads: int = 2) -> Path:
    """A folder with the fixture's encoders and tokenizers, and a random transformer and VAE of the sizes given."""
    shutil.copytree(TINY, path)
    torch.manual_seed(seed)
    transformer = HunyuanVideoFramepackTransformer3DModel(
        in_channels=16,
        out_channels=16,
        num_attention_heads=heads,
        attention_head_dim=head_dim,
        num_layers=layers,
        num_single_layers=layers,
        num_refiner_layers=1,
        text_embed_dim=16,
        pooled_projection_dim=8,
        rope_axes_dim=(head_dim - 2 * (head_dim * 5 // 12 // 2 * 2), *[head_dim * 5 // 12 // 2 * 2] * 2),
        has_image_proj=True,
        image_proj_dim=32,
        has_clean_x_embedder=True,
    )
    _replace(path / "transformer", transformer)
    vae = AutoencoderKLHunyuanVideo(
        latent_channels=16, block_out_channels=(8, 8, 16, 16), layers_per_block=1, norm_num_groups=4
    )
    _replace(path / "vae", vae)
    return path


def _replace(path: Path, network: torch.nn.Module) -> None:
    shutil.rmtree(path)
    network.save_pretrained(path)


PACKED_KERNELS = ((1, 2, 2), (2, 4, 4), (1, 4, 4), (4, 8, 8))


def make_packed(
    path: Path, *, seed: int, kernels: Sequence[Sequence[int]] = PACKED_KERNELS, codes: int = 0, **facts: object
) -> Path:
    """The fixture with a random transformer that packs by `kernels`, a codebook of `codes` entries, and `facts`."""
    shutil.copytree(TINY, path)
    torch.manual_seed(seed)
    config = HunyuanVideoFramepackTransformer3DModel.load_config(TINY / "transformer")
    transformer = PackedTransformer.from_config(config, kernels=kernels)
    for parameter in transformer.parameters():  # biases as well: zeros would hide faults
        torch.nn.init.normal_(parameter, std=0.1)
    _replace(path / "transformer", transformer)
    said = {"packed": True, "kernels": [list(kernel) for kernel in kernels], **facts}
    if codes:
        (path / "codebook").mkdir()
        save_file({"codebook": torch.randn(codes, 16)}, path / "codebook" / "codebook.safetensors")
        said = {"codebook": {"file": "codebook.safetensors", "size": codes}} | said
    (path / "shotpack.json").write_text(json.dumps(said))
    return path
