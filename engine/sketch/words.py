"""Teach fresh text encoders to tell moves apart, before the transformer sees a picture.

A transformer that is told "left" and "right" in nearly equal numbers learns that something moves, paints the average of
both, and then gives the encoders no reason to tell them apart: it stays there for thousands of steps. Naming move and
speed from either encoder's output is a matter of a minute, and breaks that circle.
"""

from __future__ import annotations

import numpy as np
import torch
from diffusers import HunyuanVideoFramepackPipeline
from torch import nn
from torch.nn import functional
from tqdm import tqdm

from .data import random_motion
from .drawings import THINGS
from .moves import Motion, Move, Speed
from .prompts import describe
from .scenes import PLACES

_RATE = 2e-3
_BATCH = 64
_WORDS = 40
_MOVES, _SPEEDS = list(Move), list(Speed)


def teach_words(pipeline: HunyuanVideoFramepackPipeline, *, steps: int, seed: int, device: torch.device) -> float:
    """Train `pipeline`'s text encoders in place; returns the share of the last prompts whose move both name rightly."""
    encoders = nn.ModuleList([pipeline.text_encoder, pipeline.text_encoder_2]).to(device).train()
    widths = (pipeline.text_encoder.config.hidden_size, pipeline.text_encoder_2.config.hidden_size)
    namers = nn.ModuleList([nn.Linear(width, len(_MOVES) + len(_SPEEDS)) for width in widths]).to(device)
    optimizer = torch.optim.AdamW([*encoders.parameters(), *namers.parameters()], lr=_RATE, weight_decay=0.0)
    right: list[float] = []
    for step in tqdm(range(steps), "words"):
        rng = np.random.default_rng([seed, step])
        prompts, motions = _sentences(rng)
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
        loss.sum().backward()  # type: ignore[no-untyped-call]
        for group in optimizer.param_groups:
            group["lr"] = _RATE * min(1.0, 2 * (steps - step) / steps)
        optimizer.step()
        optimizer.zero_grad()
        agreed = torch.stack([a.argmax(1) == moves for a, _ in named]).all(0)
        right.append(float(agreed.float().mean()))
    return float(np.mean(right[-10:]))


def _sentences(rng: np.random.Generator) -> tuple[list[str], list[Motion]]:
    """A batch of prompts and what they mean."""
    motions = [random_motion(rng) for _ in range(_BATCH)]
    things, places = list(THINGS), list(PLACES)
    prompts = [
        describe(rng, motion, things[rng.integers(len(things))], places[rng.integers(len(places))])
        for motion in motions
    ]
    return prompts, motions
