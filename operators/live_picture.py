"""One latent frame of a shot's newest preview as a texture: what Watch draws large.

A preview is a sheet of its section's latent frames, row by row; Blender reads it as a small picture (`previews.py`).
"""

from __future__ import annotations

import math
from typing import Any

import gpu
import numpy as np

from . import previews

_SIDE = 3
"""Frames in a row of the sheet, and rows: every model makes 9 latent frames in a section (`preview_jpeg`)."""
_kept: tuple[int, int] | None = None
"""Which picture, and which frame of it, the texture shows."""
_texture: Any = None


def frame_at(share: float) -> int:
    """The frame of the sheet, from 0, that lies at a share (0 to 1) of the section."""
    return min(_SIDE**2 - 1, max(0, math.floor(share * _SIDE**2)))


def cut(sheet: np.ndarray, frame: int) -> np.ndarray:
    """One frame (H, W, 4) of a sheet (rows from below, as Blender has them)."""
    height, width = sheet.shape[0] // _SIDE, sheet.shape[1] // _SIDE
    row, column = divmod(frame, _SIDE)
    low = sheet.shape[0] - (row + 1) * height
    return np.ascontiguousarray(sheet[low : low + height, column * width : (column + 1) * width])


def texture(shot: str, share: float) -> Any | None:
    """The texture of the frame at a share of the section; None where there is no preview. Only while drawing."""
    global _kept, _texture
    picture = previews.picture(shot)
    if picture is None:
        return None
    key = (picture.icon_id, frame_at(share))
    if key != _kept:
        width, height = picture.image_size
        if not width or not height:
            return None
        pixels = np.empty(width * height * 4, np.float32)
        picture.image_pixels_float.foreach_get(pixels)
        frame = cut(pixels.reshape(height, width, 4), key[1])
        buffer = gpu.types.Buffer("FLOAT", frame.size, frame.reshape(-1))
        _texture = gpu.types.GPUTexture((frame.shape[1], frame.shape[0]), format="RGBA16F", data=buffer)
        _kept = key
    return _texture


def forget() -> None:
    """Let go of the texture."""
    global _kept, _texture
    _kept = _texture = None
