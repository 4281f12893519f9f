"""Seams between sections, in pixels: the released linear blend or none, and what of it is settled."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

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
    one block waits for the inverted and forward orders, two for endpoint, whatever the shot's length, and one more for
    each planned endpoint.
    """

    def __init__(self, grid: Grid, waiting: Mapping[int, torch.Tensor] | None = None) -> None:
        """`waiting` continues from an earlier run's `waiting`."""
        self._grid = grid
        self.waiting = dict(waiting or {})

    def join(self, decode: DecodePlan, pieces: Iterable[torch.Tensor]) -> Iterator[list[tuple[int, torch.Tensor]]]:
        """Join a decoded clip to what waits; yield, with each of its pieces, all that is final: (first frame, frames).

        The `pieces`, (1, 3, F, H, W) float32, are the clip's frames in time order; its first frame is that of its first
        latent (`plan.Grid`). Where something is blended all is final with the last one. What stays provisional is kept
        in `waiting`.
        """
        first = decode.latents.start * self._grid.compression
        if self._grid.seam is Seam.CUT:
            first = decode.final[0].start
        if decode.blend_before or decode.blend_after:
            pieces = [self._blended(decode, torch.cat(list(pieces), dim=2), first)]  # a clip of its own, to write into
        kept: dict[int, list[torch.Tensor]] = {block.start: [] for block in decode.provisional}
        for pixels in pieces:
            yield [found for block in decode.final if (found := _within(block, first, pixels)) is not None]
            for block in decode.provisional:
                if (found := _within(block, first, pixels)) is not None:
                    kept[block.start].append(found[1])
            first += pixels.shape[2]
        for block in decode.final:
            self.waiting.pop(block.start, None)  # decoded anew, where nothing is blended
        self.waiting |= {start: torch.cat(frames, dim=2) for start, frames in kept.items()}

    def keep(self, decode: DecodePlan, pieces: Iterable[torch.Tensor]) -> None:
        """Keep what a decoded clip sets provisionally; these frames are never blended by their own decode."""
        for _ in self.join(replace(decode, final=(), blend_before=None, blend_after=None), pieces):
            pass

    def _blended(self, decode: DecodePlan, pixels: torch.Tensor, origin: int) -> torch.Tensor:
        """A whole clip's `pixels` with what waits of its neighbours faded into them, in place."""
        for seam, clip_is_later in ((decode.blend_before, True), (decode.blend_after, False)):
            if seam is None:
                continue
            own = slice(seam.start - origin, seam.stop - origin)
            other = self.waiting.pop(seam.start)
            pair = (other, pixels[:, :, own]) if clip_is_later else (pixels[:, :, own], other)
            pixels[:, :, own] = linear_blend(*pair)
        return pixels


def _within(block: range, first: int, pixels: torch.Tensor) -> tuple[int, torch.Tensor] | None:
    """What of `pixels`, frames from `first` on, lies in `block`, and its own first frame."""
    start, stop = max(block.start, first), min(block.stop, first + pixels.shape[2])
    return (start, pixels[:, :, start - first : stop - first]) if start < stop else None
