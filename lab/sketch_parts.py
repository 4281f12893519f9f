"""Sketch's VAE and encoders, which the lab keeps as they are: only transformers are trained here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from diffusers import AutoencoderKLHunyuanVideo, HunyuanVideoFramepackPipeline

from engine.framepack.grid import Grid
from engine.inference.registry import spec_of
from engine.models.catalog import find_model
from engine.models.spec import ModelSpec
from training.latent_bank import StillEncoder
from training.networks.flat_vae import twin_of

from .bank import Sentences, read_sentences


@dataclass(frozen=True)
class SketchParts:
    """What is used of Sketch."""

    pipeline: HunyuanVideoFramepackPipeline
    spec: ModelSpec

    @classmethod
    def load(cls) -> SketchParts:
        """From the weights that ship, float32."""
        model = find_model("sketch")
        pipeline = HunyuanVideoFramepackPipeline.from_pretrained(model.path, torch_dtype=torch.float32)
        return cls(pipeline, spec_of(model))

    @property
    def grid(self) -> Grid:
        """Sections of nine latents, as Sketch has them."""
        return self.spec.grid()

    @cached_property
    def encoder(self) -> StillEncoder:
        """For the world's pictures."""
        return StillEncoder(self.pipeline.vae)

    @cached_property
    def sentences(self) -> Sentences:
        """All that a section may be told."""
        return read_sentences(self.pipeline, self.spec)

    @cached_property
    def _stills(self) -> AutoencoderKLHunyuanVideo:
        """The VAE for single pictures, at a third of the time."""
        return twin_of(self.pipeline.vae)

    @torch.inference_mode()
    def pictures(self, latents: torch.Tensor) -> torch.Tensor:
        """Latents (N, C, h, w), each decoded as a picture by itself: (N, H, W, 3) uint8."""
        vae = self._stills
        scaled = latents.unsqueeze(2).float() / vae.config["scaling_factor"]
        pixels = torch.cat([vae.decode(part, return_dict=False)[0] for part in torch.split(scaled, 16)])
        return ((pixels[:, :, 0] + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)
