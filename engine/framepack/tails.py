"""What a section sees of the frames beyond its history: nothing, small pictures of them, or one token for them all.

Source: arXiv 2504.12626 v3, tail options. Each frame is looked at once, when it gets into the tail: what is kept of it
afterwards is a pixel a frame (`ta`), or a sum (`tc`).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional

from .packing import Kernel, Tail
from .token_counts import TAIL_POOL


class TailReader:
    """The tails of one shot. What it gives depends on their frames alone, not on what it was asked before."""

    def __init__(self, latent: Callable[[int], torch.Tensor]) -> None:
        """`latent` gives one of the shot by its number, (B, C, 1, H, W) float32."""
        self._latent = latent
        self._pooled: dict[int, list[torch.Tensor]] = {}
        """Of appended tails, by their far end: each frame's pixels."""
        self._summed: dict[int, tuple[torch.Tensor, int]] = {}
        """Of compressed ones: the sum (B, C) float64 of their frames' means, and how many these are."""

    def frames(self, option: Tail, kernel: Kernel, latents: range) -> torch.Tensor:
        """The tail of `latents`, given from the far end on, as frames (B, C, T, H, W) for `kernel` to encode.

        Appended: (1, 32, 32) latent pixels averaged to one, each frame at its place in time, H and W repeated at their
        far edges up to whole tokens. Compressed: the mean over everything, as large as the kernel.
        """
        if option is Tail.COMPRESS:
            mean = self._mean(latents).float()
            size = (kernel.frames, kernel.rows, kernel.columns)
            return mean[:, :, None, None, None].expand(-1, -1, *size).contiguous()
        pooled = self._small(latents)
        in_time = pooled if latents.step > 0 else pooled[::-1]
        frames = torch.cat(in_time, dim=2)
        rows, columns = (
            -side % size for side, size in zip(frames.shape[-2:], (kernel.rows, kernel.columns), strict=True)
        )
        return functional.pad(frames, (0, columns, 0, rows, 0, 0), mode="replicate")

    def _mean(self, latents: range) -> torch.Tensor:
        total, count = self._summed.get(latents[0], (None, 0))
        if count > len(latents):
            total, count = None, 0
        # One by one from the far end on: the same bits however many of them were summed up before.
        for latent in latents[count:]:
            mean = self._latent(latent).double().mean((2, 3, 4))
            total = mean if total is None else total + mean
        assert total is not None
        self._summed[latents[0]] = total, len(latents)
        return total / len(latents)

    def _small(self, latents: range) -> list[torch.Tensor]:
        pooled = self._pooled.setdefault(latents[0], [])
        for latent in latents[len(pooled) :]:
            frame = self._latent(latent)
            rows, columns = (-side % TAIL_POOL for side in frame.shape[-2:])
            whole = functional.pad(frame, (0, columns, 0, rows, 0, 0), mode="replicate")
            pooled.append(functional.avg_pool3d(whole, (1, TAIL_POOL, TAIL_POOL)))
        return pooled[: len(latents)]
