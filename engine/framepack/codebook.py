"""Discrete history: every pixel of the frames that a section looks at is the nearest entry of a codebook.

Source: arXiv 2504.12626 v3, history discretisation. What is made is not touched; only what the next sections see of it,
in training and when a shot is made. So errors that are smaller than the codebook's cells are not handed on.
"""

from __future__ import annotations

import torch

_AT_ONCE = 65_536
"""Pixels."""


def discretised(frames: torch.Tensor, codebook: torch.Tensor) -> torch.Tensor:
    """Frames (B, C, T, H, W) with each pixel's channels replaced by the nearest entry of the `codebook` (K, C).

    Nearest by squared distance, ties to the earlier entry; the result has the frames' dtype. ValueError where the
    codebook has other channels, or no entry.
    """
    entries = codebook.to(frames.device, torch.float32)
    if entries.dim() != 2 or not len(entries) or entries.shape[1] != frames.shape[1]:
        raise ValueError(f"a codebook of shape {tuple(codebook.shape)} is none for {frames.shape[1]} channels")
    pixels = frames.movedim(1, -1).reshape(-1, frames.shape[1])
    codes = torch.cat([nearest(some, entries) for some in torch.split(pixels.float(), _AT_ONCE)])
    shape = (frames.shape[0], *frames.shape[2:], frames.shape[1])
    return entries[codes].reshape(shape).movedim(-1, 1).to(frames.dtype)


def nearest(pixels: torch.Tensor, codebook: torch.Tensor) -> torch.Tensor:
    """The numbers (N,) of the entries (K, C) nearest to `pixels` (N, C), both float32; of equals the first."""
    distances = torch.cdist(pixels, codebook, compute_mode="donot_use_mm_for_euclid_dist")
    numbers = torch.arange(len(codebook), device=pixels.device).expand_as(distances)
    # Which of equals torch's own argmin gives is not said.
    return numbers.where(distances == distances.amin(1, keepdim=True), len(codebook)).amin(1)
