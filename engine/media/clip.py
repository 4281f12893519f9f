"""The frames that a shot goes on from, out of a movie, an animated picture or a folder of pictures."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import imageio.v3 as iio
import numpy as np
from PIL import Image

from ..errors import Code, EngineError
from .boards import BoardPicture, decode_board, open_board
from .movie_reader import Movie, Shown, Span, check_side
from .pictures import Animation, shrunk

LONGEST_SIDE = 1280
"""Pixels, as Blender's side takes them: no model makes larger pictures of itself."""
_SECONDS = 10
"""How much of a clip's end is read: no model looks back farther, and the first frame is always kept."""
_MOST = 300
"""Pictures of a clip's end at most; at a higher rate some stand for their neighbours."""
_TINY = 1e-6
_ANIMATED = (".gif", ".png", ".apng", ".webp", ".avif")
_ENDINGS = (
    *_ANIMATED,
    ".jpg",
    ".jpeg",
    ".tif",
    ".tiff",
    ".bmp",
    ".tga",
    ".exr",
    ".hdr",
    ".jp2",
    ".psd",
    ".qoi",
    ".ppm",
)


class Source(Protocol):
    """A movie or an animated picture."""

    def span(self) -> Span:
        """When its frames are shown."""
        ...

    def frames(self, span: Span, since: float) -> Iterator[Shown]:
        """The first frame, then all from the one on that is shown at the time `since`, at the latest."""
        ...


def read_clip(path: Path, fps: float, longest: int = LONGEST_SIDE) -> list[BoardPicture]:
    """The first frame, then the last seconds at `fps` frames a second, in time order.

    `path` is a movie, or a folder whose pictures, by name, are the frames at `fps`. A frame that is shown for longer
    comes more than once, as the same picture. Their longer sides are `longest` pixels at most, so that however large
    and long a clip is, what is held of it is not. Raises EngineError `clip_missing` or `clip_unreadable`, and as
    `open_board` does.
    """
    try:
        if path.is_dir():
            return _folder(path, fps, longest)
        if not path.is_file():
            raise EngineError(Code.CLIP_MISSING, path=str(path))
    except OSError as fault:  # a folder on the way that may not be looked into, a name that is too long
        raise EngineError(Code.CLIP_UNREADABLE, path=str(path), detail=(fault.strerror or "").lower()) from fault
    source: Source = Movie(path)
    if path.suffix.lower() in _ENDINGS:
        animation = Animation.of(path) if path.suffix.lower() in _ANIMATED else None
        if animation is None:
            return [_small_board(path, longest)]
        source = animation
    return list(_sampled(source, str(path), fps, longest))


def _sampled(source: Source, name: str, fps: float, longest: int) -> Iterator[BoardPicture]:
    """The clip of a source, decoded once from beginning to end; two decoded frames are held at a time."""
    span = source.span()
    half = min(span.step, 1 / fps) / 2  # a frame is as good as the next one where both are as near
    wanted = [span.end - back / fps for back in _backward(span.end - span.start - half, fps)]
    frames = source.frames(span, wanted[0] + half if wanted else span.end)
    before = next(frames)
    shown: BoardPicture | None = None

    def seen() -> BoardPicture:
        nonlocal shown
        shown = shown or _picture(before, name, longest)
        return shown

    yield seen()
    for frame in frames:
        while wanted and wanted[0] + half < frame.time:
            yield seen()
            del wanted[0]
        before, shown = frame, None
        if not wanted:
            return
    for _ in wanted:
        yield seen()


def _backward(seconds: float, fps: float) -> list[int]:
    """How many frames before the last one those of the clip's end lie, the earliest first, `seconds` back at most."""
    count = min(round(_SECONDS * fps), math.floor(seconds * fps + _TINY))
    step = -(-count // _MOST) or 1
    return [back // step * step for back in range(count, -1, -1)]


def _folder(folder: Path, fps: float, longest: int) -> list[BoardPicture]:
    """The clip in a folder of pictures. All must have one shape: a model sees each cut to the shot's."""
    found = [file for file in folder.iterdir() if file.suffix.lower() in _ENDINGS and not file.name.startswith(".")]
    files = sorted(found, key=lambda file: _naturally(file.name))
    if not files:
        raise EngineError(Code.CLIP_UNREADABLE, path=str(folder), detail="the folder holds no pictures")
    last = len(files) - 1
    chosen = [files[last - back] for back in _backward((last - 0.5) / fps, fps)]
    boards = {file: _small_board(file, longest) for file in dict.fromkeys([files[0], *chosen])}
    first = boards[files[0]]
    for file, board in boards.items():
        if abs(board.width * first.height - board.height * first.width) > max(board.width, board.height):
            detail = f"{file.name} has another shape than {files[0].name}"
            raise EngineError(Code.CLIP_UNREADABLE, path=str(folder), detail=detail)
    return [first, *(boards[file] for file in chosen)]


def _naturally(name: str) -> tuple[list[tuple[int, str]], str]:
    """A name's place as a person sorts: frame2 before frame10."""
    parts = filter(None, re.split(r"(\d+)", name.casefold()))
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts], name


def _small_board(path: Path, longest: int) -> BoardPicture:
    """The picture in a file: its own bytes, or a smaller one where it is larger than `longest`."""
    board = open_board(path)
    if max(board.width, board.height) <= longest:
        return board
    return _board(shrunk(decode_board(board.data, board.name), longest), board.name)


def _picture(shown: Shown, name: str, longest: int) -> BoardPicture:
    return _board(shown.picture(longest), f"{name}, {shown.time:.2f} s")


def _board(picture: Image.Image, name: str) -> BoardPicture:
    """A picture that is kept. Raises EngineError `image_too_small`: what was a line of pixels is none any more."""
    check_side(picture.width, picture.height, name)
    data: bytes = iio.imwrite("<bytes>", np.asarray(picture), plugin="pillow", extension=".png", compress_level=1)
    return BoardPicture(data, hashlib.sha256(data).hexdigest(), picture.width, picture.height, name)
