"""The PNG sequence: frames numbered from 1, every file whole, with the facts that made it as a text chunk."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
from PIL import PngImagePlugin

from .files import write_whole

_WRITERS = 4
_COMPRESSION: dict[str, Any] = {
    "compress_level": 1,
    "compress_type": zlib.Z_RLE,
}  # half the default's time for about the same bytes


def frame_name(frame: int, frames: int) -> str:
    """File name of frame `frame` (from 1) of `frames`: at least four digits, so that names sort."""
    return f"{frame:0{max(4, len(str(frames)))}d}.png"


def png_bytes(pixels: np.ndarray, facts: Mapping[str, str]) -> bytes:
    """One frame (H, W, 3) uint8 as PNG, marked sRGB, with `facts` as UTF-8 text chunks."""
    chunks = PngImagePlugin.PngInfo()
    chunks.add(b"sRGB", b"\x00")
    for key, text in facts.items():
        chunks.add_itxt(key, text.encode("utf-8", "backslashreplace").decode())
    data: bytes = iio.imwrite("<bytes>", pixels, plugin="pillow", extension=".png", pnginfo=chunks, **_COMPRESSION)
    return data


def write_frames(folder: Path, frames: Iterable[tuple[str, np.ndarray]], facts: Mapping[str, str]) -> list[Path]:
    """Write (name, (H, W, 3) uint8) frames into `folder`, several at once; a frame that is there is left alone.

    A repeated run makes the same pixels, and a file that a timeline may hold open is never rewritten. Raises
    EngineError `disk_full` or `folder_unwritable`; frames written by then stay, each whole.
    """

    def write(frame: tuple[str, np.ndarray]) -> Path:
        path = folder / frame[0]
        if not path.exists():
            write_whole(path, png_bytes(frame[1], facts))
        return path

    # zlib and fsync both let other threads run.
    with ThreadPoolExecutor(max_workers=_WRITERS) as writers:
        return list(writers.map(write, frames))
