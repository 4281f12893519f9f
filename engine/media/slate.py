"""A slate: a few words in a corner of every picture, legible on light and dark, such as "AI previs".

Pillow's own font draws them, which is the same on every machine and knows ASCII alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_SHARE = 1 / 22
"""Of the picture's height: the letters' size, which is at least the next number of pixels."""
_LEAST = 11
_WIDEST = 0.9
"""Of the picture's width: longer words are drawn smaller."""
_PAPER = 0.72
"""How much of the picture the dark plate under the words covers: white is read on it whatever lies below."""


@dataclass(frozen=True)
class Slate:
    """The plate as it lies on pictures of one size, at the upper left."""

    corner: tuple[int, int]
    """Its first row and column."""
    cover: np.ndarray
    """(h, w, 1) float32, 0 to 1: how much of it is seen."""
    light: np.ndarray
    """(h, w, 1) float32: its grey, 0 to 255."""

    def burn(self, pixels: np.ndarray) -> np.ndarray:
        """A copy of a picture, (H, W, 3) uint8 of the size that the slate was made for, with the slate in it."""
        burnt = pixels.copy()
        height, width, _ = self.cover.shape
        place = np.s_[self.corner[0] : self.corner[0] + height, self.corner[1] : self.corner[1] + width]
        seen = burnt[place].astype(np.float32)
        burnt[place] = (seen + (self.light - seen) * self.cover).round().astype(np.uint8)
        return burnt


@lru_cache(maxsize=4)
def slate(text: str, width: int, height: int) -> Slate:
    """The slate that says `text`, in ASCII, on pictures of that size in pixels."""
    size = max(_LEAST, round(height * _SHARE))
    font = ImageFont.load_default(size)
    pad = round(size * 0.4)
    while size > 1 and font.getlength(text) + 4 * pad > width * _WIDEST:
        size -= 1
        font, pad = ImageFont.load_default(size), round(size * 0.4)
    left, top, right, bottom = (round(side) for side in font.getbbox(text, stroke_width=0))
    box = (min(width, right - left + 2 * pad), min(height, bottom - top + 2 * pad))
    words = Image.new("L", box)
    ImageDraw.Draw(words).text((pad - left, pad - top), text, fill=255, font=font)
    plate = Image.new("L", box)
    ImageDraw.Draw(plate).rounded_rectangle((0, 0, box[0] - 1, box[1] - 1), pad, fill=255)
    letters, under = (np.asarray(each, np.float32)[..., None] / 255 for each in (words, plate))
    margin = min(pad * 2, width - box[0], height - box[1])
    return Slate((margin, margin), np.maximum(letters, under * _PAPER), 255 * letters)
