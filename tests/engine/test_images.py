"""Boards as artists have them: sizes, colour modes, profiles, orientation."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from engine.framepack.solvers.base import Denoised
from engine.generation.preview import section_preview
from engine.inference.hunyuan.spec import RELEASED
from engine.media.boards import decode_board, open_board
from engine.media.frames import png_bytes, write_frames
from engine.media.images import fit, preview_jpeg, to_bytes
from engine.media.take_files import frame_name
from engine.models.spec import Preview
from engine.picture_sizes import fitting_size, nearest_size


def opened(tmp_path: Path, picture: Image.Image, name: str = "board.png", **options: object) -> np.ndarray:
    picture.save(tmp_path / name, **options)
    board = open_board(tmp_path / name)
    return np.asarray(decode_board(board.data, name))


def test_transparent_pixels_lie_on_white(tmp_path: Path) -> None:
    picture = Image.new("RGBA", (32, 32), (200, 0, 0, 0))
    picture.paste((0, 0, 255, 255), (0, 0, 16, 32))
    pixels = opened(tmp_path, picture)
    assert tuple(pixels[5, 5]) == (0, 0, 255)
    assert tuple(pixels[5, 25]) == (255, 255, 255)


def test_sixteen_bit_grey_keeps_its_tones(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 64, dtype=np.uint16)[None].repeat(32, axis=0)
    pixels = opened(tmp_path, Image.fromarray(ramp))
    assert np.abs(pixels[0, :, 0].astype(float) - ramp[0] / 257).max() <= 0.5


def test_a_photograph_stands_upright(tmp_path: Path) -> None:
    picture = Image.new("RGB", (40, 20), "black")
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned
    assert opened(tmp_path, picture, "photo.jpg", exif=exif).shape == (40, 20, 3)


def with_red_and_blue_swapped(profile: bytes) -> bytes:
    """An ICC profile whose red primary is the other's blue, and the other way about: their places in its tag table."""
    data = bytearray(profile)
    count = int.from_bytes(data[128:132], "big")
    places = {bytes(data[at : at + 4]): at + 4 for at in range(132, 132 + 12 * count, 12)}
    red, blue = places[b"rXYZ"], places[b"bXYZ"]
    data[red : red + 8], data[blue : blue + 8] = data[blue : blue + 8], data[red : red + 8]
    return bytes(data)


def test_a_colour_profile_is_honoured(tmp_path: Path) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = Image.new("RGB", (20, 20), (90, 140, 30))
    assert tuple(opened(tmp_path, picture, icc_profile=srgb)[0, 0]) == (90, 140, 30)
    swapped = opened(tmp_path, picture, icc_profile=with_red_and_blue_swapped(srgb))
    assert np.abs(swapped[0, 0].astype(int) - (30, 140, 90)).max() <= 2
    assert tuple(opened(tmp_path, picture, icc_profile=b"broken profile")[0, 0]) == (90, 140, 30)


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "CMYK"])
def test_other_modes(tmp_path: Path, mode: str) -> None:
    picture = Image.new("RGB", (20, 20), "white").convert(mode)
    name = "board.tif" if mode == "CMYK" else "board.png"
    assert tuple(opened(tmp_path, picture, name)[3, 3]) == (255, 255, 255)


def test_the_right_size_comes_through_untouched() -> None:
    values = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)
    pixels = fit(Image.fromarray(values), 48, 32)
    assert pixels.shape == (1, 3, 32, 48)
    assert pixels.dtype == torch.float32
    assert np.array_equal(to_bytes(pixels[0].unsqueeze(1))[0], values)


def test_buckets_as_released() -> None:
    """Sizes are (width, height); recorded from the rule: the smallest |h * bucket_w - w * bucket_h|."""
    expected = {(1920, 1080): (832, 480), (1080, 1920): (480, 832), (1000, 1000): (608, 640), (2400, 1000): (960, 416)}
    for (width, height), bucket in expected.items():
        assert nearest_size(width, height, RELEASED.sizes) == bucket
    assert len(RELEASED.sizes) == 14
    assert set(RELEASED.sizes) == {(height, width) for width, height in RELEASED.sizes}


SKETCH_SIZES = ((256, 144), (192, 192), (224, 160), (160, 224), (144, 256))


@pytest.mark.parametrize(
    ("board", "sizes", "size"),
    [
        ((1920, 1080), RELEASED.sizes, (832, 480)),  # 2.5 % lost: the trained size
        ((1920, 804), RELEASED.sizes, (960, 416)),
        ((3000, 1000), RELEASED.sizes, (1088, 368)),  # the widest trained size would lose a quarter
        ((1920, 1080), SKETCH_SIZES, (256, 144)),
        ((1600, 1200), SKETCH_SIZES, (224, 160)),
        ((1920, 804), SKETCH_SIZES, (304, 128)),
        ((804, 1920), SKETCH_SIZES, (128, 304)),
        ((9000, 90), SKETCH_SIZES, (1920, 32)),
    ],
)
def test_a_board_keeps_its_shape(board: tuple[int, int], sizes: tuple, size: tuple[int, int]) -> None:
    assert fitting_size(*board, sizes, multiple=16, limits=(32, 2048)) == size


def test_a_frame_is_left_alone_or_shows_what_it_should(tmp_path: Path) -> None:
    black, white = np.zeros((2, 16, 16, 3), dtype=np.uint8)
    white = white + 255
    file = tmp_path / "0001.png"
    write_frames([(file, black)], {"made": "first"})
    before = file.stat()
    write_frames([(file, black)], {"made": "again"})
    after = file.stat()  # read it was, to be compared
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns), "it is not written anew"
    write_frames([(file, white)], {})
    assert np.asarray(Image.open(file)).all(), "no old picture is kept in silence"
    file.write_bytes(file.read_bytes()[:60])
    write_frames([(file, white)], {})
    assert np.asarray(Image.open(file)).all()


def test_names_sort_whatever_the_length() -> None:
    assert frame_name(1, 100) == "0001.png"
    assert frame_name(7, 36000) == "00007.png"


def test_png_says_srgb_and_its_facts() -> None:
    data = png_bytes(np.zeros((4, 4, 3), dtype=np.uint8), {"Software": "Shotpack", "note": "ü"})
    assert b"sRGB" in data
    assert "ü".encode() in data


def test_a_preview_shows_frames_row_by_row_in_a_square():
    frames = np.stack([np.full((18, 32, 3), 25 * number, np.uint8) for number in range(9)])
    sheet = Image.open(io.BytesIO(base64.b64decode(preview_jpeg(frames))))
    assert sheet.width / sheet.height == 32 / 18
    for number in range(9):
        row, column = divmod(number, 3)
        shown = sheet.getpixel((round((column + 0.5) * sheet.width / 3), round((row + 0.5) * sheet.height / 3)))
        assert abs(shown[0] - 25 * number) <= 3


def test_a_preview_has_its_latent_frames_one_by_one_too():
    """A latent a pixel, in the colours of the closed form: matrix by channels, plus bias."""
    estimate = torch.zeros(1, 2, 9, 18, 32)
    estimate[0, 0] = torch.linspace(-1, 1, 9).view(9, 1, 1)
    told = section_preview(
        3, Denoised(7, estimate, estimate), Preview(((0.5, 0.0, -0.5), (9.0, 9.0, 9.0)), (0.25, 0, 0))
    )
    assert (told.section, told.step, len(told.frames)) == (3, 7, 9)
    for place, frame in enumerate(told.frames):
        picture = Image.open(io.BytesIO(base64.b64decode(frame)))
        assert picture.size == (32, 18)
        level = place / 4 - 1
        wanted = [127.5 * (1 + colour) for colour in (0.5 * level + 0.25, 0, -0.5 * level)]
        assert np.allclose(picture.getpixel((16, 9)), wanted, atol=3)
