"""Everything that can be wrong with what the artist gives: one line, the right exit code, nothing left behind."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from engine.errors import EngineError
from engine.media.lock import folder_lock
from tests.engine.checkpoints import BOARD, TINY
from tests.engine.conftest import MakeShot
from tests.engine.warm_engine import Ended, WarmEngine

Generate = Callable[..., Ended]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "shot"


@pytest.fixture
def generate(warm_engine: WarmEngine, tmp_path: Path, out: Path) -> Generate:
    def call(*, largest_file: int | None = None, as_anybody: bool = False, **options: object) -> Ended:
        given = {"model": TINY, "image": BOARD, "prompt": "w5", "frames": 5, "size": "64x64", "steps": 2, "out": out}
        arguments = [
            f"--{name.replace('_', '-')}" + ("" if value is True else f"={value}")
            for name, value in (given | options).items()
            if value is not None
        ]
        log = tmp_path / "log"
        return warm_engine.run(["generate", *arguments], log, largest_file=largest_file, as_anybody=as_anybody)

    return call


def expect_one_line(ended: Ended, exit_code: int, *words: str) -> None:
    lines = ended.stderr.strip().splitlines()
    assert ended.status == exit_code, ended.stderr
    complaints = [line for line in lines if line.startswith("shotpack: ")]
    assert len(complaints) == 1, ended.stderr
    assert lines[-1] == complaints[0]
    begun = any(" fps, " in line for line in lines)  # the line that says what is being made
    assert begun or lines == complaints, ended.stderr
    assert "Traceback" not in ended.stderr
    for word in words:
        assert word in complaints[0]


def png(path: Path, size: tuple[int, int]) -> Path:
    Image.new("RGB", size).save(path)
    return path


def test_image_missing(generate: Generate, out: Path, tmp_path: Path) -> None:
    expect_one_line(generate(image=tmp_path / "no.png"), 2, "There is no image at", "no.png", "check the path")
    expect_one_line(generate(image=tmp_path), 2, "is a folder and no picture")
    expect_one_line(generate(image=None), 2, "--image is missing")
    assert not out.exists()


def test_image_unreadable(generate: Generate, out: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.png"
    text.write_text("this is not a picture")
    expect_one_line(generate(image=text), 2, "cannot be read as an image", "save it again as PNG or JPEG")
    cut = tmp_path / "cut.png"
    cut.write_bytes(BOARD.read_bytes()[:200])
    expect_one_line(generate(image=cut), 2, "cannot be read as an image")
    empty = tmp_path / "empty.png"
    empty.touch()
    expect_one_line(generate(image=empty), 2, "cannot be read as an image")
    expect_one_line(generate(end_image=text), 2, "text.png")
    assert not out.exists()


def test_image_of_no_use(generate: Generate, out: Path, tmp_path: Path) -> None:
    expect_one_line(generate(image=png(tmp_path / "dot.png", (1, 1))), 2, "1x1", "use a larger picture")
    expect_one_line(generate(image=png(tmp_path / "long.png", (20_000, 40))), 2, "20000x40", "scale it down")
    # A header alone that declares a huge picture: refused before any pixel is decoded.
    data = bytearray(png(tmp_path / "bomb.png", (64, 64)).read_bytes())
    data[16:24] = struct.pack(">II", 100_000, 100_000)
    (tmp_path / "bomb.png").write_bytes(data)
    expect_one_line(generate(image=tmp_path / "bomb.png"), 2)
    assert not out.exists()


def test_a_clip_without_a_size(generate: Generate, out: Path, tmp_path: Path) -> None:
    given = {"image": None, "size": None}
    expect_one_line(generate(**given, clip=tmp_path / "no.mp4"), 2, "There is no movie and no folder at", "no.mp4")
    shutil.copy(BOARD, tmp_path / "still.png")
    expect_one_line(generate(**given, clip=tmp_path / "still.png"), 2, "cannot start a shot from")
    assert not out.exists()


def test_names_that_no_disk_takes(generate: Generate, tmp_path: Path) -> None:
    name = "x" * 300
    expect_one_line(generate(image=tmp_path / name), 2, "cannot be read as an image")
    expect_one_line(generate(image=None, clip=tmp_path / name), 2, "cannot be read as a clip")
    expect_one_line(generate(out=tmp_path / name), 2, "cannot be written to")
    (tmp_path / "file").touch()
    expect_one_line(generate(out=tmp_path / "file" / "shot"), 2, "cannot be written to")


@pytest.mark.parametrize("frames", [0, -5, 10**9])
def test_frames(generate: Generate, out: Path, frames: int) -> None:
    expect_one_line(
        generate(frames=frames), 2, f"A shot of {frames} frames cannot be made", "ask for 1 to 36000 frames"
    )
    assert not out.exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"size": "100x64"}, ["100x64 is not a size", "multiples of 16", "96x64"]),
        ({"size": "16x16"}, ["16x16 is not a size"]),
        ({"size": "64"}, ["'64' is not a size", "768x512"]),
        ({"steps": 0}, ["steps is 0", "1 to 1000"]),
        ({"steps": "many"}, ["invalid int value", "--help"]),
        ({"seed": -1}, ["seed is -1"]),
        ({"guidance": "nan"}, ["guidance is nan"]),
        ({"cfg": 0.5}, ["cfg is 0.5"]),
        ({"window": 99}, ["window is 99"]),
        ({"fps": 0}, ["fps is 0"]),
        ({"frames": None, "seconds": -1}, ["--seconds is -1"]),
        ({"order": "sideways"}, ["order cannot be 'sideways'", "inverted"]),
        ({"solver": "magic"}, ["solver cannot be 'magic'", "unipc, euler"]),
        ({"cache": "magic"}, ["cache cannot be 'magic'"]),
        ({"speed": "warp"}, ["speed cannot be 'warp'", "balanced"]),
        ({"cache": "mag"}, ["step cache 'mag' cannot be used", "teacache"]),
        ({"cache": "teacache:x"}, ["threshold is x"]),
        ({"device": "cuda:99"}, ["There is no device 'cuda:99'", "cpu"]),
        ({"schedule": "f1k1_g9_nonsense"}, ["f1k1_g9_nonsense"]),
        ({"schedule": "f1k1_x_g9_f1k1f2k2f16k8_td"}, ["cannot pack by", "k8", "f1k1_x_g9_f1k1f2k2f16k4_td"]),
        ({"schedule": "f1k1_x_g9_f1k1f2k2f16k4_ta"}, ["cannot pack by"]),
        ({"schedule": "f1k1_x_g9_f1k1f2k2f16k4_td+D"}, ["cannot pack by"]),
        ({"schedule": "f1k1_x_g9_f1k1f16k4_td"}, ["cannot pack by", "k2"]),
        ({"schedule": "f1k1_td_f16k4f2k2f1k1_g9_x_f1k1"}, ["cannot pack by", "both ends"]),
        ({"schedule": "f1k1_td_f16k4f2k2f1k1_g99999"}, ["cannot pack by", "33 frames in a section"]),
        ({"schedule": "f1k1_x_g9_f1k1f2k2f16k4_td", "order": "forward"}, ["--order forward"]),
        ({"board": f"9={BOARD}"}, ["The board at frame 9", "frames 1 to 5"]),
        ({"board": f"3={BOARD}", "end_image": BOARD}, ["The board at frame 3", "too near"]),
        ({"board": f"1={BOARD}"}, ["The board at frame 1", "another board lies there"]),
        ({"frames": 1, "end_image": BOARD}, ["The board at frame 1", "another board lies there"]),
        ({"board": "x"}, ["'x' does not say a frame"]),
        ({"prompt_at": "9=w5"}, ["the frame of a prompt is 9"]),
        ({"endpoints": "3,x"}, ["'3,x' does not say frames; write them like 73,145"]),
        (
            {"endpoints": ",".join(map(str, range(1, 18)))},
            ["the number of planned endpoints is 17", "use a whole number from 0 to 16"],
        ),
        ({"endpoints": "3"}, ["was not trained to fill the gaps between planned endpoints", "leave them out"]),
    ],
)
def test_settings(generate: Generate, out: Path, options: dict[str, object], words: list[str]) -> None:
    expect_one_line(generate(**options), 2, *words)
    assert not out.exists()


def test_model_unknown(generate: Generate, out: Path, tmp_path: Path) -> None:
    expect_one_line(generate(model="no-such-model"), 3, "no-such-model", "framepack-i2v")
    (tmp_path / "empty").mkdir()
    expect_one_line(generate(model=tmp_path / "empty"), 3, "empty")
    assert not out.exists()


def copy_of_tiny(tmp_path: Path) -> Path:
    model = tmp_path / "model"
    shutil.copytree(TINY, model)
    return model


def test_model_truncated(generate: Generate, out: Path, tmp_path: Path) -> None:
    model = copy_of_tiny(tmp_path)
    weights = model / "transformer" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    expect_one_line(generate(model=model), 3, "is damaged", "diffusion_pytorch_model.safetensors")
    assert not out.exists()


def test_model_hash_broken(generate: Generate, out: Path, tmp_path: Path) -> None:
    model = copy_of_tiny(tmp_path)
    weights = model / "vae" / "diffusion_pytorch_model.safetensors"
    recorded = {"vae/diffusion_pytorch_model.safetensors": hashlib.sha256(weights.read_bytes()).hexdigest()}
    (model / "shotpack.json").write_text(json.dumps({"files": recorded}))
    assert generate(model=model).status == 0
    shutil.rmtree(out)
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    expect_one_line(generate(model=model), 3, "is damaged", "diffusion_pytorch_model.safetensors")
    assert not out.exists()


def test_model_with_a_pickle(generate: Generate, out: Path, tmp_path: Path) -> None:
    model = copy_of_tiny(tmp_path)
    weights = model / "transformer" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    expect_one_line(generate(model=model), 3, "safetensors")
    assert not out.exists()


def test_model_of_the_wrong_shape(generate: Generate, tmp_path: Path) -> None:
    model = copy_of_tiny(tmp_path)
    config = model / "transformer" / "config.json"
    config.write_text(config.read_text().replace('"num_attention_heads": 2', '"num_attention_heads": 3'))
    expect_one_line(generate(model=model), 3, "is damaged", "transformer")


@pytest.mark.skipif(os.name == "nt", reason="POSIX file size limits")
def test_full_disk(generate: Generate, out: Path) -> None:
    """A real limit of the operating system: no file may grow beyond 24 KiB, as on a disk that is full."""
    expect_one_line(generate(largest_file=24 * 1024), 2, "The disk is full", "free some space, then resume")
    assert not list(out.rglob("*.part*"))
    finished = generate(resume=True)
    assert finished.status == 0, finished.stderr
    assert len(list((out / "frames").iterdir())) == 5


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_no_permission(generate: Generate, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    expect_one_line(generate(out=locked / "shot", as_anybody=True), 2, "cannot be written to", "permission denied")
    assert not list(locked.iterdir())


def test_a_file_in_the_way(generate: Generate, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    expect_one_line(generate(out=tmp_path / "file" / "shot"), 2, "cannot be written to")


def test_two_at_once(generate: Generate, out: Path) -> None:
    (out / "checkpoint").mkdir(parents=True)
    with folder_lock(out / "checkpoint" / "lock", out):
        expect_one_line(generate(), 2, "Another process")
    assert generate().status == 0


def test_a_disk_without_room_for_a_folder(make_shot: MakeShot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some disks run out of files before they run out of bytes."""
    made = Path.mkdir

    def mkdir(path: Path, *given: object, **more: object) -> None:
        if path.parent.name == "provisional":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        made(path, *given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "mkdir", mkdir)
    with pytest.raises(EngineError, match="The disk is full"):
        make_shot(5, steps=1)
