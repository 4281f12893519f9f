"""Picture files, read as a person sees them: through imageio's Pillow plugin, and PyAV's for light in floats.

Whatever a file holds comes out as 8-bit sRGB, upright, on white paper where it is transparent.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
from PIL import Image, ImageCms, ImageOps

from ..errors import Code, EngineError
from . import color_transfer
from .movie_reader import SIDE_MAXIMUM, Shown, Span, check_side, frame_picture

_FORMATS = frozenset(
    {
        *("PNG", "JPEG", "MPO", "WEBP", "TIFF", "BMP", "DIB", "GIF", "AVIF", "HEIF", "JPEG2000"),
        *("TGA", "PPM", "SGI", "PSD", "QOI", "PCX", "DDS", "ICO", "ICNS"),
    }
)
"""Pillow's names of what is read; it knows others, some of which start programs."""
_BY_PYAV = ((b"\x76\x2f\x31\x01", "exr_pipe"), (b"#?RA", "hdr_pipe"), (b"#?RG", "hdr_pipe"))
"""How files begin that PyAV reads, and its names for them."""
_TIFF = (b"II*\x00", b"MM\x00*")
_TELLING = {b"heic": "a HEIC photograph", b"heix": "a HEIC photograph", b"mif1": "a HEIC photograph"}
"""What a file is that begins as a movie does, by its brand."""
_GIF_LEAST_MS, _GIF_USUAL_MS = 20, 100
"""Browsers take shorter times than the first for the second."""


def read_picture(data: bytes, name: str) -> Image.Image:
    """The picture in `data`; of an animation the first one.

    Raises EngineError `image_unreadable`, `image_too_small` or `image_too_large`, calling it `name`; sizes are checked
    before a pixel is decoded.
    """
    by_pyav = next((kind for magic, kind in _BY_PYAV if data.startswith(magic)), None)
    if by_pyav is not None:
        return _read_floats(data, by_pyav, name)
    try:
        with _opened(data, name) as picture:
            return _to_srgb(picture)
    except EngineError:
        if data.startswith(_TIFF):  # Pillow knows no floats of three channels
            return _read_floats(data, "tiff_pipe", name)
        raise


class Animation:
    """An animated GIF, PNG, WebP or AVIF. Raises as `read_picture` does."""

    def __init__(self, data: bytes, name: str) -> None:
        self._data, self._name = data, name

    @classmethod
    def of(cls, path: Path) -> Animation | None:
        """The animation in a file; None where it holds a single picture."""
        with _faults(str(path)):
            data = path.read_bytes()
        with _opened(data, str(path)) as picture:
            return cls(data, str(path)) if getattr(picture, "is_animated", False) else None

    def span(self) -> Span:
        """When its pictures are shown."""
        with _opened(self._data, self._name) as picture:
            lasts = [self._seconds(picture, number) for number in range(picture.n_frames)]  # type: ignore[attr-defined]
        step = min(lasts)
        return Span(0.0, sum(lasts) - step, step, sure=True)

    def frames(self, _span: Span, _since: float) -> Iterator[Shown]:
        """All of its pictures."""
        time = 0.0
        with _opened(self._data, self._name) as picture:
            for number in range(picture.n_frames):  # type: ignore[attr-defined]
                lasts = self._seconds(picture, number)
                still = picture.copy()
                still.info = dict(picture.info)
                yield Shown(time, lambda longest, still=still: shrunk(_to_srgb(still), longest))  # type: ignore[misc]
                time += lasts

    def _seconds(self, picture: Image.Image, number: int) -> float:
        """Go to a picture; how long it is shown."""
        with _faults(self._name):
            picture.seek(number)
            picture.load()
        lasts = float(picture.info.get("duration", 0))
        return (lasts if lasts >= _GIF_LEAST_MS else _GIF_USUAL_MS) / 1000


def shrunk(picture: Image.Image, longest: int) -> Image.Image:
    """The picture, its longer side at most `longest` pixels."""
    share = longest / max(picture.size)
    if share >= 1:
        return picture
    width, height = (max(1, round(side * share)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.LANCZOS)


@contextmanager
def _opened(data: bytes, name: str) -> Iterator[Image.Image]:
    """The picture as Pillow has it, its size and kind checked, its pixels loaded."""
    with _faults(name):
        if not data:
            raise ValueError("it is empty")
        try:
            file: Any = iio.imopen(data, "r", plugin="pillow")
        except OSError as fault:
            raise fault.__cause__ if isinstance(fault.__cause__, Warning) else OSError(_kind(data)) from fault
        with file:
            picture: Image.Image = file._image
            if picture.format not in _FORMATS:
                raise ValueError(_kind(data))
            check_side(picture.width, picture.height, name)
            picture.load()
            yield picture


@contextmanager
def _faults(name: str) -> Iterator[None]:
    """What may go wrong with a picture from anywhere, as `image_unreadable`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Pillow thinks of broken tags
            warnings.simplefilter("error", Image.DecompressionBombWarning)  # from 89 megapixels on
            yield
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as fault:
        raise EngineError(Code.IMAGE_UNREADABLE, path=name, detail="it declares far too many pixels") from fault
    except (OSError, SyntaxError, ValueError, EOFError) as fault:
        raise EngineError(Code.IMAGE_UNREADABLE, path=name, detail=_short(fault)) from fault


def _kind(data: bytes) -> str:
    """What is said of a file that is no picture that can be read."""
    if data[4:8] == b"ftyp":
        return f"it is {_TELLING.get(data[8:12], 'a movie, or a picture in a format that is not known')}"
    return "it is not a picture in a known format"


def _read_floats(data: bytes, kind: str, name: str) -> Image.Image:
    """A picture whose numbers are light itself, such as OpenEXR: white is 1, and brighter light is cut off there."""
    import av  # a plain picture needs none of it

    with _faults(name):
        try:
            file: Any = iio.imopen(data, "r", plugin="pyav", format=kind)
        except OSError as fault:
            raise OSError("it is damaged, or of a kind that is not known") from fault
        with file:
            stream = file._container.streams.video[0]
            if not stream.codec_context.width:
                raise OSError("it is damaged")
            check_side(stream.codec_context.width, stream.codec_context.height, name)
            if stream.codec_context.width * stream.codec_context.height > 2 * (Image.MAX_IMAGE_PIXELS or 0):
                raise Image.DecompressionBombWarning
            try:
                frame = next(file._container.decode(stream))
            except (av.FFmpegError, StopIteration) as fault:
                raise OSError("it is damaged") from fault
            frame.color_trc = color_transfer.LINEAR
            return frame_picture(frame, stream.sample_aspect_ratio or Fraction(1), SIDE_MAXIMUM, premultiplied=True)


def _to_srgb(picture: Image.Image) -> Image.Image:
    """A loaded picture of any mode as 8-bit sRGB, upright, on white paper where it is transparent."""
    profile = picture.info.get("icc_profile")
    upright = ImageOps.exif_transpose(picture)
    if upright.mode == "F" or upright.mode.startswith("I"):
        return _one_channel(upright, _bits(picture), profile)
    if upright.mode in {"RGBA", "RGBa", "LA", "La", "PA", "P"} or "transparency" in upright.info:
        layered = upright.convert("RGBA")
        paper = Image.new("RGBA", layered.size, "white")
        upright = Image.alpha_composite(paper, layered)
    if upright.mode == "LAB":
        return _converted(upright, ImageCms.createProfile("LAB")) or upright.convert("RGB")
    if profile:
        kept = upright if upright.mode in {"CMYK", "L"} else upright.convert("RGB")
        converted = _converted(kept, io.BytesIO(profile))
        if converted is not None:
            return converted
    return upright.convert("RGB")


def _one_channel(picture: Image.Image, bits: int, profile: bytes | None) -> Image.Image:
    """A grey picture of 16 or 32 bits or of floats, scaled where Pillow would cut it off; floats are light itself."""
    values = np.asarray(picture)
    if picture.mode == "F":
        grey = color_transfer.eight_bits(color_transfer.coded_srgb(values.astype(np.float32)))
    elif values.dtype == np.uint16 or bits == 16:
        grey = color_transfer.eight_bits(values.clip(0, 65535).astype(np.uint16))
    else:
        grey = color_transfer.eight_bits(values.view(np.uint32))
    clear = picture.info.get("transparency")
    if isinstance(clear, int):
        grey = np.where(values == clear, np.uint8(255), grey)
    scaled = Image.fromarray(grey)
    return (_converted(scaled, io.BytesIO(profile)) if profile else None) or scaled.convert("RGB")


def _bits(picture: Image.Image) -> int:
    """Bits of a whole number of a picture in mode I, which holds 32: only TIFF files have as many."""
    bits = getattr(picture, "tag_v2", {}).get(258, (16,))
    return int(bits[0] if isinstance(bits, tuple) else bits)


def _converted(picture: Image.Image, profile: Any) -> Image.Image | None:
    """The picture by its profile; None for a broken or foreign one, which is common and harmless: pixels are sRGB."""
    try:
        source = ImageCms.ImageCmsProfile(profile)
        if picture.mode == "L" and source.profile.xcolor_space.strip() != "GRAY":
            picture = picture.convert("RGB")
        converted = ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return None
    return converted


def _short(fault: Exception) -> str:
    return " ".join(str(fault).split())[:120] or type(fault).__name__
