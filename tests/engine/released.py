"""The released models without their tens of gigabytes: configurations and weight headers of true size, no weights."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKLHunyuanVideo,
    AutoencoderKLWan,
    HeliosDMDScheduler,
    HeliosTransformer3DModel,
    HunyuanVideoFramepackTransformer3DModel,
)
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    LlamaConfig,
    LlamaModel,
    SiglipVisionConfig,
    SiglipVisionModel,
    UMT5Config,
    UMT5EncoderModel,
)


def released_folders(root: Path) -> dict[str, Path]:
    """A folder in `root` for each network, with its configuration and the header of its weights file."""
    llama = LlamaConfig(vocab_size=128_320, intermediate_size=14_336, num_key_value_heads=8)
    clip = CLIPTextConfig(hidden_size=768, intermediate_size=3072, num_attention_heads=12, num_hidden_layers=12)
    siglip = SiglipVisionConfig(
        hidden_size=1152,
        intermediate_size=4304,
        num_hidden_layers=27,
        num_attention_heads=16,
        image_size=384,
        patch_size=14,
    )
    with torch.device("meta"):
        networks: dict[str, Any] = {
            "transformer": HunyuanVideoFramepackTransformer3DModel(has_image_proj=True, has_clean_x_embedder=True),
            "vae": AutoencoderKLHunyuanVideo(),
            "text_encoder": LlamaModel(llama),
            "text_encoder_2": CLIPTextModel(clip),
            "image_encoder": SiglipVisionModel(siglip),
        }
    return _written(root, networks)


def helios_folders(root: Path) -> dict[str, Path]:
    """The same for Helios: Wan 2.1's transformer of 14B with the packed history, its VAE, and UMT5-XXL's encoder."""
    text = UMT5Config(
        vocab_size=256_384, d_model=4096, d_kv=64, d_ff=10_240, num_layers=24, num_heads=64, is_gated_act=True
    )
    with torch.device("meta"):
        networks: dict[str, Any] = {
            "transformer": HeliosTransformer3DModel(),
            "vae": AutoencoderKLWan(),
            "text_encoder": UMT5EncoderModel(text),
        }
    HeliosDMDScheduler(use_dynamic_shifting=True).save_pretrained(root / "scheduler")
    return _written(root, networks) | {"scheduler": root / "scheduler"}


def _written(root: Path, networks: Mapping[str, Any]) -> dict[str, Path]:
    folders = {}
    for name, network in networks.items():
        folders[name] = root / name
        folders[name].mkdir(parents=True)
        config = network.config
        # diffusers would put defaults in place of what is noted as one.
        said = (
            {key: value for key, value in config.items() if key != "_use_default_values"}
            if isinstance(config, dict)
            else config.to_dict()
        )
        described = json.dumps(said)
        (folders[name] / "config.json").write_text(described)
        own = {key for key, _ in (*network.named_parameters(), *network.named_buffers())}
        header = {
            key: {"dtype": "BF16", "shape": list(tensor.shape), "data_offsets": [0, 0]}
            for key, tensor in network.state_dict().items()
            if key in own  # what two modules share is written once
        }
        packed = json.dumps(header).encode()
        (folders[name] / "model.safetensors").write_bytes(struct.pack("<Q", len(packed)) + packed)
    return folders
