"""Boards as an artist would draw them over a scene's first frame: ink, gouache, cel. The same every time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from PIL import Image, ImageFilter

Array: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"

_WOBBLE = 0.8
"""Pixels by which a hand misses a line."""


def ink(render: Array, forms: Array) -> Array:
    """Black lines where forms end and where their pattern changes, and hatching where they are dark, on paper."""
    grey = render.mean(2)
    lines = np.clip(9 * _edges(forms) + 5 * _edges(render) - 0.6, 0, 1)
    down, across = np.indices(grey.shape)
    hatched = (grey < 0.28) & ((across + down) % 5 == 0) | (grey < 0.14) & ((across - down) % 5 == 0)
    drawn = np.maximum(_by_hand(lines), 0.75 * hatched)
    return (1 - drawn)[..., None] * np.array([0.96, 0.94, 0.89]) + drawn[..., None] * np.array([0.08, 0.07, 0.1])


def gouache(render: Array, forms: Array) -> Array:
    """Broad strokes of few tones over a grainy paper, no lines."""
    picture = Image.fromarray((255 * render).round().astype(np.uint8))
    strokes = np.asarray(picture.filter(ImageFilter.ModeFilter(5)).filter(ImageFilter.MedianFilter(5)), float) / 255
    tones = np.round(strokes**0.7 * 4) / 4
    grain = np.random.default_rng(3).normal(0, 0.03, forms.shape[:2])[..., None]
    warm = np.array([0.98, 0.93, 0.86])
    return np.clip((0.12 + 0.88 * tones) * warm + grain, 0, 1)


def cel(render: Array, forms: Array) -> Array:
    """Flat bright colours in two tones, with a black outline around every form."""
    smooth = np.asarray(Image.fromarray((255 * render).round().astype(np.uint8)).filter(ImageFilter.MedianFilter(3)))
    tones = np.round(smooth / 255 * 3) / 3
    bright = np.clip(0.25 + 0.8 * tones, 0, 1)
    lines = _by_hand(np.clip(10 * _edges(forms) - 0.5, 0, 1))[..., None]
    return (1 - lines) * bright + lines * 0.05


STYLES: dict[str, Callable[[Array, Array], Array]] = {"ink": ink, "gouache": gouache, "cel": cel}
"""By name; each is given the render and the forms without their patterns, (H, W, 3) of 0 to 1, and returns such."""


def _edges(picture: Array) -> Array:
    """How much a picture changes from pixel to pixel (H, W)."""
    return np.hypot(*np.gradient(picture, axis=(0, 1))).max(2)  # type: ignore[no-any-return]


def _by_hand(lines: Array) -> Array:
    """Lines (H, W) that waver by less than a pixel."""
    height, width = lines.shape
    down, across = np.indices(lines.shape)
    right = np.rint(across + _WOBBLE * np.sin(down / 7 + across / 23)).astype(int).clip(0, width - 1)
    below = np.rint(down + _WOBBLE * np.sin(across / 9 - down / 31)).astype(int).clip(0, height - 1)
    return lines[below, right]
