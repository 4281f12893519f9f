"""How like a picture is to what is known of it after each small shift, all shifts at once by correlation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.media.measures import Picture

MOST = 60.0
"""Decibels, of pictures that are equal."""
_WHITE = 255.0


def decibels_by_shift(picture: Picture, known: Picture, where: NDArray[np.bool_], reach: int) -> NDArray[np.float64]:
    """PSNR in dB of `picture` (H, W, 3), moved by `reach` pixels at most, to what is `known` (H, W, 3) `where` (H, W).

    (2 * reach + 1, 2 * reach + 1): by rows down and columns across from -reach, where `picture` is compared from so far
    below and to the right. Only where the moved picture shows something; 0 where that is half of `where` or less.
    """
    height, width = where.shape
    # So large that nothing comes round: outside the picture is nothing.
    size = (height + reach, width + reach)
    moved, truth = picture.astype(np.float64), np.where(where[..., None], known, 0).astype(np.float64)
    channels = np.stack([*moved.transpose(2, 0, 1), (moved**2).sum(-1), np.ones(where.shape)])
    weights = np.stack([*truth.transpose(2, 0, 1), where.astype(np.float64), (truth**2).sum(-1)])
    seen, held = np.fft.rfft2(channels, size), np.conj(np.fft.rfft2(weights, size))
    spectra = np.stack([held[3] * seen[3] + held[4] * seen[4] - 2 * (held[:3] * seen[:3]).sum(0), held[3] * seen[4]])
    # Sums of whole numbers: rounding takes away what the transforms have left.
    errors, counts = np.rint(np.fft.irfft2(spectra, size))
    around = np.arange(-reach, reach + 1)
    errors, counts = (each[np.ix_(around, around)] for each in (errors, counts))
    shares = errors / np.maximum(counts * picture.shape[-1] * _WHITE**2, 1)
    found: NDArray[np.float64] = np.minimum(MOST, -10 * np.log10(np.maximum(shares, 1e-12)))
    found[counts <= where.sum() / 2] = 0.0
    return found
