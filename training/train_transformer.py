"""Train a FramePack transformer in diffusers' layout by flow matching: Sketch from nothing, or any other by LoRA.

x at noise level sigma is (1 - sigma) x0 + sigma noise, and the network predicts noise - x0. Every step practises one
lesson (see `lessons`) on a few clips of one size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import HunyuanVideoFramepackPipeline
from peft import LoraConfig
from torch import nn
from torch.nn import functional

from engine.errors import Code, EngineError
from engine.framepack.packing import Schedule
from engine.framepack.sigmas import shift_mu
from engine.models.spec import ModelSpec

from .guide_bank import GuidedClip
from .guided_lessons import draw_guided, guided_loss
from .latent_bank import ClipLatents
from .lessons import Lesson, draw_guided_lesson, draw_lesson
from .loop import Course, Training
from .loss_weights import emphasis
from .noise import noise_levels, with_noisy_history
from .optimizers import optimizers_of
from .scenes.moves import Motion, Move
from .scenes.prompts import write_prompt
from .velocity import Batch, read, seen_by_encoder, velocity, what_words_change, with_own_history

_GUIDANCE = (1.0, 20.0)
_DISTILLED = 1 / 18
"""How far a unit of guidance goes as a classifier-free scale: 10, which FramePack is run at, is a scale of 1.5."""
_LORA_TARGETS = ("to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2", "proj_mlp", "proj_out")
NEW_KERNELS = ("clean_x_embedder", "image_projection")
"""The layers of a FramePack transformer that HunyuanVideo has none of."""


@dataclass(frozen=True)
class Settings:
    """A training run's choices."""

    steps: int
    seed: int = 5
    batch: int = 8
    frames: int = 3
    """Frames of the window denoised in a step; fewer are cheaper, and the network takes any number."""
    longest: int = 5
    """Sections of the longest shot practised; beyond four the padding no longer tells the true distance."""
    crop: int = 16
    """Side in latents of the middle crops that the first half of the course mostly practises; 0: none."""
    pure_noise: float = 0.2
    """Share of the samples that start from noise alone, where sampling decides what moves."""
    own_history: float = 0.5
    """Share of the steps whose history is the model's own instead of the truth (`with_own_history`)."""
    guided: float = 0.5
    """Share of the steps that practise guidance: what classifier-free guidance would say, in one pass (arXiv
    2210.03142, the target of 2502.12154). The others are at guidance 1. A LoRA keeps the guidance its model has."""
    moves: tuple[str, ...] = ()
    """Practise only moves whose names begin with one of these; none: all."""
    often: tuple[str, ...] = ()
    """Practise moves whose names begin with one of these three times as often as the others."""
    size: tuple[int, int] | None = None
    """Practise only clips of this (width, height) in latents."""
    rank: int = 0
    """LoRA rank; 0 trains every weight of transformer and image encoder."""
    new_kernels: bool = False
    """Beside a LoRA: train the layers that history and vision come in by, whole (`NEW_KERNELS`). Of weights that never
    had them a LoRA alone would leave them as they begin."""
    full: bool = False
    """Train every weight of the transformer and nothing else; it keeps the guidance it has, as with a LoRA."""
    schedule: Schedule | None = None
    """Practise this packing alone, in the order that it expresses."""
    guides: float = 0.6
    """Share of the steps that practise following a guide, where there are clips with one."""
    rate: float = 1.0
    """Multiple of the learning rates."""
    compiled: bool = False
    """Compile the transformer's blocks: a sixth less time a step on two CPU cores, after a minute or two."""


def train(
    pipeline: HunyuanVideoFramepackPipeline,
    spec: ModelSpec,
    clips: Sequence[ClipLatents],
    folder: Path,
    settings: Settings,
    device: torch.device,
    guided: Sequence[GuidedClip] = (),
) -> None:
    """Train `pipeline`'s transformer in place, and its image encoder unless by LoRA; it ends with averaged weights.

    Where there are `guided` clips, `settings.guides` of the steps are lessons with a guide.

    The text encoders stay as they are: a transformer that cannot tell left from right yet pulls their words together,
    and then never learns it (`words`).
    """
    networks = _networks(pipeline, settings, device)
    if settings.compiled:
        for block in (*pipeline.transformer.transformer_blocks, *pipeline.transformer.single_transformer_blocks):
            block.compile(dynamic=True)
    optimizers = optimizers_of(networks, settings.rate)
    training = Training(folder, networks, optimizers, Course(settings.steps, settings.seed))
    shelf = by_size(practised(clips, settings))
    longest = min(settings.longest, max(len(clip.latents) for each in shelf.values() for clip in each) // spec.window)
    longest_guided = max((len(clip.latents) for clip in guided), default=0) // spec.window

    def loss_of(step: int, rng: np.random.Generator) -> torch.Tensor:
        last = step > 0.9 * settings.steps
        frames = spec.window if last and rng.random() < 0.5 else settings.frames
        if guided and rng.random() < settings.guides:
            led = draw_guided_lesson(rng, spec, longest=longest_guided, frames=frames)
            count = max(1, settings.batch // (2 if frames == spec.window else 1))
            drawn = draw_guided(rng, guided, led, count)
            return guided_loss(pipeline, spec, led, drawn, settings.own_history, rng, device)
        lesson = draw_lesson(rng, spec, longest=longest, frames=frames, schedule=settings.schedule)
        crop = settings.crop if step < 0.55 * settings.steps and rng.random() < 0.85 else 0
        count = settings.batch * (2 if crop else 1) // (2 if frames == spec.window else 1)
        batch = draw_batch(rng, shelf, lesson, max(1, count), crop)
        return _loss(pipeline, spec, lesson, batch, settings, rng, device)

    training.run(loss_of, "transformer")
    training.use_average()


def _loss(
    pipeline: HunyuanVideoFramepackPipeline,
    spec: ModelSpec,
    lesson: Lesson,
    batch: Batch,
    settings: Settings,
    rng: np.random.Generator,
    device: torch.device,
) -> torch.Tensor:
    shots = batch.shots.to(device)
    count = len(shots)
    x0 = lesson.target(shots)
    noise = torch.randn_like(x0)
    whole = (count, spec.latent_channels, spec.window, *x0.shape[-2:])
    shift = spec.shift_of(beside_board=lesson.plan.beside_board(lesson.planned))
    mu = shift_mu(spec.tokens(whole), shift)
    sigma = torch.from_numpy(noise_levels(rng, count, settings.pure_noise, mu)).to(device)
    level = sigma[:, None, None, None, None]
    guided = not (settings.rank or settings.full) and rng.random() < settings.guided
    drawn = rng.uniform(*_GUIDANCE, count) if guided else np.ones(count)
    guidance = torch.from_numpy(drawn).float().to(device)
    told = read(pipeline, spec, batch, device)
    own = rng.random() < settings.own_history
    seen = with_own_history(pipeline, spec, told, shots, lesson, guidance) if own else shots
    context = lesson.context(with_noisy_history(seen, lesson, rng))
    noised = (1 - level) * x0 + level * noise
    target = noise - x0
    if guided:
        further = (guidance - 1)[:, None, None, None, None] * _DISTILLED
        target = target + further * what_words_change(pipeline, spec, told, noised, sigma, context)
    said = velocity(pipeline, spec, told, noised, sigma, guidance, context)
    errors = functional.mse_loss(said, target, reduction="none")
    return (errors * emphasis(shots[:, :, lesson.anchor, None], x0)).mean()


def draw_batch(
    rng: np.random.Generator, shelf: Mapping[tuple[int, int], list[ClipLatents]], lesson: Lesson, count: int, crop: int
) -> Batch:
    """`count` clips of one size, each from a random start, some backwards, long enough for the lesson.

    With `crop` only the middle of that many latents a side.
    """
    fitting = [[clip for clip in clips if len(clip.latents) >= lesson.latents] for clips in shelf.values()]
    shares = np.array([len(clips) for clips in shelf.values()], float) * [len(clips) > 0 for clips in fitting]
    clips = fitting[rng.choice(len(fitting), p=shares / shares.sum())]
    shots, boards, prompts = [], [], []
    for _ in range(count):
        clip = clips[rng.integers(len(clips))]
        places, motion = _stretch(rng, clip, lesson.latents)
        shot, board = clip.latents[places].float(), clip.small[places[lesson.anchor]]
        if crop:
            shot, board = _middle(shot, board, crop)
        shots.append(shot.transpose(0, 1))
        boards.append(seen_by_encoder(board))
        prompts.append(write_prompt(rng, motion, clip.thing, clip.place))
    return Batch(torch.stack(shots), torch.stack(boards), prompts)


def _stretch(rng: np.random.Generator, clip: ClipLatents, length: int) -> tuple[list[int], Motion]:
    """Which latents of `clip` make a shot of `length`, and the motion they show."""
    spare = len(clip.latents) - length
    if not clip.free:
        return list(range(length)), clip.motion
    period = clip.motion.period
    start = int(rng.integers(spare // period + 1)) * period
    places = list(range(start, start + length))
    if period == 1 and rng.random() < 0.5:
        return places[::-1], clip.motion.backwards
    return places, clip.motion


def _middle(shot: torch.Tensor, board: torch.Tensor, side: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The middle `side` x `side` latents of a shot (T, C, h, w), where every camera move keeps its centre."""
    height, width = shot.shape[-2:]
    tall, wide = min(side, height), min(side, width)
    top, left = (height - tall) // 4 * 2, (width - wide) // 4 * 2
    size = board.shape[0]
    rows = slice(round(size * top / height), round(size * (top + tall) / height))
    columns = slice(round(size * left / width), round(size * (left + wide) / width))
    part = board[rows, columns].permute(2, 0, 1)[None].float()
    resized = functional.interpolate(part, (size, size), mode="bilinear", antialias=True)[0].permute(1, 2, 0)
    return shot[:, :, top : top + tall, left : left + wide], resized


def practised(clips: Sequence[ClipLatents], settings: Settings) -> list[ClipLatents]:
    """The clips of the moves and size that `settings` name, some of them three times.

    Raises EngineError `choice_invalid` if there are none.
    """
    kept = [
        clip
        for clip in clips
        if (not settings.moves or clip.motion.move.startswith(settings.moves))
        and (settings.size is None or tuple(clip.latents.shape[-2:]) == settings.size[::-1])
    ]
    if not kept:
        raise EngineError(Code.CHOICE_INVALID, name="moves", value=", ".join(settings.moves), allowed=", ".join(Move))
    return kept + 2 * [clip for clip in kept if settings.often and clip.motion.move.startswith(settings.often)]


def by_size(clips: Sequence[ClipLatents]) -> dict[tuple[int, int], list[ClipLatents]]:
    """The clips by their (width, height) in latents: only those of one size make a batch."""
    shelf: dict[tuple[int, int], list[ClipLatents]] = {}
    for clip in clips:
        height, width = clip.latents.shape[-2:]
        shelf.setdefault((width, height), []).append(clip)
    return shelf


def _networks(pipeline: HunyuanVideoFramepackPipeline, settings: Settings, device: torch.device) -> nn.Module:
    """What is trained, on `device`: transformer and image encoder; the transformer alone; or a LoRA on it."""
    for encoder in (pipeline.text_encoder, pipeline.text_encoder_2):
        encoder.to(device).eval().requires_grad_(False)
    networks = nn.ModuleDict({name: getattr(pipeline, name) for name in ("transformer", "image_encoder")})
    networks.to(device).train().requires_grad_(settings.rank == 0)
    if settings.full:
        pipeline.image_encoder.requires_grad_(False)
    if settings.rank:
        config = LoraConfig(
            r=settings.rank,
            lora_alpha=settings.rank,
            target_modules=list(_LORA_TARGETS),
            modules_to_save=list(NEW_KERNELS) if settings.new_kernels else None,
        )
        pipeline.transformer.add_adapter(config)
        for name in NEW_KERNELS if settings.new_kernels else ():
            # Steps are small beside such weights: in bfloat16 most would be rounded away.
            getattr(pipeline.transformer, name).modules_to_save.float()
    if settings.rank or settings.full:
        pipeline.transformer.enable_gradient_checkpointing()
    return networks
