"""Lessons with a guide: a section whose pictures are known where its board shows them, and only there.

All steps but the last are steered, also where nothing is seen, toward the guess that the guide is filled with. So the
one look that counts is the last: from the guide's pictures at that step's noise level, with the same pictures in the
context, as strong as they are sure, and a history as guided sections leave it. It must tell what is true where the
guess is; what is seen is steered in that step too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from diffusers import HunyuanVideoFramepackPipeline
from torch.nn import functional

from engine.models.spec import ModelSpec

from .export import GUIDE_USE
from .guide_bank import GuidedClip
from .lessons import Lesson
from .noise import with_noisy_history
from .scenes.moves import Motion, Move
from .scenes.prompts import write_prompt
from .velocity import Batch, Told, read, seen_by_encoder, velocity

LEARNED_USE = replace(GUIDE_USE, hidden=0.875, guidance=1.0, shift=7.0, context=0.5)
"""How weights that had these lessons use a guide: at 8 steps the last is at the noise level 0.5, and what is a guess is
told from what is seen by its strength."""
_LEVELS = (0.25, 0.75)
"""The last step's noise level, from some 20 steps to some 3."""
_SEEN_COUNTS = 0.1
"""What an error counts where steering rules, beside 1 elsewhere."""
_EVEN = 4.0
"""What makes an error of the picture about as large as one of the velocity, by which other lessons go."""
_LEAST_SHARE = 0.1
"""Added to a clip's mean weight before it is divided by that: few hidden pixels must not count without end."""
_STILL_WORDS, _LEFT_OUT = 0.5, 0.15
"""Shares of the prompts that name no move, as most who follow a camera write, and of lessons whose guide has gaps."""


@dataclass(frozen=True)
class GuidedBatch:
    """A step's clips and what is known of them."""

    batch: Batch
    guides: torch.Tensor
    """(B, C, T, h, w) float32."""
    seen: torch.Tensor
    """(B, 1, T, h, w): 1 where a latent pixel is steered, else 0."""
    led: torch.Tensor
    """(B, 1, T, 1, 1): 1 for latents that the guide has a picture for, else 0."""

    @property
    def sight(self) -> torch.Tensor:
        """What the model is shown of the guides (B, C, T, h, w), as `solvers.guide.sight` shows it."""
        return self.guides * self.led * torch.where(self.seen > 0, 1.0, LEARNED_USE.context or 0.0)

    def to(self, device: torch.device) -> GuidedBatch:
        """The same on `device`, but for what the encoders read."""
        batch = Batch(self.batch.shots.to(device), self.batch.boards, self.batch.prompts)
        return GuidedBatch(batch, self.guides.to(device), self.seen.to(device), self.led.to(device))


def draw_guided(rng: np.random.Generator, clips: Sequence[GuidedClip], lesson: Lesson, count: int) -> GuidedBatch:
    """`count` of `clips`, of one size and long enough for the lesson; there must be one."""
    fitting = [clip for clip in clips if len(clip.latents) >= lesson.latents]
    first = fitting[rng.integers(len(fitting))]
    alike = [clip for clip in fitting if clip.latents.shape[-2:] == first.latents.shape[-2:]]
    chosen = [alike[rng.integers(len(alike))] for _ in range(count)]
    length = lesson.latents
    prompts = []
    for clip in chosen:
        motion = Motion(Move.STATIC) if rng.random() < _STILL_WORDS else clip.motion
        prompts.append(write_prompt(rng, motion, clip.thing, clip.place))
    shots, guides = (
        torch.stack([getattr(clip, name)[:length].float().transpose(0, 1) for clip in chosen])
        for name in ("latents", "guide")
    )
    share = torch.stack([clip.share[:length].float() for clip in chosen]).unsqueeze(1)
    gaps = (rng.random((count, length)) < 0.5) & (rng.random((count, 1)) < _LEFT_OUT)
    led = torch.from_numpy(~gaps).float()[:, None, :, None, None]
    boards = torch.stack([seen_by_encoder(clip.board) for clip in chosen])
    return GuidedBatch(Batch(shots, boards, prompts), guides, led * (share > LEARNED_USE.seen).float(), led)


def guided_loss(
    pipeline: HunyuanVideoFramepackPipeline,
    spec: ModelSpec,
    lesson: Lesson,
    drawn: GuidedBatch,
    own_history: float,
    rng: np.random.Generator,
    device: torch.device,
) -> torch.Tensor:
    """What `pipeline` makes of a lesson's hidden parts, against the truth."""
    drawn = drawn.to(device)
    shots = drawn.batch.shots
    count = len(shots)
    x0, guide, seen = (lesson.target(each) for each in (shots, drawn.guides, drawn.seen))
    noise = torch.randn_like(x0)
    sigma = torch.from_numpy(rng.uniform(*_LEVELS, count).astype(np.float32)).to(device)
    level = sigma[:, None, None, None, None]
    guidance = torch.full_like(sigma, LEARNED_USE.guidance or 1.0)
    told = read(pipeline, spec, drawn.batch, device)
    history = torch.lerp(shots, drawn.guides, drawn.seen)
    if rng.random() < own_history:
        history = _with_own_history(pipeline, spec, told, history, drawn, lesson, guidance)
    context = lesson.context(with_noisy_history(history, lesson, rng), drawn.sight)
    noised = (1 - level) * torch.lerp(x0, guide, lesson.target(drawn.led).expand_as(x0)) + level * noise
    said = velocity(pipeline, spec, told, noised, sigma, guidance, context)
    counts = torch.where(seen > 0, _SEEN_COUNTS, 1.0)
    counts = counts / (counts.mean((1, 2, 3, 4), keepdim=True) + _LEAST_SHARE)
    return _EVEN * (functional.mse_loss(noised - level * said, x0, reduction="none") * counts).mean()


@torch.no_grad()
def _with_own_history(
    pipeline: HunyuanVideoFramepackPipeline,
    spec: ModelSpec,
    told: Told,
    history: torch.Tensor,
    drawn: GuidedBatch,
    lesson: Lesson,
    guidance: torch.Tensor,
) -> torch.Tensor:
    """`history` (B, C, T, h, w) with what is not seen of earlier sections as the model makes it."""
    history = history.clone()
    window = tuple(range(spec.window))
    level = float(np.mean(_LEVELS))
    for made in lesson.plan.made[: lesson.planned.number]:
        before = Lesson(lesson.plan, made, window)
        true, guide, seen, led = (before.target(each) for each in (history, drawn.guides, drawn.seen, drawn.led))
        noised = (1 - level) * torch.lerp(true, guide, led.expand_as(true)) + level * torch.randn_like(true)
        context = before.context(history, drawn.sight)
        said = velocity(pipeline, spec, told, noised, torch.full_like(guidance, level), guidance, context)
        own = lesson.plan.own_latents(made)
        history[:, :, own.start : own.stop] = torch.lerp(noised - level * said, true, seen)
    return history
