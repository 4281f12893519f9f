"""Pictures as tensors and back: fitted to the size of a shot, as bytes, as a small strip to look at."""

from __future__ import annotations

import base64
import io

import numpy as np
import torch
from PIL import Image, ImageOps

_PREVIEW_SIDE = 512


def fit(picture: Image.Image, width: int, height: int) -> torch.Tensor:
    """Scale to cover `width` x `height` (Lanczos), crop to the centre: (1, 3, H, W) float32 in [-1, 1].

    Source: released recipe (`resize_and_center_crop`). A picture of that very size comes through untouched.
    """
    if picture.size != (width, height):
        picture = ImageOps.fit(picture, (width, height), Image.Resampling.LANCZOS)
    pixels = torch.from_numpy(np.asarray(picture, dtype=np.float32).copy())
    return (pixels / 127.5 - 1).permute(2, 0, 1).unsqueeze(0)


def to_bytes(pixels: torch.Tensor) -> np.ndarray:
    """Pixels (3, F, H, W) in [-1, 1], clipped, as frames (F, H, W, 3) uint8, rounded to nearest."""
    scaled = pixels.clamp(-1, 1).add(1).mul(127.5).round()
    frames: np.ndarray = scaled.to(torch.uint8).permute(1, 2, 3, 0).contiguous().numpy()
    return frames


def preview_jpeg(frames: np.ndarray) -> str:
    """Frames (F, H, W, 3) uint8 side by side as a base64 JPEG at most 512 px wide per row of thumbnails."""
    strip = Image.fromarray(np.concatenate(list(frames), axis=1))
    if strip.width < _PREVIEW_SIDE:
        factor = _PREVIEW_SIDE // strip.width
        strip = strip.resize((strip.width * factor, strip.height * factor), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    strip.save(buffer, "JPEG", quality=80)
    return base64.b64encode(buffer.getvalue()).decode("ascii")
