"""The movie: H.264 from a PNG sequence through PyAV, one frame in memory at a time."""

from __future__ import annotations

import io
from collections.abc import Generator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import IO, Any

import av
import imageio.v3 as iio
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from . import mp4_boxes
from .files import whole_file
from .provenance import Provenance
from .slate import slate

_CODEC = {
    "preset": "veryfast",
    "crf": "16",  # as in the released recipe
    # The same bytes on every machine: x264 cuts its work by the number of its threads, and its macroblock tree may read
    # memory that nobody has written. Without both, Sketch's movies take no longer, are a sixth larger, 0.6 dB nearer.
    "x264-params": "threads=1:lookahead-threads=1:mbtree=0",
}
_BT709 = 1  # matrix and primaries, in the numbers of ISO/IEC 23091-2
_SRGB = 13  # transfer characteristic


def write_movie(
    path: Path, frames: Sequence[Path], fps: Fraction, said: Provenance | None = None, words: str = ""
) -> None:
    """`movie_by_frames`, all at once."""
    for _ in movie_by_frames(path, frames, fps, said, words):
        pass


def movie_by_frames(
    path: Path, frames: Sequence[Path], fps: Fraction, said: Provenance | None = None, words: str = ""
) -> Generator[int]:
    """Write `frames` (PNG files of one size, even sides) as H.264, yuv420p, faststart; yields how many are written.

    Colours are BT.709, said and meant: files that say nothing are shown in other colours by other players. `said` is
    what the movie says of its making, in its tags and as XMP in a box at the end, `words` what a slate says in each of
    its pictures. The file appears whole, when the last
    frame is, or, where the iterator is closed before, not at all. Raises EngineError `disk_full` or
    `folder_unwritable`.
    """
    with whole_file(path) as temporary:
        yield from _encoded(temporary, frames, fps, said.tags() if said is not None else {}, words)
        if said is not None:
            with temporary.open("ab") as end:
                end.write(mp4_boxes.box(mp4_boxes.XMP, said.packet()))


def _encoded(path: Path, frames: Sequence[Path], fps: Fraction, tags: Mapping[str, str], words: str) -> Generator[int]:
    """Write the movie's streams and tags."""
    flags = {"movflags": f"+faststart{'+use_metadata_tags' if tags else ''}"}  # without it, own tags are dropped
    with _Disk(path) as disk, av.open(disk, "w", format="mp4", options=flags) as movie:
        movie.metadata.update(tags)
        stream = movie.add_stream("libx264", rate=fps, options=_CODEC)
        stream.pix_fmt, stream.time_base = "yuv420p", 1 / fps
        context = stream.codec_context
        context.color_range, context.colorspace = ColorRange.MPEG, _BT709
        context.color_primaries, context.color_trc = _BT709, _SRGB
        # One for all frames, in this thread: to set it up, or to wake others, takes longer than a small frame does.
        reformatter = VideoReformatter()
        for written, picture in enumerate(frames, 1):
            pixels = iio.imread(picture, plugin="pillow")
            if words:
                pixels = slate(words, pixels.shape[1], pixels.shape[0]).burn(pixels)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
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
