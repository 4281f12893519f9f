"""Sketch's training on tiny networks: twin, linear start, runs that stop and go on, LoRA."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import HunyuanVideoFramepackPipeline
from safetensors.torch import load_file

from engine.framepack.sigmas import FlowShift
from engine.inference.hunyuan.spec import RELEASED
from engine.inference.registry import spec_of
from engine.models.folder import open_folder
from tests.engine.checkpoints import TINY
from training import export, loop, picture_bank, train_vae
from training import train_transformer as training
from training import velocity as velocities
from training.export import encode_pictures, fit_preview, fold_scale, write_model
from training.latent_bank import ClipLatents
from training.lessons import draw_lesson
from training.networks.architecture import FAR_SHIFT, SHIFT, new_pipeline, new_transformer, new_vae
from training.networks.flat_vae import flatten, inflate, looks_at_present_only
from training.networks.linear_vae import start_linear
from training.networks.local_heads import start_local
from training.networks.motion_heads import start_motion
from training.picture_bank import ClipBank, PictureBank, drawn_pictures, to_signed
from training.scenes.moves import COMPONENTS, Motion, Move
from training.train_text import RATE_UNIT
from training.train_transformer import Settings, train
from training.velocity import with_own_history

CPU = torch.device("cpu")
CHANNELS = (8, 16, 16, 32)
DRAWN_SIZE = picture_bank.PICTURE_SIZE


@pytest.fixture(scope="module", autouse=True)
def _few_small_pictures() -> Iterator[None]:
    """What scale, preview and the VAE's start are fitted to: as many blocks of pixels as make a fit, no more."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(picture_bank, "PICTURE_SIZE", (128, 72))
        patch.setattr(export, "_FIT_PICTURES", 32)
        yield


def pictures(count: int) -> torch.Tensor:
    return torch.from_numpy(to_signed(np.stack(list(islice(drawn_pictures(77, 0), count)))))


@pytest.fixture(scope="module")
def linear():
    """A VAE that starts as a linear code, inflated, and its twin."""
    torch.manual_seed(0)
    twin, vae = new_vae(), new_vae()
    flatten(twin)
    start_linear(twin, pictures(16).unsqueeze(2))
    inflate(twin.state_dict(), vae)
    return twin.eval(), vae.eval()


@torch.inference_mode()
def test_the_twin_is_the_vae_on_single_frames():
    torch.manual_seed(1)
    twin, vae = new_vae(CHANNELS), new_vae(CHANNELS)
    flatten(twin)
    inflate(twin.state_dict(), vae)
    x = torch.randn(2, 3, 1, 32, 48)
    wanted = vae.encode(x).latent_dist.mode()
    found = twin.quant_conv(twin.encoder(x))[:, :16]
    assert (found - wanted).abs().max() < 1e-5
    assert (twin.decoder(twin.post_quant_conv(wanted)) - vae.decode(wanted).sample).abs().max() < 1e-5
    assert looks_at_present_only(vae)
    assert not looks_at_present_only(new_vae(CHANNELS))


@torch.inference_mode()
def test_training_starts_as_a_linear_code(linear):
    _, vae = linear
    x = pictures(8)
    decoded = vae.decode(encode_pictures(vae, x).unsqueeze(2)).sample.squeeze(2)
    blocks = torch.nn.functional.avg_pool2d(x, 8).repeat_interleave(8, 2).repeat_interleave(8, 3)
    assert ((decoded - x) ** 2).mean() < 1.15 * ((blocks - x) ** 2).mean()


@torch.inference_mode()
def test_folding_the_scale_changes_no_picture(linear):
    _, vae = linear
    x = pictures(4)
    before = vae.decode(encode_pictures(vae, x).unsqueeze(2)).sample
    fold_scale(vae)
    latents = encode_pictures(vae, pictures(40))
    assert abs(float(latents.mean())) < 0.2
    assert abs(float(latents.std()) - 1) < 0.2
    assert (vae.decode(encode_pictures(vae, x).unsqueeze(2)).sample - before).abs().max() < 1e-3


@torch.inference_mode()
def test_the_preview_matrix_paints_what_a_latent_shows(linear):
    _, vae = linear
    fitted = fit_preview(vae)
    x = pictures(4)
    painted = torch.einsum("nchw,ck->nkhw", encode_pictures(vae, x), torch.tensor(fitted["matrix"]))
    painted += torch.tensor(fitted["bias"])[:, None, None]
    assert (painted - torch.nn.functional.avg_pool2d(x, 8)).abs().mean() < 0.06


@torch.no_grad()
@pytest.mark.parametrize(("rate", "axis", "sign"), [(0, 4, 1), (1, 3, 1)])
def test_a_fresh_transformer_looks_where_the_content_comes_from(rate, axis, sign):
    """A start frame of soft noise that moves by a token to the right, or down, by the middle of the section."""
    torch.manual_seed(9)
    transformer = new_transformer()
    start_local(transformer)
    start_motion(transformer, RATE_UNIT)
    soft = torch.nn.functional.interpolate(torch.randn(1, 16, 5, 8), (18, 32), mode="bicubic")[:, :, None]
    truth, noise = torch.roll(soft, 2 * sign, axis), torch.randn(1, 16, 1, 18, 32)
    empty = torch.zeros(1, 16, 16, 18, 32)
    errors = []
    for amount in (1.0, 0.0, -1.0):
        pooled = torch.zeros(1, 64)
        pooled[0, rate] = amount * RATE_UNIT
        velocity = transformer(
            hidden_states=noise,
            timestep=torch.tensor([1000.0]),
            encoder_hidden_states=torch.randn(1, 16, 64, generator=torch.Generator().manual_seed(3)),
            encoder_attention_mask=torch.ones(1, 16),
            pooled_projections=pooled,
            image_embeds=torch.randn(1, 9, 48, generator=torch.Generator().manual_seed(4)),
            indices_latents=torch.tensor([6]),
            guidance=torch.tensor([10_000.0]),
            latents_clean=torch.cat([soft, empty[:, :, :1]], 2),
            indices_latents_clean=torch.tensor([0, 10]),
            latents_history_2x=empty[:, :, :2],
            indices_latents_history_2x=torch.tensor([11, 12]),
            latents_history_4x=empty,
            indices_latents_history_4x=torch.arange(13, 29),
        ).sample
        errors.append(float(((noise - velocity) - truth).square().mean()))
    asked, still, opposite = errors
    assert asked < 0.98 * still
    assert still < 0.98 * opposite


@torch.no_grad()
def test_the_motion_s_rates_reach_the_blocks_as_they_are():
    torch.manual_seed(8)
    transformer = new_transformer(single=1)
    start_local(transformer)
    pooled = torch.randn(4, 64)
    told, _ = transformer.time_text_embed(torch.tensor([1000.0, 500.0, 3.0, 0.0]), pooled, torch.full((4,), 10_000.0))
    assert torch.allclose(told[:, : 2 * COMPONENTS : 2], pooled[:, :COMPONENTS], atol=1e-5)
    assert torch.allclose(told[:, 1 : 2 * COMPONENTS : 2], -pooled[:, :COMPONENTS], atol=1e-5)


@torch.no_grad()
def test_a_fresh_transformer_passes_noise_through_and_knows_time_and_place():
    torch.manual_seed(2)
    transformer = new_transformer()
    start_local(transformer)
    told: dict[str, torch.Tensor] = {}
    transformer.transformer_blocks[0].register_forward_hook(
        lambda _, inputs, outputs: told.update(code=outputs[0] - inputs[0])
    )
    noise = torch.randn(1, 16, 9, 18, 32)
    velocity = transformer(
        hidden_states=noise,
        timestep=torch.tensor([1000.0]),
        encoder_hidden_states=torch.randn(1, 16, 64),
        encoder_attention_mask=torch.ones(1, 16),
        pooled_projections=torch.randn(1, 64),
        image_embeds=torch.randn(1, 9, 48),
        indices_latents=torch.arange(1, 37, 4),
        guidance=torch.tensor([10_000.0]),
        latents_clean=torch.randn(1, 16, 2, 18, 32),
        indices_latents_clean=torch.tensor([0, 37]),
        latents_history_2x=torch.zeros(1, 16, 2, 18, 32),
        indices_latents_history_2x=torch.tensor([38, 39]),
        latents_history_4x=torch.zeros(1, 16, 16, 18, 32),
        indices_latents_history_4x=torch.arange(40, 56),
        return_dict=False,
    )[0]
    assert torch.corrcoef(torch.stack([velocity.flatten(), noise.flatten()]))[0, 1] > 0.4
    codes = told["code"][0, -9 * 9 * 16 :].view(9, 9, 16, -1)[..., -6:-3]
    time, row, column = codes[..., 0].mean((1, 2)), codes[..., 1].mean((0, 2)), codes[..., 2].mean((0, 1))
    for code in (time, row, column):
        assert code[0] - code[len(code) // 2] > 0.15
        assert code[len(code) // 4] > code[len(code) // 2] > code[-1] - 0.05


def small_run() -> tuple[HunyuanVideoFramepackPipeline, list[ClipLatents]]:
    torch.manual_seed(3)
    transformer = new_transformer(single=1)
    start_local(transformer)
    rng = np.random.default_rng(8)
    clips = [
        ClipLatents(
            torch.from_numpy(rng.normal(0, 1, (20, 16, 8, 12)).astype(np.float16)),
            torch.from_numpy(rng.integers(0, 255, (20, 48, 48, 3), dtype=np.uint8)),
            Motion(move),
            "ball",
            "room",
            free=True,
        )
        for move in (Move.PAN_LEFT, Move.OBJECT_BOUNCES, Move.ZOOM_IN)
    ]
    return new_pipeline(new_vae(CHANNELS), transformer), clips


SETTINGS = Settings(steps=6, batch=2, longest=2, crop=8)


class StoppedError(Exception):
    pass


def test_a_run_that_was_stopped_ends_as_one_that_was_not(tmp_path, monkeypatch):
    pipeline, clips = small_run()
    train(pipeline, RELEASED, clips, tmp_path / "whole", SETTINGS, CPU)
    wanted = pipeline.transformer.state_dict()

    monkeypatch.setattr(loop, "_CHECKPOINT_SECONDS", 0.0)
    saves, save = [], loop.Training.save

    def stop_after_third(training: loop.Training) -> None:
        save(training)
        saves.append(len(training.losses))
        if len(training.losses) == 3:
            raise StoppedError

    monkeypatch.setattr(loop.Training, "save", stop_after_third)
    pipeline, clips = small_run()
    with pytest.raises(StoppedError):
        train(pipeline, RELEASED, clips, tmp_path / "parts", SETTINGS, CPU)
    pipeline, clips = small_run()
    train(pipeline, RELEASED, clips, tmp_path / "parts", SETTINGS, CPU)
    found = pipeline.transformer.state_dict()
    assert saves[:4] == [1, 2, 3, 4]
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)
    assert (tmp_path / "parts" / loop.CURVE).stat().st_size > 1000
    assert load_file(tmp_path / "parts" / loop.CHECKPOINT)["losses"].shape == (6,)


def test_training_learns(tmp_path):
    pipeline, clips = small_run()
    settings = replace(SETTINGS, steps=40, longest=1)
    train(pipeline, RELEASED, clips, tmp_path, settings, CPU)
    losses = load_file(tmp_path / loop.CHECKPOINT)["losses"]
    assert losses[-15:].mean() < 0.8 * losses[:10].mean()


def test_the_folder_that_training_writes_is_whole_and_holds_nothing_of_the_run(tmp_path):
    pipeline, _ = small_run()
    first = tmp_path / "first"
    write_model(pipeline, first)
    spec = spec_of(open_folder(first))
    assert (spec.shift, spec.far_shift) == (FlowShift.fixed(SHIFT), FlowShift.fixed(FAR_SHIFT))

    again = HunyuanVideoFramepackPipeline.from_pretrained(first)
    assert again.scheduler.config["shift"] == SHIFT
    again.encode_prompt(["the camera pans left"], max_sequence_length=12)
    write_model(again, tmp_path / "second")
    for path in first.rglob("token*.json"):
        assert (tmp_path / "second" / path.relative_to(first)).read_text() == path.read_text()


@pytest.mark.parametrize(("shift", "lowest", "highest"), [(1.0, 300, 700), (50.0, 850, 1000)])
def test_noise_levels_are_those_that_the_model_is_sampled_at(shift, lowest, highest, tmp_path):
    pipeline, clips = small_run()
    levels: list[torch.Tensor] = []

    def note(_: object, __: object, inputs: dict[str, torch.Tensor]) -> None:
        levels.append(inputs["timestep"])

    pipeline.transformer.register_forward_pre_hook(note, with_kwargs=True)
    spec = replace(RELEASED, shift=FlowShift.fixed(shift))
    train(pipeline, spec, clips, tmp_path, replace(SETTINGS, batch=8, longest=1, pure_noise=0.0), CPU)
    assert lowest < torch.cat(levels).mean() < highest


@pytest.mark.parametrize("section", [0, 1])
def test_sections_far_from_boards_are_practised_at_their_own_noise_levels(
    section: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One shift leaves next to nothing but noise, the other next to none."""
    pipeline, clips = small_run()
    rng = np.random.default_rng(4)
    lessons = (draw_lesson(rng, RELEASED, longest=2, frames=3) for _ in range(1000))
    of_two = (each for each in lessons if each.plan.sections == 2 and each.plan.boards == (0,))
    lesson = next(each for each in of_two if each.planned.section == section)
    monkeypatch.setattr(training, "draw_lesson", lambda *_, **__: lesson)
    levels: list[float] = []

    def note(_: object, __: object, inputs: dict[str, torch.Tensor]) -> None:
        levels.append(float(inputs["timestep"].mean()))

    pipeline.transformer.register_forward_pre_hook(note, with_kwargs=True)
    spec = replace(RELEASED, shift=FlowShift.fixed(200.0), far_shift=FlowShift.fixed(0.02))
    settings = replace(SETTINGS, steps=2, batch=4, pure_noise=0.0, own_history=0.0)
    train(pipeline, spec, clips, tmp_path, settings, CPU)
    assert [level > 500 for level in levels] == [section == 0] * 2


def test_history_is_what_the_model_makes_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sections made before the lesson's are replaced one after the other, each seeing those before it as replaced."""
    rng = np.random.default_rng(4)
    lessons = (draw_lesson(rng, RELEASED, longest=4, frames=3) for _ in range(10_000))
    lesson = next(each for each in lessons if each.planned.number == 2 and each.plan.order == "forward")
    shots = torch.arange(1.0, lesson.latents + 1)[None, None, :, None, None].expand(2, 16, -1, 4, 4)
    contexts: list[set[float]] = []

    def says(*told: Any) -> torch.Tensor:
        """Finds -10 where it looks first, then -20."""
        noised, sigma, context = told[3], told[4], told[6]
        assert sigma.tolist() == [1.0, 1.0]
        contexts.append({float(value) for block in context.blocks for value in block.latents.unique()} - {0.0})
        return noised + 10 * len(contexts)

    monkeypatch.setattr(velocities, "velocity", says)
    found = with_own_history(None, RELEASED, None, shots, lesson, torch.ones(2))[0, 0, :, 0, 0]
    first, second = (lesson.plan.own_latents(made) for made in lesson.plan.made[:2])
    assert found[0] == 1
    assert found[first.start : first.stop].allclose(torch.tensor(-10.0), atol=1e-4)
    assert found[second.start : second.stop].allclose(torch.tensor(-20.0), atol=1e-4)
    assert torch.equal(found[second.stop :], shots[0, 0, second.stop :, 0, 0])
    assert contexts[0] == {1.0}
    assert {round(value) for value in contexts[1]} == {1, -10}


def test_words_and_boards_are_read_once_a_step_however_long_the_history(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An 8B text encoder must not read the same words again for every section."""
    pipeline, clips = small_run()
    rng = np.random.default_rng(4)
    lessons = (draw_lesson(rng, RELEASED, longest=2, frames=3) for _ in range(1000))
    lesson = next(each for each in lessons if each.planned.number == 1)
    monkeypatch.setattr(training, "draw_lesson", lambda *_, **__: lesson)
    read: list[str] = []
    for name in ("text_encoder", "text_encoder_2", "image_encoder", "transformer"):
        getattr(pipeline, name).register_forward_pre_hook(lambda *_, name=name: read.append(name))
    train(pipeline, RELEASED, clips, tmp_path, replace(SETTINGS, steps=3, own_history=1.0, guided=0.0), CPU)
    assert Counter(read) == {"text_encoder": 3, "text_encoder_2": 3, "image_encoder": 3, "transformer": 6}


def test_a_lora_trains_on_any_framepack_folder_and_leaves_its_weights_alone(tmp_path):
    pipeline = HunyuanVideoFramepackPipeline.from_pretrained(TINY)
    before = {name: each.clone() for name, each in pipeline.transformer.state_dict().items()}
    _, clips = small_run()
    clips = [replace(clip, small=torch.zeros(20, 64, 64, 3, dtype=torch.uint8), free=False) for clip in clips]
    train(pipeline, RELEASED, clips, tmp_path, replace(SETTINGS, steps=3, rank=2), CPU)
    after = pipeline.transformer.state_dict()
    assert any("lora_B" in name and bool(each.any()) for name, each in after.items())
    for name, each in after.items():
        if "lora" not in name:
            assert torch.equal(each, before[name.replace(".base_layer", "")])


def test_the_vae_trains_in_two_stages(tmp_path, monkeypatch):
    monkeypatch.setattr(picture_bank, "PICTURE_SIZE", DRAWN_SIZE)  # the processes that draw know no other
    torch.manual_seed(4)
    twin, vae = new_vae(CHANNELS), new_vae(CHANNELS)
    bank = PictureBank.drawn(1, 12, 1)
    train_vae.picture_stage(twin, tmp_path / "pictures", steps=6, bank=bank, device=CPU)
    inflate(twin.state_dict(), vae)
    encoder = {name: each.clone() for name, each in vae.encoder.state_dict().items()}
    clips = ClipBank.drawn(2, 2, 13, 1)
    train_vae.time_stage(vae, tmp_path / "time", steps=2, bank=clips, device=CPU)
    assert all(torch.equal(each, encoder[name]) for name, each in vae.encoder.state_dict().items())
    assert bool(vae.decoder.conv_in.conv.weight[:, :, :-1].any())
    assert looks_at_present_only(vae)
