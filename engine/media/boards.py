"""Boards: an artist's pictures, checked before a pixel is trusted, upright and in sRGB. Without torch."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from ..errors import Code, EngineError
from .pictures import read_picture

_CUT = 0.08
"""Share of a side that a board may lose to the nearest trained size."""


@dataclass(frozen=True)
class BoardPicture:
    """A board as it came: the file's bytes and what they are. `sha256` names it in a shot's folder."""

    data: bytes
    sha256: str
    width: int
    height: int
    name: str


def open_board(path: Path) -> BoardPicture:
    """Read and check a picture file without trusting it.

    Raises EngineError `image_missing`, `image_is_folder`, `image_unreadable`, `image_too_small` (a side under 16 px) or
    `image_too_large` (a side over 16,384 px, refused from the header alone, before any pixel is decoded).
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as fault:
        raise EngineError(Code.IMAGE_MISSING, path=str(path)) from fault
    except OSError as fault:
        if isinstance(fault, IsADirectoryError) or (os.name == "nt" and path.is_dir()):  # there it is a lack of rights
            raise EngineError(Code.IMAGE_IS_FOLDER, path=str(path)) from fault
        raise EngineError(Code.IMAGE_UNREADABLE, path=str(path), detail=(fault.strerror or "").lower()) from fault
    return check_board(data, str(path))


def check_board(data: bytes, name: str) -> BoardPicture:
    """The board in `data`, every pixel of it decoded once. Raises as `open_board` does, calling it `name`."""
    picture = decode_board(data, name)
    return BoardPicture(data, hashlib.sha256(data).hexdigest(), picture.width, picture.height, name)


def decode_board(data: bytes, name: str) -> Image.Image:
    """The picture in `data` as 8-bit sRGB, upright, on white where it is transparent. Raises as `open_board` does."""
    return read_picture(data, name)


def nearest_size(width: int, height: int, sizes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Of `sizes` (width, height), the one whose aspect is nearest to the picture's; ties go to the later one.

    Source: released recipe (`bucket_tools.py`): the smallest |h * bucket_w - w * bucket_h|.
    """
    return min(reversed(sizes), key=lambda size: abs(height * size[0] - width * size[1]))


def fitting_size(
    width: int, height: int, sizes: Sequence[tuple[int, int]], *, multiple: int, limits: tuple[int, int]
) -> tuple[int, int]:
    """The size for a picture's shot: the nearest of `sizes`, or one of its area where that would cut off too much.

    A picture is cut to its shot's shape, and 8 % of a side is what a storyboard's safe margin bears: beyond it the
    picture's own shape is worth more than a trained size. Sides are multiples of `multiple` within `limits`.
    """
    nearest = nearest_size(width, height, sizes)
    shape = width / height
    if max(shape * nearest[1] / nearest[0], nearest[0] / nearest[1] / shape) <= 1 + _CUT:
        return nearest
    area = nearest[0] * nearest[1]

    def side(length: float) -> int:
        return max(limits[0], min(limits[1], round(length / multiple) * multiple))

    return side((area * shape) ** 0.5), side((area / shape) ** 0.5)
