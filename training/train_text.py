"""Teach fresh text encoders to tell moves apart, before the transformer sees a picture.

A transformer that is told "left" and "right" in nearly equal numbers learns that something moves, paints the average of
both, and pulls the words together further: it stays there for thousands of steps. So the encoders learn first, and are
left alone then. Naming move and speed from either encoder's output takes a minute. The pooled vector also begins with
the motion itself, as signed rates: what is learned of "slowly left" then holds for "quickly right".
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from diffusers import HunyuanVideoFramepackPipeline
from numpy.typing import NDArray
from safetensors.torch import load_file, save
from torch import nn
from torch.nn import functional
from tqdm import tqdm

from engine.media.files import write_whole

from .scenes.clips import random_motion
from .scenes.drawings import THINGS
from .scenes.moves import COMPONENTS, Motion, Move, Speed
from .scenes.prompts import describe
from .scenes.scenes import PLACES

_RATE = 2e-3
RATE_UNIT = 1.25
"""What a rate of 1, normal speed, is in the pooled vector, whose entries have a mean square of 1."""
_BATCH = 64
_SIGNED = 10.0
_WITHIN = 0.25
_KEPT = 30.0
"""How much staying with what was said rightly counts."""
_WORDS = 40
_MOVES, _SPEEDS = list(Move), list(Speed)
_ENCODERS = ("text_encoder", "text_encoder_2")


def teach_words(pipeline: HunyuanVideoFramepackPipeline, *, steps: int, seed: int, device: torch.device) -> float:
    """Train `pipeline`'s text encoders in place; returns the share of the last prompts whose move both name rightly."""
    return _taught(pipeline, steps, seed, device, known=None)


def correct_words(pipeline: HunyuanVideoFramepackPipeline, *, steps: int, seed: int, device: torch.device) -> float:
    """`teach_words` for encoders that a transformer has learned to read: what they read rightly they go on saying."""
    known = HunyuanVideoFramepackPipeline(
        text_encoder=copy.deepcopy(pipeline.text_encoder).to(device).eval(),
        tokenizer=pipeline.tokenizer,
        text_encoder_2=copy.deepcopy(pipeline.text_encoder_2).to(device).eval(),
        tokenizer_2=pipeline.tokenizer_2,
        **dict.fromkeys(("transformer", "vae", "scheduler", "image_encoder", "feature_extractor")),
    )
    return _taught(pipeline, steps, seed, device, known)


def read_rightly(
    pipeline: HunyuanVideoFramepackPipeline, prompts: Sequence[str], motions: Sequence[Motion]
) -> NDArray[np.bool_]:
    """For each prompt, whether the rates that its pooled vector begins with are its motion's, each within a quarter."""
    with torch.inference_mode():
        _, pooled, _ = pipeline.encode_prompt(
            list(prompts), device=pipeline.text_encoder.device, max_sequence_length=_WORDS
        )
    return np.asarray(_rightly(pooled, motions).cpu().numpy())


def _taught(
    pipeline: HunyuanVideoFramepackPipeline,
    steps: int,
    seed: int,
    device: torch.device,
    known: HunyuanVideoFramepackPipeline | None,
) -> float:
    encoders = nn.ModuleList([pipeline.text_encoder, pipeline.text_encoder_2]).to(device).train()
    widths = (pipeline.text_encoder.config.hidden_size, pipeline.text_encoder_2.config.hidden_size)
    namers = nn.ModuleList([nn.Linear(width, len(_MOVES) + len(_SPEEDS)) for width in widths]).to(device)
    optimizer = torch.optim.AdamW([*encoders.parameters(), *namers.parameters()], lr=_RATE, weight_decay=0.0)
    right: list[float] = []
    for step in tqdm(range(steps), "words"):
        rng = np.random.default_rng([seed, step])
        prompts, motions = sentences(rng, _BATCH) if known is None else _hard_sentences(pipeline, rng)
        rates = torch.tensor([motion.components for motion in motions], device=device) * RATE_UNIT
        moves = torch.tensor([_MOVES.index(motion.move) for motion in motions], device=device)
        # A still camera has no speed: its label is not asked for.
        speeds = torch.tensor(
            [-100 if motion.move is Move.STATIC else _SPEEDS.index(motion.speed) for motion in motions], device=device
        )
        embeds, pooled, mask = pipeline.encode_prompt(prompts, device=device, max_sequence_length=_WORDS)
        kept = mask.unsqueeze(-1).to(embeds)
        outputs = ((embeds * kept).sum(1) / kept.sum(1), pooled)
        named = [
            namer(output).split([len(_MOVES), len(_SPEEDS)], 1) for namer, output in zip(namers, outputs, strict=True)
        ]
        loss = torch.stack([functional.cross_entropy(a, moves) + functional.cross_entropy(b, speeds) for a, b in named])
        signed = functional.mse_loss(pooled[:, :COMPONENTS], rates)
        total = loss.sum() + _SIGNED * signed
        if known is not None:
            total = total + _KEPT * _strayed(known, prompts, motions, embeds, pooled)
        total.backward()  # type: ignore[no-untyped-call]
        for group in optimizer.param_groups:
            group["lr"] = _RATE * min(1.0, 2 * (steps - step) / steps)
        optimizer.step()
        optimizer.zero_grad()
        agreed = torch.stack([a.argmax(1) == moves for a, _ in named]).all(0)
        right.append(float(agreed.float().mean()))
    return float(np.mean(right[-10:]))


def _hard_sentences(
    pipeline: HunyuanVideoFramepackPipeline, rng: np.random.Generator
) -> tuple[list[str], list[Motion]]:
    """A batch of sentences, half of them misread where so many are: too few else for what one in fifty is about."""
    prompts, motions = sentences(rng, 4 * _BATCH)
    wrong = np.flatnonzero(~read_rightly(pipeline, prompts, motions))[: _BATCH // 2]
    others = np.setdiff1d(np.arange(len(prompts)), wrong)[: _BATCH - len(wrong)]
    chosen = [*wrong, *others]
    return [prompts[place] for place in chosen], [motions[place] for place in chosen]


def _strayed(
    known: HunyuanVideoFramepackPipeline,
    prompts: Sequence[str],
    motions: Sequence[Motion],
    embeds: torch.Tensor,
    pooled: torch.Tensor,
) -> torch.Tensor:
    """How far `embeds` and `pooled` have come from what `known` says of the prompts that it reads rightly.

    Mean squares over those prompts, padding apart.
    """
    with torch.no_grad():
        before, pooled_before, mask = known.encode_prompt(prompts, device=pooled.device, max_sequence_length=_WORDS)
    rightly = _rightly(pooled_before, motions).to(pooled)
    kept = mask.unsqueeze(-1).to(embeds)
    far = ((embeds - before) * kept).square().mean(2).sum(1) / kept.sum((1, 2))
    far = far + (pooled - pooled_before).square().mean(1)
    mean: torch.Tensor = (far * rightly).sum() / rightly.sum().clamp(min=1)
    return mean


def _rightly(pooled: torch.Tensor, motions: Sequence[Motion]) -> torch.Tensor:
    """`read_rightly` for pooled vectors (B, D): (B,) bool."""
    rates = torch.tensor([motion.components for motion in motions], device=pooled.device)
    farthest = (pooled[:, :COMPONENTS].float() / RATE_UNIT - rates).abs().amax(1)
    return torch.lt(farthest, _WITHIN)


def write_words(pipeline: HunyuanVideoFramepackPipeline, path: Path) -> None:
    """Keep what the text encoders have learned, whole."""
    tensors = {
        f"{name}.{key}": tensor.cpu().contiguous()
        for name in _ENCODERS
        for key, tensor in getattr(pipeline, name).state_dict().items()
    }
    write_whole(path, save(tensors))


def read_words(pipeline: HunyuanVideoFramepackPipeline, path: Path) -> None:
    """Take up what `write_words` kept."""
    tensors = load_file(path)
    for name in _ENCODERS:
        own = {key.removeprefix(f"{name}."): each for key, each in tensors.items() if key.startswith(f"{name}.")}
        getattr(pipeline, name).load_state_dict(own)


def sentences(rng: np.random.Generator, count: int) -> tuple[list[str], list[Motion]]:
    """`count` prompts and what they mean."""
    motions = [random_motion(rng) for _ in range(count)]
    things, places = list(THINGS), list(PLACES)
    prompts = [
        describe(rng, motion, things[rng.integers(len(things))], places[rng.integers(len(places))])
        for motion in motions
    ]
    return prompts, motions
