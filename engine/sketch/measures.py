"""Numbers for pictures: closeness to a truth, sharpness, colour, likeness. Pictures are (H, W, 3) uint8."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .data import Picture

_SMALL = (32, 18)


def psnr(picture: Picture, truth: Picture, where: NDArray[np.bool_] | None = None) -> float:
    """Peak signal-to-noise ratio in dB over `where` (H, W), or everywhere; infinite for equal pictures."""
    squares = ((picture.astype(np.float64) - truth) / 255) ** 2
    error = float((squares.mean(-1) if where is None else squares.mean(-1)[where]).mean())
    return float("inf") if error == 0 else -10 * float(np.log10(error))


def sharpness(picture: Picture) -> float:
    """Mean absolute Laplacian of the brightness, 0 to 255: how crisp lines and edges are."""
    grey = np.asarray(Image.fromarray(picture).convert("L"), np.float64)
    inner = grey[1:-1, 1:-1]
    return float(np.abs(4 * inner - grey[:-2, 1:-1] - grey[2:, 1:-1] - grey[1:-1, :-2] - grey[1:-1, 2:]).mean())


def colour(picture: Picture) -> NDArray[np.float64]:
    """Mean and standard deviation of each channel, 0 to 255: six numbers."""
    pixels = picture.reshape(-1, 3).astype(np.float64)
    return np.concatenate([pixels.mean(0), pixels.std(0)])


def likeness(picture: Picture, board: Picture) -> float:
    """Correlation of the two at a glance (32 x 18 pixels), -1 to 1: whether it is still the board's picture."""
    one, other = (
        np.asarray(Image.fromarray(each).resize(_SMALL, Image.Resampling.BOX), np.float64).ravel()
        for each in (picture, board)
    )
    if one.std() < 1e-6 or other.std() < 1e-6:
        return 1.0 if np.abs(one - other).mean() < 1 else 0.0
    return float(np.corrcoef(one, other)[0, 1])
