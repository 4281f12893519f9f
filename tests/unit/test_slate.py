"""The slate: words that are seen on light, on dark and on noise, in the movie and in no frame."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from engine.errors import Code, EngineError
from engine.generation.value_checks import slate_words
from engine.media.movie import write_movie
from engine.media.slate import slate
from engine.protocol import SLATE_MAXIMUM, SLATE_USUAL

SIZES = [(256, 144), (768, 512), (1920, 1080), (144, 256)]


def grounds(width: int, height: int) -> dict[str, np.ndarray]:
    noise = np.random.default_rng(5).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return {"white": np.full_like(noise, 255), "black": np.zeros_like(noise), "noise": noise}


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_words_stand_out_on_anything(width: int, height: int) -> None:
    """By WCAG's contrast: letters to plate at least 7 to 1, and letters large enough: a nineteenth of the height or 7
    pixels for a capital."""
    plate = slate(SLATE_USUAL, width, height)
    letters, rows = plate.light[..., 0] > 250, np.nonzero((plate.light[..., 0] > 128).any(axis=1))[0]
    assert rows[-1] - rows[0] + 1 >= max(9, height / 26)
    bare = (plate.light[..., 0] == 0) & (plate.cover[..., 0] > 0.7)
    for ground in grounds(width, height).values():
        burnt = plate.burn(ground)
        top, left = plate.corner
        shown = burnt[top : top + letters.shape[0], left : left + letters.shape[1]].astype(float) / 255
        light = np.where(shown <= 0.04045, shown / 12.92, ((shown + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]
        assert (light[letters].min() + 0.05) / (light[bare].max() + 0.05) >= 7
        outside = np.ones(ground.shape[:2], bool)
        outside[top : top + letters.shape[0], left : left + letters.shape[1]] = False
        assert np.array_equal(burnt[outside], ground[outside])
        assert ground is not burnt


@pytest.mark.parametrize("words", ["x" * SLATE_MAXIMUM, "I", "Not final - AI previs, do not share!"])
@pytest.mark.parametrize(("width", "height"), [*SIZES, (32, 32)])
def test_any_words_fit(words: str, width: int, height: int) -> None:
    plate = slate(words, width, height)
    top, left = plate.corner
    assert top + plate.cover.shape[0] <= height
    assert left + plate.cover.shape[1] <= width
    plate.burn(grounds(width, height)["noise"])


def test_the_movie_shows_it_and_the_frames_stay(tmp_path: Path) -> None:
    frames = [tmp_path / f"{number:04d}.png" for number in range(1, 4)]
    for path in frames:
        Image.new("RGB", (256, 144), (200, 200, 200)).save(path)
    before = [path.read_bytes() for path in frames]
    write_movie(tmp_path / "shot.mp4", frames, Fraction(24), words=SLATE_USUAL)
    assert [path.read_bytes() for path in frames] == before
    with av.open(str(tmp_path / "shot.mp4")) as movie:
        shown = [frame.to_ndarray(format="rgb24").astype(int) for frame in movie.decode(video=0)]
    plate = slate(SLATE_USUAL, 256, 144)
    wanted = plate.burn(np.full((144, 256, 3), 200, np.uint8)).astype(int)
    for pixels in shown:
        assert np.abs(pixels - wanted).mean() < 2
        assert np.abs(pixels[8:26, 8:60] - 200).mean() > 80


@pytest.mark.parametrize("text", ["x" * (SLATE_MAXIMUM + 1), "KI-Prävis", "two\nlines", "\x1b[2J"])
def test_what_it_cannot_say_is_refused(text: str) -> None:
    with pytest.raises(EngineError) as caught:
        slate_words(text)
    assert caught.value.code is Code.BAD_REQUEST
    assert "\n" not in caught.value.line
