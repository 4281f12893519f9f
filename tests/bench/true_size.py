"""The true-size model with random weights on a GPU: memory under a cap for short and long shots, seconds, and floors.

Only the reading of weight files is replaced, by random numbers; the policy's placement for the cap, group offloading,
packed contexts of the first, a middle and the last section and the decode are the engine's own. Without a GPU a small
net shows that it runs.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, HunyuanVideoFramepackPipeline
from PIL import Image
from transformers import SiglipImageProcessor, SiglipVisionConfig, SiglipVisionModel

from engine.framepack.history import History
from engine.framepack.packing import Order, parse
from engine.framepack.plan import PlannedSection, plan_shot
from engine.generation.open_family import extent_of
from engine.inference.family import Denoising, TextCondition
from engine.inference.hunyuan.family import HunyuanFramePack
from engine.inference.hunyuan.spec import RELEASED
from engine.inference.memory.placement import GIB, Extent, Placed, Room, place
from engine.inference.speed.kernels import choose_kernels
from engine.models.spec import Speed
from tests.bench.table import Row
from tests.engine.released import released_folders

TEXT_TOKENS, VISION_TOKENS = 256, 729
CAPS = (6, 12, 24)
"""GB of the card that the process may take."""
SECONDS = (5, 60)
TRUE_LAYERS = (20, 40)
_CUT_DOWN: dict[str, dict[str, object]] = {
    "transformer": {"num_attention_heads": 2},
    "vae": {"block_out_channels": [32, 32, 32, 32], "layers_per_block": 1},
}
STEPS = 4
"""Denoising steps that are timed in each section; a shot takes 25."""


@dataclass(frozen=True)
class Size:
    """The net (dual, single blocks) and the picture that are run."""

    layers: tuple[int, int]
    height: int
    width: int


@torch.inference_mode()
def true_size(folder: Path, quick: bool) -> list[Row]:
    """Peak memory and seconds under each cap, diffusers' pipeline beside it, and where the time of a step goes."""
    on_gpu = torch.cuda.is_available()
    device = torch.device("cuda" if on_gpu else "cpu")
    size = Size(TRUE_LAYERS, 512, 768) if on_gpu and not quick else Size((1, 1), 64, 96)
    folders = released_folders(folder / "released")
    rows = []
    with random_weights(size.layers):
        for cap in CAPS if on_gpu else CAPS[:1]:
            rows += _under_cap(folders, size, device, cap, Speed.EXACT)
        rows += _under_cap(folders, size, device, CAPS[-1], Speed.FAST)
        if on_gpu:
            torch.cuda.set_per_process_memory_fraction(1.0)
        rows += _beside_diffusers(folders, size, device)
    return rows


@contextmanager
def random_weights(layers: tuple[int, int], cut: Mapping[str, Mapping[str, object]] | None = None) -> Iterator[None]:
    """Networks come into being with random numbers instead of being read from files.

    FramePack's transformer has `layers`; `cut` changes configurations of other networks by their folder's name.
    """

    def make(kind: Any, path: Path, dtype: torch.dtype, device: torch.device, prepare: Any = None) -> Any:
        config = kind.load_config(str(path))
        if cut is None and path.name == "transformer":
            config |= {"num_layers": layers[0], "num_single_layers": layers[1]}
        if layers != TRUE_LAYERS:
            config |= (_CUT_DOWN if cut is None else cut)[path.name]
        with torch.device("meta"):
            network = kind.from_config(config).to(dtype)
        network.to_empty(device="cpu")
        for parameter in network.parameters():
            parameter.normal_(std=0.02)
        network.eval().requires_grad_(False)
        if prepare is not None:
            prepare(network)
        return network.to(device)

    with patch("engine.inference.networks.load_network", make):
        yield


def _under_cap(folders: dict[str, Path], size: Size, device: torch.device, cap: int, speed: Speed) -> list[Row]:
    """The policy's choice for a card of `cap` GB, and what sections of a short and a long shot then take.

    At `FAST` with its weights and kernels, but without its step cache: random weights do not say what may be skipped.
    """
    plans = {seconds: sections(seconds) for seconds in SECONDS}
    extent = _extent(size, [planned for made in plans.values() for planned in made])
    room = Room(device.type, cap * GIB, 96 * GIB)
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.set_per_process_memory_fraction(
            min(1.0, cap * GIB / torch.cuda.get_device_properties(0).total_memory)
        )
    demand = HunyuanFramePack.demand(folders, RELEASED, extent, device)
    placed = place(demand, room, int8_weights=speed is Speed.FAST)
    work = HunyuanFramePack.attention(folders, RELEASED, extent, device)
    kernels = choose_kernels(work, speed, placed.placement)
    family = HunyuanFramePack(folders, RELEASED, device, placement=placed.placement, kernels=kernels)
    rows, peaks = [], {}
    for seconds, made in plans.items():
        _reset(device)
        steps, decodes = zip(*(section_seconds(family, size, planned) for planned in made), strict=True)
        peaks[seconds] = _peak(device)
        a_frame = (25 * sum(steps) / len(steps) + sum(decodes) / len(decodes)) / 36
        value = f"{peaks[seconds] / GIB:.2f} GiB, {sum(steps) / len(steps):.2f} s a step, {a_frame:.2f} s a frame"
        name = f"{cap} GB, {speed}, {seconds} s shot, first, middle and last section, {_named(size, device)}"
        rows.append(Row(f"{name}: peak, time", value, "", f"under {cap} GB"))
    short, long = (peaks[seconds] for seconds in SECONDS)
    rows.append(
        Row(
            f"{cap} GB, {speed}: {described(placed)}, {kernels.attention} attention; long over short",
            f"{long / max(short, 1) - 1:+.1%}",
            "",
            "within 2 %",
        )
    )
    return rows


def described(placed: Placed) -> str:
    """What the policy chose, and the peak it predicts."""
    return f"predicted {placed.peak / GIB:.2f} GiB ({placed.placement.words or 'everything stays on the device'})"


def _named(size: Size, device: torch.device) -> str:
    return f"{size.layers[0]}+{size.layers[1]} blocks, {size.width}x{size.height}, {device.type}"


def sections(seconds: int) -> list[PlannedSection]:
    """The first, a middle and the last section that an inverted shot makes."""
    grid = RELEASED.grid()
    made = plan_shot(30 * seconds, grid=grid, schedule=parse(RELEASED.schedules[Order.INVERTED])).made
    return [made[0], made[len(made) // 2], made[-1]]


def _extent(size: Size, made: list[PlannedSection]) -> Extent:
    return extent_of(made, RELEASED, RELEASED.window, (size.width, size.height))


def section_seconds(family: HunyuanFramePack, size: Size, planned: PlannedSection) -> tuple[float, float]:
    """Seconds of a step and of the decode of one section; its history is noise."""
    noise = torch.randn(RELEASED.latent_shape(len(planned.decode.latents), size.height, size.width))
    velocity = family.begin(_denoising(size, planned))
    x = torch.randn(RELEASED.latent_shape(RELEASED.window, size.height, size.width), device=family.device)
    velocity(x, 1.0)  # the first call brings the weights
    step = timed(family.device, lambda: [velocity(x, 0.9) for _ in range(STEPS)]) / STEPS
    return step, timed(family.device, lambda: family.decode(noise))


def _denoising(size: Size, planned: PlannedSection) -> Denoising:
    class _Noise(History):
        def _latent(self, number: int) -> torch.Tensor:
            return torch.randn(RELEASED.latent_shape(1, size.height, size.width))

    grid = RELEASED.grid()
    plan = plan_shot(145, grid=grid, schedule=parse(RELEASED.schedules[Order.INVERTED]))
    blank = torch.zeros(RELEASED.latent_shape(1, size.height, size.width))
    context = _Noise(plan, {0: torch.randn_like(blank)}, blank).context(planned)
    return Denoising(context, TextCondition(_text()), None, torch.randn(1, VISION_TOKENS, 1152), 10.0, 1.0, steps=25)


def _text() -> dict[str, torch.Tensor]:
    mask = torch.ones(1, TEXT_TOKENS)
    return {"embeds": torch.randn(1, TEXT_TOKENS, 4096), "mask": mask, "pooled": torch.randn(1, 768)}


def _beside_diffusers(folders: dict[str, Path], size: Size, device: torch.device) -> list[Row]:
    """The same section with all the card: the engine's steps, diffusers' own pipeline's, the floors and the profile."""
    family = HunyuanFramePack(folders, RELEASED, device)
    planned = sections(SECONDS[0])[1]
    ours, _ = section_seconds(family, size, planned)
    transformer = family._transformer()
    text = {name: each.to(device, family._transformer_dtype) for name, each in _text().items()}
    # One layer of the image encoder has its output's shape; what runs once a shot cancels out below.
    seeing = SiglipVisionConfig(hidden_size=1152, intermediate_size=64, num_hidden_layers=1, num_attention_heads=16)
    seeing.image_size, seeing.patch_size = 384, 14
    pipeline = HunyuanVideoFramepackPipeline(
        text_encoder=None,
        tokenizer=None,
        transformer=transformer,
        vae=family._vae(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=7.0),
        text_encoder_2=None,
        tokenizer_2=None,
        image_encoder=SiglipVisionModel(seeing).to(device, family._other_dtype),
        feature_extractor=SiglipImageProcessor(size={"height": 384, "width": 384}),
    )
    pipeline.set_progress_bar_config(disable=True)

    def theirs(steps: int) -> None:
        pipeline(
            image=Image.new("RGB", (size.width, size.height)),
            prompt_embeds=text["embeds"],
            pooled_prompt_embeds=text["pooled"],
            prompt_attention_mask=text["mask"],
            num_frames=37,
            height=size.height,
            width=size.width,
            num_inference_steps=steps,
            output_type="latent",
        )

    theirs(1)
    more, less = (timed(device, lambda steps=steps: theirs(steps)) for steps in (STEPS + 1, 1))
    rows = [
        Row(f"seconds a step, whole card, {_named(size, device)}", f"{ours:.3f}", f"{(more - less) / STEPS:.3f}", ""),
        *_floors(family, size, planned),
    ]
    return rows + (_profile(family, size, planned) if device.type == "cuda" else [])


def _floors(family: HunyuanFramePack, size: Size, planned: PlannedSection) -> list[Row]:
    """What a step cannot go under: its weights' bytes, and its multiplications."""
    transformer: Any = family._transformer()
    config = transformer.config
    width = config["num_attention_heads"] * config["attention_head_dim"]
    tokens = _extent(size, [planned]).tokens + TEXT_TOKENS + VISION_TOKENS
    blocks = [*transformer.transformer_blocks, *transformer.single_transformer_blocks]
    weights = sum(parameter.numel() for block in blocks for parameter in block.parameters())
    # Dual blocks hold a second set of weights for the few words: counted once a token, as if all tokens were pictures.
    per_token = sum(
        parameter.numel() / (2 if block in list(transformer.transformer_blocks) else 1)
        for block in blocks
        for parameter in block.parameters()
    )
    flops = 2 * per_token * tokens + 4 * len(blocks) * tokens**2 * width
    return [
        Row("floor of a step: bytes of the blocks' weights, bf16", f"{2 * weights / GIB:.1f} GiB"),
        Row(f"floor of a step: operations at {tokens} tokens", f"{flops / 1e12:.1f} TFLOP"),
    ]


def _profile(family: HunyuanFramePack, size: Size, planned: PlannedSection) -> list[Row]:
    velocity = family.begin(_denoising(size, planned))
    x = torch.randn(RELEASED.latent_shape(RELEASED.window, size.height, size.width), device=family.device)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        velocity(x, 0.9)
        torch.cuda.synchronize()
    events = sorted(profile.key_averages(), key=lambda event: -event.self_device_time_total)
    total = sum(event.self_device_time_total for event in events)
    return [Row(f"share of {event.key[:60]}", f"{event.self_device_time_total / total:.0%}") for event in events[:6]]


def timed(device: torch.device, work: Any) -> float:
    """Seconds that `work()` takes on `device`."""
    began = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began


def _reset(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()


def _peak(device: torch.device) -> int:
    return torch.cuda.max_memory_allocated() if device.type == "cuda" else 0
