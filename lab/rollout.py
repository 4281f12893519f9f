"""Shots of the lab: all scenes of a set at once, section by section, each from what was made before it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from engine.framepack.history import History, PackedContext
from engine.framepack.plan import PlannedSection, ShotPlan
from engine.framepack.sigmas import shifted_sigmas
from engine.framepack.solvers.base import Solver, Velocity
from engine.framepack.solvers.registry import solver_named
from engine.inference.hunyuan.packed_transformer import PackedTransformer

from .bank import encode_boards, told
from .base import SHIFT
from .experiment import Row
from .held_out import Encoded
from .lessons import planned_shot
from .network import velocity
from .sight import Sight
from .sketch_parts import SketchParts

STEPS = 8
_NOISE_STREAM = 1
"""Of a section's seed, for the noise on its history; 0 is for what it is made of."""


@dataclass(frozen=True)
class Rollout:
    """A network that makes the shots of a row."""

    network: PackedTransformer
    sight: Sight
    row: Row
    parts: SketchParts

    @torch.inference_mode()
    def make(self, scenes: Encoded) -> torch.Tensor:
        """The shots (N, C, T, h, w) float32 of the scenes' boards and words, packed by the variant's schedule."""
        self.network.eval()
        plan = planned_shot(self.row.variant.schedule, scenes.sections, self.parts.grid)
        board = scenes.latents[:, :, :1]
        history = History(plan, dict.fromkeys(plan.boards, board), torch.zeros_like(board))
        sigmas = shifted_sigmas(STEPS, math.log(SHIFT))
        for planned in plan.made:
            boards = self._boards(scenes, history, planned)
            words = told(self.parts.sentences, scenes.motions[:, planned.section], boards)
            said = self._velocity(history.context(planned), words, scenes, planned)
            *_, last = solver_named(Solver.UNIPC)(said, section_noise(scenes, plan, planned), sigmas)
            history.add(planned, last.latents)
        return torch.cat([board, history.clip(range(1, plan.latents))], dim=2)

    def _velocity(
        self, context: PackedContext, words: dict[str, torch.Tensor], scenes: Encoded, planned: PlannedSection
    ) -> Velocity:
        count, share = len(scenes.scenes), self.row.noise

        def with_noise(x: torch.Tensor, sigma: float, amount: float) -> torch.Tensor:
            level = torch.full((count,), sigma)
            # The noise stays the same through a section's steps.
            generator = torch.Generator().manual_seed(_seed(scenes, 0, planned.section, _NOISE_STREAM))
            seen = self.sight.seen(context, level, torch.full((count,), amount), generator)
            return velocity(self.network, x, level, seen, words)

        def guided(x: torch.Tensor, sigma: float) -> torch.Tensor:
            said = with_noise(x, sigma, share)
            if self.row.guidance == 1:
                return said
            pure = with_noise(x, sigma, 1 / sigma)  # nothing of the history is left
            return pure + self.row.guidance * (said - pure)

        return guided

    def _boards(self, scenes: Encoded, history: History, planned: PlannedSection) -> torch.Tensor:
        """What the image encoder saw (N, V, E): the first board, or the newest frame."""
        if self.row.variant.boards == "first" or planned.own.start == 1:
            return scenes.boards[:, 0]
        newest = history.clip(range(planned.own.start - 1, planned.own.start))[:, :, 0]
        return encode_boards(self.parts.pipeline.image_encoder, list(self.parts.pictures(newest).numpy())).float()


def section_noise(scenes: Encoded, plan: ShotPlan, planned: PlannedSection) -> torch.Tensor:
    """What a section is made of, (N, C, window, h, w): of the scene and the section alone, so alike for all rows."""
    shape = (scenes.latents.shape[1], plan.grid.window, *scenes.latents.shape[-2:])
    generators = [
        torch.Generator().manual_seed(_seed(scenes, number, planned.section)) for number in range(len(scenes.scenes))
    ]
    return torch.stack([torch.randn(shape, generator=generator) for generator in generators])


def _seed(scenes: Encoded, number: int, section: int, stream: int = 0) -> int:
    return scenes.scenes[number].seed * 1000 + 2 * section + stream
