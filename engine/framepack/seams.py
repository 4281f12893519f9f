"""Seams between sections, in pixels: the released linear blend or none, and what of it is settled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch

from .decoding import DecodePlan
from .grid import Grid, Seam


def linear_blend(earlier: torch.Tensor, later: torch.Tensor) -> torch.Tensor:
    """Fade from `earlier` to `later` over their frames: both (1, 3, F, H, W), weights evenly 1 .. 0, ends included.

    Released recipe (`soft_append_bcthw`): F is 33 pixel frames, the decode of one section on its own.
    """
    weights = torch.linspace(1, 0, earlier.shape[2], dtype=earlier.dtype).view(1, 1, -1, 1, 1)
    return weights * earlier + (1 - weights) * later


class Seams:
    """Pixels that a later section may still change, by the pixel frame they begin at: (1, 3, F, H, W) float32.

    Source: released recipe (`demo_gradio.py`, `soft_append_bcthw`), where the whole movie is rewritten instead. At most
    one block waits for the inverted and forward orders, two for endpoint, whatever the shot's length.
    """

    def __init__(self, grid: Grid, waiting: Mapping[int, torch.Tensor] | None = None) -> None:
        """`waiting` continues from an earlier run's `waiting`."""
        self._grid = grid
        self.waiting = dict(waiting or {})

    def join(self, decode: DecodePlan, pixels: torch.Tensor) -> Iterator[tuple[int, torch.Tensor]]:
        """Join a decoded clip (1, 3, F, H, W) float32 to what waits; yield (first pixel frame, frames) of all final.

        The clip's first frame is that of its first latent (`plan.Grid`). What stays provisional is kept in `waiting`.
        """
        origin = decode.latents.start * self._grid.compression
        if self._grid.seam is Seam.CUT:
            yield decode.final[0].start, pixels
            return
        clip = pixels.clone() if decode.blend_before or decode.blend_after else pixels
        for seam, clip_is_later in ((decode.blend_before, True), (decode.blend_after, False)):
            if seam is None:
                continue
            own = slice(seam.start - origin, seam.stop - origin)
            other = self.waiting.pop(seam.start)
            pair = (other, pixels[:, :, own]) if clip_is_later else (pixels[:, :, own], other)
            clip[:, :, own] = linear_blend(*pair)
        self.keep(decode, clip)
        for block in decode.final:
            self.waiting.pop(block.start, None)  # decoded anew, where nothing is blended
            yield block.start, clip[:, :, block.start - origin : block.stop - origin]

    def keep(self, decode: DecodePlan, clip: torch.Tensor) -> None:
        """Keep what a decoded clip sets provisionally; these frames are never blended by their own decode."""
        origin = decode.latents.start * self._grid.compression
        for block in decode.provisional:
            self.waiting[block.start] = clip[:, :, block.start - origin : block.stop - origin].clone()
