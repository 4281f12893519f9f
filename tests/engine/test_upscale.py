"""Enlarging: nearer to the truth than Lanczos, the same in tiles, in its colours, in the memory that was predicted."""

from __future__ import annotations

import pickle
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from engine.errors import Code, EngineError
from engine.finishing.enlarge import Enlarger, factors_for, resized, tiles
from engine.finishing.extras import install_command
from engine.finishing.optical_flow import SourceFrame, flicker
from engine.finishing.steady import steadied
from engine.finishing.upscalers import PACKAGED, choose_upscaler, known_upscalers, load_upscaler
from engine.finishing.upscalers.upscaler import NetworkUpscaler, Upscaler
from engine.media.measures import Picture, psnr
from tests.engine.moving_clips import fixture, panned

CPU = torch.device("cpu")
ROOT = Path(__file__).resolve().parents[2]


def enlarged(upscaler: Upscaler, picture: Picture, factor: int, tile: int | None = None) -> Picture:
    size = (picture.shape[1], picture.shape[0])
    enlarger = Enlarger(upscaler, size, (factor * size[0], factor * size[1]))
    enlarger.tile = tile or enlarger.tile
    return enlarger.enlarge(picture)


def reduced(picture: Picture, factor: int = 2) -> Picture:
    return np.asarray(Image.fromarray(picture).reduce(factor))


@pytest.fixture(scope="module")
def waifu2x() -> Upscaler:
    return load_upscaler("", CPU)


@pytest.mark.parametrize(
    ("name", "gain"),
    [
        ("ink-tiger", 1),
        ("ink-church", 1),
        ("render-street", 1),
        ("render-toys", 1),
        ("photo-coffee", 0),
        ("photo-cat", 0),
    ],
)
def test_waifu2x_is_nearer_to_the_truth_than_lanczos(name: str, gain: float, waifu2x: Upscaler) -> None:
    assert waifu2x.name == "waifu2x"
    truth = fixture(name)
    small = reduced(truth)
    assert psnr(enlarged(waifu2x, small, 2), truth) >= psnr(resized(small, (256, 144)), truth) + gain


@pytest.mark.parametrize("name", PACKAGED)
def test_tiles_are_equal_to_the_whole(name: str) -> None:
    upscaler = load_upscaler(name, CPU)
    picture = fixture("photo-astronaut")[:90, :100]
    whole, tiled = (enlarged(upscaler, picture, 2, tile) for tile in (100, 40))
    assert psnr(whole, tiled) >= 60


@pytest.mark.parametrize("name", PACKAGED)
def test_colours_stay_however_often_it_is_enlarged(name: str) -> None:
    upscaler = load_upscaler(name, CPU)
    picture = fixture("photo-coffee")[30:70, 60:116]
    made = enlarged(upscaler, picture, 8)
    assert made.shape == (320, 448, 3)
    assert np.abs(made.mean((0, 1)) - picture.mean((0, 1))).max() < 0.5
    white = enlarged(upscaler, np.full((24, 24, 3), 255, np.uint8), 8)
    assert white[48:-48, 48:-48].min() >= 253
    # Lines stay grey: what a network makes beyond black must not come back as a colour.
    ink = enlarged(upscaler, reduced(fixture("ink-church"))[:48, 40:104], 8).astype(int)
    assert np.quantile(ink.max(-1) - ink.min(-1), 0.99) < 40


@pytest.mark.parametrize(
    ("scale", "factors", "steps"),
    [
        ("1", (2,), ()),
        ("1/2", (2,), ()),
        ("2", (2,), (2,)),
        ("15/2", (2,), (2, 2, 2)),
        ("4", (2, 3, 4), (4,)),
        ("5", (2, 3, 4), (2, 3)),
        ("15/2", (2, 3, 4), (2, 4)),
        ("9", (2, 3, 4), (3, 3)),
        ("2", (4,), (4,)),
    ],
)
def test_the_smallest_enlargement_that_reaches_is_taken(
    scale: str, factors: tuple[int, ...], steps: tuple[int, ...]
) -> None:
    assert factors_for(Fraction(scale), factors) == steps


def test_tiles_cover_a_picture_once() -> None:
    seen = np.zeros((70, 103), int)
    for tile in tiles(103, 70, 32, 7):
        seen[tile.rows.start : tile.rows.stop, tile.columns.start : tile.columns.stop] += 1
        assert max(len(tile.rows), len(tile.columns)) <= 32
        assert tile.seen_rows.start == max(0, tile.rows.start - 7)
        assert tile.seen_columns.stop == min(103, tile.columns.stop + 7)
    assert (seen == 1).all()


def test_any_size_is_reached(waifu2x: Upscaler) -> None:
    picture = fixture("render-street")[:48, :64]
    made = Enlarger(waifu2x, (64, 48), (250, 188)).enlarge(picture)
    assert made.shape == (188, 250, 3)
    assert np.abs(made.mean((0, 1)) - picture.mean((0, 1))).max() < 1


def test_flicker_is_kept_below_lanczos(waifu2x: Upscaler) -> None:
    """The warping error of five frames under a camera, each enlarged alone, steadied, and by Lanczos."""
    small = [reduced(panned("photo-astronaut", frame, pan=0.7, zoom=1.004, roll=0)) for frame in range(5)]
    plain = [resized(frame, (192, 108)) for frame in small]
    alone = [enlarged(waifu2x, frame, 2) for frame in small]
    sources = [SourceFrame(frame) for frame in small]
    made = [
        steadied(
            sources[n],
            alone[n],
            [(sources[other], alone[other]) for other in range(max(0, n - 2), min(5, n + 3)) if other != n],
        )
        for n in range(5)
    ]
    fields = [SourceFrame(plain[n + 1]).flow_to(SourceFrame(plain[n])) for n in range(4)]
    size = [field[::2, ::2] / 2 for field in fields]
    errors = [
        np.mean([flicker(frames[n], frames[n + 1], size[n]) for n in range(4)]) for frames in (plain, alone, made)
    ]
    assert errors[2] < errors[1]
    assert errors[2] <= 1.1 * errors[0]
    truth = panned("photo-astronaut", 2, pan=0.7, zoom=1.004, roll=0)
    assert psnr(made[2], truth) >= psnr(alone[2], truth)


def test_what_is_dark_everywhere_in_one_frame_stays_dark(waifu2x: Upscaler) -> None:
    """A fade is no flicker: a frame keeps its own brightness among its neighbours."""
    small = [np.rint(reduced(fixture("photo-coffee")) * share).astype(np.uint8) for share in (1, 0.96, 0.92)]
    sources = [SourceFrame(frame) for frame in small]
    large = [enlarged(waifu2x, frame, 2) for frame in small]
    made = steadied(sources[0], large[0], [(sources[n], large[n]) for n in (1, 2)])
    assert abs(made.mean() - small[0].mean()) < 0.3


# Memory


def test_a_little_room_is_used_in_small_tiles_and_too_little_is_told(waifu2x: Upscaler) -> None:
    size, result = (1024, 576), (2048, 1152)
    free = Enlarger(waifu2x, size, result)
    assert free.tile == 512
    tight = Enlarger(waifu2x, size, result, free.predicted_bytes // 2)
    assert tight.tile < 512
    assert tight.predicted_bytes <= free.predicted_bytes // 2
    with pytest.raises(EngineError) as told:
        Enlarger(waifu2x, size, result, 1000)
    assert told.value.code is Code.FINISH_IMPOSSIBLE
    assert "--memory" in told.value.line


@pytest.mark.skipif(not psutil.LINUX, reason="reads the highest resident size as Linux tells it")
@pytest.mark.parametrize(("upscaler", "side"), [("waifu2x", 300), ("realesrgan", 400)])
def test_memory_is_as_predicted(upscaler: str, side: int) -> None:
    """What a process of its own holds at most, where the allocator keeps nothing back."""
    program = f"""
import re
from pathlib import Path
import numpy as np, psutil, torch
from engine.finishing.enlarge import Enlarger
from engine.finishing.upscalers import load_upscaler
upscaler = load_upscaler("{upscaler}", torch.device("cpu"))
small = np.zeros((32, 32, 3), np.uint8)
Enlarger(upscaler, (32, 32), (64, 64)).enlarge(small)
enlarger = Enlarger(upscaler, ({side}, {side}), ({2 * side}, {2 * side}))
picture = np.zeros(({side}, {side}, 3), np.uint8)
before = psutil.Process().memory_info().rss
enlarger.enlarge(picture)
most = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024
print(most - before, enlarger.predicted_bytes - upscaler.weights_bytes)
"""
    environ = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536", "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environ, capture_output=True, text=True, check=True
    )
    taken, predicted = map(int, ended.stdout.split())
    assert taken == pytest.approx(predicted, rel=0.15)


# An artist's own


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for an artist's upscalers, empty."""
    monkeypatch.setenv("SHOTPACK_HOME", str(tmp_path))
    folder = tmp_path / "upscalers"
    folder.mkdir()
    return folder


def compact(factor: int) -> dict[str, torch.Tensor]:
    """Weights of a small Real-ESRGAN of the compact kind, as its own training saves them: they enlarge as they are."""
    torch.manual_seed(7)
    weights = {
        "body.0.weight": torch.randn(16, 3, 3, 3) / 9,
        "body.0.bias": torch.zeros(16),
        "body.1.weight": torch.full((16,), 0.2),
        "body.2.weight": torch.randn(16, 16, 3, 3) / 60,
        "body.2.bias": torch.zeros(16),
        "body.3.weight": torch.full((16,), 0.2),
        "body.4.weight": torch.randn(3 * factor**2, 16, 3, 3) / 60,
        "body.4.bias": torch.zeros(3 * factor**2),
    }
    return weights


def by_hand(weights: dict[str, torch.Tensor], pixels: torch.Tensor, factor: int) -> torch.Tensor:
    """What that network makes, written out (Wang et al. 2021, SRVGGNetCompact)."""
    made = pixels
    for layer in (0, 2, 4):
        made = torch.nn.functional.conv2d(
            made, weights[f"body.{layer}.weight"], weights[f"body.{layer}.bias"], padding=1
        )
        if layer < 4:
            made = torch.nn.functional.prelu(made, weights[f"body.{layer + 1}.weight"])
    nearest = torch.nn.functional.interpolate(pixels, scale_factor=factor, mode="nearest")
    return (torch.nn.functional.pixel_shuffle(made, factor) + nearest).clamp(0, 1)


def test_own_weights_enlarge_by_their_name(home: Path) -> None:
    weights = compact(4)
    save_file(weights, home / "mine.safetensors")
    assert known_upscalers() == [*PACKAGED, "mine"]
    pixels = torch.rand(1, 3, 20, 30)
    own = load_upscaler("mine", CPU)
    assert own.factors == (4,)
    assert torch.allclose(own.enlarge(pixels, 4), by_hand(weights, pixels, 4), atol=1e-5)
    picture = fixture("photo-coffee")[:60, :80]
    assert psnr(enlarged(own, picture, 4, 80), enlarged(own, picture, 4, 30)) >= 60
    assert enlarged(own, picture, 2).shape == (120, 160, 3)
    assert "torchvision" not in sys.modules
    assert own.working_bytes(80, 60, 4) > 4 * 16 * 80 * 60


def test_strange_files_are_told_and_run_nothing(home: Path, tmp_path: Path) -> None:
    class Touches:
        def __reduce__(self) -> tuple[object, ...]:
            return (exec, (f"open({str(tmp_path / 'ran')!r}, 'w')",))

    torch.save({"params": compact(2)}, home / "older.pth")
    torch.save({"params": compact(2), "more": Touches()}, home / "evil.pth")
    (home / "pickle.ckpt").write_bytes(pickle.dumps(Touches()))
    (home / "program.pt").write_bytes(b"never looked at")
    (home / "disguised.safetensors").write_bytes(pickle.dumps(Touches()))
    (home / "junk.safetensors").write_bytes(b"junk")
    save_file({"a": torch.ones(3)}, home / "other.safetensors")
    save_file({"w": torch.ones(3)}, home / "waifu2x.safetensors")  # a name that is taken means what it means everywhere
    for name in ("older", "evil", "pickle", "program", "disguised", "junk", "other"):
        with pytest.raises(EngineError) as told:
            load_upscaler(name, CPU)
        assert told.value.code is Code.UPSCALER_INVALID
        assert name in told.value.line
        assert ("is a pickle" in told.value.line) == (name in {"older", "evil", "pickle", "program"})
    assert not (tmp_path / "ran").exists()
    assert load_upscaler("waifu2x", CPU).factors == (2,)
    for name in ("unheard", "../upscalers/junk", str(home / "junk.safetensors")):
        with pytest.raises(EngineError) as told:
            load_upscaler(name, CPU)
        assert told.value.code is Code.UPSCALER_UNKNOWN


def test_a_network_that_wants_multiples_and_channels_gets_them(home: Path) -> None:
    """One that halves first, and so wants even sides of 8 and more."""

    class Halving(torch.nn.Module):
        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            assert pixels.shape[-1] % 4 == pixels.shape[-2] % 4 == 0
            assert min(pixels.shape[-2:]) >= 8
            return pixels.repeat_interleave(2, -1).repeat_interleave(2, -2)

    upscaler = NetworkUpscaler("it", "", {2: Halving()}, CPU, margin=8, multiple=4, least=8)
    pixels = torch.rand(1, 3, 5, 11)
    assert torch.equal(upscaler.enlarge(pixels, 2), pixels.repeat_interleave(2, -1).repeat_interleave(2, -2))


def test_what_is_missing_is_offered_in_a_sentence(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.finishing.extras.find_spec", lambda _: None)
    save_file(compact(2), home / "mine.safetensors")
    for name, said in (("realesrgan", "realesrgan"), ("mine", "mine"), ("", "mine")):
        with pytest.raises(EngineError) as told:
            choose_upscaler(name)
        assert told.value.code is Code.EXTRA_MISSING
        assert said in told.value.line
        assert install_command() in told.value.line
