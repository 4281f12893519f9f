"""Boards: an artist's pictures, checked before a pixel is trusted, upright and in sRGB. Without torch."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from ..errors import Code, EngineError
from .pictures import read_picture


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


def is_damaged(path: Path) -> bool:
    """Whether a file lies at `path` that is no picture to its end; of one that nobody may read nobody can tell."""
    try:
        decode_board(path.read_bytes(), str(path))
    except OSError:
        return False
    except EngineError:
        return True
    return False


def check_board(data: bytes, name: str) -> BoardPicture:
    """The board in `data`, every pixel of it decoded once. Raises as `open_board` does, calling it `name`."""
    picture = decode_board(data, name)
    return BoardPicture(data, hashlib.sha256(data).hexdigest(), picture.width, picture.height, name)


def decode_board(data: bytes, name: str) -> Image.Image:
    """The picture in `data` as 8-bit sRGB, upright, on white where it is transparent. Raises as `open_board` does."""
    return read_picture(data, name)
