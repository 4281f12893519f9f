"""What a shot keeps of a stored one, over many plans, by an oracle of its own that traces everything back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.framepack.continuation import Continuation, continuation, decode_for, frame_sources
from engine.framepack.grid import Grid, Seam
from engine.framepack.packing import parse
from engine.framepack.plan import ShotPlan, plan_shot, plan_stretches

SCHEDULES = {
    "inverted": "f1k1_x_g9_f1k1f2k2f16k4_td",
    "forward": "f1k1_td_f16k4f2k2f1k1_g9",
    "endpoint": "td_f16k4f2k2f1k1_g9_x_f1k1",
}
GRID = Grid(9, 4, Seam.BLEND)
ORDERS = st.sampled_from(sorted(SCHEDULES))


def planned(order: str, frames: int, boards: tuple[int, ...] = (0,), grid: Grid = GRID) -> ShotPlan:
    return plan_shot(frames, grid=grid, schedule=parse(SCHEDULES[order]), boards=boards)


def kept_of(
    old: ShotPlan, new: ShotPlan, changed: set[int] = frozenset(), images: set[int] = frozenset()
) -> Continuation:  # type: ignore[assignment]
    """What is kept where the sections `changed` have other settings and the latents `images` other pictures."""
    return continuation(
        old, new, settings=set(range(new.sections)) - changed, pictures={*new.boards, *new.lead.latents} - images
    )


def made_from(plan: ShotPlan, section: int) -> set[int]:
    """All sections that `section` was made from, itself included, traced back latent by latent."""
    found, before = {section}, plan.by_section[section]
    for latent in before.layout.latents():
        maker = (latent - 1) // GRID.window
        if 0 < latent < plan.latents and plan.by_section[maker].number < before.number and maker not in found:
            found |= made_from(plan, maker)
    return found


def shown_by(plan: ShotPlan) -> dict[int, set[int]]:
    """For every frame the sections whose latents are decoded for it."""
    shows: dict[int, set[int]] = {}
    for made in plan.made:
        own = made.decode
        sections = {(latent - 1) // GRID.window for latent in own.latents if latent}
        for block in (*own.final, *own.provisional):
            for frame in block:
                shows.setdefault(frame, set()).update(sections)
    return shows


@given(ORDERS, st.integers(1, 300), st.data())
def test_what_was_made_from_a_changed_section_is_made_again_and_nothing_else(
    order: str, frames: int, data: st.DataObject
) -> None:
    plan = planned(order, frames)
    changed = data.draw(st.sets(st.integers(0, plan.sections - 1), max_size=2))
    kept = kept_of(plan, plan, changed)
    assert kept.sections == {s for s in range(plan.sections) if not made_from(plan, s) & changed}
    shows = shown_by(plan)
    same = {frame for block in kept.frames for frame in block}
    assert same == {frame for frame, sections in shows.items() if sections <= kept.sections}


@given(st.integers(1, 400), st.integers(1, 400))
def test_forward_every_section_stays_however_long_the_shot_becomes(before: int, after: int) -> None:
    old, new = planned("forward", before), planned("forward", after)
    kept = kept_of(old, new)
    assert kept.sections == set(range(min(old.sections, new.sections)))
    last = min(old.sections, new.sections) - 1
    seam = GRID.block(last)
    settled = old.sections == new.sections
    assert [block for block in kept.frames if block == seam] == ([seam] if settled else [])
    assert max((block.stop for block in kept.frames), default=0) == (seam.stop if settled else seam.start)


@given(ORDERS, st.integers(38, 400), st.integers(1, 200))
def test_the_others_keep_no_section_that_is_made_early(order: str, before: int, more: int) -> None:
    old, new = planned(order, before), planned(order, before + more)
    if order != "forward" and old.sections != new.sections:
        last = new.by_section[old.sections - 1]
        assert last.section not in kept_of(old, new).sections


@given(ORDERS, st.integers(60, 300), st.data())
def test_another_picture_remakes_what_looks_at_it(order: str, frames: int, data: st.DataObject) -> None:
    middle = data.draw(st.integers(8, frames - 9))
    plan = planned(order, frames, (0, middle))
    changed = set(plan.boards[1:])
    kept = kept_of(plan, plan, images=changed)
    looks = {
        made.section
        for made in plan.made
        if changed & {*made.pins, made.anchor}
        or any(
            latent in changed and not plan.by_section.get((latent - 1) // 9, made).number < made.number
            for latent in made.layout.latents()
        )
    }
    assert kept.sections == {s for s in range(plan.sections) if not made_from(plan, s) & looks}


@given(ORDERS, st.integers(1, 400), st.data())
def test_decodes_give_each_needed_frame_once_and_no_other(order: str, frames: int, data: st.DataObject) -> None:
    """Also every seam that a needed one is faded with has been set before."""
    plan = planned(order, frames)
    blocks = sorted(frame_sources(plan), key=lambda block: block.start)
    needed = data.draw(st.sets(st.sampled_from(blocks)))
    given_out: list[range] = []
    waiting: set[int] = set()
    for made in plan.made:
        decode = decode_for(made.decode, needed)
        if decode is None:
            continue
        for seam in (decode.blend_before, decode.blend_after):
            if seam is not None:
                waiting.remove(seam.start)
        waiting |= {block.start for block in decode.provisional}
        given_out += decode.final
    assert sorted(given_out, key=lambda block: block.start) == sorted(needed, key=lambda block: block.start)
    assert not waiting


def test_another_grid_keeps_nothing() -> None:
    cut = Grid(9, 4, Seam.CUT)
    assert kept_of(planned("forward", 73), planned("forward", 66, grid=cut)) == Continuation(frozenset(), ())


def test_sections_that_are_cut_share_no_frames() -> None:
    plan = planned("forward", 99, grid=Grid(9, 4, Seam.CUT))
    assert kept_of(plan, plan, {1}) == Continuation(frozenset({0}), (range(0, 33),))


@given(ORDERS, st.lists(st.integers(4, 120), min_size=2, max_size=4), st.booleans(), st.data())
def test_a_stretch_knows_nothing_of_another(order: str, lengths: list[int], end: bool, data: st.DataObject) -> None:
    plan = plan_stretches(lengths, grid=GRID, schedule=parse(SCHEDULES[order]), end=end)
    changed = data.draw(st.integers(0, plan.sections - 1))
    kept = kept_of(plan, plan, {changed})
    for stretch in plan.stretches:
        own = {block for block in kept.frames if block.start in stretch.made}
        if changed not in stretch.sections:
            assert kept.sections >= set(stretch.sections)
            assert sum(map(len, own)) == len(stretch.made)
        else:
            assert changed not in kept.sections
            assert sum(map(len, own)) < len(stretch.made)


@given(ORDERS, st.lists(st.integers(4, 120), min_size=2, max_size=4), st.data())
def test_another_board_remakes_the_stretches_that_see_it(order: str, lengths: list[int], data: st.DataObject) -> None:
    plan = plan_stretches(lengths, grid=GRID, schedule=parse(SCHEDULES[order]), end=False)
    board = data.draw(st.integers(0, len(lengths) - 1))
    changed = {latent for latent, place in zip(plan.boards, plan.pictures, strict=True) if place == board}
    kept = kept_of(plan, plan, images=changed)
    for place, stretch in enumerate(plan.stretches):
        seen = place == board or (place == board - 1 and order != "forward")
        assert (kept.sections >= set(stretch.sections)) is not seen
