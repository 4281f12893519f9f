"""Which latents the packed context of a section holds when it is made: what lies around it by then. Integers only."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from .decoding import Done
from .layout import LeadIn, SectionLayout, TailFrames, from_past, padding, toward_anchor
from .packing import Block, Order, Schedule, Tail


def section_layout(
    section: int,
    *,
    window: int,
    schedule: Schedule,
    sections: int,
    boards: Sequence[int],
    lead: LeadIn,
    done: Done,
    selects: bool,
) -> tuple[SectionLayout, int | None]:
    """The packed context of `section` when the sections in `done` are made, and the board it is anchored to.

    Of a stretch of `sections` sections of `window` latents, with `boards` and `lead` as in `plan_shot`. With `selects`
    the history's slots may be given other latents than the nearest (`SectionLayout.history`). A section next to none
    that is made, such as a planned endpoint, sees its start alone. History ends where something is missing.
    """
    order = schedule.order()
    start = section * window  # the last latent before the section
    own = start + 1
    earlier = bisect_right(boards, start)
    anchor = boards[earlier - 1] if earlier else None
    end = sections * window + 1
    ends_on_board = bool(boards) and boards[-1] == end
    before, after = done.run_with(section - 1), done.run_with(section + 1)
    from_left = before is not None or (section == 0 and order is Order.ENDPOINT)
    if from_left or order is Order.FORWARD:
        next_made = done.after(section)
        first_after = next_made * window + 1 if next_made is not None else (end if ends_on_board else None)
        distance = 0 if first_after is None else first_after - (section + 1) * window - 1
        earliest = before.start * window + 1 if before is not None and before.start else lead.history.start
        past = range(start, earliest - 1, -1)
        layout = from_past(
            anchor_blocks=schedule.anchor,
            past_blocks=schedule.past,
            endpoint_blocks=schedule.endpoint,
            window=window,
            anchor=lead.kept(section) if anchor is None else anchor,
            past=past,
            endpoint=first_after,
            gap=padding(distance, window, sections, first=False),
            own=own,
            selects=selects,
            tail=_tail(schedule.tail, schedule.past, past),
        )
        return layout, anchor
    # Endpoint planning fills a gap from both ends; from the right its layout is the mirror image, with the history in
    # the future and the one endpoint, the nearest latent there is, in the past.
    mirrored = order is Order.ENDPOINT
    if anchor is None:
        raise ValueError("a section that is made toward the start needs a board there")
    last_made = done.before(section)
    nearest = anchor if after is None or last_made is None else max(anchor, (last_made + 1) * window)
    future = range(0)
    if after is not None:
        future = range((section + 1) * window + 1, after.stop * window + 1)
    elif section == sections - 1 and ends_on_board:
        future = range(end, end + 1)
    blocks = schedule.past[::-1] if mirrored else schedule.future
    layout = toward_anchor(
        anchor_blocks=schedule.endpoint if mirrored else schedule.anchor,
        future_blocks=blocks,
        window=window,
        anchor=nearest,
        gap=padding(start - nearest, window, sections, first=after is None),
        future=future,
        own=own,
        selects=selects,
        tail=_tail(schedule.tail, blocks[::-1], future),
    )
    return layout, anchor


def _tail(option: Tail | None, blocks: Sequence[Block], history: range) -> TailFrames | None:
    """What lies beyond the `blocks`, far to near, of a history that is given nearest first: what was made, no board."""
    if option in (None, Tail.DELETE):
        return None
    beyond = history[sum(block.frames for block in blocks) :][::-1]
    made = range(max(1, beyond.start), beyond.stop) if beyond.step > 0 else beyond
    if not made:
        return None
    return TailFrames(option, max(blocks, key=lambda block: block.kernel.volume).kernel, made)
