"""What the lab's transformers practise: one section of a shot, as the planner of inference lays it out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from engine.framepack.grid import Grid
from engine.framepack.packing import Order, parse
from engine.framepack.plan import ShotPlan, plan_shot
from training.lessons import Lesson

_SHORT = 5
"""Sections of the longest of half of the shots; the others are of any length."""
_HISTORIES: tuple[tuple[str, ...], ...] = (
    ("f16k4", "f2k2", "f1k1"),
    ("f16k4", "f4k2", "f2k1"),
    ("f8k1h4w4", "f2k2", "f1k1"),
    ("f8k4", "f4k2", "f2k1h4w4", "f1k1"),
    ("f3k4", "f3k2", "f3k1"),
)
"""Far to near; between them all kernels and depths that a variant has."""
_FINE = _HISTORIES[2]
"""No kernel joins frames, and each token is a quarter of a picture: what is seen here is recalled most easily."""
_ORDERS = {Order.FORWARD: 0.45, Order.INVERTED: 0.35, Order.ENDPOINT: 0.2}
_PRESENT, _ANCHORED = 0.8, 0.5


def draw_schedule(rng: np.random.Generator, histories: Sequence[tuple[str, ...]] = _HISTORIES) -> str:
    """Any layout, for the base: past, future or both, each block of a history there or not, an anchor or none.

    So a variant's own layout is near to what the base knows, and none is nearer than the others.
    """
    order = Order(str(rng.choice(list(_ORDERS), p=list(_ORDERS.values()))))
    blocks = histories[int(rng.integers(len(histories)))]
    there = [block for block in blocks if rng.random() < _PRESENT] or [blocks[-1]]
    anchored = rng.random() < _ANCHORED
    if order is Order.INVERTED:
        return f"f1k1_x_g9_{''.join(reversed(there))}_td"
    if order is Order.ENDPOINT:
        return f"td_{''.join(there)}_g9_x_f1k1"
    return f"{'f1k1_' if anchored else ''}td_{''.join(there)}_g9"


def draw_lesson(
    rng: np.random.Generator, grid: Grid, schedule: str, longest: int, frames: int, *, selects: bool = False
) -> Lesson:
    """A section of a shot of at most `longest`, of which `frames` of the window are denoised.

    `selects` as in `planned_shot`.
    """
    most = _SHORT if rng.random() < 0.5 else longest
    plan = planned_shot(schedule, 1 + int(rng.integers(min(most, longest))), grid, selects=selects)
    planned = plan.made[rng.integers(len(plan.made))]
    chosen = np.sort(rng.choice(grid.window, frames, replace=False))
    return Lesson(plan, planned, tuple(int(frame) for frame in chosen))


def draw_return(rng: np.random.Generator, grid: Grid, longest: int, frames: int) -> tuple[Lesson, int]:
    """A lesson for the base, and the section before which a path must turn round for it to show again what its history
    shows.

    Where nothing is shown again the newest frame is enough to go on from, and no transformer learns to look at an
    older one.
    """
    while True:
        histories = (_FINE,) if rng.random() < 0.5 else _HISTORIES
        lesson = draw_lesson(rng, grid, draw_schedule(rng, histories), longest, frames)
        made = {each.section for each in lesson.plan.made[: lesson.planned.number]}
        section = lesson.planned.section
        if section - 1 in made:
            return lesson, section
        if section + 1 in made:
            return lesson, section + 1


@lru_cache(maxsize=4096)
def planned_shot(schedule: str, sections: int, grid: Grid, *, selects: bool = False) -> ShotPlan:
    """The plan of a shot from one board on; with `selects` sections choose what they see of their history."""
    return plan_shot(grid.frames(sections), grid=grid, schedule=parse(schedule), boards=(0,), selects=selects)
