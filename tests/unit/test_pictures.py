"""Picture files of every depth and kind: each comes in as a person would see it, or is refused in a sentence."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image, ImageCms

from engine.errors import Code, EngineError
from engine.media.boards import decode_board


def saved(picture: Image.Image, kind: str = "PNG", **how: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **how)
    return buffer.getvalue()


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(decode_board(data, "board")).astype(int)


def light_file(pixels: np.ndarray, tmp_path: Any, pix_fmt: str, name: str) -> bytes:
    """A picture whose numbers are light itself."""
    path = tmp_path / name
    with av.open(str(path), "w", format="image2") as file:
        stream = file.add_stream("exr", rate=1)
        stream.height, stream.width = pixels.shape[:2]
        stream.pix_fmt = pix_fmt
        file.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format=pix_fmt)))
        file.mux(stream.encode(None))
    return path.read_bytes()


RAMP = np.linspace(0, 1, 64, dtype=np.float32)[None].repeat(32, axis=0)
RAMP_SRGB = np.where(RAMP <= 0.0031308, RAMP * 12.92, 1.055 * RAMP ** (1 / 2.4) - 0.055) * 255


def test_light_is_shown_as_a_screen_shows_it(tmp_path: Any) -> None:
    """OpenEXR and TIFF of floats: linear, as Blender has it; brighter than white is white."""
    data = light_file(np.stack([RAMP * 2, RAMP, RAMP / 2], axis=-1), tmp_path, "gbrpf32le", "a.exr")
    seen = pixels(data)
    assert seen[16, :, 1] == pytest.approx(RAMP_SRGB[0], abs=1)
    assert (seen[16, 33:, 0] == 255).all()
    assert pixels(saved(Image.fromarray(RAMP), "TIFF"))[16, :, 0] == pytest.approx(RAMP_SRGB[0], abs=1)


def test_clear_light_lies_on_white(tmp_path: Any) -> None:
    """OpenEXR keeps colours multiplied by their cover: half a black is half the light of the paper."""
    layered = np.zeros((32, 32, 4), np.float32)
    layered[:, 8:, 3], layered[:, 20:, 3] = 0.5, 1.0
    seen = pixels(light_file(layered, tmp_path, "gbrapf32le", "a.exr"))
    assert seen[16, [2, 12, 28], 0] == pytest.approx([255, 188, 0], abs=1)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_and_may_be_clear(kind: str) -> None:
    grey = (RAMP * 65535).astype(np.uint16)
    assert pixels(saved(Image.fromarray(grey), kind))[16, :, 0] == pytest.approx(grey[0] / 257, abs=1)
    if kind == "PNG":
        seen = pixels(saved(Image.fromarray(grey), kind, transparency=int(grey[0, 0])))
        assert seen[16, :2, 0].tolist() == [255, round(grey[0, 1] / 257)]


def test_thirty_two_bits_are_scaled() -> None:
    grey = (RAMP.astype(np.float64) * (2**32 - 1)).astype(np.uint32)
    data = saved(Image.fromarray(grey.view(np.int32)), "TIFF")
    assert pixels(data)[16, :, 0] == pytest.approx(RAMP[0] * 255, abs=1)


def png_of_sixteen_bits(rgba: tuple[int, int, int, int]) -> bytes:
    """A PNG of 16 by 16 pixels with 16 bits a channel, as Blender and Photoshop write them."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + struct.pack(">4H", *rgba) * 16) * 16
    head = struct.pack(">IIBBBBB", 16, 16, 16, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_sixteen_bits_a_channel_with_transparency() -> None:
    assert pixels(png_of_sixteen_bits((51400, 25700, 0, 65535)))[3, 3] == pytest.approx((200, 100, 0), abs=1)
    assert pixels(png_of_sixteen_bits((0, 0, 0, 32768)))[3, 3] == pytest.approx([127] * 3, abs=1)


def test_colours_multiplied_by_their_cover() -> None:
    """TIFF can hold them so: half red on nothing is pink on paper, whichever way it is written."""
    straight = Image.new("RGBA", (32, 32), (255, 0, 0, 128))
    assert pixels(saved(straight, "TIFF"))[3, 3] == pytest.approx((255, 127, 127), abs=1)
    multiplied = bytearray(saved(Image.new("RGBA", (32, 32), (128, 0, 0, 128)), "TIFF"))
    entry = multiplied.index(struct.pack("<HHI", 338, 3, 1)) + 8  # ExtraSamples: 2 says straight, 1 multiplied
    multiplied[entry] = 1
    assert pixels(bytes(multiplied))[3, 3] == pytest.approx((255, 127, 127), abs=1)


def kinds() -> list[Any]:
    orange = Image.new("RGB", (32, 32), (200, 100, 50))
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    lab = ImageCms.applyTransform(orange, to_lab)
    assert lab is not None
    few = orange.quantize(4)
    clear = Image.new("RGBA", (32, 32), (0, 0, 0, 0))
    seen, white = (200, 100, 50), (255, 255, 255)
    return [
        *((orange, kind, {}, seen) for kind in ("GIF", "JPEG2000", "TGA", "PPM", "BMP", "PCX", "SGI")),
        (orange, "AVIF", {"quality": 95}, seen),
        (lab, "TIFF", {}, seen),
        (clear, "TGA", {}, white),
        (clear, "AVIF", {}, white),
        (few, "PNG", {"transparency": few.getpixel((16, 16))}, white),
    ]


@pytest.mark.parametrize("number", range(len(kinds())))
def test_other_kinds(number: int) -> None:
    picture, kind, how, seen = kinds()[number]
    assert pixels(saved(picture, kind, **how))[16, 16] == pytest.approx(seen, abs=4)


def test_a_profile_of_another_kind_is_left_out() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert pixels(saved(Image.new("L", (32, 32), 90), icc_profile=profile))[3, 3].tolist() == [90, 90, 90]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "it is empty"),
        (b"words", "it is not a picture in a known format"),
        (b"\0\0\0\x18ftypheic" + bytes(64), "it is a HEIC photograph"),
        (b"\0\0\0\x18ftypisom" + bytes(64), "it is a movie"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n%%EndComments\nshowpage\n", "not a picture in a known"),
        (b"\x76\x2f\x31\x01" + bytes(60), "damaged"),
        (saved(Image.new("RGB", (64, 64)), "TIFF")[:60], "cannot be read as an image"),
    ],
)
def test_what_is_no_picture_is_refused_in_a_sentence(data: bytes, words: str) -> None:
    with pytest.raises(EngineError) as caught:
        decode_board(data, "board")
    assert caught.value.code is Code.IMAGE_UNREADABLE
    assert words in caught.value.line
