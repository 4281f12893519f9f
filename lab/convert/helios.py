"""Wan 2.1's text-to-video transformer as Helios has it: three more layers for history, and time as it is told.

Without history it says what Wan says but for rounding (6e-7 of tiny networks): Helios turns by angles in float32, Wan
by some in float64.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import HeliosScheduler, HeliosTransformer3DModel, WanTransformer3DModel

from engine.framepack.packing import Order
from engine.inference.hunyuan.packed_embed import RELEASED_KERNELS

from .layout import Config, Layout, check_history, lying_apart

_SEED = 21
_HISTORY = ("short", "mid", "long")
_KERNELS = {f"patch_{name}": kernel for name, kernel in zip(_HISTORY, RELEASED_KERNELS, strict=True)}
_DROPPED = ("image_dim", "pos_embed_seq_len", "rope_max_seq_len")
"""What Wan is configured by and Helios is not."""
_OUTPUT = "norm_out.scale_shift_table"
"""Called `scale_shift_table` by Wan."""


class Helios(Layout):
    """Helios Base of Wan 2.1."""

    source_pipeline = "WanPipeline"
    source = WanTransformer3DModel
    pipeline = "HeliosPipeline"
    target = compared = HeliosTransformer3DModel
    components = ("vae", "text_encoder", "tokenizer")
    patch = "patch_embedding"
    kernels = _KERNELS
    limit = 1e-5

    def refusal(self, index: Config, config: Config) -> str:
        """Wan 2.2 has two transformers, or a time for each token; image-to-video 36 channels or layers for images."""
        takes, makes = config.get("in_channels"), config.get("out_channels")
        if any(index.get("transformer_2") or ()) or index.get("expand_timesteps"):
            return "it is Wan 2.2, which Helios is not made of"
        if config.get("image_dim") is not None or config.get("added_kv_proj_dim") is not None:
            return "it is an image-to-video checkpoint"
        if (takes, makes) != (16, 16):
            return f"its transformer takes {takes} channels and makes {makes}, where text-to-video has 16"
        if list(config.get("patch_size", ())) != [1, 2, 2]:
            return "its tokens are not of 1 x 2 x 2 latent pixels"
        return ""

    def configured(self, config: Config, components: Mapping[str, Path]) -> dict[str, Any]:
        """The same, with the shares of time, rows and columns in a head's features said that Wan has."""
        size = config["attention_head_dim"]
        side = 2 * (size // 6)
        kept = {name: value for name, value in config.items() if name not in _DROPPED}
        return {**kept, "rope_dim": [size - 2 * side, side, side], "is_amplify_history": False}

    def shortened(self, config: Config) -> dict[str, Any]:
        """One block."""
        return {**config, "num_layers": 1}

    def source_name(self, name: str) -> str:
        """All but one are called the same."""
        return name.removeprefix("norm_out.") if name == _OUTPUT else name

    def facts(self) -> dict[str, Any]:
        """Wan is sampled as Helios Base is (50 steps, guidance 5), and was trained at another rate."""
        return {"family": "helios", "order": str(Order.FORWARD), "native_fps": 16}

    def complete(self, folder: Path) -> dict[str, tuple[str, str]]:
        """Helios Base's scheduler, which Wan's pipeline knows nothing of."""
        HeliosScheduler(stages=1, stage_range=[0, 1], use_dynamic_shifting=True).save_pretrained(folder / "scheduler")
        return {"scheduler": ("diffusers", "HeliosScheduler")}

    @torch.inference_mode()
    def difference(self, source: Any, converted: Any) -> float:
        """On two samples, with time told and untold."""
        config, draw = source.config, torch.Generator().manual_seed(_SEED)

        def normal(*shape: int) -> torch.Tensor:
            return torch.randn(*shape, generator=draw)

        told: dict[str, Any] = {
            "hidden_states": normal(2, config.in_channels, 3, 8, 8),
            "timestep": torch.tensor([300.0, 900.0]),
            "encoder_hidden_states": normal(2, 5, config.text_dim),
            "return_dict": False,
        }
        [wanted] = source(**told)
        times = torch.arange(3).expand(2, -1)
        [found], [timed] = converted(**told), converted(**told, indices_hidden_states=times)
        history: dict[str, torch.Tensor] = {}
        for name in _HISTORY:
            history[f"latents_history_{name}"] = normal(2, config.in_channels, 4, 8, 8)
            history[f"indices_latents_history_{name}"] = torch.arange(4).expand(2, -1)
        [seen] = converted(**told, indices_hidden_states=times, **history)
        check_history(timed, seen)
        return max(lying_apart(wanted, found), lying_apart(wanted, timed))
