"""diffusers' own FramePack pipeline as an oracle: the same shot, its latents."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import HunyuanVideoFramepackPipeline
from PIL import Image, ImageOps

from tests.engine.checkpoints import BOARD

SAMPLING = {"inverted": "inverted_anti_drifting", "forward": "vanilla"}


class MeanLatentsPipeline(HunyuanVideoFramepackPipeline):
    """diffusers' pipeline, with boards encoded to the posterior mean as Shotpack does (it samples the posterior)."""

    def prepare_image_latents(self, image, dtype=None, device=None, generator=None, latents=None):  # type: ignore[no-untyped-def]
        encoded = self.vae.encode(image.unsqueeze(2)).latent_dist.mode() * self.vae.config.scaling_factor
        return encoded.to(dtype)


def diffusers_latents(model: Path, order: str, sections: int, window: int = 9, **settings: object) -> torch.Tensor:
    pipeline = MeanLatentsPipeline.from_pretrained(model)
    pipeline.set_progress_bar_config(disable=True)
    seed = settings.pop("seed")
    size = (settings["width"], settings["height"])
    result = pipeline(
        # the pipeline stretches a picture to the size where Shotpack crops it, so it is given one that fits
        image=ImageOps.fit(Image.open(BOARD).convert("RGB"), size, Image.Resampling.LANCZOS),
        num_frames=sections * (4 * window - 3),
        latent_window_size=window,
        generator=torch.Generator().manual_seed(seed),
        sampling_type=SAMPLING[order],
        output_type="latent",
        **settings,
    )
    return result.frames[-1]


def relative_error(got: torch.Tensor, want: torch.Tensor) -> float:
    assert got.shape == want.shape
    return ((got - want).norm() / want.norm()).item()
