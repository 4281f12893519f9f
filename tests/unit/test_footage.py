"""Movies, animations and folders, synthesised: each comes in as a person would see it, or is refused in a sentence."""

from __future__ import annotations

import gc
import io
import wave
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange
from PIL import Image

from engine.errors import Code, EngineError
from engine.media.clip import read_clip

RED, GREEN, BLUE, YELLOW = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)
CORNERS = np.zeros((48, 64, 3), np.uint8)
CORNERS[:24, :32], CORNERS[:24, 32:], CORNERS[24:, :32], CORNERS[24:, 32:] = RED, GREEN, BLUE, YELLOW


def write_movie(
    path: Path,
    frames: Sequence[np.ndarray],
    *,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    rate: int = 10,
    pts: Sequence[int] | None = None,
    turn: tuple[Any, ...] | None = None,
    squeeze: Fraction | None = None,
    reformat: bool = True,
    source: str = "rgb24",
    options: dict[str, str] | None = None,
    container: dict[str, str] | None = None,
    **tags: Any,
) -> Path:
    with av.open(str(path), "w", options=container or {}) as movie:
        stream = movie.add_stream(codec, rate=rate, options=options or ({"crf": "1"} if codec == "libx264" else {}))
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pix_fmt
        if turn is not None:
            stream.set_display_rotation(*turn)
        if squeeze is not None:
            stream.sample_aspect_ratio = squeeze
        for name, value in tags.items():
            setattr(stream.codec_context, name, value)
        for number, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format=source)
            if reformat:
                kinds = {"dst_colorspace": tags.get("colorspace"), "dst_color_range": tags.get("color_range")}
                frame = frame.reformat(format=pix_fmt, **kinds)
            if pts is not None:
                frame.pts, frame.time_base = pts[number], Fraction(1, rate)
            movie.mux(stream.encode(frame))
        movie.mux(stream.encode(None))
    return path


def first(path: Path, **how: Any) -> np.ndarray:
    return pixels_of(read_clip(path, 10, **how)[0])


def pixels_of(board: Any) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(board.data)).convert("RGB")).astype(int)


def corners(pixels: np.ndarray) -> list[tuple[int, int, int]]:
    """The colours of the four quarters, each set to 0 or 255: top left, top right, bottom left, bottom right."""
    height, width = pixels.shape[:2]
    places = [(height // 4, width // 4), (height // 4, 3 * width // 4)]
    places += [(3 * height // 4, width // 4), (3 * height // 4, 3 * width // 4)]
    return [tuple(255 * (pixels[place] > 127)) for place in places]


def grey(value: int, size: tuple[int, int] = (32, 32)) -> np.ndarray:
    return np.full((*size, 3), value, np.uint8)


@pytest.mark.parametrize(
    ("turn", "seen"),
    [
        (None, [RED, GREEN, BLUE, YELLOW]),
        ((90,), [GREEN, YELLOW, RED, BLUE]),
        ((180,), [YELLOW, BLUE, GREEN, RED]),
        ((-90,), [BLUE, RED, YELLOW, GREEN]),
        ((0, True), [GREEN, RED, YELLOW, BLUE]),
        ((0, False, True), [BLUE, YELLOW, RED, GREEN]),
    ],
)
def test_a_phones_clip_stands_upright(tmp_path: Path, turn: tuple[Any, ...] | None, seen: list[Any]) -> None:
    """The numbers are counterclockwise, as ffmpeg counts them."""
    pixels = first(write_movie(tmp_path / "phone.mp4", [CORNERS] * 2, turn=turn))
    assert corners(pixels) == seen
    assert pixels.shape[:2] == ((64, 48) if turn in ((90,), (-90,)) else (48, 64))


def test_pixels_that_are_not_square(tmp_path: Path) -> None:
    wide = first(write_movie(tmp_path / "wide.mp4", [CORNERS], squeeze=Fraction(2)))
    assert wide.shape[:2] == (48, 128)
    assert corners(wide) == [RED, GREEN, BLUE, YELLOW]
    tall = write_movie(tmp_path / "tall.mp4", [CORNERS], squeeze=Fraction(1, 2), turn=(90,))
    assert first(tall).shape[:2] == (64, 96)


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [("a.mov", "prores_ks", "yuva444p10le"), ("a.mov", "qtrle", "argb"), ("a.webm", "libvpx-vp9", "yuva420p")],
)
def test_a_transparent_movie_lies_on_white(tmp_path: Path, name: str, codec: str, pix_fmt: str) -> None:
    layered = np.zeros((32, 64, 4), np.uint8)
    layered[:, 32:] = (0, 0, 0, 255)  # black ink on the right, black that is clear on the left
    pixels = first(write_movie(tmp_path / name, [layered] * 2, codec=codec, pix_fmt=pix_fmt, source="rgba"))
    assert pixels[16, 8] == pytest.approx(255, abs=3)
    assert pixels[16, 56] == pytest.approx(0, abs=3)


@pytest.mark.parametrize("size", [(64, 48), (1280, 720)])
def test_the_matrix_is_the_files_or_what_players_take(tmp_path: Path, size: tuple[int, int]) -> None:
    """A file that says nothing is BT.601 where it is small, and BT.709 where it is HD."""
    orange = np.full((size[1], size[0], 3), (200, 120, 40), np.uint8)
    quick = {"crf": "8", "preset": "ultrafast"}
    said = write_movie(tmp_path / "said.mp4", [orange], colorspace=1, color_range=ColorRange.MPEG, options=quick)
    assert first(said)[20, 20] == pytest.approx((200, 120, 40), abs=4)
    full = write_movie(tmp_path / "full.mp4", [orange], colorspace=1, color_range=ColorRange.JPEG, options=quick)
    assert first(full)[20, 20] == pytest.approx((200, 120, 40), abs=4)
    matrix = 1 if size[0] == 1280 else 5
    frame = av.VideoFrame.from_ndarray(orange, format="rgb24").reformat(format="yuv420p", dst_colorspace=matrix)
    planes = np.zeros((size[1] * 3 // 2, size[0]), np.uint8)
    planes[:] = frame.to_ndarray()
    unsaid = write_movie(
        tmp_path / "unsaid.mp4",
        [planes],
        source="yuv420p",
        reformat=False,
        options=quick,
        width=size[0],
        height=size[1],
    )
    assert first(unsaid)[20, 20] == pytest.approx((200, 120, 40), abs=4)


def coded(movie: Path, code: int, transfer: int, primaries: int) -> np.ndarray:
    """What is seen of a movie whose RGB samples of 16 bits are all `code` of 65535, under these characteristics."""
    pixels = np.full((32, 32, 3), code, np.uint16)
    tags = {"color_trc": transfer, "color_primaries": primaries}
    return first(write_movie(movie, [pixels], codec="ffv1", pix_fmt="gbrp16le", source="rgb48le", **tags))


@pytest.mark.parametrize(
    ("transfer", "white", "black"),
    [(16, 0.5807, 0.0), (18, 0.75, 0.0)],  # 203 nits, white on paper in HDR pictures
)
def test_high_dynamic_range_is_brought_to_a_screen(tmp_path: Path, transfer: int, white: float, black: float) -> None:
    shown = [
        int(coded(tmp_path / f"{n}.mkv", round(code * 65535), transfer, 9)[16, 16, 0])
        for n, code in enumerate((black, white / 2, white, (1 + white) / 2))
    ]
    assert shown[0] == 0
    assert 235 <= shown[2] <= 250  # paper is nearly white; shown as it is, it were a middle grey
    assert shown == sorted(shown)
    assert shown[2] < shown[3] <= 255


def test_a_wide_gamut_is_narrowed(tmp_path: Path) -> None:
    """P3's grey is grey; its green is out of what sRGB shows, and full there."""
    grey_p3 = coded(tmp_path / "grey.mkv", 40000, 2, 12)[16, 16]
    assert grey_p3 == pytest.approx([round(40000 / 257)] * 3, abs=1)
    pixels = np.zeros((32, 32, 3), np.uint16)
    pixels[...] = (30000, 50000, 20000)
    tags = {"color_trc": 13, "color_primaries": 12}
    path = write_movie(tmp_path / "p3.mkv", [pixels], codec="ffv1", pix_fmt="gbrp16le", source="rgb48le", **tags)
    red, green, blue = first(path)[16, 16]
    assert red < 30000 / 257 - 5
    assert green > 50000 / 257
    assert blue < 20000 / 257


def test_sixteen_bits_are_scaled(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 64, dtype=np.uint16)[None].repeat(32, axis=0)
    path = write_movie(tmp_path / "ramp.mkv", [ramp], codec="ffv1", pix_fmt="gray16le", source="gray16le")
    assert first(path)[16, :, 0] == pytest.approx(ramp[0] / 257, abs=2)


def test_fields_do_not_comb(tmp_path: Path) -> None:
    """Two moments in one frame: of a bar that moves, one is seen."""
    woven = grey(0, (64, 64))
    woven[::2, :32], woven[1::2, 32:] = 255, 255
    options = {"crf": "1", "x264-params": "interlaced=1:tff=1"}
    pixels = first(write_movie(tmp_path / "woven.mkv", [woven] * 3, options=options, pix_fmt="yuv444p"))
    assert pixels.shape == (64, 64, 3)
    assert pixels[8:56, 8].min() > 200
    assert pixels[8:56, 56].max() < 55


def greys(path: Path, fps: float) -> list[int]:
    return [round(pixels_of(board).mean()) for board in read_clip(path, fps)]


def test_a_frame_is_seen_as_long_as_it_is_shown(tmp_path: Path) -> None:
    """Frames at 0.0, 0.1 and 2.0 s: the second one is held until the third comes."""
    path = write_movie(tmp_path / "held.mkv", [grey(20), grey(120), grey(220)], pts=[0, 1, 20])
    seen = greys(path, 10)
    assert seen[0] == pytest.approx(20, abs=2)
    assert len(seen) == 21
    assert seen[1:20] == pytest.approx([120] * 19, abs=2)
    assert seen[20] == pytest.approx(220, abs=2)
    assert len({id(board) for board in read_clip(path, 10)}) == 3, "what is shown for longer is held once"


def test_times_that_do_not_begin_at_nought(tmp_path: Path) -> None:
    frames = [grey(20 + 20 * n) for n in range(10)]
    path = write_movie(tmp_path / "late.mkv", frames, pts=range(50, 60))
    assert greys(path, 10) == pytest.approx([20 + 20 * n for n in range(10)], abs=2)


def test_what_an_edit_list_leaves_out_is_not_seen(tmp_path: Path) -> None:
    """Frames before time 0 are in the file, and no player shows them."""
    frames = [grey(20 + 20 * n) for n in range(10)]
    container = {"avoid_negative_ts": "disabled", "use_editlist": "1"}
    path = write_movie(
        tmp_path / "edited.mp4", frames, pts=range(-4, 6), options={"crf": "1", "bf": "0"}, container=container
    )
    assert greys(path, 10) == pytest.approx([100, 120, 140, 160, 180, 200], abs=2)


def test_times_that_are_missing_or_run_backward(tmp_path: Path) -> None:
    frames = [grey(20 + 20 * n) for n in range(10)]
    bare = write_movie(tmp_path / "bare.h264", frames, rate=25, options={"crf": "1", "bf": "0"})
    assert greys(bare, 25) == pytest.approx([20 + 20 * n for n in range(10)], abs=2)
    halves = [
        write_movie(tmp_path / f"{n}.ts", part, codec="mpeg2video", options={"b": "4M"}, rate=25)
        for n, part in enumerate((frames[:5], frames[5:]))
    ]
    joined = tmp_path / "joined.ts"  # the second half's clock begins again
    joined.write_bytes(b"".join(half.read_bytes() for half in halves))
    assert greys(joined, 25) == pytest.approx([20 + 20 * n for n in range(10)], abs=4)


def test_only_the_end_of_a_long_movie_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a key frame every second: the first frame, and about the last ten seconds of forty."""
    options = {"crf": "20", "g": "10", "preset": "ultrafast"}
    path = write_movie(tmp_path / "long.mp4", [grey(10 + n // 2) for n in range(400)], options=options)
    decoded = []
    monkeypatch.setattr("engine.media.movie_reader.frame_picture", _counted(decoded))
    clip = read_clip(path, 10)
    assert len(clip) == 1 + 101
    assert len(decoded) == 1 + 101, "only what is wanted is made a picture"
    assert [round(pixels_of(board).mean()) for board in clip[1:]] == pytest.approx(
        [10 + n // 2 for n in range(299, 400)], abs=3
    )


def _counted(calls: list[Any]) -> Any:
    from engine.media import movie_reader

    inner = movie_reader.frame_picture

    def counting(*args: Any, **kinds: Any) -> Image.Image:
        calls.append(args)
        return inner(*args, **kinds)

    return counting


def test_a_large_movie_is_held_small(tmp_path: Path) -> None:
    """At a high rate some frames stand for their neighbours; large ones are made smaller; times stay right."""
    wide = write_movie(tmp_path / "wide.mkv", [grey(0, (32, 2560))], codec="ffv1", pix_fmt="bgr0")
    assert [(board.width, board.height) for board in read_clip(wide, 10)] == [(1280, 16)]
    frames = [grey(n // 4, (96, 192)) for n in range(1000)]
    quick = {"crf": "12", "preset": "ultrafast"}
    path = write_movie(tmp_path / "fast.mp4", frames, rate=100, options=quick)
    gc.collect()
    gc.disable()  # frames must not wait for it
    try:
        clip = read_clip(path, 100, 64)
        left = sum(type(each) is av.VideoFrame for each in gc.get_objects())
    finally:
        gc.enable()
    assert left <= 2
    assert len(clip) == 1 + 999
    assert len({id(board) for board in clip}) <= 301
    assert {(board.width, board.height) for board in clip} == {(64, 32)}
    assert [round(pixels_of(clip[n]).mean()) for n in (1, 500, 999)] == pytest.approx([0, 125, 249], abs=3)


def test_a_broken_packet_is_passed_over(tmp_path: Path) -> None:
    path = write_movie(tmp_path / "whole.mkv", [CORNERS] * 30, options={"crf": "20", "g": "5"})
    data = path.read_bytes()
    (tmp_path / "short.mkv").write_bytes(data[: len(data) * 2 // 3])
    assert corners(pixels_of(read_clip(tmp_path / "short.mkv", 10)[-1])) == [RED, GREEN, BLUE, YELLOW]


def sound(path: Path, cover: bool) -> Path:
    with av.open(str(path), "w") as movie:
        stream = movie.add_stream("flac" if path.suffix == ".flac" else "aac", rate=8000)
        stream.layout = "mono"
        picture = movie.add_stream("png", rate=1) if cover else None
        if picture is not None:
            picture.width, picture.height, picture.pix_fmt = 64, 48, "rgb24"
            picture.disposition = av.stream.Disposition.attached_pic
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.int16), format="s16", layout="mono")
        silence.rate = 8000
        movie.mux(stream.encode(silence))
        movie.mux(stream.encode(None))
        if picture is not None:
            movie.mux(picture.encode(av.VideoFrame.from_ndarray(CORNERS, format="rgb24")))
            movie.mux(picture.encode(None))
    return path


def test_what_has_no_moving_pictures_is_refused(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "sound.wav"), "wb") as sounding:
        sounding.setparams((1, 2, 8000, 0, "NONE", ""))
        sounding.writeframes(bytes(8000))
    (tmp_path / "empty.mp4").write_bytes(b"")
    whole = write_movie(tmp_path / "whole.mp4", [CORNERS] * 20).read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    write_movie(tmp_path / "tiny.mkv", [grey(0, (8, 8))], codec="ffv1", pix_fmt="bgr0")
    write_movie(tmp_path / "line.mkv", [grey(0, (2048, 16))], codec="ffv1", pix_fmt="bgr0")
    for path, code, words in (
        (tmp_path / "sound.wav", Code.CLIP_UNREADABLE, "sound and no pictures"),
        (sound(tmp_path / "cover.flac", cover=True), Code.CLIP_UNREADABLE, "a cover"),
        (tmp_path / "empty.mp4", Code.CLIP_UNREADABLE, "it is empty"),
        (tmp_path / "cut.mp4", Code.CLIP_UNREADABLE, "cut short"),
        (tmp_path / "tiny.mkv", Code.IMAGE_TOO_SMALL, "8x8"),
        (tmp_path / "line.mkv", Code.IMAGE_TOO_SMALL, "10x1280"),
    ):
        with pytest.raises(EngineError) as caught:
            read_clip(path, 10)
        assert caught.value.code is code
        assert words in caught.value.line


@pytest.mark.parametrize("ending", ["gif", "png", "webp"])
def test_an_animated_picture_is_a_clip(tmp_path: Path, ending: str) -> None:
    """Pictures of 0.1, 0.3 and 0.1 s, of which the middle one is clear on the left: white paper."""
    pictures = [Image.new("RGBA", (32, 32), colour) for colour in ("red", (0, 0, 0, 0), "blue")]
    pictures[1].paste("lime", (16, 0, 32, 32))
    pictures[0].paste((0, 0, 0, 0), (24, 24, 32, 32))  # else it is written without transparency
    how: dict[str, Any] = {"lossless": True} if ending == "webp" else {}
    path = tmp_path / f"moving.{ending}"
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=[100, 300, 100], disposal=2, **how)
    seen = [pixels_of(board)[16, 8].tolist() for board in read_clip(path, 10)]
    assert seen == [[255, 0, 0], *[[255, 255, 255]] * 3, [0, 0, 255]]


def test_a_folder_is_read_as_a_person_sorts(tmp_path: Path) -> None:
    for number in (1, 2, 10):
        Image.new("RGB", (64, 32), (number * 20,) * 3).save(tmp_path / f"frame{number}.png")
    Image.new("RGB", (32, 16), (220,) * 3).save(tmp_path / "frame11.png")
    Image.new("RGB", (32, 16), "white").save(tmp_path / "._frame2.png")
    (tmp_path / "notes.txt").write_text("no picture")
    assert greys(tmp_path, 10) == [20, 40, 200, 220]
    assert {board.width for board in read_clip(tmp_path, 10, 32)} == {32}
    Image.new("RGB", (32, 32), (240,) * 3).save(tmp_path / "frame12.png")
    with pytest.raises(EngineError, match=r"frame12\.png has another shape than frame1\.png"):
        read_clip(tmp_path, 10)
