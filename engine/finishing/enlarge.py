"""Enlarging one picture to a size: by a network as often as it takes, in overlapping tiles, then reduced to the size.

Tiles have the same side wherever memory suffices, so that pictures come out the same whatever else fills it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from ..errors import Code, EngineError
from ..media.files import readable_bytes
from ..media.measures import Picture
from .upscalers.upscaler import Upscaler

TILE = 512
"""Side of a tile in pixels of what is enlarged, at most."""
_AT_LARGE = 5
"""Pixels of the source over which a colour is a colour and not detail."""
_LEAN_TILES = (256, 128, 64)
"""What is tried where memory is short."""


@dataclass(frozen=True)
class Tile:
    """A part of a picture, rows and columns, and the larger part with its surroundings that it is made from."""

    rows: range
    columns: range
    seen_rows: range
    seen_columns: range


class Enlarger:
    """Enlarges pictures of one size to another."""

    def __init__(
        self, upscaler: Upscaler, size: tuple[int, int], result: tuple[int, int], room: int | None = None
    ) -> None:
        """Sizes are (width, height). Raises EngineError `finish_impossible` where fewer than `room` bytes of the device
        will not do.
        """
        self._upscaler, self._size, self._result = upscaler, size, result
        scale = max(Fraction(result[0], size[0]), Fraction(result[1], size[1]))
        self.factors = factors_for(scale, upscaler.factors)
        sides = [max(size)] if upscaler.whole else [TILE, *_LEAN_TILES]
        needed = {side: self._bytes(side) for side in sides}
        fitting = [side for side in sides if room is None or needed[side] <= room]
        if not fitting:
            least, there = readable_bytes(min(needed.values())), readable_bytes(max(0, room or 0))
            detail = f"{upscaler.name} takes {least} at least, and there are {there}"
            advice = "close other programs, give it more by --memory, or choose a smaller size"
            raise EngineError(
                Code.FINISH_IMPOSSIBLE, path=f"A picture of {size[0]}x{size[1]}", detail=detail, advice=advice
            )
        self.tile = fitting[0]
        self.predicted_bytes = needed[self.tile]
        """The most bytes of the device that enlarging takes, weights and all."""

    def enlarge(self, picture: Picture) -> Picture:
        """A picture (H, W, 3) of `size` as one of `result`."""
        source = torch.tensor(picture, device=self._upscaler.device).permute(2, 0, 1).unsqueeze(0).float() / 255
        pixels = source
        for factor in self.factors:
            pixels = self._enlarged(pixels, factor)
        made = with_colours_of(source, pixels)[0].mul(255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()
        return resized(made, self._result)

    def _enlarged(self, pixels: torch.Tensor, factor: int) -> torch.Tensor:
        height, width = pixels.shape[-2:]
        made = pixels.new_empty(1, 3, factor * height, factor * width)
        for tile in tiles(width, height, self.tile, self._upscaler.margin):
            seen = pixels[
                ..., tile.seen_rows.start : tile.seen_rows.stop, tile.seen_columns.start : tile.seen_columns.stop
            ]
            large = self._upscaler.enlarge(seen, factor)
            top, left = tile.rows.start - tile.seen_rows.start, tile.columns.start - tile.seen_columns.start
            own = large[
                ...,
                factor * top : factor * (top + len(tile.rows)),
                factor * left : factor * (left + len(tile.columns)),
            ]
            made[
                ...,
                factor * tile.rows.start : factor * tile.rows.stop,
                factor * tile.columns.start : factor * tile.columns.stop,
            ] = own
        return made

    def _bytes(self, side: int) -> int:
        """The most that tiles of `side` take of the device at a time."""
        most, (width, height) = 0, self._size
        for factor in self.factors:
            largest = max(
                tiles(width, height, side, self._upscaler.margin),
                key=lambda tile: len(tile.seen_rows) * len(tile.seen_columns),
            )
            seen = (len(largest.seen_columns), len(largest.seen_rows))
            whole = 12 * width * height * (1 + factor * factor)
            most = max(most, whole + self._upscaler.working_bytes(*seen, factor))
            width, height = factor * width, factor * height
        # At the end colours are mended and numbers rounded: the picture is there three times.
        return self._upscaler.weights_bytes + max(most, 3 * 12 * width * height)


def with_colours_of(source: torch.Tensor, enlarged: torch.Tensor) -> torch.Tensor:
    """An enlarged picture, (1, 3, F H, F W) in [0, 1], whose colours at large are those of its source (1, 3, H, W).

    Networks make white a little grey and skin a little light, each time they enlarge: on a timeline that is a jump.
    """
    factor = enlarged.shape[-1] // source.shape[-1]
    off = source - functional.avg_pool2d(enlarged, factor)
    at_large = functional.avg_pool2d(off, _AT_LARGE, stride=1, padding=_AT_LARGE // 2, count_include_pad=False)
    mended = functional.interpolate(at_large, size=enlarged.shape[-2:], mode="bilinear", align_corners=False)
    return mended.add_(enlarged).clamp_(0, 1)


def factors_for(scale: Fraction, factors: Sequence[int]) -> tuple[int, ...]:
    """What a picture is enlarged by, one after the other, to become at least `scale` times as large, and no larger than
    it must; of two ways as good the one of fewer steps.
    """
    reached: list[tuple[Fraction, tuple[int, ...]]] = [(Fraction(1), ())] if scale > 1 else []
    ways: list[tuple[Fraction, tuple[int, ...]]] = []
    while reached:
        grown = [(size * factor, (*way, factor)) for size, way in reached for factor in factors]
        ways += [way for way in grown if way[0] >= scale]
        reached = [way for way in grown if way[0] < scale]
    return min(ways, key=lambda way: (way[0], len(way[1]), way[1]), default=(Fraction(1), ()))[1]


def tiles(width: int, height: int, side: int, margin: int) -> Iterator[Tile]:
    """Tiles of at most `side` pixels that cover a picture, about equally large, each with `margin` pixels around it."""
    for rows in _spans(height, side):
        for columns in _spans(width, side):
            yield Tile(rows, columns, _seen(rows, margin, height), _seen(columns, margin, width))


def resized(picture: Picture, size: tuple[int, int]) -> Picture:
    """A picture (H, W, 3) at another size (width, height), by Lanczos: over all pixels of the area where it shrinks."""
    if (picture.shape[1], picture.shape[0]) == size:
        return picture
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))


def _spans(length: int, side: int) -> list[range]:
    count = -(-length // side)
    edges = [length * number // count for number in range(count + 1)]
    return [range(first, last) for first, last in pairwise(edges)]


def _seen(span: range, margin: int, length: int) -> range:
    return range(max(0, span.start - margin), min(length, span.stop + margin))
