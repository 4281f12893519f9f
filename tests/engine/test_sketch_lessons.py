"""What Sketch's training is given: banks of clips as latents, and lessons laid out as in use."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKLHunyuanVideo

from engine.errors import EngineError
from engine.inference.hunyuan.spec import RELEASED
from training import latent_bank as banks
from training.export import encode_pictures
from training.latent_bank import BankRecipe, ClipLatents, StillEncoder, extend_bank, read_bank
from training.lessons import draw_lesson
from training.networks.architecture import new_vae
from training.networks.flat_vae import flatten, inflate
from training.picture_bank import to_signed
from training.scenes.clips import random_clip
from training.scenes.moves import Motion, Move
from training.train_transformer import Settings, by_size, draw_batch, practised

CHANNELS = (8, 16, 16, 32)


@pytest.fixture(scope="module")
def vae() -> AutoencoderKLHunyuanVideo:
    """One whose encoder looks at the present frame only, as Sketch's."""
    torch.manual_seed(0)
    twin, vae = new_vae(CHANNELS), new_vae(CHANNELS)
    flatten(twin)
    inflate(twin.state_dict(), vae)
    return vae.eval()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Banks of small clips, two a file."""
    monkeypatch.setattr(banks, "CLIPS_PER_FILE", 2)
    monkeypatch.setattr(banks, "SIZES", ((64, 48), (48, 48), (48, 64), (64, 32), (32, 64)))


@torch.inference_mode()
def test_a_clips_latents_are_its_frames_latents(vae):
    clip = random_clip(np.random.default_rng(3), (64, 48), 1, Motion(Move.PAN_LEFT))
    latents, small = StillEncoder(vae).encode(clip, 24)
    assert latents.shape == (10, 16, 6, 8)
    assert small.shape == (10, 24, 24, 3)
    frame = torch.from_numpy(to_signed(clip.frame(8)[None]))
    assert (latents[2].float() - encode_pictures(vae, frame)[0]).abs().max() < 0.1  # bfloat16
    # Another encoder looks back in time, so the whole clip goes through it.
    other, _ = StillEncoder(new_vae(CHANNELS).eval()).encode(clip, 24)
    assert other.shape == latents.shape


@pytest.mark.usefixtures("small")
def test_a_bank_goes_on_where_it_stopped(vae, tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    extend_bank(whole, vae, BankRecipe(1, 24, 1), clips=4, workers=1)
    extend_bank(parts, vae, BankRecipe(1, 24, 1), clips=2, workers=1)
    extend_bank(parts, vae, BankRecipe(1, 24, 1), clips=4, workers=1)
    for one, other in zip(read_bank(whole), read_bank(parts), strict=True):
        assert torch.equal(one.latents, other.latents)
        assert one.motion == other.motion
        assert one.free
    assert len(read_bank(whole)) == 4


@pytest.mark.usefixtures("small")
def test_few_clips_are_long_and_long_lessons_find_them(vae: AutoencoderKLHunyuanVideo, tmp_path: Path) -> None:
    """Scenes are what a bank needs many of."""
    extend_bank(tmp_path, vae, BankRecipe(2, 24, 1), clips=24, workers=1)
    clips = read_bank(tmp_path)
    lengths = [len(clip.latents) for clip in clips]
    assert set(lengths) == {11, 20}, "a start, nine latents a section, and an end board"
    assert lengths[0] == 20
    assert lengths.count(20) < len(lengths) / 2
    shapes = by_size(clips)
    rng = np.random.default_rng(2)
    drawn = set()
    for _ in range(40):
        lesson = draw_lesson(rng, RELEASED, longest=2, frames=3)
        assert draw_batch(rng, shapes, lesson, 2, 0).shots.shape[2] == lesson.latents
        drawn.add(lesson.latents)
    assert {10, 19, 20} <= drawn


@pytest.mark.parametrize("seed", range(25))
def test_lessons_are_laid_out_as_in_use_and_never_show_the_answer(seed):
    rng = np.random.default_rng(seed)
    lesson = draw_lesson(rng, RELEASED, longest=5, frames=3)
    # A shot whose latent number n is filled with n + 1: the context tells which latents it holds.
    shot = torch.arange(1, lesson.latents + 1.0)[None, None, :, None, None].expand(2, 16, -1, 4, 4)
    context = lesson.context(shot)
    held = {int(value) for block in context.blocks for value in block.latents.unique()} - {0}
    target = {int(value) for value in lesson.target(shot).unique()}
    own = set(lesson.plan.own_latents(lesson.planned))
    assert {number - 1 for number in target} <= own
    assert len(target) == 3
    assert not {number - 1 for number in held} & own
    assert {number - 1 for number in held} == lesson.planned.layout.latents()
    assert len(context.generated) == 3
    assert context.blocks[0].latents.shape[0] == 2
    layout = list(lesson.planned.layout.generated)
    assert context.generated.tolist() == [layout[frame] for frame in lesson.frames]


def test_all_layouts_and_paddings_of_use_are_practised():
    rng = np.random.default_rng(0)
    lessons = [draw_lesson(rng, RELEASED, longest=5, frames=3) for _ in range(400)]
    assert {str(lesson.plan.order) for lesson in lessons} == {"inverted", "forward", "endpoint"}
    inverted = [lesson for lesson in lessons if lesson.plan.order == "inverted"]
    gaps = {(lesson.planned.layout.generated.start - 1) // 9 for lesson in inverted}
    assert gaps == {0, 1, 2, 3}
    assert any(lesson.plan.end in lesson.plan.boards for lesson in inverted)
    assert any(
        not any(slot.latent for block in lesson.planned.layout.after for slot in block.slots) for lesson in inverted
    )


def test_what_is_practised_and_how_often():
    def clip(move: Move, width: int) -> ClipLatents:
        return ClipLatents(torch.zeros(1, 16, 4, width), torch.zeros(1), Motion(move), "ball", "room", free=True)

    pan, orbit, small = clip(Move.PAN_LEFT, 8), clip(Move.ORBIT_LEFT, 8), clip(Move.ORBIT_RIGHT, 4)
    everything = [pan, orbit, small]
    assert practised(everything, Settings(1)) == everything
    assert practised(everything, Settings(1, moves=("orbit",))) == [orbit, small]
    assert practised(everything, Settings(1, size=(8, 4), often=("orbit",))) == [pan, orbit, orbit, orbit]
    with pytest.raises(EngineError, match="zoom"):
        practised(everything, Settings(1, moves=("zoom",)))
