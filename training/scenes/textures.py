"""Chequers and grain on a scene's layers, as blocked-out scenes wear them: surfaces that a motion can be seen on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .pen import OVERSAMPLING
from .scenes import Layer, Scene

_PLAIN = 0.25
"""Share of the layers that stay as they are."""


def textured(rng: np.random.Generator, scene: Scene) -> Scene:
    """`scene` with a pattern of its own on most of its layers."""
    return replace(scene, layers=tuple(_textured(rng, layer) for layer in scene.layers))


def _textured(rng: np.random.Generator, layer: Layer) -> Layer:
    if rng.random() < _PLAIN:
        return layer
    pixels = np.array(layer.picture)
    light = _chequers(rng, pixels.shape[:2]) * _grain(rng, pixels.shape[:2])
    pixels[..., :3] = np.rint(pixels[..., :3] * light[..., None])
    return replace(layer, picture=Image.fromarray(pixels, layer.picture.mode))


def _chequers(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Squares that turn any way and get smaller to one side, as on a floor; from nearly black to nearly not there."""
    y, x = (axis.astype(float) - side / 2 for axis, side in zip(np.indices(shape), shape, strict=True))
    size = OVERSAMPLING * np.exp(rng.uniform(np.log(4), np.log(40)))
    away = 1 + rng.uniform(-0.6, 0.6) * y / shape[0]
    angle = rng.uniform(0, np.pi)
    across, along = x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)
    dark = (np.floor(across / (size * away)) + np.floor(along / (size * away))) % 2
    return np.asarray(1 - dark * rng.uniform(0.1, 0.7))


def _grain(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Soft spots of one size."""
    size = int(OVERSAMPLING * rng.integers(3, 30))
    coarse = rng.uniform(0, 1, (shape[0] // size + 2, shape[1] // size + 2)).astype(np.float32)
    spots = np.asarray(Image.fromarray(coarse).resize(shape[::-1], Image.Resampling.BICUBIC))
    return np.asarray(1 - rng.uniform(0, 0.7) * spots.clip(0, 1), np.float64)
