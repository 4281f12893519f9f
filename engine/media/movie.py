"""The movie: H.264 from a PNG sequence, one frame in memory at a time."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from PIL import Image

from .files import whole_file

_CODEC = {"preset": "veryfast", "crf": "16"}  # CRF as in the released recipe
_BT709 = 1  # matrix and primaries, in the numbers of ISO/IEC 23091-2
_SRGB = 13  # transfer characteristic


def write_movie(path: Path, frames: Sequence[Path], fps: Fraction) -> None:
    """`movie_by_frames`, all at once."""
    for _ in movie_by_frames(path, frames, fps):
        pass


def movie_by_frames(path: Path, frames: Sequence[Path], fps: Fraction) -> Generator[int]:
    """Write `frames` (PNG files of one size, even sides) as H.264, yuv420p, faststart; yields how many are written.

    Colours are BT.709, said and meant: files that say nothing are shown in other colours by other players. The file
    appears whole, when the last frame is, or, where the iterator is closed before, not at all. Raises EngineError
    `disk_full` or `folder_unwritable`.
    """
    with (
        whole_file(path) as temporary,
        av.open(str(temporary), "w", format="mp4", options={"movflags": "+faststart"}) as movie,
    ):
        stream = movie.add_stream("libx264", rate=fps, options=_CODEC)
        with Image.open(frames[0]) as first:
            stream.width, stream.height = first.size
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.color_range, context.colorspace = ColorRange.MPEG, _BT709
        context.color_primaries, context.color_trc = _BT709, _SRGB
        for written, path_of_frame in enumerate(frames, 1):
            with Image.open(path_of_frame) as picture:
                frame = av.VideoFrame.from_ndarray(np.asarray(picture), format="rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG)
            movie.mux(stream.encode(frame))
            yield written
        movie.mux(stream.encode(None))
