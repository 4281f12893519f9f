"""Guides by latents: which of a guide's pictures each latent of the plan is led by. Numbers only; no picture is read.

A picture at the shot's frame f (from 1, fractions allowed) lies at the native time (f - 1) x native / fps, counted in
each stretch from its start board. Which native frames a latent shows `Grid.frames_of` says.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from ..framepack.grid import Grid, Seam
from ..framepack.plan import ShotPlan
from ..models.guide_use import GuidePictures, GuideUse
from ..protocol import GUIDE, Condition, ConditionFrame
from .frame_rates import ShownFrames

_HALF = Fraction(1, 2)


@dataclass(frozen=True)
class LatentGuide:
    """A guide as the plan sees it."""

    latents: Mapping[int, tuple[ConditionFrame, ...]]
    """For each latent that is led, ascending: its one picture, or one for each of its native frames in time order."""
    strength: float
    until: float
    board: int | None = None
    """The latent among them whose one picture is a board."""


def guides_by_latent(
    conditions: tuple[Condition, ...],
    plan: ShotPlan,
    shown: ShownFrames,
    pictures: GuidePictures,
    start: str | None = None,
) -> tuple[LatentGuide, ...]:
    """The guides among `conditions` by latents; `start` is the board that the shot starts from, if any.

    Of several pictures for one latent, or one native frame, the nearest in time counts, the later of two as near. A
    native frame without a picture shows the nearest that its latent has; a latent without any is not led. Boards win
    over guides: their latents are not led either. Where sections are cut the model makes the first frame as well, and
    a guide that leads the section shows the board there.
    """
    return tuple(
        _of_condition(condition, plan, shown, pictures, start) for condition in conditions if condition.kind == GUIDE
    )


def guide_extent(guides: Sequence[LatentGuide], plan: ShotPlan, use: GuideUse) -> dict[str, int]:
    """What guides add to the largest work on a section, as fields of `Extent`."""
    if not guides:
        return {}
    led = max(sum(latent in guide.latents for latent in planned.own) for guide in guides for planned in plan.made)
    encoded = 1 if use.pictures is GuidePictures.LATENT else plan.grid.lead + plan.grid.stride
    return {"encoded": encoded, "led": led if use.as_history or use.context is not None else 0}


def _of_condition(
    guide: Condition, plan: ShotPlan, shown: ShownFrames, pictures: GuidePictures, start: str | None
) -> LatentGuide:
    by_latent = _by_latent(guide, plan, shown, pictures)
    board = None
    if (
        start is not None
        and plan.grid.seam is Seam.CUT
        and any(latent in by_latent for latent in plan.by_section[0].own)
    ):
        board = plan.by_section[0].own.start
        by_latent[board] = (ConditionFrame(1.0, start),)
    return LatentGuide(dict(sorted(by_latent.items())), guide.strength, guide.until, board)


def _by_latent(
    guide: Condition, plan: ShotPlan, shown: ShownFrames, pictures: GuidePictures
) -> dict[int, tuple[ConditionFrame, ...]]:
    grid, nearest = plan.grid, nearest_pictures(guide, plan, shown, pictures)
    by_latent: dict[int, tuple[ConditionFrame, ...]] = {}
    for frame in nearest:
        latent = grid.made_by(frame)
        if latent in plan.boards or latent in by_latent:
            continue
        if pictures is GuidePictures.LATENT:
            by_latent[latent] = (nearest[frame],)
            continue
        own = grid.frames_of(latent)
        here = [native for native in own if native in nearest]
        by_latent[latent] = tuple(nearest[min(here, key=lambda at: (abs(at - native), -at))] for native in own)
    return by_latent


def nearest_pictures(
    guide: Condition, plan: ShotPlan, shown: ShownFrames, pictures: GuidePictures
) -> dict[int, ConditionFrame]:
    """By native frame, or with `LATENT` by those that latents end on: the picture nearest in time, the later of two."""
    nearest: dict[int, tuple[Fraction, ConditionFrame]] = {}
    for held, made, led in _pictures_in_time(guide, plan, shown):
        frame = _native(made, plan.grid, pictures)
        away = abs(made - frame)
        if plan.grid.made_by(frame) in led and (frame not in nearest or away <= nearest[frame][0]):
            nearest[frame] = (away, held)
    return {frame: held for frame, (_, held) in nearest.items()}


def _native(made: Fraction, grid: Grid, pictures: GuidePictures) -> int:
    """The native frame, or of those that latents end on the one, that lies nearest to `made`.

    Halves go up, as where frames are shown.
    """
    if pictures is GuidePictures.EVERY:
        return int((made + _HALF) // 1)
    latent = grid.frames_of(grid.made_by(math.ceil(made)))
    later, earlier = latent[-1], latent.start - 1
    return later if later - made <= made - earlier else earlier


def _pictures_in_time(
    guide: Condition, plan: ShotPlan, shown: ShownFrames
) -> Iterator[tuple[ConditionFrame, Fraction, range]]:
    """Each picture in time order, the time in made frames that it lies at, and the latents it may lead."""
    for held in sorted(guide.frames, key=lambda held: held.frame):
        frame = Fraction(held.frame).limit_denominator(10_000) - 1
        stretch = bisect_right(shown.starts, frame) - 1
        latents = plan.stretches[stretch].latents
        yield held, shown.made_at(frame), range(latents.start + 1, latents.stop)
