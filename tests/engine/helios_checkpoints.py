"""Tiny random Helios checkpoints in the released layout, made from diffusers' and transformers' own classes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Literal

import torch
from diffusers import (
    AutoencoderKLWan,
    HeliosDMDScheduler,
    HeliosPipeline,
    HeliosPyramidPipeline,
    HeliosScheduler,
    HeliosTransformer3DModel,
)
from transformers import AutoTokenizer, UMT5Config, UMT5EncoderModel

from tests.engine.checkpoints import TINY

Kind = Literal["base", "mid", "distilled"]
SIZE = {"base": (64, 64), "mid": (64, 64), "distilled": (64, 64)}


def make_helios(path: Path, *, seed: int, kind: Kind) -> Path:
    """A folder as one of the three releases has it, with random weights and the fixture's tokenizer.

    The distributions are those of the classes themselves, but for the blocks' modulation, which Helios begins at: its
    scheduler settings are the ones that its releases are described with.
    """
    torch.manual_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(TINY / "tokenizer")
    encoder = UMT5EncoderModel(
        UMT5Config(vocab_size=len(tokenizer), d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2)
    ).eval()
    transformer = HeliosTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=12,
        text_dim=16,
        freq_dim=16,
        ffn_dim=32,
        num_layers=2,
        rope_dim=(4, 4, 4),
        cross_attn_norm=True,
    ).eval()
    vae = AutoencoderKLWan(base_dim=4, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1).eval()
    parts = {"tokenizer": tokenizer, "text_encoder": encoder, "transformer": transformer, "vae": vae}
    if kind == "base":
        scheduler = HeliosScheduler(stages=1, stage_range=[0, 1], use_dynamic_shifting=True)
        pipeline = HeliosPipeline(**parts, scheduler=scheduler)
    elif kind == "mid":
        pipeline = HeliosPyramidPipeline(**parts, scheduler=HeliosScheduler(), is_cfg_zero_star=True)
    else:
        scheduler = HeliosDMDScheduler(use_dynamic_shifting=True)
        pipeline = HeliosPyramidPipeline(**parts, scheduler=scheduler, is_distilled=True)
    pipeline.save_pretrained(path)
    shutil.copytree(TINY / "tokenizer", path / "tokenizer", dirs_exist_ok=True)
    return path
