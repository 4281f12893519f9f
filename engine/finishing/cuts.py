"""Whether one frame goes on from another or is of another shot. numpy and Pillow alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..media.measures import Picture

_SIZE = (64, 36)
_BLOCK = 12
_REACH = 8
"""An eighth of the width: farther nothing moves from frame to frame that one could follow."""
_CONTRAST = 4.0
"""Of 255, added to a picture's own: what little there is in an empty one makes no cut."""
_UNLIKE = 0.16
"""Measured on 210 pairs of drawings, renders and photographs: 0.205 and more. On fast moves and Sketch's own shots,
every third frame of them: 0.124 and less."""


def is_cut(before: Picture, after: Picture) -> bool:
    """Whether two frames (H, W, 3) that follow each other show different shots."""
    return unlikeness(before, after) > _UNLIKE


def unlikeness(before: Picture, after: Picture) -> float:
    """How little of each is found in the other, moved: the mean difference by its contrast, 0 to about 6."""
    one, other = _glance(before), _glance(after)
    contrast = max(float(one.std()), float(other.std())) + _CONTRAST
    return max(_unexplained(one, other), _unexplained(other, one)) / contrast


def _glance(picture: Picture) -> NDArray[np.float32]:
    """Its brightness in few pixels, softened, so that thin lines need not lie on each other exactly."""
    small = np.asarray(Image.fromarray(picture).convert("L").resize(_SIZE, Image.Resampling.BOX), np.float32)
    for axis in (0, 1):
        wide = np.pad(small, [(1, 1) if each == axis else (0, 0) for each in (0, 1)], mode="edge")
        first, last = (np.take(wide, range(start, start + small.shape[axis]), axis) for start in (0, 2))
        small = np.asarray(small / 2 + (first + last) / 4, np.float32)
    return small


def _unexplained(source: NDArray[np.float32], target: NDArray[np.float32]) -> float:
    """The mean difference of the target's blocks from the best place for each in the source."""
    height, width = target.shape
    around = np.pad(source, _REACH, mode="edge")
    best = np.full((height // _BLOCK, width // _BLOCK), np.inf, np.float32)
    for top in range(2 * _REACH + 1):
        for left in range(2 * _REACH + 1):
            differences = np.abs(around[top : top + height, left : left + width] - target)
            blocks = differences[: best.shape[0] * _BLOCK, : best.shape[1] * _BLOCK]
            errors = blocks.reshape(best.shape[0], _BLOCK, best.shape[1], _BLOCK).mean((1, 3))
            np.minimum(best, errors, out=best)
    return float(best.mean())
