"""Sketch beside diffusers' own pipeline on its weights, and beside seams as the released model has them."""

from __future__ import annotations

import json
import shutil
import statistics
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKLHunyuanVideo, HunyuanVideoFramepackPipeline
from PIL import Image
from safetensors.torch import load_file

from engine.generation.job import prepare, run
from engine.inference.registry import Families, choose_device
from engine.media.boards import open_board
from engine.media.measures import psnr
from engine.models.catalog import find_model
from engine.models.folder import FACTS, ModelFolder, open_folder
from engine.protocol import Board, ShotRequest
from tests.bench.table import Row
from training.evaluation.trials import read_frames

_BOARD = Path(__file__).resolve().parent.parent / "fixtures" / "pictures" / "render-street.png"
_PROMPT = "The camera pans left."
_SIZE = (256, 144)


def sketch(folder: Path, quick: bool) -> list[Row]:
    """Seconds a section of a forward shot, loading left out: three ways in turn, everything warm.

    And how far its frames are from what diffusers' VAE decodes, in float32 and all at once, from the same latents.
    """
    model = find_model("sketch")
    sections = 2 if quick else 5
    ours, faded, theirs = Families(), Families(), _pipeline(model)
    blended = _blended(model, folder)
    ways: dict[str, Callable[[Path, int], None]] = {
        "ours": lambda out, count: _make(model, ours, out, count),
        "faded": lambda out, count: _make(blended, faded, out, count),
        "theirs": lambda _, count: _call(theirs, count),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for name, make in ways.items():
        make(folder / f"warm-{name}", 1)
    for repetition in range(1 if quick else 3):
        for name, make in ways.items():
            began = time.monotonic()
            make(folder / f"{name}{repetition}", sections)
            seconds[name].append((time.monotonic() - began) / sections)
    frames = 36 * sections + 1
    rows = []
    for name, what in (("ours", "as it ships"), ("faded", "faded seams, as it was")):
        ratios = [one / other for one, other in zip(seconds[name], seconds["theirs"], strict=True)]
        spread = f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        figures = (f"{statistics.median(seconds[each]):.1f}" for each in (name, "theirs"))
        wanted = "at most 0.45" if name == "ours" else ""
        rows.append(Row(f"Sketch, seconds a section, {frames} frames, forward, {what}: {spread}", *figures, wanted))
        near = _decibels(model, folder / f"{name}0")
        figure = "the same: dB to float32 decoding of the same latents by diffusers, whole, mean and worst frame"
        rows.append(Row(figure, f"{np.mean(near):.1f}, {min(near):.1f}", "", "45"))
        at_seams, inside = _jumps(folder / f"{name}0", sections)
        figure = "the same: change, of 255, into a latent's first frame: at seams; within sections, median and most"
        told = f"{min(at_seams):.1f} to {max(at_seams):.1f}; {statistics.median(inside):.1f}, {max(inside):.1f}"
        rows.append(Row(figure, told))
    return rows


def _jumps(shot: Path, sections: int) -> tuple[list[float], list[float]]:
    """Mean absolute change into each latent's first frame, where motion is largest: at seams, and everywhere else."""
    jumps = [float(np.abs(b.astype(float) - a).mean()) for a, b in pairwise(read_frames(shot))]
    seams = {36 * section for section in range(1, sections)}
    return [jumps[at] for at in sorted(seams)], [jumps[at] for at in range(4, 36 * sections, 4) if at not in seams]


def _blended(model: ModelFolder, folder: Path) -> ModelFolder:
    """The same weights with the released model's seams."""
    copy = folder / "blended"
    shutil.copytree(model.path, copy)
    facts = json.loads((copy / FACTS).read_bytes())
    for name in ("seam", "overlap", "head"):
        del facts[name]
    (copy / FACTS).write_text(json.dumps(facts))
    return open_folder(copy)


def _make(model: ModelFolder, families: Families, out: Path, sections: int) -> None:
    board = open_board(_BOARD)
    request = ShotRequest(
        str(model.path), _PROMPT, (Board(1, board.sha256),), frames=36 * sections + 1, order="forward", seed=3
    )
    pictures = {board.sha256: board}
    job = prepare(request, pictures, model, "auto", out)
    for _ in run(job, pictures, resume=False, save_latents=out / "latents.safetensors", families=families):
        pass


def _pipeline(model: ModelFolder) -> HunyuanVideoFramepackPipeline:
    device = choose_device("auto")
    # As ours: float32 on a processor, on a card what the weights were released in.
    kinds = {"transformer": torch.bfloat16, "default": torch.float16} if device.type != "cpu" else torch.float32
    pipeline = HunyuanVideoFramepackPipeline.from_pretrained(model.path, torch_dtype=kinds).to(device)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _call(pipeline: HunyuanVideoFramepackPipeline, sections: int) -> None:
    pipeline(
        image=Image.open(_BOARD).convert("RGB").resize(_SIZE),
        prompt=_PROMPT,
        num_frames=33 * sections,
        width=_SIZE[0],
        height=_SIZE[1],
        num_inference_steps=8,
        guidance_scale=10.0,
        generator=torch.Generator().manual_seed(3),
        sampling_type="vanilla",
        output_type="np",
    )


@torch.inference_mode()
def _decibels(model: ModelFolder, shot: Path) -> list[float]:
    vae = AutoencoderKLHunyuanVideo.from_pretrained(model.path / "vae", torch_dtype=torch.float32)
    vae.use_framewise_decoding = False  # its pieces would be faded into each other
    latents = load_file(shot / "latents.safetensors")["latents"]
    pixels = vae.decode(latents / vae.config.scaling_factor, return_dict=False)[0][0].permute(1, 2, 3, 0)
    decoded = ((pixels.clamp(-1, 1) + 1) * 127.5).round().byte().numpy()
    made = read_frames(shot)
    return [min(99.0, psnr(one, other)) for one, other in zip(made, decoded[: len(made)], strict=True)]
