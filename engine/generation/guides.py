"""Guides by latents: which of a guide's pictures each latent of the plan is led by. Numbers only; no picture is read.

A picture at the shot's frame f (from 1, fractions allowed) lies at the native time (f - 1) x native / fps, counted in
each stretch from its start board. Latent k of compression r shows the native frames r(k - 1) + 1 .. rk.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from ..framepack.plan import ShotPlan
from ..models.guide_use import GuidePictures
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


def guides_by_latent(
    conditions: tuple[Condition, ...], plan: ShotPlan, shown: ShownFrames, pictures: GuidePictures
) -> tuple[LatentGuide, ...]:
    """The guides among `conditions` by latents.

    Of several pictures for one latent, or one native frame, the nearest in time counts, the later of two as near. A
    native frame without a picture shows the nearest that its latent has; a latent without any is not led. Boards win
    over guides: their latents are not led either.
    """
    return tuple(
        LatentGuide(
            dict(sorted(_by_latent(condition, plan, shown, pictures).items())), condition.strength, condition.until
        )
        for condition in conditions
        if condition.kind == GUIDE
    )


def _by_latent(
    guide: Condition, plan: ShotPlan, shown: ShownFrames, pictures: GuidePictures
) -> dict[int, tuple[ConditionFrame, ...]]:
    compression = plan.grid.compression
    step = compression if pictures is GuidePictures.LATENT else 1
    nearest: dict[int, tuple[Fraction, ConditionFrame]] = {}
    for held, made, led in _made_at(guide, plan, shown):
        frame = int((made / step + _HALF) // 1) * step  # halves go up, as where frames are shown
        away = abs(made - frame)
        if -(-frame // compression) in led and (frame not in nearest or away <= nearest[frame][0]):
            nearest[frame] = (away, held)
    by_latent: dict[int, tuple[ConditionFrame, ...]] = {}
    for frame in nearest:
        latent = -(-frame // compression)
        if latent in plan.boards or latent in by_latent:
            continue
        if pictures is GuidePictures.LATENT:
            by_latent[latent] = (nearest[frame][1],)
            continue
        own = range(compression * (latent - 1) + 1, compression * latent + 1)
        here = [native for native in own if native in nearest]
        by_latent[latent] = tuple(nearest[min(here, key=lambda at: (abs(at - native), -at))][1] for native in own)
    return by_latent


def _made_at(guide: Condition, plan: ShotPlan, shown: ShownFrames) -> Iterator[tuple[ConditionFrame, Fraction, range]]:
    """Each picture in time order, the time in made frames that it lies at, and the latents it may lead."""
    for held in sorted(guide.frames, key=lambda held: held.frame):
        frame = Fraction(held.frame).limit_denominator(10_000) - 1
        stretch = bisect_right(shown.starts, frame) - 1
        latents = plan.stretches[stretch].latents
        yield held, shown.made_at(frame), range(latents.start + 1, latents.stop)
