"""How a contact sheet is laid out: a row of frames for each seed, with its number and its seed below, in one picture.

Lengths are in pixels, places are (left, top). Standard library only; `operators/contact_sheets.py` has the pixels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

FRAMES = 3
"""Of each seed: the first, the middle and the last of its section."""
_WIDE, _NARROW = 256, 160
_MANY = 6
"""Seeds, above which frames are narrow: the whole sheet is handed to Blender whenever a row is there."""
_GAP = 4
_ASPECT = 1.5
"""Width by height that a sheet comes near to."""
DOT = 3
"""Side of a digit's dot."""
_LABEL = 7 * DOT + 2 * _GAP
_DIGITS = {
    "0": "01110 10001 10011 10101 11001 10001 01110",
    "1": "00100 01100 00100 00100 00100 00100 01110",
    "2": "01110 10001 00001 00110 01000 10000 11111",
    "3": "11111 00010 00100 00010 00001 10001 01110",
    "4": "00010 00110 01010 10010 11111 00010 00010",
    "5": "11111 10000 11110 00001 00001 10001 01110",
    "6": "00110 01000 10000 11110 10001 10001 01110",
    "7": "11111 00001 00010 00100 01000 01000 01000",
    "8": "01110 10001 10001 01110 10001 10001 01110",
    "9": "01110 10001 10001 01111 00001 00010 01100",
    ":": "00000 00100 00000 00000 00000 00100 00000",
    " ": "00000 00000 00000 00000 00000 00000 00000",
}
"""Five dots wide, seven high; Blender draws no text into a picture without a window."""


@dataclass(frozen=True)
class Sheet:
    """The sheet of so many seeds, whose frames are shown at `frame_width` x `frame_height`."""

    seeds: int
    frame_width: int
    frame_height: int
    columns: int
    """Seeds side by side."""

    @property
    def rows(self) -> int:
        """Seeds below each other."""
        return math.ceil(self.seeds / self.columns)

    @property
    def width(self) -> int:
        """Of the whole."""
        return self.columns * self._seed_width + _GAP

    @property
    def height(self) -> int:
        """Of the whole."""
        return self.rows * self._seed_height + _GAP

    def frame(self, seed: int, frame: int) -> tuple[int, int]:
        """Where a frame lies (0 to FRAMES - 1) of a seed, counted from 0 down the columns."""
        column, row = divmod(seed, self.rows)
        left = _GAP + column * self._seed_width + frame * (self.frame_width + _GAP)
        return left, _GAP + row * self._seed_height

    def dots(self, seed: int, text: str) -> Iterator[tuple[int, int]]:
        """Where the dots lie, each DOT x DOT, that write `text` (digits) below a seed's frames, as far as it fits."""
        left, top = self.frame(seed, 0)
        top += self.frame_height + _GAP
        room = FRAMES * (self.frame_width + _GAP) // (6 * DOT)
        for place, letter in enumerate(text[:room]):
            for row, dots in enumerate(_DIGITS.get(letter, _DIGITS[" "]).split()):
                for column, dot in enumerate(dots):
                    if dot == "1":
                        yield left + (6 * place + column) * DOT, top + row * DOT

    @property
    def _seed_width(self) -> int:
        return FRAMES * (self.frame_width + _GAP) + _GAP

    @property
    def _seed_height(self) -> int:
        return self.frame_height + _LABEL + _GAP


def sheet_of(seeds: int, width: int, height: int) -> Sheet:
    """The sheet for so many seeds of shots that are `width` x `height`: frames are not enlarged, and none is cut."""
    shown = min(width, _NARROW if seeds > _MANY else _WIDE)
    frame = shown, max(1, round(shown * height / width))
    sheets = [Sheet(seeds, *frame, columns) for columns in range(1, seeds + 1)]
    return min(sheets, key=lambda sheet: abs(math.log(sheet.width / sheet.height / _ASPECT)))


def frames_of(shown: range) -> tuple[int, ...]:
    """Which frames of a section stand for it; a short one shows some twice."""
    last = shown.stop - 1
    return shown.start, (shown.start + last) // 2, last
