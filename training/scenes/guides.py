"""What a guide shows of a clip: its board as the true motion carries it to a later frame, and what of that is true.

As Blender's scenes are carried (`operators/guide_views.py`): what lies beside a silhouette, where colours are mixed, is
not, and what the board does not show takes the colours of the nearest place of its own layer that it does.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from engine.media.measures import Picture

from .clips import Clip

_NEAR = 2
"""Pixels of the board beside a silhouette that are not carried."""
_NOWHERE = -100_000
"""A row or column farther from every pixel than any other pixel is."""


class CarriedBoard:
    """A clip's first frame, to be carried to any other."""

    def __init__(self, clip: Clip) -> None:
        """Find for every pixel and layer the nearest place where the board shows that layer."""
        self._clip = clip
        layers = clip.motion_field(0, 0).layer
        edge = _beside_another(layers)
        self._clean = ~edge
        # One wrong source would paint a whole region.
        self._around = np.asarray(Image.fromarray(clip.first).filter(ImageFilter.MedianFilter(3)))
        anywhere = ~edge if (~edge).any() else np.ones_like(edge)
        self._sources = []
        for number in range(len(clip.scene.layers)):
            shown = ~edge & (layers == number)
            self._sources.append(_nearest(shown if shown.any() else anywhere))

    def at(self, number: float) -> tuple[Picture, NDArray[np.bool_]]:
        """The board as frame `number` shows it, filled where it cannot know, and where it knows (H, W)."""
        field = self._clip.motion_field(0, number)
        height, width = field.layer.shape
        x, y = field.origin[..., 0].clip(0, width - 1), field.origin[..., 1].clip(0, height - 1)
        row, column = np.rint(y).astype(int), np.rint(x).astype(int)
        seen = field.visible & self._clean[row, column]
        picture = _sampled(self._clip.first, x, y)
        for layer, sources in enumerate(self._sources):
            own = ~seen & (field.layer == layer)
            at = sources[row[own], column[own]]
            picture[own] = self._around[at[:, 0], at[:, 1]]
        return picture, seen


def _beside_another(layers: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which pixels (H, W) lie within `_NEAR` pixels of another layer's."""
    height, width = layers.shape
    side = 2 * _NEAR + 1
    padded = np.pad(layers, _NEAR, mode="edge")
    beside = np.zeros_like(layers, bool)
    for down in range(side):
        for right in range(side):
            beside |= padded[down : down + height, right : right + width] != layers
    return beside


def _nearest(known: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Row and column (H, W, 2) of a `known` pixel next to each, by jump flooding: the nearest, or one about as near."""
    grid = np.moveaxis(np.indices(known.shape), 0, -1)
    found = np.where(known[..., None], grid, _NOWHERE)
    away = ((found - grid) ** 2).sum(-1)
    step = 1 << (max(known.shape) - 1).bit_length() >> 1
    while step:
        padded = np.pad(found, ((step, step), (step, step), (0, 0)), constant_values=_NOWHERE)
        for down in (0, step, 2 * step):
            for right in (0, step, 2 * step):
                other = padded[down : down + known.shape[0], right : right + known.shape[1]]
                farther = ((other - grid) ** 2).sum(-1)
                nearer = farther < away
                found[nearer], away[nearer] = other[nearer], farther[nearer]
        step >>= 1
    return found


def _sampled(picture: Picture, x: NDArray[np.float64], y: NDArray[np.float64]) -> Picture:
    """`picture` at these places within it, linearly between its pixels."""
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    after, below = np.minimum(left + 1, picture.shape[1] - 1), np.minimum(top + 1, picture.shape[0] - 1)
    across, down = (x - left)[..., None], (y - top)[..., None]
    upper = picture[top, left] * (1 - across) + picture[top, after] * across
    lower = picture[below, left] * (1 - across) + picture[below, after] * across
    carried: Picture = np.rint(upper * (1 - down) + lower * down).astype(np.uint8)
    return carried
