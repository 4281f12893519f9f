"""Tiny random text-to-video checkpoints as diffusers' pipelines have them, made of its own classes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from diffusers import HunyuanVideoTransformer3DModel, UniPCMultistepScheduler, WanTransformer3DModel

from tests.engine.checkpoints import TINY
from tests.engine.helios_checkpoints import make_helios

HUNYUAN: dict[str, Any] = {
    "num_attention_heads": 2,
    "attention_head_dim": 12,
    "num_layers": 2,
    "num_single_layers": 2,
    "num_refiner_layers": 1,
    "text_embed_dim": 16,
    "pooled_projection_dim": 8,
    "rope_axes_dim": (4, 4, 4),
}
WAN: dict[str, Any] = {
    "num_attention_heads": 2,
    "attention_head_dim": 14,  # 6 for time, 4 for rows and columns each
    "text_dim": 16,
    "freq_dim": 16,
    "ffn_dim": 32,
    "num_layers": 2,
    "cross_attn_norm": True,
}


def make_hunyuan_video(path: Path, *, loud: bool = True, **config: Any) -> Path:
    """HunyuanVideo with the fixture's encoders; `loud` draws biases too, which are zeros at first and would hide."""
    torch.manual_seed(4)
    transformer = HunyuanVideoTransformer3DModel(**{**HUNYUAN, **config})
    shutil.copytree(TINY, path)
    for name in ("image_encoder", "feature_extractor"):
        shutil.rmtree(path / name)
    index = json.loads((path / "model_index.json").read_text())
    kept = {name: value for name, value in index.items() if name not in ("image_encoder", "feature_extractor")}
    return _with_transformer(path, kept, "HunyuanVideoPipeline", transformer, loud=loud)


def make_wan(path: Path, **config: Any) -> Path:
    """Wan 2.1 with tiny encoders, and a scheduler of Wan's."""
    make_helios(path, seed=9, kind="base")
    torch.manual_seed(4)
    transformer = WanTransformer3DModel(**{**WAN, **config})
    index = json.loads((path / "model_index.json").read_text())
    index["scheduler"] = ["diffusers", "UniPCMultistepScheduler"]
    shutil.rmtree(path / "scheduler")
    UniPCMultistepScheduler(use_flow_sigmas=True, prediction_type="flow_prediction").save_pretrained(path / "scheduler")
    return _with_transformer(path, index, "WanPipeline", transformer, loud=True)


def change_json(path: Path, **changes: Any) -> None:
    """Put other values into a JSON file."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@torch.no_grad()
def _with_transformer(path: Path, index: dict[str, Any], pipeline: str, transformer: Any, *, loud: bool) -> Path:
    if loud:
        for parameter in transformer.parameters():
            torch.nn.init.normal_(parameter, std=0.2)
    shutil.rmtree(path / "transformer")
    transformer.save_pretrained(path / "transformer")
    index |= {"_class_name": pipeline, "transformer": ["diffusers", type(transformer).__name__]}
    (path / "model_index.json").write_text(json.dumps(index))
    return path
