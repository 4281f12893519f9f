"""Plans that decode each latent once, behind a few of those before it: whole stretches, in all orders."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.framepack.continuation import frame_sources
from engine.framepack.grid import Grid, Seam
from engine.framepack.packing import PAPER_ENDPOINT, RELEASED_FORWARD, RELEASED_INVERTED, Order, parse, with_window
from engine.framepack.plan import ShotPlan, plan_shot, plan_stretches

SCHEDULES = {
    Order.INVERTED: RELEASED_INVERTED,
    Order.FORWARD: RELEASED_FORWARD,
    Order.ENDPOINT: PAPER_ENDPOINT,
}


@st.composite
def plans(draw: st.DrawFn) -> ShotPlan:
    """A shot of one stretch or several, in windows, overlaps and heads of all sizes."""
    order, window = draw(st.sampled_from(Order)), draw(st.integers(1, 12))
    grid = Grid(window, 4, Seam.CAUSAL, draw(st.integers(1, window)), draw(st.integers(0, 12)))
    schedule = parse(with_window(SCHEDULES[order], window))
    if draw(st.booleans()):
        return plan_shot(draw(st.integers(1, 900)), grid=grid, schedule=schedule)
    lengths = draw(st.lists(st.integers(4, 300), min_size=1, max_size=4))
    return plan_stretches(lengths, grid=grid, schedule=schedule, end=draw(st.booleans()))


@settings(deadline=None)
@given(plans())
def test_every_frame_becomes_final_once_behind_all_that_it_may_see(plan: ShotPlan) -> None:
    compression, overlap = plan.grid.compression, plan.grid.overlap
    settled: dict[int, range] = {}
    for planned in plan.made:
        clips = planned.decode.clips
        assert (clips[0].start, clips[-1].stop) == (planned.decode.latents.start, planned.decode.latents.stop)
        for block in planned.decode.final:
            for frame in block:
                assert frame not in settled
                # It is shown by the first clip that has it.
                settled[frame] = next(clip for clip in clips if frame <= (clip.stop - 1) * compression)
    assert set(settled) == {frame for stretch in plan.stretches for frame in stretch.made}
    for stretch in plan.stretches:
        first = stretch.made.start // compression
        for frame in stretch.made:
            shown_by = -(-frame // compression)
            seen = settled[frame]
            assert max(first, shown_by - overlap) >= seen.start
            assert shown_by < seen.stop
            # A clip's first latent shows one frame of four.
            assert shown_by > seen.start or frame == seen.start * compression


@settings(deadline=None)
@given(plans())
def test_what_is_provisional_is_settled_by_the_section_before(plan: ShotPlan) -> None:
    waiting: set[range] = set()
    for planned in plan.made:
        waiting -= set(planned.decode.final)
        for block in planned.decode.provisional:
            assert planned.decode.latents.start * 4 == block.start
            assert len(block) == 4 * plan.grid.overlap - 3
            waiting.add(block)
        assert planned.decode.blend_before is None
        assert planned.decode.blend_after is None
    assert not waiting


@settings(deadline=None)
@given(plans())
def test_latents_are_decoded_once_but_for_the_overlap(plan: ShotPlan) -> None:
    most = plan.grid.window + plan.grid.overlap * (2 if plan.order is Order.ENDPOINT else 1) + 1
    assert all(len(clip) <= most for planned in plan.made for clip in planned.decode.clips)
    decoded = sum(len(clip) for planned in plan.made for clip in planned.decode.clips)
    behind_the_head = min(plan.grid.head, plan.grid.overlap)
    assert decoded <= plan.sections * (plan.grid.window + plan.grid.overlap) + len(plan.stretches) + behind_the_head


@settings(deadline=None)
@given(plans())
def test_the_head_of_a_shot_alone_comes_first(plan: ShotPlan) -> None:
    """Where the first section is made first, and has more latents than that."""
    head, parts = plan.grid.head, [planned.decode.parts for planned in plan.made]
    assert not any(parts[1:])
    first = plan.made[0]
    whole = first.decode.latents
    if not head or first.section or len(whole) <= head:
        assert not parts[0]
        return
    cut = whole.start + head
    assert parts[0] == (range(whole.start, cut), range(max(whole.start, cut - plan.grid.overlap), whole.stop))


def test_the_frames_of_a_head_have_sources_of_their_own() -> None:
    """A shot that was begun without one, continued, keeps no frame that is decoded otherwise."""
    with_head, without = (
        plan_shot(37, grid=Grid(9, 4, Seam.CAUSAL, 2, head), schedule=parse(RELEASED_FORWARD)) for head in (4, 0)
    )
    assert frame_sources(with_head) == {range(37): (range(4), range(2, 10))}
    assert frame_sources(without) == {range(37): (range(10),)}


def test_forward_everything_is_final_at_once() -> None:
    plan = plan_shot(181, grid=Grid(9, 4, Seam.CAUSAL, 1), schedule=parse(RELEASED_FORWARD))
    assert [planned.decode.latents for planned in plan.made] == [
        range(10),
        range(9, 19),
        range(18, 28),
        range(27, 37),
        range(36, 46),
    ]
    assert not any(planned.decode.provisional for planned in plan.made)


def test_inverted_the_first_latents_wait_for_what_comes_before_them() -> None:
    plan = plan_shot(73, grid=Grid(9, 4, Seam.CAUSAL, 2), schedule=parse(RELEASED_INVERTED))
    late, early = (planned.decode for planned in plan.made)
    assert late.latents == range(10, 19)
    assert late.provisional == (range(40, 45),)
    assert late.final == (range(45, 73),)
    assert early.latents == range(12)
    assert early.final == (range(37), range(37, 40), range(40, 45))


@pytest.mark.parametrize("order", Order)
def test_no_frame_is_faded(order: Order) -> None:
    plan = plan_shot(300, grid=Grid(9, 4, Seam.CAUSAL, 1), schedule=parse(SCHEDULES[order]))
    assert all(len(runs) == 1 for runs in frame_sources(plan).values())
