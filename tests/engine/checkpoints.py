"""Tiny random checkpoints in the released layout, made from diffusers' and transformers' own classes."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from diffusers import AutoencoderKLHunyuanVideo, HunyuanVideoFramepackTransformer3DModel

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
