"""Numbers for pictures: closeness to a truth, sharpness, colour, likeness. Pictures are (H, W, 3) uint8."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Picture = NDArray[np.uint8]
_Places = NDArray[np.intp]

_SMALL = (32, 18)
_NEARER = (0.75, 0.87, 1.0, 1.15, 1.35, 1.6, 2.0)
"""How much a camera may have enlarged a board that is looked for in a picture."""
_LEAST_SHARED = 0.5
_PADDED = (54, 96)
"""Rows and columns in which the largest board and a picture pass each other without meeting again."""
_LEAST_SPREAD = 1e-3


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
    shares, levels = _levels(picture), np.arange(256)
    mean = shares @ levels
    return np.concatenate([mean, np.sqrt(np.maximum(0, shares @ levels**2 - mean**2))])


def histogram(picture: Picture) -> NDArray[np.float64]:
    """The share of pixels, 0 to 1, of each channel that are no brighter than each of 256 levels: (3, 256)."""
    shares: NDArray[np.float64] = np.cumsum(_levels(picture), axis=-1)
    return shares


def histogram_distance(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """How far the colours of two pictures are apart by their histograms, 0 to 1.

    The share of the whole range by which their levels lie apart on average, wherever in the picture they are
    (Wasserstein's first distance), averaged over channels: 1 for black and white. Unlike bin by bin, a flat drawing
    whose one blue is a shade darker is near to what it was.
    """
    return float(np.abs(one - other)[:, :-1].mean())


def change(earlier: Picture, later: Picture) -> float:
    """Mean absolute difference of two pictures of one size, 0 to 255."""
    return float(np.abs(later.astype(np.int16) - earlier).mean())


def start_end_contrast(values: NDArray[np.float64], share: float = 0.15) -> NDArray[np.float64]:
    """|mean of the first 15 % - mean of the last 15 %| of a measure's values (N, ...) along a shot: (...).

    Source: arXiv 2504.12626 v3, equation 7. A shot may be made from either end, so it has no sign.
    """
    part = max(1, round(len(values) * share))
    contrast: NDArray[np.float64] = np.abs(np.mean(values[:part], axis=0) - np.mean(values[-part:], axis=0))
    return contrast


def _levels(picture: Picture) -> NDArray[np.float64]:
    """The share of pixels of each channel that have each of 256 levels: (3, 256)."""
    counts = [np.bincount(picture[..., channel].ravel(), minlength=256) for channel in range(3)]
    shares: NDArray[np.float64] = np.array(counts) / (picture.shape[0] * picture.shape[1])
    return shares


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
    return BoardSearch(board).likeness(picture)


class BoardSearch:
    """A board that is looked for in many pictures (`likeness_anywhere`), about 2 ms each.

    All places of an enlargement are correlated at once: products by Fourier transform, sums by summed-area tables.
    """

    def __init__(self, board: Picture) -> None:
        self._sheets = [
            _Sheet(_glance(board, (round(_SMALL[0] * nearer), round(_SMALL[1] * nearer)))) for nearer in _NEARER
        ]

    def likeness(self, picture: Picture) -> float:
        """The best correlation of a picture with the board, -1 to 1."""
        seen = _glance(picture, _SMALL)
        spectrum = np.conj(np.fft.rfft2(seen, _PADDED, axes=(0, 1)))
        tables = _table(seen), _table(seen**2)
        return max((sheet.best(spectrum, *tables) for sheet in self._sheets), default=0.0)


class _Sheet:
    """A board at one enlargement, at a glance (H, W, 3), and the places at which a picture is compared with it."""

    def __init__(self, board: NDArray[np.float64]) -> None:
        (height, width), (tall, wide) = (_SMALL[1], _SMALL[0]), board.shape[:2]
        tops, lefts = np.arange(1 - height, tall)[:, None], np.arange(1 - width, wide)[None, :]
        rows = np.minimum(height, tall - tops) - np.maximum(0, -tops)
        columns = np.minimum(width, wide - lefts) - np.maximum(0, -lefts)
        places = np.nonzero(rows * columns >= _LEAST_SHARED * height * width)
        top, left = tops[places[0], 0], lefts[0, places[1]]
        down, across = np.maximum(0, -top), np.maximum(0, -left)
        rows, columns = rows[places[0], 0], columns[0, places[1]]
        self._shared = down, down + rows, across, across + columns
        """Of the picture: first and last row, first and last column."""
        self._values = 3 * rows * columns
        self._place = top, left
        self._spectrum = np.fft.rfft2(board, _PADDED, axes=(0, 1))
        own = top + down, top + down + rows, left + across, left + across + columns
        self._sum = _part(_table(board), *own)
        self._spread = _part(_table(board**2), *own) - self._sum**2 / self._values

    def best(self, spectrum: NDArray[np.complex128], sums: NDArray[np.float64], squares: NDArray[np.float64]) -> float:
        """The best correlation with a picture of that conjugate spectrum and those tables; 0 where nothing varies."""
        products = np.fft.irfft2((spectrum * self._spectrum).sum(-1), _PADDED)[self._place]
        total = _part(sums, *self._shared)
        spread = np.sqrt(np.maximum(0, (_part(squares, *self._shared) - total**2 / self._values) * self._spread))
        varies = spread > _LEAST_SPREAD
        found = (products - total * self._sum / self._values)[varies] / spread[varies]
        return float(found.max(initial=-1)) if varies.any() else 0.0


def _table(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sum of all channels above and to the left of each place: (H + 1, W + 1)."""
    return np.pad(pixels.sum(-1).cumsum(0).cumsum(1), ((1, 0), (1, 0)))


def _part(
    table: NDArray[np.float64], top: _Places, bottom: _Places, left: _Places, right: _Places
) -> NDArray[np.float64]:
    """The sums over rectangles of a summed-area table."""
    return table[bottom, right] - table[top, right] - table[bottom, left] + table[top, left]


def _glance(picture: Picture, size: tuple[int, int]) -> NDArray[np.float64]:
    """The picture in so few pixels (width, height) that only its masses of colour are left."""
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BOX), np.float64)
