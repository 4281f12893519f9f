"""Detail that stays where it belongs from frame to frame: enlarged frames averaged with their neighbours, moved along.

A network invents detail for each frame alone, and invents a little otherwise each time: that is flicker. What averages
out over neighbours on both sides is the invention and not the picture.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ..media.measures import Picture
from .optical_flow import SourceFrame, at_size, contrast, is_installed, moved, require_flow, smoothed, spread

NEIGHBOURS = 2
"""On both sides."""
_UNLIKE = 8.0
"""Of 255: where a neighbour differs by so much although it was moved along, it counts e times less."""
_OF_CONTRAST = 0.2
"""Of the contrast at a place, by which more may differ there: a thin line differs much that is off by little."""


def choose_steady(asked: bool | None) -> bool:
    """Whether frames are steadied: as `asked`, or where it can be done here.

    Raises EngineError `extra_missing` where it is asked for and OpenCV is not installed.
    """
    if asked:
        require_flow("Steadying what is enlarged")
    return is_installed() if asked is None else asked


def steadied(frame: SourceFrame, enlarged: Picture, neighbours: Iterable[tuple[SourceFrame, Picture]]) -> Picture:
    """The enlarged frame (H, W, 3), averaged with its neighbours of the same shot, each as it came and enlarged."""
    size = (enlarged.shape[1], enlarged.shape[0])
    total, weights = enlarged.astype(np.float32), np.ones(enlarged.shape[:2], np.float32)
    limit = _UNLIKE + _OF_CONTRAST * contrast(frame.small.astype(np.float32).mean(-1))
    for neighbour, other in neighbours:
        there = frame.flow_to(neighbour)
        found = moved(neighbour.small, there)
        # What is brighter or darker all over, as in a fade, is no flicker, and stays as it is in this frame.
        change = (frame.small.astype(np.float32) - found).mean((0, 1))
        unlike = smoothed(np.abs(found + change - frame.small).mean(-1))
        weight = spread(np.exp(-((unlike / limit) ** 2)), size)
        total += weight[..., None] * (moved(other, at_size(there, size)) + change)
        weights += weight
    return np.asarray(np.rint(total / weights[..., None]).clip(0, 255), np.uint8)
