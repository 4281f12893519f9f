"""The plan of a shot: which sections are made in which sequence, from what, and which frames each one settles.

Integers only: no torch, no pixels. Latent frames of the shot are numbered from 0, the start board; section s in time
covers latents s*window + 1 .. (s+1)*window. Pixel frames are numbered from 0 here (people count from 1). A run of
latents a..b decodes to pixel frames r*a .. r*b, where r is the temporal compression: the first latent of any clip
gives one frame, every other one r frames.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from .grid import Grid, Seam
from .layout import BOARD_LEAD, LeadIn, SectionLayout, from_past, padding, toward_anchor
from .packing import Order, Schedule


@dataclass(frozen=True)
class DecodePlan:
    """What is decoded once a section is made, how it meets its neighbours, and what that settles (frames from 0).

    Source: released recipe (`demo_gradio.py`): after the first section each decode covers two windows and the 33
    frames they share are blended. Endpoint order closes its gap with three windows and two blends at once.
    """

    latents: range
    """The section, with the neighbours that are already made (and the start)."""
    blend_before: range | None
    """Where the earlier section fades into this decode."""
    blend_after: range | None
    """Where this decode fades into the later section."""
    final: tuple[range, ...]
    """Frames that will never change again from now on, and were not final before; ascending."""
    provisional: tuple[range, ...]
    """Frames this decode set that a later section may still blend; ascending."""


@dataclass(frozen=True)
class PlannedSection:
    """One section, in the sequence in which sections are made."""

    number: int
    """Position in the sequence of making, from 0."""
    section: int
    """Position in time, from 0."""
    layout: SectionLayout
    anchor: int | None
    """The board's latent that the section is made toward or from; its picture also goes to the image encoder."""
    pins: tuple[int, ...]
    """Latents inside this section that a board fixes."""
    decode: DecodePlan


@dataclass(frozen=True)
class ShotPlan:
    """The whole shot. `frames` pixel frames are wanted of the `grid.frames(sections)` that are made.

    A table to be read: no number here is computed again while the shot is made.
    """

    grid: Grid
    order: Order
    frames: int
    sections: int
    boards: tuple[int, ...]
    """Latents where boards lie, ascending, the start's first; `end` means a board after the last latent."""
    lead: LeadIn
    made: tuple[PlannedSection, ...]

    @property
    def latents(self) -> int:
        """Latent frames of the finished shot, the start board's included."""
        return self.sections * self.grid.window + 1

    @property
    def end(self) -> int:
        """The latent number just after the shot, where an end board waits for inverted and endpoint orders."""
        return self.latents

    def own_latents(self, planned: PlannedSection) -> range:
        """The latents that `planned` makes."""
        first = planned.section * self.grid.window + 1
        return range(first, first + self.grid.window)

    def beside_board(self, planned: PlannedSection) -> bool:
        """Whether a board lies in the section that `planned` makes or next to it."""
        own = self.own_latents(planned)
        return bool(_between(self.boards, own.start - 1, own.stop + 1))

    @cached_property
    def by_section(self) -> dict[int, PlannedSection]:
        """Every section by its place in time."""
        return {planned.section: planned for planned in self.made}

    @cached_property
    def last_use(self) -> dict[int, int]:
        """For every latent, the number of the last section that looks at it: later it may leave memory."""
        return {
            latent: planned.number
            for planned in self.made
            for latent in planned.layout.latents() | set(planned.decode.latents)
        }


def plan_shot(
    frames: int,
    *,
    grid: Grid,
    schedule: Schedule,
    boards: Sequence[int] = (0,),
    lead: LeadIn = BOARD_LEAD,
) -> ShotPlan:
    """Plan a shot of `frames` pixel frames.

    `schedule` fixes the order and what the packed context holds. `boards` are the pixel frames (from 0) where boards
    lie: frame 0 first, ascending, all below `frames`, no two in one latent. A board at the last frame is the end board.
    `lead` precedes the shot; without a board at its start only the forward order has something to begin from.
    Source: released recipe for inverted and forward, arXiv 2504.12626 v3 sampling (b) for endpoint; lead-ins as in
    diffusers' HeliosPipeline.
    """
    order = schedule.order()
    sections = grid.sections(frames)
    latents = _board_latents(frames, grid, sections, order, boards)
    if boards and lead.first is not None:
        latents[0] = lead.first
    made: list[PlannedSection] = []
    done = _Done(0, sections, sections)
    for number, section in enumerate(making_sequence(order, sections)):
        layout, anchor = _layout(section, grid, schedule, order, sections, latents, lead, done)
        made.append(
            PlannedSection(
                number=number,
                section=section,
                layout=layout,
                anchor=anchor,
                pins=_between(latents, section * grid.window + 1, (section + 1) * grid.window + 1),
                decode=_decode(section, grid, sections, done),
            )
        )
        done = done.with_section(section)
    return ShotPlan(grid, order, frames, sections, tuple(latents), lead, tuple(made))


@dataclass(frozen=True)
class _Done:
    """Which sections are made: every order works from the ends inward, so those before one and those from another on.

    Two numbers instead of a set, which would be looked through anew for every section of a shot of thousands.
    """

    before: int
    after: int
    sections: int
    """All that the shot has."""

    def __contains__(self, section: int) -> bool:
        return 0 <= section < self.before or self.after <= section < self.sections

    def with_section(self, section: int) -> _Done:
        """The same with one more made: the next one from either end."""
        made = {"before": section + 1} if section == self.before else {"after": section}
        return replace(self, **made)


def _between(latents: Sequence[int], first: int, stop: int) -> tuple[int, ...]:
    """Those of the ascending `latents` that are at least `first` and below `stop`."""
    return tuple(latents[bisect_left(latents, first) : bisect_left(latents, stop)])


def making_sequence(order: Order, sections: int) -> Iterator[int]:
    """Sections 0 .. `sections` - 1 by their place in time, in the sequence in which `order` makes them.

    Source: arXiv 2504.12626 v3, sampling: (a) forward, (b) endpoint, from the ends inward, (c) inverted.
    """
    if order is Order.INVERTED:
        yield from range(sections - 1, -1, -1)
    elif order is Order.FORWARD:
        yield from range(sections)
    else:
        for number in range(sections):
            yield number // 2 if number % 2 == 0 else sections - 1 - number // 2


def _board_latents(frames: int, grid: Grid, sections: int, order: Order, boards: Sequence[int]) -> list[int]:
    latents = [grid.latent_of(frame) for frame in boards]
    last = sections * grid.window
    if len(boards) > 1 and boards[-1] == frames - 1 and order is not Order.FORWARD:
        # The end board goes where the model was shown one: into the slot right after the last section. Where trimming
        # cuts the shot short of that, the latent of its last frame is fixed as well, so that the shot still ends on it.
        if latents[-1] == last:
            latents[-1] = last + 1
        else:
            latents.append(last + 1)
    return latents


def _layout(
    section: int,
    grid: Grid,
    schedule: Schedule,
    order: Order,
    sections: int,
    boards: Sequence[int],
    lead: LeadIn,
    done: _Done,
) -> tuple[SectionLayout, int | None]:
    """The packed context of `section` when the sections in `done` are made, and the board it is anchored to."""
    window = grid.window
    start = section * window  # the last latent before the section
    earlier = bisect_right(boards, start)
    anchor = boards[earlier - 1] if earlier else None
    end = sections * window + 1
    ends_on_board = bool(boards) and boards[-1] == end
    from_left = section - 1 in done or (section == 0 and order is Order.ENDPOINT)
    if from_left or order is Order.FORWARD:
        first_after = done.after * window + 1 if done.after < sections else (end if ends_on_board else None)
        distance = 0 if first_after is None else first_after - (section + 1) * window - 1
        layout = from_past(
            anchor_blocks=schedule.anchor,
            past_blocks=schedule.past,
            endpoint_blocks=schedule.endpoint,
            window=window,
            anchor=lead.kept(section) if anchor is None else anchor,
            past=range(start, lead.history.start - 1, -1),
            endpoint=first_after,
            gap=padding(distance, window, sections, first=False),
        )
        return layout, anchor
    # Endpoint planning fills a gap from both ends; from the right its layout is the mirror image, with the history in
    # the future and the one endpoint, the nearest latent there is, in the past.
    mirrored = order is Order.ENDPOINT
    if anchor is None:
        raise ValueError("a section that is made toward the start needs a board there")
    nearest = max(anchor, done.before * window) if done.before and done.after < sections else anchor
    future: Sequence[int] = ()
    if section + 1 in done:
        future = range((section + 1) * window + 1, sections * window + 1)
    elif section == sections - 1 and ends_on_board:
        future = (end,)
    layout = toward_anchor(
        anchor_blocks=schedule.endpoint if mirrored else schedule.anchor,
        future_blocks=schedule.past[::-1] if mirrored else schedule.future,
        window=window,
        anchor=nearest,
        gap=padding(start - nearest, window, sections, first=section == sections - 1),
        future=future,
    )
    return layout, anchor


def _decode(section: int, grid: Grid, sections: int, done: _Done) -> DecodePlan:
    """What decoding `section` covers, blends and settles when the sections in `done` are made."""
    window = grid.window
    if grid.seam is Seam.CUT:
        own = range(section * window + 1, (section + 1) * window + 1)
        return DecodePlan(own, None, None, final=(grid.block(section),), provisional=())
    left, right = section - 1 in done, section + 1 in done
    settled = done.with_section(section)
    final: list[range] = [range(0, grid.compression)] if section == 0 else []
    provisional: list[range] = []
    for s in range(section - left, section + right + 1):
        if s > section - left:
            final.append(range(grid.block(s - 1).stop, grid.block(s).start))
        closed = (s == 0 or s - 1 in settled) and (s == sections - 1 or s + 1 in settled)
        (final if closed else provisional).append(grid.block(s))
    return DecodePlan(
        latents=range(0 if section == 0 else (section - left) * window + 1, (section + 1 + right) * window + 1),
        blend_before=grid.block(section - 1) if left else None,
        blend_after=grid.block(section + 1) if right else None,
        final=tuple(final),
        provisional=tuple(provisional),
    )
