"""Tiny model folders written by hand: the layout of a checkpoint, with safetensors of a few bytes and no torch."""

from __future__ import annotations

import json
import struct
from pathlib import Path

WEIGHTS = {
    "transformer": "diffusion_pytorch_model.safetensors",
    "vae": "diffusion_pytorch_model.safetensors",
    "text_encoder": "model.safetensors",
    "text_encoder_2": "model.safetensors",
    "image_encoder": "model.safetensors",
}
TEXTS = {
    "tokenizer": "tokenizer.json",
    "tokenizer_2": "tokenizer.json",
    "feature_extractor": "preprocessor_config.json",
    "scheduler": "scheduler_config.json",
}


def safetensors(values: bytes = b"\0" * 24, **header: object) -> bytes:
    """A safetensors file of one float16 tensor whose data is `values`; `header` replaces or adds entries."""
    entry = {"dtype": "F16", "shape": [len(values) // 2], "data_offsets": [0, len(values)]}
    text = json.dumps({"weight": entry, "__metadata__": {"format": "pt"}, **header}).encode()
    return struct.pack("<Q", len(text)) + text + values


def make_model(path: Path) -> Path:
    """A whole model; every weight file has other contents."""
    path.mkdir(parents=True)
    index = {"_class_name": "HunyuanVideoFramepackPipeline", "_diffusers_version": "0.42.1"}
    index |= {name: ["transformers", "Something"] for name in (*WEIGHTS, *TEXTS)}
    (path / "model_index.json").write_text(json.dumps(index))
    for number, (component, name) in enumerate(WEIGHTS.items()):
        (path / component).mkdir()
        (path / component / "config.json").write_text("{}")
        (path / component / name).write_bytes(safetensors(bytes([number]) * 24))
    for component, name in TEXTS.items():
        (path / component).mkdir()
        (path / component / name).write_text("{}")
    return path
