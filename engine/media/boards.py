"""Boards: an artist's pictures, checked before a pixel is trusted, upright and in sRGB. Without torch."""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from ..errors import Code, EngineError

SIDE_MINIMUM = 16
SIDE_MAXIMUM = 16384
_CUT = 0.08
"""Share of a side that a board may lose to the nearest trained size."""
_FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP")


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

    Raises EngineError `image_missing`, `image_unreadable`, `image_too_small` (a side under 16 px) or `image_too_large`
    (a side over 16,384 px, refused from the header alone, before any pixel is decoded).
    """
    try:
        data = path.read_bytes()
    except (FileNotFoundError, IsADirectoryError) as fault:
        raise EngineError(Code.IMAGE_MISSING, path=str(path)) from fault
    except OSError as fault:
        raise EngineError(Code.IMAGE_UNREADABLE, path=str(path), detail=(fault.strerror or "").lower()) from fault
    return check_board(data, str(path))


def check_board(data: bytes, name: str) -> BoardPicture:
    """The board in `data`, every pixel of it decoded once. Raises as `open_board` does, calling it `name`."""
    picture = decode_board(data, name)
    return BoardPicture(data, hashlib.sha256(data).hexdigest(), picture.width, picture.height, name)


def decode_board(data: bytes, name: str) -> Image.Image:
    """The picture in `data` as 8-bit sRGB, upright, on white where it is transparent. Raises as `open_board` does."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)  # from 89 megapixels on
            picture: Image.Image = Image.open(io.BytesIO(data), formats=_FORMATS)
            _check_side(picture.width, picture.height, name)
            picture.load()
            return _to_srgb(ImageOps.exif_transpose(picture))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as fault:
        raise EngineError(Code.IMAGE_UNREADABLE, path=name, detail="it declares far too many pixels") from fault
    except UnidentifiedImageError as fault:
        raise EngineError(Code.IMAGE_UNREADABLE, path=name, detail="it is not a picture in a known format") from fault
    except (OSError, SyntaxError, ValueError) as fault:
        raise EngineError(Code.IMAGE_UNREADABLE, path=name, detail=_short(fault)) from fault


def _check_side(width: int, height: int, name: str) -> None:
    if min(width, height) < SIDE_MINIMUM:
        raise EngineError(Code.IMAGE_TOO_SMALL, path=name, width=width, height=height, minimum=SIDE_MINIMUM)
    if max(width, height) > SIDE_MAXIMUM:
        raise EngineError(Code.IMAGE_TOO_LARGE, path=name, width=width, height=height, maximum=SIDE_MAXIMUM)


def _to_srgb(picture: Image.Image) -> Image.Image:
    profile = picture.info.get("icc_profile")
    if picture.mode.startswith("I;16") or picture.mode == "I":
        # Pillow clips 16-bit grey to 8 bit instead of scaling it.
        picture = Image.fromarray((np.asarray(picture).astype(np.float64) / 257).round().clip(0, 255).astype(np.uint8))
    if picture.mode in {"RGBA", "LA", "PA", "P"} or "transparency" in picture.info:
        layered = picture.convert("RGBA")
        paper = Image.new("RGBA", layered.size, "white")
        picture = Image.alpha_composite(paper, layered)
    picture = picture.convert("RGB") if picture.mode != "CMYK" or not profile else picture
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError):
            # A broken or foreign profile is common and harmless: the pixels are then taken for sRGB as they are.
            converted = None
        picture = converted or picture
    return picture.convert("RGB")


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


def _short(fault: Exception) -> str:
    return " ".join(str(fault).split())[:120] or type(fault).__name__
