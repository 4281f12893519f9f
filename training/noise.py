"""The noise of a training step: its levels, and what of it lies on a lesson's history."""

from __future__ import annotations

import numpy as np
import torch

from engine.framepack.sigmas import shifted

from .lessons import Lesson

_HISTORY_NOISE = 0.12


def noise_levels(rng: np.random.Generator, count: int, pure_noise: float, mu: float) -> np.ndarray:
    """Noise levels (count,), spread as the steps that the model is sampled by; a share of them is noise alone."""
    levels = [shifted(time, mu) for time in rng.uniform(0, 1, count)]
    return np.where(rng.random(count) < pure_noise, 1.0, levels).astype(np.float32)


def with_noisy_history(shots: torch.Tensor, lesson: Lesson, rng: np.random.Generator) -> torch.Tensor:
    """The shots with noise on every latent but the boards: in use the history is the model's own, and not perfect."""
    amount = rng.uniform(0, _HISTORY_NOISE, len(shots)) * (rng.random(len(shots)) < 0.5)
    noisy = shots + torch.randn_like(shots) * torch.from_numpy(amount).to(shots)[:, None, None, None, None]
    for board in lesson.plan.boards:
        noisy[:, :, board] = shots[:, :, board]
    return noisy
