"""Lessons with a guide: what the model sees in one is what it sees in use, and the rest is what counts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import HunyuanVideoFramepackPipeline

from engine.errors import EngineError
from engine.framepack.packing import Order
from engine.framepack.solvers.guide import Guide, sight
from engine.inference.hunyuan.spec import RELEASED
from training import guide_bank as banks
from training import guided_lessons, latent_bank, loop
from training.guide_bank import GuidedClip, extend_guides, read_guides, share_of
from training.guided_lessons import LEARNED_USE, draw_guided, guided_loss
from training.lessons import draw_guided_lesson
from training.networks.architecture import new_pipeline, new_transformer, new_vae
from training.networks.flat_vae import flatten, inflate
from training.networks.local_heads import start_local
from training.scenes.moves import Motion, Move
from training.train_transformer import Settings, train

CHANNELS = (8, 16, 16, 32)
CPU = torch.device("cpu")


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (banks, latent_bank):
        monkeypatch.setattr(module, "CLIPS_PER_FILE", 2)
    monkeypatch.setattr(banks, "SIZES", ((64, 48), (48, 48), (48, 64), (64, 32), (32, 64)))


def pipeline_of(channels: tuple[int, ...] = CHANNELS) -> HunyuanVideoFramepackPipeline:
    """With a VAE whose encoder looks at the present frame only, as Sketch's."""
    torch.manual_seed(3)
    twin, vae, transformer = new_vae(channels), new_vae(channels), new_transformer(single=1)
    flatten(twin)
    inflate(twin.state_dict(), vae)
    start_local(transformer)
    return new_pipeline(vae, transformer)


def clips(lengths: tuple[int, ...] = (19, 19, 10)) -> list[GuidedClip]:
    """Latent n shows n, its guide 100 + n; the right half is hidden."""
    made = []
    for length in lengths:
        numbers = torch.arange(length).half()[:, None, None, None].expand(length, 16, 4, 6)
        share = torch.zeros(length, 4, 6).half()
        share[..., :3] = 1
        board = torch.zeros(48, 48, 3, dtype=torch.uint8)
        made.append(GuidedClip(numbers, numbers + 100, share, board, Motion(Move.PAN_LEFT), "ball", "room"))
    return made


@pytest.mark.usefixtures("_small")
@torch.inference_mode()
def test_a_bank_of_guides_goes_on_where_it_stopped(tmp_path: Path) -> None:
    vae = pipeline_of().vae.eval()
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    for folder, steps in ((whole, (4,)), (parts, (2, 4))):
        for count in steps:
            extend_guides(folder, vae, side=24, seed=1, clips=count, workers=1)
    one, other = read_guides(whole), read_guides(parts)
    assert len(one) == 4
    for a, b in zip(one, other, strict=True):
        assert torch.equal(a.latents, b.latents)
        assert torch.equal(a.guide, b.guide)
        assert torch.equal(a.share, b.share)
        assert a.motion == b.motion
        # Where all is seen the guide's latent is the clip's; a board is its own guide.
        assert torch.equal(a.latents[0], a.guide[0])
        assert len(a.latents) in (10, 19)
        assert a.share[0].min() == 1


def test_a_vae_that_sees_clips_as_a_whole_has_no_such_lessons(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="its VAE sees clips as a whole"):
        extend_guides(tmp_path, new_vae(CHANNELS).eval(), side=24, seed=1, clips=2, workers=1)


def test_shares_are_those_of_use() -> None:
    """As `GuideEncoder` counts them: the mean of each latent pixel's mask."""
    seen = np.random.default_rng(1).random((48, 64)) < 0.5
    wanted = seen.reshape(6, 8, 8, 8).mean((1, 3))
    assert np.abs(share_of(seen, (8, 6)) - wanted).max() < 0.01


@pytest.mark.parametrize("seed", range(6))
def test_the_context_shows_the_guide_of_what_is_made_and_no_truth(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lesson = draw_guided_lesson(rng, RELEASED, longest=2, frames=3)
    drawn = draw_guided(rng, clips(), lesson, 2)
    assert lesson.plan.order is Order.FORWARD
    context = lesson.context(drawn.batch.shots, drawn.sight)
    beside = context.blocks[-1]
    assert torch.equal(beside.indices, context.generated)
    own = lesson.plan.own_latents(lesson.planned)
    for place, frame in enumerate(lesson.frames):
        latent = own.start + frame
        if drawn.led[0, 0, latent] == 1:
            assert (beside.latents[0, :, place, :, :3] == 100 + latent).all()
            assert (beside.latents[0, :, place, :, 3:] == LEARNED_USE.context * (100 + latent)).all()
    true = {int(value) for value in lesson.target(drawn.batch.shots).unique()}
    held = {int(value) for block in context.blocks[:-1] for value in block.latents.unique()}
    assert not true & held - {0}


def test_what_is_shown_is_what_the_engine_shows() -> None:
    rng = np.random.default_rng(3)
    lesson = draw_guided_lesson(rng, RELEASED, longest=1, frames=9)
    drawn = draw_guided(rng, clips(), lesson, 1)
    own = lesson.plan.own_latents(lesson.planned)
    there, seen, pictures = (
        each[:, :, own.start : own.stop] for each in (drawn.led.expand_as(drawn.seen), drawn.seen, drawn.guides)
    )
    used = Guide(pictures, seen, there - seen, 1.0, LEARNED_USE.hidden)
    assert LEARNED_USE.context is not None
    assert torch.equal(sight([used], LEARNED_USE.context), lesson.target(drawn.sight))


def test_the_last_look_is_from_the_guide_and_what_is_seen_hardly_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    lesson = draw_guided_lesson(rng, RELEASED, longest=1, frames=9)
    drawn = replace(draw_guided(rng, clips(), lesson, 2), led=torch.ones(2, 1, 10, 1, 1))
    x0, seen = lesson.target(drawn.batch.shots), lesson.target(drawn.seen)
    told: dict[str, torch.Tensor] = {}

    def answer(wrong: float, where: torch.Tensor) -> float:
        """The loss of a model that errs by `wrong` there and is right elsewhere."""

        def velocity(*given: torch.Tensor) -> torch.Tensor:
            _, _, _, noised, sigma, *_ = given
            level = sigma[:, None, None, None, None]
            told["noise"] = (noised - (1 - level) * lesson.target(drawn.guides)) / level
            assert ((sigma > 0.2) & (sigma < 0.8)).all()
            return (noised - x0) / level + wrong * where

        monkeypatch.setattr(guided_lessons, "velocity", velocity)
        monkeypatch.setattr(guided_lessons, "read", lambda *_: None)
        torch.manual_seed(1)
        loss = guided_loss(None, RELEASED, lesson, drawn, 0.0, np.random.default_rng(2), CPU)  # type: ignore[arg-type]
        assert abs(float(told["noise"].std()) - 1) < 0.05
        assert abs(float(told["noise"].mean())) < 0.05
        return float(loss)

    assert answer(0.0, seen) < 1e-6
    assert 5 < answer(1.0, 1 - seen) / answer(1.0, seen) < 20


class StoppedError(Exception):
    pass


def test_a_run_with_guides_that_was_stopped_ends_as_one_that_was_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(steps=4, batch=2, longest=1, crop=0, guides=0.5)
    small = [replace(each, latents=each.latents / 10, guide=each.guide / 100) for each in clips()]
    ordinary = [
        latent_bank.ClipLatents(each.latents, each.board.expand(19, 48, 48, 3), each.motion, "ball", "room", free=True)
        for each in small[:2]
    ]
    ran: list[str] = []
    guided, loss = guided_lessons.guided_loss, "training.train_transformer.guided_loss"
    monkeypatch.setattr(loss, lambda *given: ran.append("guided") or guided(*given))
    pipeline = pipeline_of()
    train(pipeline, RELEASED, ordinary, tmp_path / "whole", settings, CPU, small)
    assert 0 < len(ran) < 4
    wanted = pipeline.transformer.state_dict()

    monkeypatch.setattr(loop, "_CHECKPOINT_SECONDS", 0.0)
    save = loop.Training.save

    def stop_after_second(training: loop.Training) -> None:
        save(training)
        if len(training.losses) == 2:
            raise StoppedError

    monkeypatch.setattr(loop.Training, "save", stop_after_second)
    with pytest.raises(StoppedError):
        train(pipeline_of(), RELEASED, ordinary, tmp_path / "parts", settings, CPU, small)
    pipeline = pipeline_of()
    train(pipeline, RELEASED, ordinary, tmp_path / "parts", settings, CPU, small)
    found = pipeline.transformer.state_dict()
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)
