"""Shots that follow a guide: what is seen becomes the guide's picture, boards stay, and a kill changes no bit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKLHunyuanVideo
from PIL import Image

from engine.errors import Code, EngineError
from engine.framepack.solvers.guide import Guide
from engine.inference.hunyuan.family import HunyuanFramePack
from engine.media.images import fit
from engine.models.abilities import abilities
from engine.models.folder import FACTS, open_folder
from tests.engine.checkpoints import BOARD, TINY
from tests.engine.conftest import MakeShot
from tests.engine.warm_engine import ROOT, WarmEngine

SKETCH = ROOT / "engine" / "sketch" / "weights"
SIDE = 64


def smooth(path: Path, seed: int) -> Path:
    coarse = np.random.default_rng(seed).integers(0, 255, (4, 4, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(path)
    return path


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """A picture for each of the frames 2 to 37."""
    folder = tmp_path_factory.mktemp("guide")
    return {frame: smooth(folder / f"{frame:04d}.png", frame) for frame in range(2, 38)}


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """A mask: the left half is seen."""
    mask = Image.new("L", (SIDE, SIDE), 0)
    mask.paste(255, (0, 0, SIDE // 2, SIDE))
    mask.save(tmp_path / "left.png")
    return tmp_path / "left.png"


def vae_of(model: Path) -> AutoencoderKLHunyuanVideo:
    return AutoencoderKLHunyuanVideo.from_pretrained(model / "vae")


def tensor(path: Path) -> torch.Tensor:
    return fit(Image.open(path).convert("RGB"), SIDE, SIDE)


@torch.inference_mode()
def encoded(vae: AutoencoderKLHunyuanVideo, frames: list[torch.Tensor]) -> torch.Tensor:
    latents: torch.Tensor = vae.encode(torch.stack(frames, dim=2)).latent_dist.mode() * vae.config.scaling_factor
    return latents


@pytest.mark.usefixtures("latents_only")
@pytest.mark.parametrize("order", ["forward", "inverted", "endpoint"])
def test_all_frames_of_a_guide_become_the_section(make_shot: MakeShot, pictures: dict[int, Path], order: str) -> None:
    """Seen everywhere, the section is the video of board and guide as diffusers' VAE encodes it at once."""
    guide = {float(frame): (path, None) for frame, path in pictures.items()}
    shot = make_shot(37, guide=guide, order=order, steps=2)
    wanted = encoded(vae_of(TINY), [tensor(BOARD), *map(tensor, pictures.values())])
    assert (shot.latents[:, :, 1:] - wanted[:, :, 1:]).abs().max() < 1e-3


@pytest.mark.usefixtures("latents_only")
def test_one_picture_a_latent_is_encoded_alone(make_shot: MakeShot, pictures: dict[int, Path]) -> None:
    """Sketch's encoder knows no time: each latent is its picture's own, whatever the others are."""
    guide = {float(frame): (pictures[frame], None) for frame in (5, 9, 21)}
    shot = make_shot(37, model=SKETCH, guide=guide, steps=2)
    vae = vae_of(SKETCH)
    for latent, frame in ((1, 5), (2, 9), (5, 21)):
        alone = encoded(vae, [tensor(pictures[frame])])
        assert (shot.latents[:, :, latent : latent + 1] - alone).abs().max() < 1e-3
    assert (shot.latents[:, :, 3:4] - encoded(vae, [tensor(pictures[13])])).abs().max() > 0.1


@pytest.mark.usefixtures("latents_only")
def test_only_what_is_seen_is_led(make_shot: MakeShot, pictures: dict[int, Path], left: Path) -> None:
    guide = {float(frame): (path, left) for frame, path in pictures.items()}
    shot = make_shot(37, guide=guide, steps=2)
    wanted = encoded(vae_of(TINY), [tensor(BOARD), *map(tensor, pictures.values())])
    away = (shot.latents - wanted).abs()[:, :, 1:]
    assert away[..., :4].max() < 1e-3
    assert away[..., 4:].mean() > 0.1


@pytest.mark.usefixtures("latents_only")
def test_strength_and_share_of_steps_count(make_shot: MakeShot, pictures: dict[int, Path]) -> None:
    guide = {float(frame): (path, None) for frame, path in pictures.items()}
    free, none, half, early, full = (
        make_shot(37, steps=4, **more).latents[:, :, 1:]
        for more in (
            {},
            {"guide": guide, "led": (0.0, 1.0)},
            {"guide": guide, "led": (0.5, 1.0)},
            {"guide": guide, "led": (1.0, 0.5)},
            {"guide": guide},
        )
    )
    assert (free - none).abs().max() < 1e-4
    assert float((half - full).abs().mean()) < float((free - full).abs().mean())
    assert not torch.allclose(early, full, atol=1e-3)
    assert not torch.allclose(early, free, atol=1e-3)


def test_a_mask_of_another_size_is_refused_before_anything_is_made(
    make_shot: MakeShot, pictures: dict[int, Path], tmp_path: Path
) -> None:
    Image.new("L", (SIDE, 2 * SIDE), 255).save(tmp_path / "tall.png")
    with pytest.raises(EngineError, match="at frame 5 the mask is 64x128 pixels and the picture 64x64") as caught:
        make_shot(37, guide={5.0: (pictures[5], tmp_path / "tall.png")})
    assert caught.value.code is Code.GUIDE_INVALID
    assert not (tmp_path / "shot0").exists()


def test_killed_and_resumed_to_the_bit_and_another_guide_is_another_shot(
    pictures: dict[int, Path], left: Path, warm_engine: WarmEngine, tmp_path: Path
) -> None:
    folder = tmp_path / "guide"
    folder.mkdir()
    for frame in range(5, 74, 4):
        Image.open(pictures[frame % 36 + 2]).save(folder / f"{frame:04d}.00.png")
        Image.open(left).save(folder / f"{frame:04d}.00-seen.png")

    def arguments(out: Path, *more: str) -> list[str]:
        words = ["generate", "--image", str(BOARD), "--prompt", "w5", "--model", str(TINY), "--frames", "73"]
        words += ["--size", f"{SIDE}x{SIDE}", "--steps", "2", "--device", "cpu", "--out", str(out), "--json"]
        return [*words, *more]

    whole, killed = tmp_path / "whole", tmp_path / "killed"
    guided = ("--guide", str(folder))
    ended = warm_engine.run(arguments(whole, *guided), tmp_path / "log")
    assert ended.status == 0, ended.stderr
    told = [event["stage"] for event in ended.events if event["event"] == "progress"]
    assert "encoding the guide, part 1 of 2" in told
    warm_engine.run(arguments(killed, *guided), tmp_path / "log", kill_at='"section"')
    assert not (killed / "shot.json").exists()
    other = warm_engine.run(arguments(killed, *guided, "--guide-strength", "0.5", "--resume"), tmp_path / "log")
    assert other.status == 2
    assert "was made with another guide (" in other.stderr
    assert len(other.stderr) < 500, "nobody reads the digests of its pictures"
    ended = warm_engine.run(arguments(killed, "--resume"), tmp_path / "log")
    assert ended.status == 0, ended.stderr
    frames = [sorted((each / "frames").iterdir()) for each in (whole, killed)]
    assert [path.name for path in frames[0]] == [path.name for path in frames[1]]
    assert all(one.read_bytes() == two.read_bytes() for one, two in zip(*frames, strict=True))


@pytest.mark.usefixtures("latents_only")
def test_weights_that_learned_it_see_the_guide_beside_what_they_make(
    make_shot: MakeShot, pictures: dict[int, Path], left: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At its own time indices: what is seen in full, what it is filled with half as strongly; others see no more."""
    told: list[dict[str, torch.Tensor]] = []
    of = HunyuanFramePack._context_inputs
    monkeypatch.setattr(
        HunyuanFramePack, "_context_inputs", lambda family, context: told.append(of(family, context)) or told[-1]
    )
    guide = {float(frame): (pictures[frame], left) for frame in (5, 9, 21)}
    learned = tmp_path / "learned"
    shutil.copytree(TINY, learned)
    for use in ({"pictures": "latent"}, {"pictures": "latent", "context": 0.5}):
        (learned / FACTS).write_text(json.dumps({"family": "framepack-hunyuan", "guide": use}))
        make_shot(37, model=learned, guide=guide, order="forward", steps=1)
    plain, shown = told
    count = len(plain["indices_latents_clean"])
    assert torch.equal(shown["latents_clean"][:, :, :count], plain["latents_clean"])
    assert torch.equal(shown["indices_latents_clean"][count:], plain["indices_latents"])
    beside = shown["latents_clean"][:, :, count:]
    assert beside.shape[2] == 9
    alone = encoded(vae_of(TINY), [tensor(pictures[9])])
    assert (beside[:, :, 1:2, :, :4] - alone[..., :4]).abs().max() < 1e-3
    assert (beside[:, :, 1:2, :, 4:] - alone[..., 4:] / 2).abs().max() < 1e-3
    assert not beside[:, :, [2, 3, 5, 6, 7, 8]].any(), "no picture, nothing known"

    make_shot(37, model=learned, order="forward", steps=1)
    assert told[-1]["latents_clean"].shape[2] == count


def test_frames_between_latents_show_their_own_pictures(
    make_shot: MakeShot, pictures: dict[int, Path], left: Path, tmp_path: Path
) -> None:
    """What is seen of them is what diffusers' VAE makes of each alone; the rest lies between what was made."""
    guide = {float(frame): (pictures[frame], left) for frame in pictures}
    model = tmp_path / "alone"
    shutil.copytree(TINY, model)
    use = {"pictures": "latent", "hidden": 1.0, "alone": True}
    (model / FACTS).write_text(json.dumps({"family": "framepack-hunyuan", "guide": use}))
    assert abilities(open_folder(model)).guide_frames == 1
    shot = make_shot(37, model=model, guide=guide, order="forward", steps=1)
    vae = vae_of(TINY)
    for frame in (2, 7, 9, 36):
        latent, share = divmod(frame - 1, 4)
        own, (before, after) = (
            encoded(vae, [tensor(pictures[frame])]),
            shot.latents[:, :, latent : latent + 2].split(1, 2),
        )
        rest = torch.lerp(before, after, share / 4)
        wanted = decoded(vae, torch.cat([own[..., :4], rest[..., 4:]], dim=-1) if share else before)
        assert np.abs(np.asarray(Image.open(shot.frames[frame - 1]), np.int16) - wanted).max() <= 1
    free = make_shot(37, model=model, guide=guide, led=(1.0, 0.5), order="forward", steps=1)
    assert np.asarray(Image.open(free.frames[6])).tolist() != np.asarray(Image.open(shot.frames[6])).tolist()


@torch.inference_mode()
def decoded(vae: AutoencoderKLHunyuanVideo, latent: torch.Tensor) -> np.ndarray:
    pixels = vae.decode(latent / vae.config.scaling_factor).sample[0, :, 0]
    return ((pixels.clamp(-1, 1) + 1) * 127.5).round().permute(1, 2, 0).numpy().astype(np.int16)


@pytest.mark.parametrize(("steps", "led"), [(1, 0), (2, 1), (4, 3), (8, 7), (16, 14)])
def test_less_than_all_steps_leave_the_last_one_free(steps: int, led: int) -> None:
    """What is hidden is steered for seven eighths of the steps; what is seen in all."""
    ones = torch.ones(1, 1, 1, 2, 2)
    half = torch.tensor([1.0, 0.0]).expand(1, 1, 1, 2, 2)
    guide = Guide(ones, half, 1 - half, until=1.0, hidden_until=0.875)
    weights = [guide.weight(step, steps) for step in range(steps)]
    assert [float(weight[..., 1].mean()) for weight in weights if weight is not None] == [1.0] * led + [0.0] * (
        steps - led
    )
    assert all(weight is not None and bool((weight[..., 0] == 1).all()) for weight in weights)


@pytest.mark.usefixtures("latents_only")
def test_guided_sections_have_a_schedule_of_their_own(
    make_shot: MakeShot, pictures: dict[int, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[list[float]] = []
    of = HunyuanFramePack.sigmas
    monkeypatch.setattr(HunyuanFramePack, "sigmas", lambda *given: told.append(of(*given)) or told[-1])
    model = tmp_path / "shifted"
    shutil.copytree(TINY, model)
    facts = {"family": "framepack-hunyuan", "guide": {"pictures": "latent", "shift": 7.0}}
    (model / FACTS).write_text(json.dumps(facts))
    make_shot(37, model=model, guide={5.0: (pictures[5], None)}, order="forward", steps=8)
    make_shot(37, model=model, order="forward", steps=8)
    assert told[0][-2:] == pytest.approx([7 / 8 / (1 + 6 / 8), 0])
    assert told[1][-2] < 0.4
