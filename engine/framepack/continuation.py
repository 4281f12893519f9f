"""What of a stored shot another one keeps: the sections made from the same, and the frames decoded from those alone.

Integers only: two plans, and what is the same in both beside them. A section is kept where its place in the sequence
of making, its layout, its settings, its pictures and all the sections that it was made from are the same; a frame,
where the same decodes of kept latents, faded in the same sequence, make it.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Mapping
from dataclasses import dataclass, replace

from .decoding import DecodePlan
from .plan import PlannedSection, ShotPlan


@dataclass(frozen=True)
class Continuation:
    """What is kept of the shot that is continued; all the rest is made anew."""

    sections: frozenset[int]
    """By their places in time."""
    frames: tuple[range, ...]
    """Pixel frames (from 0) that are the same to the bit; ascending."""


def continuation(old: ShotPlan, new: ShotPlan, *, settings: Collection[int], pictures: Collection[int]) -> Continuation:
    """What the shot planned as `new` keeps of the one stored as `old`.

    `settings` are the sections, by their places in time, whose settings and noise are the same in both, `pictures` the
    latents whose given picture, of a board or of what precedes the shot, is.
    """
    if old.grid != new.grid:
        return Continuation(frozenset(), ())
    makers = {latent: planned for planned in new.made for latent in planned.own}
    kept: set[int] = set()
    for planned in new.made:
        if planned.section in settings and _is_same(old, new, planned, makers, kept, pictures):
            kept.add(planned.section)
    sources, before = frame_sources(new), frame_sources(old)
    same = [
        block
        for block in sorted(sources, key=lambda block: block.start)
        if before.get(block) == sources[block]
        and all(_is_there(makers, latent, kept, pictures) for run in sources[block] for latent in run)
    ]
    return Continuation(frozenset(kept), tuple(same))


def frame_sources(plan: ShotPlan) -> dict[range, tuple[range, ...]]:
    """For every run of frames that becomes final at once, the runs of latents it is decoded from, in time order.

    Two or more are faded into each other, or show it one behind the other.
    """
    waiting: dict[range, tuple[range, ...]] = {}
    final: dict[range, tuple[range, ...]] = {}
    for planned in plan.made:
        decode = planned.decode
        for block in (*decode.final, *decode.provisional):
            earlier = waiting.pop(block, ())
            sources = decode.clips
            if block == decode.blend_before:
                sources = earlier + sources
            elif block == decode.blend_after:
                sources += earlier
            (final if block in decode.final else waiting)[block] = sources
    return final


def decode_for(decode: DecodePlan, needed: Container[range]) -> DecodePlan | None:
    """As much of `decode` as the runs of frames in `needed` take (`frame_sources`); None where they take nothing."""
    part = replace(
        decode,
        blend_before=decode.blend_before if decode.blend_before in needed else None,
        blend_after=decode.blend_after if decode.blend_after in needed else None,
        final=tuple(block for block in decode.final if block in needed),
        provisional=tuple(block for block in decode.provisional if block in needed),
    )
    return part if part.final or part.provisional else None


def _is_same(
    old: ShotPlan,
    new: ShotPlan,
    planned: PlannedSection,
    makers: Mapping[int, PlannedSection],
    kept: Collection[int],
    pictures: Collection[int],
) -> bool:
    """Whether `old` made a section from just what `new` would make it from; `makers` are `new`'s, by latent."""
    was = old.by_section.get(planned.section)
    if was is None or (was.number, was.layout, was.anchor, was.pins) != (
        planned.number,
        planned.layout,
        planned.anchor,
        planned.pins,
    ):
        return False
    if old.beside_board(was) != new.beside_board(planned):
        return False
    given = {*planned.pins, *([] if planned.anchor is None else [planned.anchor])}
    for latent in planned.layout.latents():
        maker = makers.get(latent)
        if maker is None or maker.number >= planned.number:  # not made yet: it is a board's
            given.add(latent)
        elif maker.section not in kept:
            return False
    return given <= set(pictures)


def _is_there(
    makers: Mapping[int, PlannedSection], latent: int, kept: Collection[int], pictures: Collection[int]
) -> bool:
    """Whether `latent` is the same in both, be it made or given."""
    return makers[latent].section in kept if latent in makers else latent in pictures
