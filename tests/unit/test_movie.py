"""The movie file: what is written of a shot's frames, and that a full disk leaves none."""

from __future__ import annotations

import resource
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from engine.errors import Code, EngineError
from engine.media.movie import movie_by_frames, write_movie


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("frames")
    coarse = np.random.default_rng(2).integers(0, 255, (9, 16, 3), dtype=np.uint8)
    paths = [folder / f"{number:04d}.png" for number in range(1, 31)]
    for number, path in enumerate(paths):
        Image.fromarray(np.roll(coarse, number, axis=1)).resize((128, 72)).save(path)
    return paths


def test_what_a_player_is_told(frames: list[Path], tmp_path: Path) -> None:
    """The codec, the rate to the fraction, the colours' tags, and the index in front."""
    path = tmp_path / "shot.mp4"
    assert list(movie_by_frames(path, frames, Fraction(24000, 1001))) == list(range(1, 31))
    with av.open(str(path)) as movie:
        stream = movie.streams.video[0]
        context = stream.codec_context
        assert (stream.codec.name, context.pix_fmt, stream.average_rate) == ("h264", "yuv420p", Fraction(24000, 1001))
        tags = (context.color_range, context.colorspace, context.color_primaries, context.color_trc)
        assert tags == (1, 1, 1, 13)
        shown = [frame.to_ndarray(format="rgb24") for frame in movie.decode(stream)]
    assert len(shown) == 30
    for pixels, frame in zip(shown, frames, strict=True):
        blocks = [
            each.astype(float).reshape(9, 8, 16, 8, 3).mean((1, 3)) for each in (pixels, np.asarray(Image.open(frame)))
        ]
        assert np.abs(blocks[0] - blocks[1]).mean() < 3
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_a_disk_that_fills_leaves_no_movie(frames: list[Path], tmp_path: Path) -> None:
    """At whatever byte it fills: in the header, among the pictures, in the index, or as that is put in front."""
    path = tmp_path / "movie.mp4"
    write_movie(path, frames, Fraction(24))
    whole = path.stat().st_size
    path.unlink()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    for limit in (1, 40, whole // 2, whole - 2000, whole - 200, whole - 1):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limits[1]))
        try:
            with pytest.raises(EngineError) as caught:
                write_movie(path, frames, Fraction(24))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert caught.value.code is Code.DISK_FULL
        assert not list(tmp_path.iterdir())


def test_it_can_be_given_up(frames: list[Path], tmp_path: Path) -> None:
    writing = movie_by_frames(tmp_path / "movie.mp4", frames, Fraction(24))
    assert [next(writing) for _ in range(7)] == [1, 2, 3, 4, 5, 6, 7]
    writing.close()
    assert not list(tmp_path.iterdir())
