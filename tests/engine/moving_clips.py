"""Clips whose motion is known: a picture under a camera, drawn at any moment, with a thing that passes before it."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from engine.media.measures import Picture

PICTURES = Path(__file__).resolve().parents[1] / "fixtures" / "pictures"
_FINE = 3
"""How many times as large a picture is drawn before it is reduced: a true frame has no pixels of another one."""


@cache
def fixture(name: str) -> Picture:
    """A picture of the fixtures, (144, 256, 3)."""
    with Image.open(PICTURES / f"{name}.png") as picture:
        return np.asarray(picture.convert("RGB"))


def panned(name: str, frame: float, *, pan: float = 3.0, zoom: float = 1.01, roll: float = 0.5) -> Picture:
    """A fixture at 192 x 108 under a camera that moves `pan` pixels, `zoom` times and `roll` degrees a frame, and a
    disc that crosses it.
    """
    width, height = 192 * _FINE, 108 * _FINE
    sheet = Image.fromarray(fixture(name)).resize((256 * _FINE, 144 * _FINE), Image.Resampling.LANCZOS)
    scale, turn = zoom**frame, math.radians(roll * frame)
    cosine, sine = math.cos(turn) / scale, math.sin(turn) / scale
    centre = (sheet.width / 2 + (pan * frame - 12) * _FINE, sheet.height / 2)
    a, b, d, e = cosine, sine, -sine, cosine
    left = centre[0] - a * width / 2 - b * height / 2
    top = centre[1] - d * width / 2 - e * height / 2
    view = sheet.transform((width, height), Image.Transform.AFFINE, (a, b, left, d, e, top), Image.Resampling.BICUBIC)
    pixels = np.asarray(view).copy()
    rows, columns = np.indices((height, width))
    disc = (columns - (40 + 4 * frame) * _FINE) ** 2 + (rows - 60 * _FINE) ** 2 < (14 * _FINE) ** 2
    pixels[disc] = (200, 60, 40)
    return np.asarray(Image.fromarray(pixels).reduce(_FINE))


def write(folder: Path, frames: list[Picture]) -> list[Path]:
    """The frames as numbered PNG files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:04d}.png" for number in range(1, len(frames) + 1)]
    for path, frame in zip(paths, frames, strict=True):
        Image.fromarray(frame).save(path)
    return paths
