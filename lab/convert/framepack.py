"""HunyuanVideo's text-to-video transformer as one of released FramePack: diffusers' class, three kernels.

Without history and vision, and with time counted from 0, it says what HunyuanVideo says, to the bit. Vision of zeros is
not the same as none: attention sees such tokens. Nor may time begin later: words have no place in it, so how far away
frames are counts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import HunyuanVideoFramepackTransformer3DModel, HunyuanVideoTransformer3DModel

from engine.framepack.packing import Order
from engine.inference.hunyuan.packed_embed import RELEASED_KERNELS, layer_name
from engine.inference.hunyuan.packed_transformer import PackedFrames, PackedTransformer

from .checkpoint import Checkpoint, read_object
from .layout import Config, Layout, check_history, lying_apart

_SEED = 26
_SIGLIP_FEATURES = 1152
"""Where an image encoder's configuration does not say: released FramePack's."""
_KERNELS = {f"clean_x_embedder.{layer_name(kernel)}": kernel for kernel in RELEASED_KERNELS}


class FramePack(Layout):
    """FramePack of HunyuanVideo."""

    source_pipeline = "HunyuanVideoPipeline"
    source = HunyuanVideoTransformer3DModel
    pipeline = "HunyuanVideoFramepackPipeline"
    target = HunyuanVideoFramepackTransformer3DModel
    compared = PackedTransformer  # diffusers' own wants frames for every kernel
    components = ("vae", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2", "scheduler")
    patch = "x_embedder.proj"
    kernels = _KERNELS
    limit = 0.0

    def refusal(self, index: Config, config: Config) -> str:
        """Image-to-video checkpoints have 33 channels, or other blocks for the first frame's tokens."""
        kind = config.get("image_condition_type")
        takes, makes = config.get("in_channels"), config.get("out_channels")
        if kind is not None:
            return f"it is an image-to-video checkpoint ({kind})"
        if (takes, makes) != (16, 16):
            return f"its transformer takes {takes} channels and makes {makes}, where text-to-video has 16"
        if (config.get("patch_size"), config.get("patch_size_t")) != (2, 1):
            return "its tokens are not of 1 x 2 x 2 latent pixels"
        return ""

    def configured(self, config: Config, components: Mapping[str, Path]) -> dict[str, Any]:
        """The same, with layers for history and for what the image encoder sees."""
        vision = read_object(components["image_encoder"] / "config.json")
        features = vision.get("hidden_size", _SIGLIP_FEATURES)
        return {**config, "has_clean_x_embedder": True, "has_image_proj": True, "image_proj_dim": features}

    def shortened(self, config: Config) -> dict[str, Any]:
        """One block of two streams, one of a single stream."""
        return {**config, "num_layers": 1, "num_single_layers": 1}

    def new(self, name: str, shape: tuple[int, ...], source: Checkpoint, config: Config) -> torch.Tensor:
        """What the image encoder sees comes in as zeros: `down` is zero, and `up` as torch makes a linear layer."""
        if name.startswith("image_projection.down."):
            return torch.zeros(shape)
        if name.startswith("image_projection.up."):
            bound = 1 / math.sqrt(config["image_proj_dim"])
            return torch.empty(shape).uniform_(-bound, bound, generator=torch.Generator().manual_seed(_SEED))
        return super().new(name, shape, source, config)

    def facts(self) -> dict[str, Any]:
        """HunyuanVideo's own numbers, by its authors and diffusers' pipeline; FramePack's are others."""
        own = {"native_fps": 24, "steps": 50, "guidance": 6.0, "shift": 7.0}
        return {"family": "framepack-hunyuan", "order": str(Order.FORWARD), **own}

    @torch.inference_mode()
    def difference(self, source: Any, converted: Any) -> float:
        """On two samples, one with a padded text: for one alone such a text is cut short here, and masked there."""
        config, draw = source.config, torch.Generator().manual_seed(_SEED)

        def normal(*shape: int) -> torch.Tensor:
            return torch.randn(*shape, generator=draw)

        mask = torch.ones(2, 5)
        mask[0, 3:] = 0
        told: dict[str, Any] = {
            "hidden_states": normal(2, config.in_channels, 3, 8, 8),
            "timestep": torch.tensor([300.0, 900.0]),
            "encoder_hidden_states": normal(2, 5, config.text_embed_dim),
            "encoder_attention_mask": mask,
            "pooled_projections": normal(2, config.pooled_projection_dim),
            "guidance": torch.tensor([6000.0, 1000.0]) if config.guidance_embeds else None,
            "return_dict": False,
        }
        [wanted] = source(**told)
        told |= {"image_embeds": torch.zeros(2, 0, converted.config.image_proj_dim)}
        told |= {"indices_latents": torch.arange(3)}
        [found] = converted(**told)
        history = [
            PackedFrames(kernel, normal(2, config.in_channels, 4, 8, 8), torch.arange(4)) for kernel in RELEASED_KERNELS
        ]
        [seen] = converted(**told, blocks=history)
        check_history(found, seen)
        return lying_apart(wanted, found)
