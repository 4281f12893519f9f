"""The weights that ship: what the folder holds, what it can still do, and that diffusers' own pipeline runs it."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKLHunyuanVideo, HunyuanVideoFramepackPipeline
from PIL import Image
from safetensors import safe_open

from engine.client.prompt_words import Understood, understand
from engine.inference.speed.convolution import convolve_by_onednn
from engine.media.measures import psnr, sharpness
from engine.models.catalog import find_model
from engine.models.folder import FACTS, open_folder
from engine.vocabulary import SUBJECT
from tests.engine.checkpoints import FIXTURES
from tests.move_names import CALLED
from training.evaluation.recognise import dominant, recognise
from training.evaluation.trials import HELD_OUT, Trial, draw_trials, shoot
from training.export import encode_pictures
from training.networks.flat_vae import looks_at_present_only
from training.picture_bank import drawn_pictures, to_signed
from training.scenes.clips import random_clip
from training.scenes.known_words import known_words
from training.scenes.moves import CAMERA_MOVES, Motion, Move, Speed
from training.train_text import read_rightly, sentences

WEIGHTS = Path(__file__).resolve().parents[2] / "engine" / "sketch" / "weights"
PICTURES = FIXTURES / "pictures"
SMALL = (128, 80)


@pytest.fixture(scope="module")
def model():
    return open_folder(WEIGHTS, name="sketch")


@pytest.fixture(scope="module")
def vae(model):
    vae = AutoencoderKLHunyuanVideo.from_pretrained(model.components["vae"], torch_dtype=torch.float32).eval()
    convolve_by_onednn(vae)  # as the engine does
    return vae


def decibels(vae, pictures):
    x = torch.from_numpy(to_signed(np.stack(pictures)))
    with torch.inference_mode():
        decoded = vae.decode(encode_pictures(vae, x).unsqueeze(2)).sample.squeeze(2)
    bytes_ = ((decoded.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    return float(np.mean([psnr(*pair) for pair in zip(bytes_, pictures, strict=True)]))


def test_without_another_model_it_is_sketch(monkeypatch, tmp_path):
    monkeypatch.setenv("SHOTPACK_HOME", str(tmp_path))
    assert find_model(None).path == WEIGHTS


def test_the_weights_are_small_bfloat16_safetensors_and_nothing_else(model):
    files = [path for _, path in model.files()]
    weights = [path for path in files if path.suffix == ".safetensors"]
    assert sum(path.stat().st_size for path in WEIGHTS.rglob("*") if path.is_file()) < 40e6
    assert not list(WEIGHTS.rglob("*.bin")) + list(WEIGHTS.rglob("*.pt"))
    for path in weights:
        with safe_open(path, "pt") as file:
            assert {file.get_slice(name).get_dtype() for name in file.keys()} == {"BF16"}  # noqa: SIM118
    assert json.loads((WEIGHTS / FACTS).read_text())["title"] == "Sketch"
    assert "measured" in (WEIGHTS / "README.md").read_text()


def test_no_file_names_a_folder_of_the_machine_it_was_made_on():
    for path in WEIGHTS.rglob("*.json"):
        assert "_name_or_path" not in path.read_text(encoding="utf-8")


def test_the_encoder_looks_at_one_frame(vae):
    assert looks_at_present_only(vae)


def test_pictures_survive_the_vae(vae):
    ink = [np.asarray(Image.open(path).convert("RGB")) for path in sorted(PICTURES.glob("ink-*.png"))]
    assert decibels(vae, ink) > 24
    assert decibels(vae, list(islice(drawn_pictures(HELD_OUT, 0), 12))) > 27.5


def test_sentences_that_nobody_trained_on_are_read_rightly():
    """A shot can only obey what was read: "the camera moves left" once moved the object."""
    prompts, motions = sentences(np.random.default_rng(HELD_OUT), 512)
    pipeline = HunyuanVideoFramepackPipeline.from_pretrained(WEIGHTS, torch_dtype=torch.float32)
    assert read_rightly(pipeline, prompts, motions).mean() > 0.99


def test_what_artists_are_told_is_understood_is_what_the_encoder_reads():
    """Sentences that nobody trained on, short and with strange words; those that are not sure are none of it."""
    moves = {move.name: move for move in known_words().moves}
    names = {name: move for move, name in CALLED.items()}
    assert names.keys() == moves.keys()
    scenes = ("a boat on a harbour at night", "a girl runs through the rain", "old church", "the lamp flickers")
    prompts, motions = [], []
    for name, known in moves.items():
        for phrase in known.phrases:
            for scene, speed in zip(scenes, ("", "slow", "rapidly", ""), strict=True):
                prompt = f"{scene}, the kite {speed} {phrase}" if known.of == SUBJECT else f"{scene}. {speed} {phrase}"
                found = understand(" ".join(prompt.split()), known_words())
                assert found.sure
                prompts.append(prompt)
                said = {"slowly": Speed.SLOW, "quickly": Speed.FAST}.get("".join(found.speeds), Speed.NORMAL)
                motions.append(Motion(names[found.moves[0].name], said))
                assert found.moves[0].name == name
    quiet = ["the door closes", "water flows", "leaves in the wind", "a wide shot of the harbour", "la camra recule"]
    assert all(understand(prompt, known_words()) == Understood(length=len(prompt.split())) for prompt in quiet)
    pipeline = HunyuanVideoFramepackPipeline.from_pretrained(WEIGHTS, torch_dtype=torch.float32)
    assert read_rightly(pipeline, quiet, [Motion(Move.STATIC)] * len(quiet)).all()
    assert read_rightly(pipeline, prompts, motions).mean() > 0.97


@pytest.mark.parametrize("move", [Move.STATIC, Move.PAN_LEFT, Move.TILT_DOWN, Move.ZOOM_IN, Move.ZOOM_OUT])
def test_it_does_what_it_is_told(move, model, tmp_path):
    prompts = {Move.STATIC: "static shot", Move.PAN_LEFT: "the camera pans left", Move.TILT_DOWN: "tilt down"}
    prompt = prompts.get(move, f"the camera zooms {'in' if move is Move.ZOOM_IN else 'out'}")
    clip = random_clip(np.random.default_rng([HELD_OUT, 7]), SMALL, 1, Motion(move))
    frames = shoot(Trial("shot", clip, prompt, 1, 0, (("steps", 4),)), model, tmp_path, "cpu")
    assert len(frames) == 37
    assert psnr(frames[0], clip.first) > 24
    assert dominant(recognise(clip, {number: frames[number] for number in (16, 32)}).move) is move


def test_guidance_draws_what_moves_crisper(model, tmp_path):
    """It is distilled into the weights: the same time, and another picture."""
    clip = random_clip(np.random.default_rng([HELD_OUT, 7]), SMALL, 1, Motion(Move.PAN_LEFT))
    crisp = []
    for guidance in (1.0, 20.0):
        trial = Trial(f"at-{guidance:g}", clip, "the camera pans left", 1, 0, (("steps", 4), ("guidance", guidance)))
        frames = shoot(trial, model, tmp_path, "cpu")
        assert dominant(recognise(clip, {number: frames[number] for number in (16, 32)}).move) is Move.PAN_LEFT
        crisp.append(np.mean([sharpness(frames[number]) for number in (16, 24, 32)]))
    assert crisp[1] > 1.2 * crisp[0]


def test_trials_cover_all_moves_and_stay_the_same():
    one, other = (list(draw_trials("camera", CAMERA_MOVES, 13, 1)) for _ in range(2))
    assert {trial.clip.motion.move for trial in one} == set(CAMERA_MOVES)
    assert [trial.prompt for trial in one] == [trial.prompt for trial in other]
    assert all((a.clip.first == b.clip.first).all() for a, b in zip(one[:3], other[:3], strict=True))


def test_diffusers_own_pipeline_animates_with_it():
    clip = random_clip(np.random.default_rng([HELD_OUT, 8]), SMALL, 1, Motion(Move.PAN_RIGHT))
    pipeline = HunyuanVideoFramepackPipeline.from_pretrained(WEIGHTS, torch_dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    made = pipeline(
        image=Image.fromarray(clip.first),
        prompt="the camera pans right",
        num_frames=33,
        width=SMALL[0],
        height=SMALL[1],
        num_inference_steps=4,
        guidance_scale=10.0,
        generator=torch.Generator().manual_seed(0),
        output_type="np",
    ).frames[0]
    frames = {number: (made[number] * 255).round().astype(np.uint8) for number in (0, 16, 32)}
    assert psnr(frames[0], clip.first) > 22
    assert recognise(clip, frames).move is Move.PAN_RIGHT
