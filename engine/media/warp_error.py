"""What of a picture no motion explains, by optical flow; with OpenCV, where it is installed (the finishing extra)."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from .measures import Picture


@cache
def _opencv() -> Any | None:
    try:
        import cv2
    except ImportError:
        return None
    return cv2


def available() -> bool:
    """Whether OpenCV is installed."""
    return _opencv() is not None


def warp_error(earlier: Picture, later: Picture) -> float:
    """Mean absolute difference, 0 to 255, of `later` and `earlier` moved to where its contents are in `later`.

    Both (H, W, 3) uint8 of one size, at least 16 pixels a side. The flow is OpenCV's DIS at its fast preset, the same
    with any number of threads; what came in from outside of `earlier` does not count. Raises ImportError where OpenCV
    is not there.
    """
    if (cv2 := _opencv()) is None:
        raise ImportError("the warp error needs OpenCV")
    before, after = (cv2.cvtColor(each, cv2.COLOR_RGB2GRAY) for each in (earlier, later))
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST).calc(after, before, None)
    height, width = after.shape
    across = np.arange(width, dtype=np.float32)[None, :] + flow[..., 0]
    down = np.arange(height, dtype=np.float32)[:, None] + flow[..., 1]
    moved = cv2.remap(earlier, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    inside = (across >= 0) & (across <= width - 1) & (down >= 0) & (down <= height - 1)
    differences = np.abs(moved.astype(np.int16) - later).mean(-1)
    return float(differences[inside].mean()) if inside.any() else 0.0
