"""What a training step practises: one section of a shot as the planner of inference lays it out.

Lessons are drawn over orders, shot lengths, end boards and places in the shot; the packed context is the plan's own, so
nothing is trained that is not used, and nothing used that is not trained.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from engine.errors import Code, EngineError
from engine.framepack.history import History, PackedContext
from engine.framepack.packing import Order, Schedule, check_filled, check_kernels, parse
from engine.framepack.plan import PlannedSection, ShotPlan, plan_shot
from engine.models.spec import ModelSpec

VANILLA = "td_f16k4f2k2f1k1_g9"
"""Plain next-section prediction without the start in the context (arXiv 2504.12626 v3, sampling (a))."""
_SHARES = {"forward": 0.55, "inverted": 0.2, "inverted to an end": 0.13, "vanilla": 0.08, "endpoint": 0.04}
"""Forward most, Sketch's own order; backward is for shots toward a later board."""
_LENGTHS = (0.3, 0.2, 0.2, 0.18, 0.12)
"""Shares of shots of one section, two, and so on."""
_ENDS = {Order.FORWARD: 0.0, Order.INVERTED: 0.4, Order.ENDPOINT: 0.5}
"""Shares of shots that end on a board, where one schedule alone is practised."""


@dataclass(frozen=True)
class Lesson:
    """The section `planned` of `plan`; `frames` are the places in its window that this step denoises."""

    plan: ShotPlan
    planned: PlannedSection
    frames: tuple[int, ...]

    @property
    def latents(self) -> int:
        """How many latents of a clip the whole shot takes, an end board's included."""
        return self.plan.latents + (self.plan.end in self.plan.boards)

    @property
    def anchor(self) -> int:
        """The latent of the board that the section is made toward or from: every lesson has one."""
        if self.planned.anchor is None:
            raise ValueError("a lesson begins from a board")
        return self.planned.anchor

    def context(self, shot: torch.Tensor, sight: torch.Tensor | None = None) -> PackedContext:
        """The packed context, from the true latents `shot` (B, C, T, H, W) of the whole shot.

        With `sight` of the same shape, what is known of the shot beforehand, it holds that of the frames to be found.
        """
        chosen = self.of_frames(self.history(shot).context(self.planned))
        return chosen if sight is None else chosen.beside(self.target(sight))

    def history(self, shot: torch.Tensor, codebook: torch.Tensor | None = None) -> History:
        """What is made when the section begins: the true latents `shot` (B, C, T, H, W) of the sections before it.

        With a `codebook` (K, C) it is seen as that one's entries, and so are its boards.
        """
        boards: Mapping[int, torch.Tensor] = {board: shot[:, :, board : board + 1] for board in self.plan.boards}
        blank = torch.zeros_like(shot[:, :, :1])
        history = History(self.plan, boards, blank, codebook, clean_boards=False)
        for made in self.plan.made[: self.planned.number]:
            own = self.plan.own_latents(made)
            history.add(made, shot[:, :, own.start : own.stop])
        return history

    def of_frames(self, context: PackedContext) -> PackedContext:
        """The section's `context` for those of its frames alone that this step denoises."""
        return PackedContext(context.blocks, context.generated[list(self.frames)])

    def target(self, shot: torch.Tensor) -> torch.Tensor:
        """The true latents (B, C, frames, H, W) that this step must find."""
        own = self.plan.own_latents(self.planned)
        return shot[:, :, [own.start + frame for frame in self.frames]]


def draw_guided_lesson(rng: np.random.Generator, spec: ModelSpec, *, longest: int, frames: int) -> Lesson:
    """A lesson for shots of at most `longest` sections that follow a guide: Sketch's own order, from one board on."""
    grid = spec.grid()
    sections = 1 + int(rng.integers(longest))
    plan = plan_shot(grid.frames(sections), grid=grid, schedule=parse(spec.schedules[Order.FORWARD]), boards=(0,))
    planned = plan.made[rng.integers(len(plan.made))]
    return Lesson(plan, planned, _chosen(rng, spec, frames))


def draw_lesson(
    rng: np.random.Generator, spec: ModelSpec, *, longest: int, frames: int, schedule: Schedule | None = None
) -> Lesson:
    """A lesson from shots of at most `longest` sections, denoising `frames` of the window's frames.

    Of all orders that FramePack has, or of one `schedule` (`practised_schedule`).
    """
    grid = spec.grid()
    lengths = np.array(_LENGTHS[:longest])
    sections = 1 + int(rng.choice(len(lengths), p=lengths / lengths.sum()))
    if schedule is not None:
        last = grid.frames(sections)
        boards = (0, last - 1) if rng.random() < _ENDS[schedule.order()] else (0,)
        plan = plan_shot(last, grid=grid, schedule=schedule, boards=boards)
        return Lesson(plan, plan.made[rng.integers(len(plan.made))], _chosen(rng, spec, frames))
    kind = str(rng.choice(list(_SHARES), p=list(_SHARES.values())))
    last = grid.frames(sections)
    boards = (0, last - 1) if kind == "inverted to an end" or (kind == "endpoint" and rng.random() < 0.5) else (0,)
    orders = {"forward": Order.FORWARD, "endpoint": Order.ENDPOINT}
    name = VANILLA if kind == "vanilla" else spec.schedules[orders.get(kind, Order.INVERTED)]
    plan = plan_shot(last, grid=grid, schedule=parse(name), boards=boards)
    planned = plan.made[rng.integers(len(plan.made))]
    return Lesson(plan, planned, _chosen(rng, spec, frames))


def _chosen(rng: np.random.Generator, spec: ModelSpec, frames: int) -> tuple[int, ...]:
    return tuple(int(frame) for frame in np.sort(rng.choice(spec.window, frames, replace=False)))


def practised_schedule(name: str, spec: ModelSpec) -> Schedule:
    """The schedule `name` as one that `spec`'s networks can practise.

    Raises EngineError `schedule_invalid` and, for one that leaves a kernel without frames, which diffusers' transformer
    cannot, or that has kernels, tails or a window that the networks have not, `schedule_unsupported`.
    """
    schedule = parse(name)
    suggestion = spec.schedules.get(schedule.order(), VANILLA)
    check_kernels(schedule, spec.kernels, suggestion, tails=spec.tails, codebook=spec.codebook is not None)
    if not spec.packed:
        check_filled(schedule, spec.kernels, suggestion)
    if schedule.window != spec.window:
        detail = f"its section has {schedule.window} frames, and the model's {spec.window}"
        raise EngineError(Code.SCHEDULE_UNSUPPORTED, schedule=name, detail=detail, suggestion=suggestion)
    return schedule
