"""Pictures as tensors and back: fitted to the size of a shot, as bytes, as a small strip to look at."""

from __future__ import annotations

import base64
import io
import math

import numpy as np
import torch
from PIL import Image, ImageOps

_PREVIEW_SIDE = 512


def fit(picture: Image.Image, width: int, height: int) -> torch.Tensor:
    """Scale to cover `width` x `height` (Lanczos), crop to the centre: (1, 3, H, W) float32 in [-1, 1].

    Source: released recipe (`resize_and_center_crop`). A picture of that very size comes through untouched.
    """
    pixels = torch.from_numpy(np.asarray(cover(picture, width, height), dtype=np.float32).copy())
    return (pixels / 127.5 - 1).permute(2, 0, 1).unsqueeze(0)


def cover(picture: Image.Image, width: int, height: int) -> Image.Image:
    """The same scaled and cropped so, as a picture."""
    if picture.size == (width, height):
        return picture
    return ImageOps.fit(picture, (width, height), Image.Resampling.LANCZOS)


def to_bytes(pixels: torch.Tensor) -> np.ndarray:
    """Pixels (3, F, H, W) in [-1, 1], clipped, as frames (F, H, W, 3) uint8, rounded to nearest."""
    scaled = pixels.clamp(-1, 1).add(1).mul(127.5).round()
    frames: np.ndarray = scaled.to(torch.uint8).permute(1, 2, 3, 0).contiguous().numpy()
    return frames


def preview_jpeg(frames: np.ndarray) -> str:
    """Frames (F, H, W, 3) uint8 as one base64 JPEG: row by row in a square of 3 x 3 for 9, 4 x 4 for up to 16, ...

    So the sheet has a frame's own shape, and fits where a picture does. Small ones are enlarged.
    """
    count, height, width, _ = frames.shape
    side = math.ceil(math.sqrt(count))
    sheet = np.zeros((-(-count // side) * height, side * width, 3), np.uint8)
    for number, frame in enumerate(frames):
        row, column = divmod(number, side)
        sheet[row * height : (row + 1) * height, column * width : (column + 1) * width] = frame
    strip = Image.fromarray(sheet)
    if strip.width < _PREVIEW_SIDE:
        factor = _PREVIEW_SIDE // strip.width
        strip = strip.resize((strip.width * factor, strip.height * factor), Image.Resampling.BICUBIC)
    return _jpeg(strip, quality=80)


def frame_jpeg(frame: np.ndarray) -> str:
    """A small frame (H, W, 3) uint8 as a base64 JPEG of that size, colours as fine as light: it is to be enlarged."""
    return _jpeg(Image.fromarray(frame), quality=90, subsampling=0)


def _jpeg(picture: Image.Image, **options: int) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", **options)
    return base64.b64encode(buffer.getvalue()).decode("ascii")
