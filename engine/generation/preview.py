"""A quick look at a section in the making: the linear latent-to-RGB map of the model's spec."""

from __future__ import annotations

import torch

from .. import events
from ..framepack.solvers.base import Denoised
from ..media.images import frame_jpeg, preview_jpeg, to_bytes
from ..models.spec import Preview


def latent_rgb(latents: torch.Tensor, preview: Preview) -> torch.Tensor:
    """Map (1, C, T, H, W) latents to colours (3, T, H, W), about [-1, 1], float32 on the CPU (recipe: previews)."""
    matrix = torch.tensor(preview.matrix, dtype=torch.float32)
    bias = torch.tensor(preview.bias, dtype=torch.float32)
    colours = torch.einsum("cthw,cr->rthw", latents[0].float().cpu(), matrix)
    return colours + bias.view(3, 1, 1, 1)


def section_preview(section: int, denoised: Denoised, preview: Preview) -> events.Preview:
    """What the model makes of a section by now: its latent frames as one sheet, and one by one."""
    frames = to_bytes(latent_rgb(denoised.estimate, preview))
    return events.Preview(section, denoised.step, preview_jpeg(frames), tuple(map(frame_jpeg, frames)))
