"""The true-size transformer with random bf16 weights: one section's steps, its memory, and where the time goes."""

from __future__ import annotations

import time
from pathlib import Path

import torch
from diffusers import HunyuanVideoFramepackTransformer3DModel

from engine.framepack.history import History
from engine.framepack.packing import parse
from engine.framepack.plan import Grid, plan_shot
from engine.models.hunyuan import HunyuanFramePack
from engine.models.hunyuan_spec import RELEASED
from engine.models.spec import Denoising, Order, Seam, TextCondition
from tests.bench.table import Row

HEIGHT, WIDTH = 512, 768
TEXT_TOKENS, VISION_TOKENS = 256, 729


class RandomFramePack(HunyuanFramePack):
    """The released family around a random transformer; `layers` (dual, single) is (20, 40) for the true size."""

    def __init__(self, device: torch.device, layers: tuple[int, int]) -> None:
        super().__init__({}, RELEASED, device)
        torch.set_default_dtype(torch.bfloat16)
        try:
            with device:
                self._random = HunyuanVideoFramepackTransformer3DModel(
                    num_layers=layers[0], num_single_layers=layers[1], has_image_proj=True, has_clean_x_embedder=True
                )
        finally:
            torch.set_default_dtype(torch.float32)
        self._random.eval().requires_grad_(False)
        self._transformer_dtype = torch.bfloat16

    def _transformer(self) -> HunyuanVideoFramepackTransformer3DModel:
        return self._random


def denoising(height: int, width: int) -> Denoising:
    """The packed context of a 5 s shot's second section, filled with noise."""
    grid = Grid(RELEASED.window, RELEASED.temporal_compression, Seam.BLEND)
    plan = plan_shot(145, grid=grid, schedule=parse(RELEASED.schedules[Order.INVERTED]))
    board = torch.randn(RELEASED.latent_shape(1, height, width))
    history = History(plan, {0: board})
    history.add(plan.made[0], torch.randn(RELEASED.latent_shape(RELEASED.window, height, width)))
    text = {
        "embeds": torch.randn(1, TEXT_TOKENS, 4096),
        "mask": torch.ones(1, TEXT_TOKENS),
        "pooled": torch.randn(1, 768),
    }
    vision = torch.randn(1, VISION_TOKENS, 1152)
    return Denoising(history.context(plan.made[1]), TextCondition(text), None, vision, 10.0, 1.0)


@torch.inference_mode()
def true_size(folder: Path, quick: bool) -> list[Row]:
    """Seconds a step and peak memory at 512x768; on the CPU, and when quick, a cut-down net that only shows it runs."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    whole = device.type == "cuda" and not quick
    layers, height, width = ((20, 40), HEIGHT, WIDTH) if whole else ((1, 1), 64, 96)
    family = RandomFramePack(device, layers)
    velocity = family.begin(denoising(height, width), 25)
    x = torch.randn(RELEASED.latent_shape(RELEASED.window, height, width), device=device)
    velocity(x, 1.0)
    synchronize = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    synchronize()
    steps = 5
    began = time.monotonic()
    for _ in range(steps):
        velocity(x, 0.9)
    synchronize()
    seconds = (time.monotonic() - began) / steps
    name = f"{layers[0]}+{layers[1]} blocks, {width}x{height}, bf16, {device.type}"
    rows = [Row(f"seconds a step, {name}", f"{seconds:.3f}")]
    if device.type == "cuda":
        rows.append(Row(f"peak memory, {name}", f"{torch.cuda.max_memory_allocated() / 2**30:.1f} GiB"))
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
            velocity(x, 0.9)
            synchronize()
        events = sorted(profile.key_averages(), key=lambda event: -event.self_device_time_total)
        total = sum(event.self_device_time_total for event in events)
        rows += [
            Row(f"share of {event.key[:60]}", f"{event.self_device_time_total / total:.0%}") for event in events[:6]
        ]
    return rows
