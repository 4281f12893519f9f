"""Where each pixel of one picture is in another: OpenCV's DIS flow, and pictures moved along it. Without torch."""

from __future__ import annotations

from functools import cache, cached_property
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from ..media.measures import Picture
from .extras import has, require

Floats = NDArray[np.float32]

_LARGE = 640
"""Pixels of the longer side from which on pictures are not doubled first: in small ones lines are too thin for DIS."""
FLOWS_KEPT = 2
"""Of a frame: those to the two beside it, which are asked for again where something is shown between."""
_SMOOTHED = 5
"""Pixels of the square over which errors are averaged before they count."""


def is_installed() -> bool:
    """Whether flow can be computed here."""
    return has("cv2")


def require_flow(what: str) -> None:
    """Raise EngineError `extra_missing` where OpenCV is not installed."""
    require(what, "cv2")


def flow_size(width: int, height: int) -> tuple[int, int]:
    """The size at which flow between pictures of a size is computed: theirs, or twice as large."""
    return (width, height) if max(width, height) > _LARGE else (2 * width, 2 * height)


class SourceFrame:
    """A frame (H, W, 3) as it came, and the flow from it to others: the last ones asked for are kept."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        self._flows: WeakKeyDictionary[SourceFrame, Floats] = WeakKeyDictionary()

    @cached_property
    def small(self) -> Picture:
        """The picture that flow is computed of."""
        height, width = self.picture.shape[:2]
        if flow_size(width, height) == (width, height):
            return self.picture
        doubled: Picture = _cv2().resize(self.picture, flow_size(width, height), interpolation=_cv2().INTER_LANCZOS4)
        return doubled

    def flow_to(self, other: SourceFrame) -> Floats:
        """The flow to another frame of the same size, in pixels of `small`."""
        if other not in self._flows:
            if len(self._flows) >= FLOWS_KEPT:
                del self._flows[next(iter(self._flows))]
            self._flows[other] = flow(self.small, other.small)
        return self._flows[other]


def flow(start: Picture, end: Picture) -> Floats:
    """(H, W, 2) float32, x and y: by how much each pixel of `start` moves until `end`; in pixels of these pictures."""
    grey = [_cv2().cvtColor(picture, _cv2().COLOR_RGB2GRAY) for picture in (start, end)]
    found: Floats = _dis().calc(grey[0], grey[1], None)
    return found


def at_size(field: Floats, size: tuple[int, int]) -> Floats:
    """A flow for pictures of another size (width, height): of more pixels, which move by more of them."""
    height, width = field.shape[:2]
    if (width, height) == size:
        return field
    scale = np.array((size[0] / width, size[1] / height), np.float32)
    return np.asarray(_cv2().resize(field, size, interpolation=_cv2().INTER_LINEAR) * scale)


def moved(picture: NDArray[Any], field: Floats) -> Floats:
    """What a picture (H, W) or (H, W, C) shows at each place plus the flow there: `end` seen from `start`.

    Cubic: linear interpolation blurs by as much as a picture lies between pixels, which differs from frame to frame.
    """
    rows, columns = np.indices(field.shape[:2], np.float32)
    found: Floats = _cv2().remap(
        picture.astype(np.float32, copy=False),
        columns + field[..., 0],
        rows + field[..., 1],
        _cv2().INTER_CUBIC,
        borderMode=_cv2().BORDER_REPLICATE,
    )
    return found


def spread(values: Floats, size: tuple[int, int]) -> Floats:
    """Values (H, W) for pictures of another size (width, height)."""
    found: Floats = _cv2().resize(values, size, interpolation=_cv2().INTER_LINEAR)
    return found


def smoothed(values: Floats) -> Floats:
    """Values (H, W), each the mean of those around it."""
    found: Floats = _cv2().blur(values, (_SMOOTHED, _SMOOTHED))
    return found


def contrast(values: Floats) -> Floats:
    """By how much values (H, W) vary around each: the standard deviation over the same square."""
    variance = smoothed(values**2) - smoothed(values) ** 2
    return np.asarray(np.sqrt(np.maximum(variance, 0)), np.float32)


def flicker(before: Picture, after: Picture, field: Floats) -> float:
    """How much a picture differs from the one before it, moved along: mean of absolute values, of 255.

    `field` leads from `after` to `before`. Source: the warping error by which the flicker of videos is measured (Lai et
    al. 2018, "Learning Blind Video Temporal Consistency"), of absolute values and over all pixels.
    """
    return float(np.abs(moved(before, field).clip(0, 255) - after).mean())


@cache
def _cv2() -> Any:
    require_flow("Optical flow")
    import cv2

    # Other cores are other work's; and so it is the same whatever number there is.
    cv2.setNumThreads(1)
    return cv2


@cache
def _dis() -> Any:
    return _cv2().DISOpticalFlow_create(_cv2().DISOPTICAL_FLOW_PRESET_MEDIUM)
