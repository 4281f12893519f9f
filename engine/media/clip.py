"""The frames that a shot goes on from, out of a movie or a folder of pictures."""

from __future__ import annotations

import hashlib
import io
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import av
from PIL import Image

from ..errors import Code, EngineError
from .boards import BoardPicture, open_board

_SECONDS = 10
"""How much of a clip's end is read: no model looks back farther, and the first frame is always kept."""
_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp")


def read_clip(path: Path, fps: float) -> list[BoardPicture]:
    """The first frame, then the last seconds at `fps` frames a second, in time order.

    `path` is a movie, or a folder whose pictures, by name, are the frames at `fps`. Raises EngineError `image_missing`
    or `image_unreadable`, and as `open_board` does.
    """
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix.lower() in _ENDINGS)
        if not files:
            raise EngineError(Code.IMAGE_MISSING, path=str(path))
        return [open_board(file) for file in (*files[:1], *files[1:][-round(_SECONDS * fps) :])]
    if not path.is_file():
        raise EngineError(Code.IMAGE_MISSING, path=str(path))
    try:
        return list(_movie(path, fps))
    except (av.FFmpegError, StopIteration, IndexError) as fault:
        detail = "it is not a movie with pictures in a known format"
        raise EngineError(Code.IMAGE_UNREADABLE, path=str(path), detail=detail) from fault


def _movie(path: Path, fps: float) -> Iterator[BoardPicture]:
    with av.open(str(path)) as movie:
        frames = movie.decode(movie.streams.video[0])
        first = next(frames)
        start = first.time or 0.0
        last = deque([(start, first)])
        for frame in frames:
            last.append((frame.time or 0.0, frame))
            while last[0][0] < last[-1][0] - _SECONDS:
                last.popleft()
    end = last[-1][0]
    count = round((end - max(start, end - _SECONDS)) * fps)
    chosen = [min(last, key=lambda each: abs(each[0] - (end - back / fps))) for back in range(count, -1, -1)]
    for _, frame in ((start, first), *(each for each in chosen if each[0] > start)):
        yield _picture(Image.fromarray(frame.to_ndarray(format="rgb24")), f"{path}, {frame.time or 0:.2f} s")


def _picture(picture: Image.Image, name: str) -> BoardPicture:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=1)
    data = buffer.getvalue()
    return BoardPicture(data, hashlib.sha256(data).hexdigest(), picture.width, picture.height, name)
