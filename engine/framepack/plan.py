"""The plan of a shot: which sections are made in which sequence, from what, and which frames each one settles.

Integers only: no torch, no pixels. Latent frames of the shot are numbered from 0, the start board; section s of a
stretch that starts at latent b covers latents b + s*window + 1 .. b + (s+1)*window. Pixel frames are numbered from 0
here (people count from 1). A run of latents a..b decodes to pixel frames r*a .. r*b, where r is the temporal
compression: the first latent of any clip gives one frame, every other one r frames.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

from .context import section_layout
from .decoding import DecodePlan, Done, decode_plan
from .grid import Grid, Seam
from .layout import BOARD_LEAD, LeadIn, SectionLayout
from .packing import Order, Schedule


@dataclass(frozen=True)
class PlannedSection:
    """One section, in the sequence in which sections are made."""

    number: int
    """Position in the sequence of making, from 0."""
    section: int
    """Position in time, from 0."""
    own: range
    """The latents that it makes."""
    adds: range
    """The pixel frames that it adds to the shot; those of a stretch's first section include the start board's."""
    layout: SectionLayout
    anchor: int | None
    """The board's latent that the section is made toward or from; its picture also goes to the image encoder."""
    pins: tuple[int, ...]
    """Latents inside this section that a board fixes."""
    decode: DecodePlan

    def toward(self, board: int, grid: Grid) -> PlannedSection:
        """The same, decoded on as far as the board's latent that follows it: the frames before that are its as well."""
        frames = range((board - 1) * grid.compression + 1, board * grid.compression)
        return replace(self, adds=range(self.adds.start, frames.stop), decode=self.decode.toward(board, frames))

    def moved(self, sections: int, latents: int, frames: int) -> PlannedSection:
        """The same, so many sections, latents and pixel frames later."""
        return PlannedSection(
            number=self.number + sections,
            section=self.section + sections,
            own=range(self.own.start + latents, self.own.stop + latents),
            adds=range(self.adds.start + frames, self.adds.stop + frames),
            layout=self.layout.moved(latents),
            anchor=None if self.anchor is None else self.anchor + latents,
            pins=tuple(pin + latents for pin in self.pins),
            decode=self.decode.moved(latents, frames),
        )


@dataclass(frozen=True)
class Stretch:
    """Sections that see nothing of the shot but each other, the board they start from and perhaps the next one."""

    sections: range
    """By their place in time."""
    latents: range
    """The start board's included."""
    made: range
    """Pixel frames that are made, the start board's first."""
    frames: int
    """How many of them are wanted, from the first on; the surplus at the far end is trimmed."""
    boards: tuple[int, ...]
    """Latents where its boards lie, ascending, the start's first; one after the last latent waits there (`end`).

    A stretch that ends on a board ends right before it, as the model was shown one: what its sections have too many
    latents for, its start board is held for at its near end, and nothing is decoded of these but the last one.
    """


@dataclass(frozen=True)
class ShotPlan:
    """The whole shot: one stretch, or, through boards within it, one from each board to the next.

    A table to be read: no number here is computed again while the shot is made. Latents of all stretches are numbered
    on: the board after a stretch's last latent, which it may end on, is the next one's start. Pixel frames are numbered
    as latents decode, so between two stretches r - 1 numbers are nobody's.
    """

    grid: Grid
    order: Order
    stretches: tuple[Stretch, ...]
    boards: tuple[int, ...]
    """Latents where boards lie, ascending, the start's first; `end` means a board after the last latent."""
    pictures: tuple[int, ...]
    """Which board, counted from 0 in time order, lies at each of `boards`."""
    lead: LeadIn
    made: tuple[PlannedSection, ...]

    @property
    def frames(self) -> int:
        """Pixel frames that are wanted of all that are made."""
        return sum(stretch.frames for stretch in self.stretches)

    @property
    def sections(self) -> int:
        """How many sections the shot has."""
        return len(self.made)

    @property
    def latents(self) -> int:
        """Latent frames of the finished shot, the start boards' of all stretches included."""
        return self.stretches[-1].latents.stop

    @property
    def end(self) -> int:
        """The latent number just after the shot, where an end board waits for inverted and endpoint orders."""
        return self.latents

    def own_latents(self, planned: PlannedSection) -> range:
        """The latents that `planned` makes."""
        return planned.own

    def beside_board(self, planned: PlannedSection) -> bool:
        """Whether a board that `planned` could see lies in it or next to it."""
        boards = self.stretch_of(planned.section).boards
        return bool(_between(boards, planned.own.start - 1, planned.own.stop + 1))

    def stretch_of(self, section: int) -> Stretch:
        """The stretch that `section`, by its place in time, lies in."""
        return self.stretches[bisect_right(self._starts, section) - 1]

    def adding(self, frame: int) -> PlannedSection:
        """The section that adds pixel frame `frame`, which must be a made one, to the shot."""
        return self.by_section[bisect_right(self._first_added, frame) - 1]

    @cached_property
    def by_section(self) -> dict[int, PlannedSection]:
        """Every section by its place in time."""
        return {planned.section: planned for planned in self.made}

    @cached_property
    def last_use(self) -> dict[int, int]:
        """For every latent, the number of the last section that looks at it: later it may leave memory.

        A tail is made of few numbers, which stay: each of its latents is looked at once, when it gets there.
        """
        uses: dict[int, int] = {}
        taken: dict[int, int] = {}
        for planned in self.made:
            seen = planned.layout.packed().union(planned.decode.latents)
            if (tail := planned.layout.tail) is not None:
                far = tail.latents[0]
                seen.update(tail.latents[taken.get(far, 0) :])
                taken[far] = len(tail.latents)
            uses |= dict.fromkeys(seen, planned.number)
        return uses

    @cached_property
    def _starts(self) -> list[int]:
        return [stretch.sections.start for stretch in self.stretches]

    @cached_property
    def _first_added(self) -> list[int]:
        return [self.by_section[section].adds.start for section in range(self.sections)]


def plan_shot(
    frames: int,
    *,
    grid: Grid,
    schedule: Schedule,
    boards: Sequence[int] = (0,),
    lead: LeadIn = BOARD_LEAD,
    selects: bool = False,
    endpoints: Collection[int] = (),
) -> ShotPlan:
    """Plan a shot of `frames` pixel frames as one stretch; boards within it are held fast inside sections.

    `schedule` fixes the order and what the packed context holds. `boards` are the pixel frames (from 0) where boards
    lie: frame 0 first, ascending, all below `frames`, no two in one latent. A board at the last frame is the end board.
    `lead` precedes the shot; without a board at its start only the forward order has something to begin from. With
    `selects` what a section sees of its history is chosen when it is made (`History.context`). `endpoints` are
    sections, by their place in time, that endpoint order makes before it fills the gaps between them.
    Source: released recipe for inverted and forward, arXiv 2504.12626 v3 sampling (b) for endpoint; lead-ins as in
    diffusers' HeliosPipeline.
    """
    order, sections = schedule.order(), grid.sections(frames)
    latents = _board_latents(frames, grid, sections, order, boards)
    pictures = [min(place, len(boards) - 1) for place in range(len(latents))]
    if boards and lead.first is not None:
        latents[0] = lead.first
    own = range(sections * grid.window + 1)
    stretch = Stretch(range(sections), own, range(grid.frames(sections)), frames, tuple(latents))
    made = tuple(_made(grid, schedule, sections, latents, lead, selects=selects, endpoints=endpoints))
    return ShotPlan(grid, order, (stretch,), tuple(latents), tuple(pictures), lead, made)


def plan_stretches(
    lengths: Sequence[int],
    *,
    grid: Grid,
    schedule: Schedule,
    end: bool,
    after: bool = False,
    selects: bool = False,
    endpoints: Collection[int] = (),
) -> ShotPlan:
    """Plan a shot through boards as stretches of `lengths` pixel frames, each at least 1, one from board to board.

    Each begins with its board, encoded alone, and, where the order has a place for it, ends on the next one's, which
    lies on the frame after its last. With `end` a board lies on the shot's last frame as well; the last stretch has at
    least two frames then. With `after` one lies on the frame after the last, which is not the shot's any more: it is
    decoded behind the last section's latents, which gives the r - 1 frames between them, and `lengths` counts these.
    Stretches are made one after the other in time, each in the order of `schedule`; a last one that ends on no board is
    planned as a shot of its own. `endpoints` as in `plan_shot`: each is one of its own stretch.
    Source: arXiv 2504.12626 v3, sampling (d), several planned endpoints; here they are given and need not be made.
    """
    if grid.seam is Seam.CUT:
        raise ValueError("a stretch does not show its start board where sections are cut")
    order = schedule.order()
    if after and order is Order.FORWARD:
        raise ValueError("going forward no section sees what comes after the shot")
    stretches: list[Stretch] = []
    made: list[PlannedSection] = []
    pictures: dict[int, int] = {}
    latent = 0
    for place, frames in enumerate(lengths):
        beyond = grid.compression - 1 if after and place == len(lengths) - 1 else 0
        sections = grid.sections(frames - beyond)
        stop = sections * grid.window + 1
        ends = end or after or place < len(lengths) - 1
        held = 0
        boards = [0]
        if ends and order is not Order.FORWARD:
            held = stop - 1 - max(grid.latent_of(frames - beyond - 1), stop - grid.window)
            boards = [*range(held + 1), stop]
            if end and place == len(lengths) - 1:  # this board no stretch begins with: it is seen as what is made of it
                boards.insert(-1, stop - 1)
        elif place == len(lengths) - 1:
            boards = _board_latents(frames, grid, sections, order, (0, frames - 1) if end else (0,))
        first, frame = len(made), latent * grid.compression
        early = [section - first for section in endpoints if section in range(first, first + sections)]
        own = list(_made(grid, schedule, sections, boards, BOARD_LEAD, held, selects=selects, endpoints=early))
        own = [each.toward(stop, grid) if beyond and stop - 1 in each.own else each for each in own]
        made += [each.moved(first, latent, frame) for each in own]
        stretch = Stretch(
            sections=range(first, first + sections),
            latents=range(latent, latent + stop),
            made=range(frame + held * grid.compression, frame + grid.frames(sections) + beyond),
            frames=frames,
            boards=tuple(latent + board for board in boards),
        )
        stretches.append(stretch)
        pictures |= {board: place + (board > latent + held) for board in stretch.boards}
        latent += stop
    boards = sorted(pictures)
    shown = tuple(pictures[board] for board in boards)
    return ShotPlan(grid, order, tuple(stretches), tuple(boards), shown, BOARD_LEAD, tuple(made))


def _made(
    grid: Grid,
    schedule: Schedule,
    sections: int,
    boards: Sequence[int],
    lead: LeadIn,
    held: int = 0,
    *,
    selects: bool,
    endpoints: Collection[int],
) -> Iterator[PlannedSection]:
    """The sections of one stretch, in the sequence of making, numbered as if it were the whole shot.

    The start board is `held` for so many latents of the first section, which nothing is shown of.
    """
    order = schedule.order()
    done = Done()
    for number, section in enumerate(making_sequence(order, sections, endpoints)):
        layout, anchor = section_layout(
            section,
            window=grid.window,
            schedule=schedule,
            sections=sections,
            boards=boards,
            lead=lead,
            done=done,
            selects=selects,
        )
        own = range(section * grid.window + 1, (section + 1) * grid.window + 1)
        adds = grid.own_frames(section)
        yield PlannedSection(
            number=number,
            section=section,
            own=own,
            adds=adds if section else range(held * grid.compression, adds.stop),
            layout=layout,
            anchor=anchor,
            pins=_between(boards, own.start, own.stop),
            decode=decode_plan(section, grid, sections, done, held),
        )
        done = done.with_section(section)


def _between(latents: Sequence[int], first: int, stop: int) -> tuple[int, ...]:
    """Those of the ascending `latents` that are at least `first` and below `stop`."""
    return tuple(latents[bisect_left(latents, first) : bisect_left(latents, stop)])


def making_sequence(order: Order, sections: int, endpoints: Collection[int] = ()) -> Iterator[int]:
    """Sections 0 .. `sections` - 1 by their place in time, in the sequence in which `order` makes them.

    Endpoint order begins with the first, the planned `endpoints` and the last one, in time order; then it fills one gap
    between them after the other, each from its ends inward. Other orders know no `endpoints`.
    Source: arXiv 2504.12626 v3, sampling: (a) forward, (b) endpoint, (c) inverted, (d) several planned endpoints.
    """
    if order is Order.INVERTED:
        yield from range(sections - 1, -1, -1)
    elif order is Order.FORWARD:
        yield from range(sections)
    else:
        ends = sorted({0, *endpoints, sections - 1})
        yield from ends
        for earlier, later in pairwise(ends):
            gap = range(earlier + 1, later)
            for number in range(len(gap)):
                yield gap[number // 2] if number % 2 == 0 else gap[-1 - number // 2]


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
