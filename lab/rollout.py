"""Shots of the lab: all scenes of a set at once, section by section, each from what was made before it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from engine.framepack.history import History, PackedContext
from engine.framepack.plan import PlannedSection, ShotPlan
from engine.framepack.sigmas import shifted_sigmas
from engine.framepack.solvers.base import Solver, Velocity
from engine.framepack.solvers.registry import solver_named
from engine.generation.history_choice import look_seed
from engine.inference.hunyuan.packed_transformer import PackedTransformer

from .bank import encode_boards, told
from .base import SHIFT
from .choice import newest
from .experiment import NEWEST, TRUTH, Row
from .held_out import Encoded
from .lessons import planned_shot
from .network import look, velocity
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
    precise: bool = False
    """In float32 throughout, as the engine makes shots on a processor; else as `velocity` has it."""

    @torch.inference_mode()
    def make(self, scenes: Encoded) -> torch.Tensor:
        """The shots (N, C, T, h, w) float32 of the scenes' boards and words, packed by the variant's schedule."""
        self.network.eval()
        variant = self.row.variant
        plan = planned_shot(variant.schedule, scenes.sections, self.parts.grid, selects=variant.selects)
        board = scenes.latents[:, :, :1]
        held = dict.fromkeys(plan.boards, board)
        history = History(plan, held, torch.zeros_like(board), self.sight.codebook, clean_boards=False)
        sigmas = shifted_sigmas(STEPS, math.log(SHIFT))
        for planned in plan.made:
            boards = self._boards(scenes, history, planned)
            words = told(self.parts.sentences, scenes.motions[:, planned.section], boards)
            context = self._chosen(history, history.context(planned), words, scenes, planned)
            said = self._velocity(context, words, scenes, planned)
            *_, last = solver_named(Solver.UNIPC)(said, section_noise(scenes, plan, planned), sigmas)
            history.add(planned, last.latents)
        return torch.cat([board, history.clip(range(1, plan.latents))], dim=2)

    def _chosen(
        self,
        history: History,
        by_time: PackedContext,
        words: dict[str, torch.Tensor],
        scenes: Encoded,
        planned: PlannedSection,
    ) -> PackedContext:
        """`by_time`, what a section sees of its history; or, where that is chosen, what is like the row's estimate."""
        choice = self.sight.choice
        if choice is None or not choice.is_free(planned):
            return by_time
        if self.row.estimate == TRUTH:
            estimate = scenes.latents[:, :, planned.own.start : planned.own.stop]
        elif self.row.estimate == NEWEST:
            estimate = newest(history, planned)
        else:
            noise = _noise([look_seed(each.seed, planned.section) for each in scenes.scenes], scenes, len(planned.own))
            estimate = look(self.network, noise, by_time, words, precise=self.precise)
        return choice.context(history, planned, estimate)

    def _velocity(
        self, context: PackedContext, words: dict[str, torch.Tensor], scenes: Encoded, planned: PlannedSection
    ) -> Velocity:
        count, share = len(scenes.scenes), self.row.noise

        def with_noise(x: torch.Tensor, sigma: float, amount: float) -> torch.Tensor:
            level = torch.full((count,), sigma)
            # The noise stays the same through a section's steps.
            generator = torch.Generator().manual_seed(_seed(scenes, 0, planned.section, _NOISE_STREAM))
            seen = self.sight.seen(context, level, torch.full((count,), amount), generator)
            return velocity(self.network, x, level, seen, words, precise=self.precise)

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
    seeds = [_seed(scenes, number, planned.section) for number in range(len(scenes.scenes))]
    return _noise(seeds, scenes, plan.grid.window)


def _noise(seeds: Sequence[int], scenes: Encoded, frames: int) -> torch.Tensor:
    """Of so many frames, (N, C, frames, h, w), a seed for each of the scenes."""
    shape = (scenes.latents.shape[1], frames, *scenes.latents.shape[-2:])
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    return torch.stack([torch.randn(shape, generator=generator) for generator in generators])


def _seed(scenes: Encoded, number: int, section: int, stream: int = 0) -> int:
    return scenes.scenes[number].seed * 1000 + 2 * section + stream
