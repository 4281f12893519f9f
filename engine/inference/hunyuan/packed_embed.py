"""Input layers of a packed transformer: one for every kernel, and how a new one begins.

Source: arXiv 2504.12626 v3, packing: a patchify layer of its own for every kernel.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from ...errors import Code, EngineError

Size = tuple[int, int, int]
"""A patchify kernel: latent frames, rows and columns of one token."""

RELEASED_KERNELS: tuple[Size, ...] = ((1, 2, 2), (2, 4, 4), (4, 8, 8))
_RELEASED_LAYERS = dict(zip(RELEASED_KERNELS, ("proj", "proj_2x", "proj_4x"), strict=True))
_HALVED: Size = (16, 32, 32)
"""The paper's largest kernel: frames are averaged by two in each direction, and go through that of half its size."""


class PackedEmbed(nn.ModuleDict):
    """An input layer for each kernel; those of released weights keep the names that they have there."""

    def __init__(self, channels: int, width: int, kernels: Sequence[Size]) -> None:
        """Raises EngineError `schedule_unsupported` where rows or columns are no multiple of two."""
        super().__init__()
        for kernel in dict.fromkeys(map(halved, kernels)):
            if kernel[1] % 2 or kernel[2] % 2:
                raise EngineError(
                    Code.SCHEDULE_UNSUPPORTED,
                    schedule=layer_name(kernel),
                    detail="a kernel's rows and columns must be multiples of 2",
                    suggestion="f16k4f2k2f1k1",
                )
            self[layer_name(kernel)] = nn.Conv3d(channels, width, kernel_size=kernel, stride=kernel)

    def forward(self, kernel: Size, latents: torch.Tensor) -> torch.Tensor:
        """Tokens (B, N, D) of frames (B, C, T, H, W), which are repeated at their far edges up to whole tokens."""
        if halved(kernel) != kernel:
            latents = functional.avg_pool3d(padded(latents, (2, 2, 2)), 2)
        kernel = halved(kernel)
        tokens: torch.Tensor = self[layer_name(kernel)](padded(latents, kernel))
        return tokens.flatten(2).transpose(1, 2)


def layer_name(kernel: Size) -> str:
    """What a kernel's layer is called in a state dict: released names, else `k1h4w4` and so on."""
    frames, rows, columns = kernel
    return _RELEASED_LAYERS.get(kernel, f"k{frames}h{rows}w{columns}")


def halved(kernel: Size) -> Size:
    """The kernel whose layer a kernel goes through: its own, or that of half its size."""
    return (8, 16, 16) if kernel == _HALVED else kernel


def spread(weight: torch.Tensor, kernel: Size) -> torch.Tensor:
    """The weight (D, C, 1, 2, 2) of the finest kernel as that of `kernel`: (D, C, frames, rows, columns).

    A token of it is that of the frames averaged: project(average(frames)). The release repeats element by element
    (diffusers_helper's `repeat_interleave`); repeating the whole kernel would mix what lies far apart. The bias is
    copied. Source: arXiv 2504.12626 v3, packing, initialisation by interpolation.
    """
    repeats = kernel[0], kernel[1] // weight.shape[-2], kernel[2] // weight.shape[-1]
    for dim, times in zip((2, 3, 4), repeats, strict=True):
        weight = weight.repeat_interleave(times, dim=dim)
    return weight / (repeats[0] * repeats[1] * repeats[2])


def padded(frames: torch.Tensor, kernel: Size) -> torch.Tensor:
    """Frames (B, C, T, H, W), the last frame, row and column repeated up to a multiple of the kernel."""
    sides = zip(reversed(frames.shape[-3:]), reversed(kernel), strict=True)
    return functional.pad(frames, [edge for side, size in sides for edge in (0, -side % size)], mode="replicate")
