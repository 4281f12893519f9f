"""Train Sketch's VAE in two stages: single pictures with the 2-D twin, then the decoder alone on moving clips.

The encoder stays the inflated 2-D one for good: the latent of a clip's frame 4j is then the latent of that frame as a
picture, so the transformer's training data need no video, run backwards too, and any frame can be a board.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKLHunyuanVideo
from torch.nn import functional

from .flat import flatten, start_plain
from .loop import Course, Training
from .pictures import PictureBank

PICTURE_SEED = 11
_KL = 3e-4
_RATE = 2e-3
_LATE = 0.85
"""Share of the course after which crops are larger, so that norms see what they will see in use."""


def picture_stage(
    vae: AutoencoderKLHunyuanVideo, folder: Path, *, steps: int, bank: PictureBank, device: torch.device
) -> AutoencoderKLHunyuanVideo:
    """Train the 2-D twin of the fresh `vae` on crops; returns the twin with averaged weights.

    L1 + 2 MSE + 3e-4 KL, AdamW, 32 crops of 64 x 64, at the end 8 of 128 x 128.
    """
    flatten(vae)
    start_plain(vae)
    vae.to(device).train()
    optimizer = torch.optim.AdamW(vae.parameters(), lr=_RATE, betas=(0.9, 0.99), weight_decay=0.0)
    training = Training(folder, vae, {"adamw": optimizer}, Course(steps, PICTURE_SEED, warm_up=60, constant=0.3))

    def loss_of(step: int, rng: np.random.Generator) -> torch.Tensor:
        count, side = (8, 128) if step > steps * _LATE else (32, 64)
        pictures = torch.from_numpy(bank.crops(rng, count, side)).unsqueeze(2).to(device)
        with torch.autocast(device.type, torch.bfloat16):
            mean, log_variance = vae.quant_conv(vae.encoder(pictures)).float().chunk(2, 1)
            latent = mean + torch.randn_like(mean) * torch.exp(0.5 * log_variance.clamp(-30, 20))
            decoded = vae.decoder(vae.post_quant_conv(latent)).float()
        kl = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).mean()
        return reconstruction(decoded, pictures) + _KL * kl

    training.run(loss_of, "VAE, pictures")
    twin = training.averaged
    assert isinstance(twin, AutoencoderKLHunyuanVideo)
    return twin


def reconstruction(decoded: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """How far `decoded` is from `truth`: L1 + 2 MSE, both in [-1, 1]."""
    return functional.l1_loss(decoded, truth) + 2 * functional.mse_loss(decoded, truth)
