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

from .loop import Course, Training
from .networks.flat_vae import flatten
from .networks.linear_vae import start_linear
from .picture_bank import ClipBank, PictureBank
from .scenes.moves import FRAMES_PER_LATENT

PICTURE_SEED = 11
CLIP_SEED = 12
_KL = 3e-4
_RATE = 2e-3
_TIME_RATE = 3e-4
_LATENT_NOISE = 0.03
_LATE = 0.85
"""Share of the course after which crops are larger, so that norms see what they will see in use."""


def picture_stage(
    vae: AutoencoderKLHunyuanVideo, folder: Path, *, steps: int, bank: PictureBank, device: torch.device
) -> None:
    """Turn the fresh `vae` into its 2-D twin and train that on crops; it ends with its averaged weights.

    L1 + 2 MSE + 3e-4 KL, AdamW, 32 crops of 64 x 64, at the end 8 of 128 x 128.
    """
    flatten(vae)
    start = bank.crops(np.random.default_rng(PICTURE_SEED), 256, 64)
    start_linear(vae, torch.from_numpy(start).unsqueeze(2))
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
        loss: torch.Tensor = reconstruction(decoded, pictures) + _KL * kl
        return loss

    training.run(loss_of, "VAE, pictures")
    training.use_average()


def reconstruction(decoded: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """How far `decoded` is from `truth`: L1 + 2 MSE, both in [-1, 1]."""
    return functional.l1_loss(decoded, truth) + 2 * functional.mse_loss(decoded, truth)


def time_stage(
    vae: AutoencoderKLHunyuanVideo, folder: Path, *, steps: int, bank: ClipBank, device: torch.device
) -> None:
    """Train the decoder of the inflated `vae` on short clips, its encoder frozen; it ends with averaged weights.

    AdamW, 6 crops of 13 frames of 64 x 64, half of them from mid-film: there the first latent shows one frame that had
    frames before it.
    """
    vae.to(device).train()
    vae.requires_grad_(False)
    for part in (vae.decoder, vae.post_quant_conv):
        part.requires_grad_(True)
    trained = [each for each in vae.parameters() if each.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=_TIME_RATE, betas=(0.9, 0.99), weight_decay=0.0)
    training = Training(folder, vae, {"adamw": optimizer}, Course(steps, CLIP_SEED, warm_up=60, constant=0.3))

    def loss_of(step: int, rng: np.random.Generator) -> torch.Tensor:
        count, side = (2, 112) if step > steps * _LATE else (6, 64)
        clips = torch.from_numpy(bank.crops(rng, count, side)).to(device)
        keys = clips[:, :, ::FRAMES_PER_LATENT]
        with torch.autocast(device.type, torch.bfloat16):
            with torch.no_grad():
                pictures = keys.transpose(1, 2).flatten(0, 1).unsqueeze(2)
                means = vae.quant_conv(vae.encoder(pictures)).float().chunk(2, 1)[0]
                latents = means.squeeze(2).unflatten(0, (count, -1)).transpose(1, 2)
            latents = latents + torch.randn_like(latents) * _LATENT_NOISE * latents.std()
            if rng.random() < 0.5:
                latents, clips = latents[:, :, 1:], clips[:, :, FRAMES_PER_LATENT:]
            decoded = vae.decoder(vae.post_quant_conv(latents)).float()
        return reconstruction(decoded, clips)

    training.run(loss_of, "VAE, time")
    training.use_average()
    vae.requires_grad_(True)
