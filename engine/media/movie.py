"""The movie: H.264 from a PNG sequence through PyAV, one frame in memory at a time."""

from __future__ import annotations

import io
from collections.abc import Generator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import IO, Any

import av
import imageio.v3 as iio
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

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
        _Disk(temporary) as disk,
        av.open(disk, "w", format="mp4", options={"movflags": "+faststart"}) as movie,
    ):
        stream = movie.add_stream("libx264", rate=fps, options=_CODEC)
        stream.pix_fmt, stream.time_base = "yuv420p", 1 / fps
        context = stream.codec_context
        context.color_range, context.colorspace = ColorRange.MPEG, _BT709
        context.color_primaries, context.color_trc = _BT709, _SRGB
        # One for all frames, in this thread: to set it up, or to wake others, takes longer than a small frame does.
        reformatter = VideoReformatter()
        for written, picture in enumerate(frames, 1):
            frame = av.VideoFrame.from_ndarray(iio.imread(picture, plugin="pillow"), format="rgb24")
            if written == 1:
                stream.width, stream.height = frame.width, frame.height
            frame = reformatter.reformat(
                frame, format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG, threads=1
            )
            movie.mux(stream.encode(frame))
            yield written
        movie.mux(stream.encode(None))


class _Disk(io.RawIOBase):
    """A file that is written in whole pieces, and that remembers what the operating system refused.

    A full disk takes half a piece and says nothing, and a muxer asks for no more than its own last piece.
    """

    def __init__(self, path: Path) -> None:
        self._file: IO[bytes] = path.open("wb", buffering=0)
        self.name = str(path)  # the muxer reads the file again by its name, to put its index in front
        self._fault: OSError | None = None

    def write(self, data: Any) -> int:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as fault:
            self._fault = self._fault or fault
            raise
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def __exit__(self, kind: object, fault: BaseException | None, trace: object) -> None:
        """Close; what was refused goes before what others made of it, and is raised where nobody heard it."""
        self.close()
        if self._fault is not None and fault is not self._fault:
            raise self._fault from fault

    def close(self) -> None:
        self._file.close()
        super().close()
