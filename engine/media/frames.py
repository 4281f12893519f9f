"""The PNG sequence: frames numbered from 1, every file whole, with the facts that made it as a text chunk."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
from PIL import Image, PngImagePlugin

from .files import write_whole

_WRITERS = 4
_COMPRESSION: dict[str, Any] = {
    "compress_level": 1,
    "compress_type": zlib.Z_RLE,
}  # half the default's time for about the same bytes


def png_bytes(pixels: np.ndarray, facts: Mapping[str, str]) -> bytes:
    """One frame (H, W, 3) uint8 as PNG, marked sRGB, with `facts` as UTF-8 text chunks."""
    chunks = PngImagePlugin.PngInfo()
    chunks.add(b"sRGB", b"\x00")
    for key, text in _readable(facts).items():
        chunks.add_itxt(key, text)
    data: bytes = iio.imwrite("<bytes>", pixels, plugin="pillow", extension=".png", pnginfo=chunks, **_COMPRESSION)
    return data


def write_frames(frames: Iterable[tuple[Path, np.ndarray]], facts: Mapping[str, str]) -> list[Path]:
    """Write frames, each a file and (H, W, 3) uint8, several at once; a file that shows just that is left alone.

    A repeated run makes the same pixels, and a file that a timeline may hold open is not rewritten for nothing. One
    that shows anything else is replaced, whole. Raises EngineError `disk_full` or `folder_unwritable`; frames written
    by then stay, each whole.
    """

    def write(frame: tuple[Path, np.ndarray]) -> Path:
        path, pixels = frame
        if not _shows(path, pixels):
            write_whole(path, png_bytes(pixels, facts))
        return path

    # zlib and fsync both let other threads run.
    with ThreadPoolExecutor(max_workers=_WRITERS) as writers:
        return list(writers.map(write, frames))


def is_written(path: Path, size: tuple[int, int], facts: Mapping[str, str]) -> bool:
    """Whether `path` is a whole picture of `size` (width, height) that says `facts` of itself, and nothing else."""
    try:
        with Image.open(path) as picture:
            picture.load()  # to its end
            return picture.size == size and dict(getattr(picture, "text", {})) == _readable(facts)
    except (OSError, ValueError, SyntaxError):
        return False


def _readable(facts: Mapping[str, str]) -> dict[str, str]:
    """Facts as a file keeps them: what is no text, such as some files' names, as escapes."""
    return {key: text.encode("utf-8", "backslashreplace").decode() for key, text in facts.items()}


def _shows(path: Path, pixels: np.ndarray) -> bool:
    """Whether `path` is a picture of just these pixels."""
    try:
        with Image.open(path) as picture:
            return np.array_equal(np.asarray(picture), pixels)
    except (OSError, ValueError, SyntaxError):  # none is there, or it is damaged
        return False
