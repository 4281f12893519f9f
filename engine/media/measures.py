"""Numbers for pictures: closeness to a truth, sharpness, colour, likeness. Pictures are (H, W, 3) uint8."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Picture = NDArray[np.uint8]

_SMALL = (32, 18)
_NEARER = (0.75, 0.87, 1.0, 1.15, 1.35, 1.6, 2.0)
"""How much a camera may have enlarged a board that is looked for in a picture."""
_LEAST_SHARED = 0.5


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
    one, other = _glance(picture, _SMALL), _glance(board, _SMALL)
    if one.std() < 1e-6 or other.std() < 1e-6:
        return 1.0 if np.abs(one - other).mean() < 1 else 0.0
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def likeness_anywhere(picture: Picture, board: Picture) -> float:
    """The best correlation of the two at a glance, wherever a camera may have gone with the board, -1 to 1.

    The board is tried moved and enlarged, sharing at least half of the picture: what a pan or a zoom takes away as
    asked is not counted as unlike. A strange picture has more than 0, as the best place of many is taken; paper has 0.
    """
    seen = _glance(picture, _SMALL)
    found = []
    for nearer in _NEARER:
        whole = _glance(board, (round(_SMALL[0] * nearer), round(_SMALL[1] * nearer)))
        for one, other in _shared(seen, whole):
            one, other = one - one.mean(), other - other.mean()
            spread = np.sqrt((one**2).sum() * (other**2).sum())
            if spread > 1e-6:
                found.append(float((one * other).sum() / spread))
    return max(found, default=0.0)


def _glance(picture: Picture, size: tuple[int, int]) -> NDArray[np.float64]:
    """The picture in so few pixels (width, height) that only its masses of colour are left."""
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BOX), np.float64)


def _shared(
    seen: NDArray[np.float64], board: NDArray[np.float64]
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """What a picture and a board have in common, for every place of the picture on the board's sheet."""
    (height, width), (tall, wide) = seen.shape[:2], board.shape[:2]
    for top in range(1 - height, tall):
        rows = min(height, tall - top) - max(0, -top)
        for left in range(1 - width, wide):
            columns = min(width, wide - left) - max(0, -left)
            if rows * columns < _LEAST_SHARED * height * width:
                continue
            down, across = max(0, -top), max(0, -left)
            yield (
                seen[down : down + rows, across : across + columns],
                board[top + down : top + down + rows, left + across : left + across + columns],
            )
