"""What the placement policy predicts beside what a process then takes, and what each placement costs, on Sketch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from diffusers import AutoencoderKLHunyuanVideo
from diffusers.hooks import apply_layerwise_casting
from torch import nn

from engine.generation import open_family
from engine.inference.memory.placement import SMALL_TILE, TILE, Placed, Placement
from engine.inference.speed import quantize as eight_bits_module
from engine.models.catalog import find_model
from tests.bench.table import Row
from training.evaluation.trials import HELD_OUT, as_board, draw_trials, shoot
from training.picture_bank import to_signed
from training.scenes.clips import random_clip
from training.scenes.moves import Motion, Move

ROOT = Path(__file__).resolve().parent.parent.parent
SIZES = ("256x144", "512x288")
_SHORT = 0.25
"""Gigabytes: nothing fits, so the leanest placement is taken."""


def placements(folder: Path, quick: bool) -> list[Row]:
    """Peak memory of `generate`'s process, a section at each size, roomy and short: predicted over measured."""
    trial = next(draw_trials("memory", (Move.PAN_LEFT,), 1, 1))
    board = folder / "board.png"
    board.write_bytes(as_board(trial.clip.first, "board").data)
    rows = []
    for size in SIZES[: 1 if quick else 2]:
        for limit in (None, _SHORT):
            out = folder / f"memory-{size}-{limit}"
            command = [sys.executable, "-m", "engine", "generate", "--model", "sketch", "--image", str(board)]
            command += ["--prompt", trial.prompt, "--frames", "73", "--steps", "1", "--size", size, "--out", str(out)]
            command += ["--device", "cpu", *(["--memory", str(limit)] if limit else [])]
            cold = os.environ | {"SHOTPACK_HOME": f"{out}-home"}  # nothing is encoded yet
            subprocess.run(command, cwd=ROOT, env=cold, check=True, capture_output=True)
            memory = json.loads((out / "shot.json").read_text())["memory"]
            predicted, measured = memory["predicted_bytes"], memory["measured_bytes"]
            figure = f"Sketch at {size}, 2 sections, {memory['placement']}: predicted, measured"
            value = f"{predicted / 2**20:.0f} MiB, {measured / 2**20:.0f} MiB ({predicted / measured - 1:+.0%})"
            rows.append(Row(figure, value, "", "within 15 %"))
    return [*rows, *tiles(2 if quick else 6), *eight_bits(folder, 1 if quick else 4)]


def eight_bits(folder: Path, shots: int) -> list[Row]:
    """How near frames are whose transformer's weights waited in 8 bits: ours, and diffusers' layerwise casting."""

    def cast(blocks: Iterable[nn.Module]) -> None:
        for block in blocks:
            apply_layerwise_casting(block, torch.float8_e4m3fn, torch.float32, skip_modules_pattern=("norm",))

    def frames(name: str) -> np.ndarray:
        trials = draw_trials("eight", (Move.PAN_LEFT, Move.TILT_UP, Move.ROLL_CLOCKWISE, Move.ORBIT_LEFT), shots, 1)
        return np.stack([shoot(trial, find_model("sketch"), folder / name, "cpu") for trial in trials]) / 255

    plain, near = frames("plain"), {}
    with patch.object(open_family, "place_model", lambda *_, **__: Placed(Placement(int8_weights=True), 0, fits=True)):
        near["int8"] = frames("int8")
        with patch.object(eight_bits_module, "store_in_eight_bits", cast):
            near["float8"] = frames("float8")
    ours, theirs = (-10 * np.log10(((near[kind] - plain) ** 2).mean((1, 2, 3, 4))).mean() for kind in near)
    return [Row(f"Sketch, weights in 8 bits, to exact, {shots} shots", f"{ours:.1f} dB", f"{theirs:.1f} dB")]


@torch.inference_mode()
def tiles(scenes: int) -> list[Row]:
    """How near pictures decoded in tiles are to pictures decoded whole, Sketch's VAE at 512x288, nine frames each."""
    vae = AutoencoderKLHunyuanVideo.from_pretrained(find_model("sketch").components["vae"]).float().eval()
    near: dict[int, list[float]] = {TILE: [], SMALL_TILE: []}
    for scene in range(scenes):
        clip = random_clip(np.random.default_rng([HELD_OUT, scene]), (512, 288), 1, Motion(Move.PAN_LEFT))
        frames = torch.from_numpy(to_signed(np.stack([clip.frame(number) for number in range(9)])))
        vae.disable_tiling()
        latents = vae.encode(frames.transpose(0, 1).unsqueeze(0)).latent_dist.mode()
        whole = vae.decode(latents).sample
        for tile, decibels in near.items():
            stride = tile * 3 // 4
            vae.enable_tiling(tile, tile, tile_sample_stride_height=stride, tile_sample_stride_width=stride)
            error = ((vae.decode(latents).sample - whole) / 2).pow(2).mean()
            decibels.append(-10 * float(torch.log10(error)))
    return [
        Row(f"Sketch's VAE at 512x288, tiles of {tile} against whole, {scenes} scenes", f"{min(each):.1f} dB at worst")
        for tile, each in near.items()
    ]
