"""Training in the lab: the base, which knows every layout a little, and variants, which are fine-tuned from it.

No history of its own, no guidance, and no noise on the history but where a variant is about that, so that exposure bias
is there to be cured. Whatever a seed draws is the same for all variants: clips, noise, and levels of noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from engine.framepack.grid import Grid
from engine.framepack.history import PackedContext
from engine.inference.hunyuan.packed_transformer import PackedTransformer
from training.lessons import Lesson
from training.loop import Course, Training
from training.noise import noise_levels
from training.optimizers import optimizers_of

from .bank import Bank, Drawn, Sentences, told
from .choice import of_samples
from .experiment import Variant
from .lessons import draw_lesson, draw_return, draw_schedule
from .network import look, velocity
from .sight import Sight

SHIFT = 7.0
"""Of the noise schedule, in training and when a shot is made."""
_PURE_NOISE = 0.2
_FRAMES = 3
"""Of the window, denoised in a step; late in a course half of the steps have all."""
_LATE = 0.9


@dataclass(frozen=True)
class Settings:
    """A run's choices."""

    steps: int
    seed: int = 1
    batch: int = 16
    rate: float = 1.0
    muon: bool = True
    returning: float = 0.0
    """Share of the base's steps whose clips turn round, and show again what the history shows."""


def train_base(
    network: PackedTransformer, bank: Bank, sentences: Sentences, grid: Grid, folder: Path, settings: Settings
) -> None:
    """Train `network` in place on all layouts; it ends with averaged weights. A run that was interrupted goes on.

    With `settings.returning` it is taught to read its history.
    """

    def draw(rng: np.random.Generator, frames: int) -> tuple[Lesson, int | None]:
        if settings.returning and rng.random() < settings.returning:
            return draw_return(rng, grid, bank.longest, frames)
        return draw_lesson(rng, grid, draw_schedule(rng), bank.longest, frames), None

    def loss_of(lesson: Lesson, drawn: Drawn, rng: np.random.Generator) -> torch.Tensor:
        return loss_on(network, lesson, drawn, sentences, rng)

    _train(network, bank, grid, draw, loss_of, folder, settings)


def train_variant(
    network: PackedTransformer,
    sight: Sight,
    variant: Variant,
    bank: Bank,
    sentences: Sentences,
    grid: Grid,
    folder: Path,
    settings: Settings,
) -> list[float]:
    """Train `network` in place on the variant's own layout, with what it sees of its history; returns the losses."""

    def draw(rng: np.random.Generator, frames: int) -> tuple[Lesson, int | None]:
        return draw_lesson(rng, grid, variant.schedule, bank.longest, frames, selects=variant.selects), None

    def loss_of(lesson: Lesson, drawn: Drawn, rng: np.random.Generator) -> torch.Tensor:
        return loss_on(network, lesson, drawn, sentences, rng, variant, sight)

    trained: nn.Module = sight.noise or network
    return _train(trained, bank, grid, draw, loss_of, folder, settings)


def loss_on(
    network: PackedTransformer,
    lesson: Lesson,
    drawn: Drawn,
    sentences: Sentences,
    rng: np.random.Generator,
    variant: Variant | None = None,
    sight: Sight | None = None,
) -> torch.Tensor:
    """Mean squared error of the velocity that `network` says of one lesson on `drawn` clips."""
    sight = sight or Sight()
    x0 = lesson.target(drawn.shots)
    noise = torch.randn_like(x0)
    sigma = torch.from_numpy(noise_levels(rng, len(x0), _PURE_NOISE, math.log(SHIFT))).to(x0)
    share = torch.from_numpy(rng.random(len(x0))).to(x0)  # drawn by all variants, so that what follows is alike
    level = sigma[:, None, None, None, None]
    section = lesson.planned.section
    newest = variant is not None and variant.boards == "newest"
    words = told(sentences, drawn.motions[:, section], drawn.boards[:, section if newest else 0])
    context = lesson.of_frames(_context(network, lesson, drawn.shots, words, sight, rng))
    least, most = (variant.noise if variant is not None else None) or (0.0, 0.0)
    context = sight.seen(context, sigma, least + (most - least) * share)
    said = velocity(network, (1 - level) * x0 + level * noise, sigma, context, words)
    return functional.mse_loss(said, noise - x0)


def _context(
    network: PackedTransformer,
    lesson: Lesson,
    shots: torch.Tensor,
    words: dict[str, torch.Tensor],
    sight: Sight,
    rng: np.random.Generator,
) -> PackedContext:
    """What a lesson's section sees of its history; where that is chosen, half of the samples choose by the truth.

    The others by the network's own look, as when a shot is made. `rng` is drawn from for the looks' noise alone, last
    of a step, so that all else is the same for all variants.
    """
    history, planned = lesson.history(shots, sight.codebook), lesson.planned
    by_time = history.context(planned)
    if sight.choice is None or not sight.choice.is_free(planned):
        return by_time
    estimate = shots[:, :, planned.own.start : planned.own.stop].clone()
    looking = slice(len(shots) // 2, None)
    noise = torch.randn(estimate[looking].shape, generator=torch.Generator().manual_seed(int(rng.integers(2**63))))
    with torch.no_grad():
        estimate[looking] = look(
            network, noise, of_samples(by_time, looking), {name: each[looking] for name, each in words.items()}
        )
    return sight.choice.context(history, planned, estimate)


def _train(
    trained: nn.Module,
    bank: Bank,
    grid: Grid,
    draw: Callable[[np.random.Generator, int], tuple[Lesson, int | None]],
    loss_of: Callable[[Lesson, Drawn, np.random.Generator], torch.Tensor],
    folder: Path,
    settings: Settings,
) -> list[float]:
    """Train on lessons; returns the losses.

    `draw` gives one for a generator and a number of frames to denoise, and where its clips must turn round, if at all.
    """
    optimizers = optimizers_of(trained.train(), settings.rate, muon=settings.muon)
    training = Training(folder, trained, optimizers, Course(settings.steps, settings.seed))

    def step_loss(step: int, rng: np.random.Generator) -> torch.Tensor:
        whole = rng.random() < 0.5 and step > _LATE * settings.steps
        lesson, turn = draw(rng, grid.window if whole else _FRAMES)
        drawn = bank.draw(rng, lesson.plan.sections, settings.batch // 2 if whole else settings.batch, turn)
        return loss_of(lesson, drawn, rng)

    training.run(step_loss, folder.name)
    training.use_average()
    return training.losses
