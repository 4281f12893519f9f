"""Movies, read as a player shows them: through imageio's PyAV plugin, and through PyAV beneath it.

imageio gives a movie's pixels in turn. What it leaves out is read from the container beneath: time stamps, the turn of
a phone, pixels that are not square, fields, transparency, high dynamic range.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import imageio.v3 as iio
import numpy as np
from av.stream import Disposition
from av.video.reformatter import Colorspace, Interpolation
from PIL import Image

from ..errors import Code, EngineError
from . import color_transfer

SIDE_MINIMUM = 16
SIDE_MAXIMUM = 16384
_UNSPECIFIED = 2
_HD_WIDTH, _SD_HEIGHT = 1280, 576
_SEEK_SECONDS = 2.0
"""What is shorter than this is decoded through: to seek is not free either."""
_SCALING = Interpolation.BICUBIC | Interpolation.FULL_CHR_H_INT | Interpolation.ACCURATE_RND
Turn = tuple[int, int, int, int]
"""(a, b, c, d) of x' = ax + cy, y' = bx + dy; each -1, 0 or 1."""
AS_IT_IS: Turn = 1, 0, 0, 1


@dataclass(frozen=True)
class Shown:
    """A frame and the time from which on it is shown, in seconds."""

    time: float
    picture: Callable[[int], Image.Image]
    """The frame as 8-bit sRGB, upright, its longer side at most so many pixels."""


@dataclass(frozen=True)
class Span:
    """The times between which a movie's frames lie: when its first and when its last one is shown, in seconds."""

    start: float
    end: float
    step: float
    """How long a frame is shown as a rule."""
    sure: bool
    """Whether every frame says its time itself."""


class Movie:
    """A movie file. Raises EngineError `clip_unreadable`, and for frames of no usable size as `open_board` does."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turns: dict[int, Turn] = {}

    def span(self) -> Span:
        """When its frames are shown; only what is packed is read for that, where its packets say their times."""
        with self._opened() as container:
            stream = self._stream(container)
            step = 1 / float(stream.average_rate or stream.guessed_rate or 25)
            times: list[tuple[float, float]] = []
            newest = None
            for packet in _packets(container, stream):
                if packet.is_discard:
                    continue
                if packet.pts is None or (None not in (packet.dts, newest) and packet.dts < newest):
                    break  # a player goes by the frames' own order then, and so do we
                newest = packet.dts
                base = float(packet.time_base)
                times.append((packet.pts * base, (packet.duration or 0) * base))
            else:
                if times:
                    start, (end, lasts) = min(times)[0], max(times)
                    return Span(start, end + _held(lasts, step), step, sure=True)
        moments = [time for _, time in self._timed(step)]  # one at least, or `_timed` has said why there is none
        return Span(moments[0], moments[-1], step, sure=False)

    def frames(self, span: Span, since: float) -> Iterator[Shown]:
        """The first frame, then all from the one on that is shown at the time `since`, at the latest."""
        for frame, time in self._timed(span.step, since if span.sure else None):
            yield Shown(time, self._picture(frame))

    def _timed(self, step: float, since: float | None = None) -> Iterator[tuple[av.VideoFrame, float]]:
        """Frames with their times; times that are missing or run backward go on from the frame before.

        With `since` frames between the first one and that time may be left out.
        """
        with self._opened() as container:
            decoder = _Decoder(container, self._stream(container))
            begin, last, shift, sought = 0.0, None, 0.0, False
            try:
                for frame in decoder.frames():
                    time = last + step if frame.time is None and last is not None else (frame.time or 0.0) + shift
                    if sought and since is not None and time > since:  # its index leads too far
                        decoder.seek(begin)
                        last, sought, since = None, False, None
                        continue
                    sought = False
                    if last is not None and time <= last:
                        shift, time = shift + last + step - time, last + step
                    yield frame, time
                    if last is None:
                        begin = time
                        if since is not None and since - time > _SEEK_SECONDS:
                            decoder.seek(since - step)
                            sought = True
                    last = time
            except av.FFmpegError as fault:
                raise self._unreadable(_said(fault)) from fault
        if last is None:
            raise self._unreadable("it holds no frame that can be decoded")

    def _picture(self, frame: av.VideoFrame) -> Callable[[int], Image.Image]:
        squeeze = self._squeeze

        def picture(longest: int) -> Image.Image:
            try:
                turn = self._turns.get(frame.rotation) or self._turns.setdefault(frame.rotation, display_turn(frame))
                return frame_picture(frame, squeeze, longest, turn=turn)
            except av.FFmpegError as fault:
                raise self._unreadable(_said(fault)) from fault

        return picture

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        """The container beneath imageio's reader."""
        try:
            file = self._path.open("rb")  # imageio would take some names for addresses and archives
        except OSError as fault:
            raise self._unreadable((fault.strerror or "").lower()) from fault
        with file:
            try:
                movie: Any = iio.imopen(file, "r", plugin="pyav")
            except OSError as fault:
                raise self._unreadable(self._why(fault)) from fault
            with movie:
                yield movie._container

    def _why(self, fault: OSError) -> str:
        """Why it cannot be opened; imageio says no more than that it cannot."""
        if not self._path.stat().st_size:
            return "it is empty"
        if isinstance(fault.__cause__, IndexError):
            return "it has sound and no pictures"
        return "it is not a movie with pictures in a known format, or it is cut short"

    def _stream(self, container: Any) -> Any:
        """The stream that a player shows: never a cover."""
        stream = container.streams.best("video")
        if stream is None or stream.disposition & Disposition.attached_pic:
            raise self._unreadable("it has sound and a cover, and no moving pictures")
        check_side(stream.codec_context.width, stream.codec_context.height, str(self._path))
        self._squeeze = stream.sample_aspect_ratio or Fraction(1)
        return stream

    def _unreadable(self, detail: str) -> EngineError:
        return EngineError(Code.CLIP_UNREADABLE, path=str(self._path), detail=detail)


class _Decoder:
    """Decodes a stream; what is broken in it is left out, as players do."""

    def __init__(self, container: Any, stream: Any) -> None:
        self._container, self._stream = container, stream
        stream.thread_type = "AUTO"
        self._context = stream.codec_context
        if stream.codec_context.name == "vp9" and stream.metadata.get("alpha_mode") == "1":
            # ffmpeg's own decoder leaves the transparency out.
            self._context = av.CodecContext.create("libvpx-vp9", "r")

    def frames(self) -> Iterator[av.VideoFrame]:
        for packet in _packets(self._container, self._stream, last=True):
            try:
                yield from self._context.decode(packet)
            except av.error.InvalidDataError:
                continue

    def seek(self, time: float) -> None:
        self._container.seek(int(time / self._stream.time_base), stream=self._stream)
        self._context.flush_buffers()


def _packets(container: Any, stream: Any, *, last: bool = False) -> Iterator[Any]:
    """The stream's packets as far as there are any; with `last` also the empty one that brings the decoder's rest."""
    try:
        for packet in container.demux(stream):
            if packet.size or last:
                yield packet
    except (av.error.InvalidDataError, av.error.EOFError):
        if last:
            yield None


def _held(lasts: float, step: float) -> float:
    """How much longer than a frame is as a rule the last one is shown, seconds."""
    return lasts - step if lasts > 1.5 * step else 0.0


def frame_picture(
    frame: av.VideoFrame, squeeze: Fraction, longest: int, *, turn: Turn = AS_IT_IS, premultiplied: bool = False
) -> Image.Image:
    """A decoded frame as a player shows it: 8-bit sRGB, upright, square pixels, on white where it is transparent.

    `squeeze` is how much wider a pixel is than high; the longer side comes out at most `longest` pixels.
    """
    width, height = frame.width, frame.height
    width, height = (round(width * squeeze), height) if squeeze > 1 else (width, round(height / squeeze))
    share = min(1.0, longest / max(width, height))
    width, height = max(1, round(width * share)), max(1, round(height * share))
    if frame.interlaced_frame:
        frame = _first_field(frame)
        gc.collect()  # a graph and its filters hold each other, and frames
    clear = frame.format.name == "pal8" or any(part.is_alpha for part in frame.format.components)
    special = color_transfer.special(frame.color_trc, frame.color_primaries)
    pixels: np.ndarray = frame.reformat(
        width=width,
        height=height,
        format=("rgba64le" if clear else "rgb48le") if special else ("rgba" if clear else "rgb24"),
        src_colorspace=_matrix(frame),
        interpolation=_SCALING if (width, height) != (frame.width, frame.height) else Interpolation.BILINEAR,
    ).to_ndarray()
    if special or clear:
        whole = 65535 if special else 255
        part = pixels.astype(np.float32) / whole
        pixels, alpha = part[..., :3], part[..., 3] if clear else None
        if alpha is not None and premultiplied:
            pixels, alpha = color_transfer.on_paper(pixels, alpha, premultiplied=True), None
        if special:
            pixels = color_transfer.shown(pixels, frame.color_trc, frame.color_primaries)
        if alpha is not None:
            pixels = color_transfer.on_paper(pixels, alpha)
        pixels = color_transfer.eight_bits(pixels)
    return Image.fromarray(np.ascontiguousarray(_turned(pixels, turn)))


def check_side(width: int, height: int, name: str) -> None:
    """Raise EngineError `image_too_small` or `image_too_large` for a picture of no usable size."""
    if min(width, height) < SIDE_MINIMUM:
        raise EngineError(Code.IMAGE_TOO_SMALL, path=name, width=width, height=height, minimum=SIDE_MINIMUM)
    if max(width, height) > SIDE_MAXIMUM:
        raise EngineError(Code.IMAGE_TOO_LARGE, path=name, width=width, height=height, maximum=SIDE_MAXIMUM)


def _matrix(frame: av.VideoFrame) -> int | None:
    """What players take for the colour matrix where a file says nothing: BT.709 for HD."""
    if frame.colorspace == _UNSPECIFIED and (frame.width >= _HD_WIDTH or frame.height > _SD_HEIGHT):
        return Colorspace.ITU709
    return None


def _first_field(frame: av.VideoFrame) -> av.VideoFrame:
    """One field of two: the other one was taken a moment later, and both together show a comb."""
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base or Fraction(1, 25)
    )
    field, sink = graph.add("field", "top"), graph.add("buffersink")
    source.link_to(field)
    field.link_to(sink)
    graph.configure()
    graph.push(frame)
    pulled: Any = graph.pull()
    assert isinstance(pulled, av.VideoFrame)
    return pulled


def display_turn(frame: av.VideoFrame) -> Turn:
    """The turn and mirroring that a player does; a frame that was asked lives until garbage is collected."""
    sides: Any = frame.side_data
    data = next((side for side in sides if side.type.name == "DISPLAYMATRIX"), None)
    if data is None:
        return AS_IT_IS
    a, b, _, c, d = np.frombuffer(bytes(data), "<i4")[:5].astype(int).tolist()
    if abs(b) > abs(a):  # nearer to a quarter turn than to none
        return 0, _sign(b), _sign(c), 0
    return _sign(a), 0, 0, _sign(d)


def _sign(number: int) -> int:
    return -1 if number < 0 else 1


def _turned(pixels: np.ndarray, matrix: Turn) -> np.ndarray:
    a, b, c, d = matrix
    if not a:
        pixels = pixels.transpose(1, 0, 2)
    return pixels[:: b or d, :: a or c]


def _said(fault: av.FFmpegError) -> str:
    return (fault.strerror or type(fault).__name__).lower()
