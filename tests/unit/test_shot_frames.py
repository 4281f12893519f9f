"""Frames in between: what each is made of, when it can be written, and what waits for that. Integers and fractions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import Code, EngineError
from engine.framepack.grid import Seam
from engine.generation.resolve import ResolvedRequest, resolve
from engine.generation.shot_frames import ShotFrames
from engine.inference.helios.spec import HELIOS_BASE
from engine.inference.hunyuan.spec import RELEASED
from engine.protocol import Board, ShotRequest

NEAR = Fraction(1, 32)
SPECS = (RELEASED, replace(RELEASED, seam=Seam.CAUSAL, overlap=2), HELIOS_BASE)
a_few = settings(max_examples=60, deadline=None)


@st.composite
def shots(draw: st.DrawFn) -> ResolvedRequest:
    """At any rate, in any order, with or without boards to pass through, all of them in between."""
    spec = draw(st.sampled_from(SPECS))
    order = draw(st.sampled_from(sorted(spec.schedules)))
    fps = draw(st.sampled_from([24.0, 25.0, 23.976, 30.0, 48.0, 59.94, 60.0, 12.0, 7.0]))
    at = [1]
    for distance in draw(st.lists(st.integers(30, 150), max_size=3 if spec.boards_within else 0)):
        at.append(at[-1] + distance)
    frames = at[-1] + draw(st.sampled_from([0, 40, 77]))
    if spec.boards_within and order != "forward" and frames > at[-1] and draw(st.booleans()):
        at.append(frames + 1)  # what the shot arrives at
    boards = tuple(Board(frame, str(number)) for number, frame in enumerate(at))
    request = ShotRequest("model", "words", boards, frames=frames, fps=fps, between="flow", order=str(order))
    return resolve(request, spec, spec.sizes[0], pinned=draw(st.booleans()))


def as_today(shot: ResolvedRequest) -> ResolvedRequest:
    return replace(shot, request=replace(shot.request, between=""), shown=replace(shot.shown, stops=()))


@a_few
@given(shots())
def test_a_frame_is_what_lies_at_its_moment(shot: ResolvedRequest) -> None:
    made = [frame for stretch in shot.plan.stretches for frame in stretch.made]
    boards = {board.frame - 1 for board in shot.request.boards}
    for frame, source in enumerate(shot.sources):
        at, nearest = shot.shown.made_at(Fraction(frame)), shot.shown.made_of(frame)
        assert source.nearest == nearest, "never farther from what was shown than from the other one"
        assert {*source.made} <= {*made}
        if len(source.made) == 2:
            assert source.first + source.part == at
            assert NEAR < source.part < 1 - NEAR
            assert frame not in boards
            assert any({*source.made} <= {*stretch.made} for stretch in shot.plan.stretches)
        elif abs(at - nearest) > NEAR and frame not in boards:
            ends = {stretch.made.stop - 1 for stretch in shot.plan.stretches}
            assert nearest in ends, "only the very last one has no other after it"
            assert at > nearest


@a_few
@given(shots())
def test_nothing_changes_where_it_is_not_chosen(shot: ResolvedRequest) -> None:
    usual = as_today(shot)
    assert [source.first for source in usual.sources] == [usual.shown.made_of(n) for n in range(usual.request.frames)]
    assert not any(source.part for source in usual.sources)
    assert len(shot.sources) == len(usual.sources) == shot.request.frames


def made_in(shot: ResolvedRequest, skipped: int = 0) -> Iterator[tuple[int, set[int]]]:
    """The made frames that are final after each section, by its number of making, from the first not `skipped` on."""
    final: set[int] = set()
    for planned in shot.plan.made:
        final |= {frame for block in planned.decode.final for frame in block}
        if planned.number >= skipped:
            yield planned.number, final


@a_few
@given(shots())
def test_each_frame_is_ready_once_all_that_it_is_made_of_is_final(shot: ResolvedRequest) -> None:
    decodes = {planned.number: planned.decode for planned in shot.plan.made}
    frames = ShotFrames(shot.sources, shot.plan, decodes)
    written: list[int] = []
    for number, final in made_in(shot):
        ready = [n for n, source in enumerate(shot.sources) if final.issuperset(source.made) and n not in written]
        assert frames.ready(number) == ready
        written += ready
        looked_at = {made for n, source in enumerate(shot.sources) if n not in written for made in source.made}
        assert frames.held(number + 1).keys() == looked_at & final
        drafts = {n for n, source in enumerate(shot.sources) if source.nearest in final and n not in written}
        assert {n for earlier in range(number + 1) for n in frames.waiting(earlier)} >= drafts
        assert len(looked_at & final) <= 2 * len(shot.plan.made)
    assert sorted(written) == list(range(shot.request.frames))
    assert not frames.held(len(shot.plan.made))


@a_few
@given(shots(), st.data())
def test_where_less_is_decoded_no_frame_waits_for_what_never_comes(shot: ResolvedRequest, data: st.DataObject) -> None:
    """A take keeps frames: what only they look at is not decoded, and they are not written."""
    some = data.draw(st.sets(st.sampled_from([planned.number for planned in shot.plan.made])))
    decodes = {planned.number: None if planned.number in some else planned.decode for planned in shot.plan.made}
    frames = ShotFrames(shot.sources, shot.plan, decodes)
    comes = {made for decode in decodes.values() if decode is not None for block in decode.final for made in block}
    written = {n for n, source in enumerate(shot.sources) if comes.issuperset(source.made)}
    assert {n for made in comes for n in frames.users(made)} == written
    assert {n for planned in shot.plan.made for n in frames.waiting(planned.number)} <= written
    assert all(frames.held(done).keys() <= comes for done in range(len(shot.plan.made) + 1))


def test_twice_the_rate_is_every_second_frame_in_between() -> None:
    request = ShotRequest("model", "words", (Board(1, "a"),), frames=9, fps=60, between="motion")
    shot = resolve(request, RELEASED, RELEASED.sizes[0])
    assert [(source.first, source.part) for source in shot.sources] == [
        (frame // 2, Fraction(frame % 2, 2)) for frame in range(9)
    ]


def test_a_rate_next_to_the_models_shows_the_models_frames() -> None:
    request = ShotRequest("model", "words", (Board(1, "a"),), frames=30, fps=29.97, between="flow")
    shot = resolve(request, RELEASED, RELEASED.sizes[0])
    assert all(not source.part for source in shot.sources), "a thousandth of a frame away is no frame in between"


def test_only_what_is_known_can_be_chosen() -> None:
    request = ShotRequest("model", "words", (Board(1, "a"),), frames=9, between="ghosts")
    with pytest.raises(EngineError, match="flow, motion") as caught:
        resolve(request, RELEASED, RELEASED.sizes[0])
    assert caught.value.code is Code.CHOICE_INVALID
