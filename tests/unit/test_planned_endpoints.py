"""Planned endpoints: sections made before the gaps between them, what each sees, and which frames ask for which."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.client.takes import expected_plan, made_again
from engine.errors import Code, EngineError
from engine.events import Started
from engine.framepack.continuation import continuation, frame_sources
from engine.framepack.decoding import waiting_frames
from engine.framepack.grid import Grid, Seam
from engine.framepack.packing import PAPER_ENDPOINT, Order, parse, with_window
from engine.framepack.plan import ShotPlan, making_sequence, plan_shot, plan_stretches
from engine.generation.job import disk_bytes
from engine.generation.open_family import extent_of
from engine.generation.resolve import ResolvedRequest, resolve
from engine.inference.helios.spec import HELIOS_DISTILLED
from engine.inference.hunyuan.spec import RELEASED
from engine.inference.registry import spec_of
from engine.models.folder import ModelFolder
from engine.models.manifest import ModelFacts
from engine.protocol import Board, PromptAt, ShotRequest

TRAINED = replace(RELEASED, trained_orders=(Order.INVERTED, Order.ENDPOINT))
START = Board(1, "a")
GRIDS = {
    "blend": Grid(9, 4, Seam.BLEND),
    "causal": Grid(9, 4, Seam.CAUSAL, 2, 4),
    "small": Grid(2, 4, Seam.BLEND),
}
TAILS = {"none": PAPER_ENDPOINT, "compressed": "tc_f2k2f1k1_g9_x_f1k1", "appended": "ta_f2k2f1k1_g9_x_f1k1"}
some = settings(max_examples=80, deadline=None)


@st.composite
def plans(draw: st.DrawFn) -> ShotPlan:
    """Shots with planned endpoints, perhaps through boards."""
    grid = GRIDS[draw(st.sampled_from(sorted(GRIDS)))]
    schedule = parse(with_window(TAILS[draw(st.sampled_from(sorted(TAILS)))], grid.window))
    ends = draw(st.sets(st.integers(0, 30), max_size=6))
    if draw(st.booleans()):
        sections = draw(st.integers(1, 20))
        frames = grid.frames(sections) - draw(st.integers(0, 3))
        boards = (0, frames - 1) if draw(st.booleans()) and frames > 8 else (0,)
        ends = {end for end in ends if end < sections}
        return plan_shot(frames, grid=grid, schedule=schedule, boards=boards, endpoints=ends)
    lengths = draw(st.lists(st.integers(8, 300), min_size=2, max_size=3))
    count = plan_stretches(lengths, grid=grid, schedule=schedule, end=False).sections
    ends = {end for end in ends if end < count}
    return plan_stretches(lengths, grid=grid, schedule=schedule, end=draw(st.booleans()), endpoints=ends)


def of_sections(sections: int, endpoints: Iterable[int]) -> ShotPlan:
    grid = GRIDS["blend"]
    return plan_shot(grid.frames(sections), grid=grid, schedule=parse(PAPER_ENDPOINT), endpoints=tuple(endpoints))


# The sequence of making.


def test_endpoints_are_made_first_and_then_gap_after_gap_from_its_ends_inward() -> None:
    assert list(making_sequence(Order.ENDPOINT, 9, (6, 3))) == [0, 3, 6, 8, 1, 2, 4, 5, 7]
    assert list(making_sequence(Order.ENDPOINT, 12, (6,))) == [0, 6, 11, 1, 5, 2, 4, 3, 7, 10, 8, 9]
    assert list(making_sequence(Order.ENDPOINT, 4, (1, 2))) == [0, 1, 2, 3]


@some
@given(st.integers(1, 60), st.sets(st.integers(0, 59), max_size=8))
def test_each_section_is_made_once(sections: int, endpoints: set[int]) -> None:
    ends = {end for end in endpoints if end < sections}
    made = list(making_sequence(Order.ENDPOINT, sections, ends))
    assert sorted(made) == list(range(sections))
    first = sorted({0, sections - 1, *ends})
    assert made[: len(first)] == first
    for order in (Order.INVERTED, Order.FORWARD):
        assert list(making_sequence(order, sections, ends)) == list(making_sequence(order, sections))


@pytest.mark.parametrize("sections", [1, 2, 3, 8])
def test_without_any_and_with_both_ends_alone_it_is_endpoint_order_as_ever(sections: int) -> None:
    plain = of_sections(sections, ())
    assert of_sections(sections, (0, sections - 1)) == plain
    assert of_sections(sections, (sections - 1,)) == plain
    left = list(range(sections))
    assert [made.section for made in plain.made] == [left.pop(0 if turn % 2 == 0 else -1) for turn in range(sections)]


# What they see.


@some
@given(plans())
def test_sections_see_what_is_made_and_each_gap_both_its_ends(plan: ShotPlan) -> None:
    for stretch in plan.stretches:
        made = [each for each in plan.made if each.section in stretch.sections]
        ends = made[: 1 + max(range(len(made)), key=lambda place: made[place].section)]
        done = set(stretch.boards)
        for planned in made:
            own = planned.own
            seen = planned.layout.latents()
            assert seen <= done
            before = {latent for latent in done if latent < own.start}
            after = {latent for latent in done if latent >= own.stop}
            if planned not in ends:
                assert {max(before), min(after)} <= seen
            elif planned.section - 1 not in {each.section for each in made[: made.index(planned)]}:
                # Its start, and the board that it may end on: nothing that was made.
                assert seen <= set(stretch.boards)
            assert set(planned.decode.latents) <= done | set(own)
            assert planned.layout.history == range(0)
            done |= set(own)


def test_endpoints_are_made_as_the_last_section_is() -> None:
    """From the start alone, three windows away at most, whatever was made before them."""
    plan = of_sections(12, (4, 8))
    for section in (4, 8, 11):
        layout = plan.by_section[section].layout
        assert (layout.latents(), layout.generated.start) == ({0}, 28)
    assert of_sections(12, ()).by_section[11].layout == plan.by_section[11].layout


def test_history_ends_where_something_is_missing() -> None:
    plan = of_sections(12, (5, 6, 7))
    # The second of three neighbours sees the first one, and nothing of what lies before that: it is not there.
    assert plan.by_section[6].layout.latents() == set(range(46, 55))
    # From the right, all three neighbours and the end of the gap: of the left one only what is made by then.
    assert plan.by_section[4].layout.latents() == {18, *range(46, 46 + 19)}
    # From the left of the later gap, the newest of all that is there by now.
    assert plan.by_section[8].layout.latents() == {*range(72 - 18, 73), 100}


def test_every_context_is_as_long() -> None:
    plan = of_sections(12, (2, 5, 6, 7))
    lengths = {tuple((len(block.slots), block.kernel.volume) for block in each.layout.blocks) for each in plan.made}
    assert {tuple(sorted(length)) for length in lengths} == {((1, 4), (1, 4), (2, 32), (16, 256))}


# Memory and frames.


@some
@given(plans())
def test_what_is_looked_at_is_still_there(plan: ShotPlan) -> None:
    """By `last_use`, with what a tail takes of a latent taken once."""
    there: set[int] = set()
    taken: dict[int, int] = {}
    for planned in plan.made:
        given_ones = set(plan.boards) - there
        assert planned.layout.packed() <= there | given_ones
        assert set(planned.decode.latents) <= there | given_ones | set(planned.own)
        if (tail := planned.layout.tail) is not None:
            far = tail.latents[0]
            assert len(tail.latents) >= taken.get(far, 0), "a tail grows from its far end on"
            assert set(tail.latents[taken.get(far, 0) :]) <= there | given_ones
            taken[far] = len(tail.latents)
        there |= set(planned.own)
        there = {latent for latent in there if plan.last_use.get(latent, -1) > planned.number}


@pytest.mark.parametrize("sections", [40, 400])
def test_memory_is_that_of_the_endpoints(sections: int) -> None:
    plan = of_sections(sections, (10, 20, 30))
    held, most = 0, 0
    last = plan.last_use
    for planned in plan.made:
        held += len(planned.own)
        most = max(most, held)
        held = sum(
            last.get(latent, -1) > planned.number for made in plan.made[: planned.number + 1] for latent in made.own
        )
    assert most <= (3 + 2 + 6) * 9, "three endpoints, both ends of the shot, and the gap that is being filled"


@some
@given(plans())
def test_every_frame_is_settled_once_and_faded_with_what_waits(plan: ShotPlan) -> None:
    waiting: set[int] = set()
    final: list[range] = []
    blocks = {block.start: len(block) for planned in plan.made for block in planned.decode.provisional}
    counts = waiting_frames(planned.decode for planned in plan.made)
    for planned, count in zip(plan.made, counts, strict=True):
        decode = planned.decode
        for seam in (decode.blend_before, decode.blend_after):
            if seam is not None:
                waiting.remove(seam.start)
        final += decode.final
        waiting -= {block.start for block in decode.final}
        waiting |= {block.start for block in decode.provisional}
        assert count == sum(blocks[start] for start in waiting)
    assert not waiting
    frames = sorted(frame for block in final for frame in block)
    assert frames == [frame for stretch in plan.stretches for frame in stretch.made]
    assert frame_sources(plan).keys() == set(final)


def test_what_waits_counts_in_what_a_shot_asks_of_disk_and_memory() -> None:
    frame = 256 * 144
    ordinary, ends, planned = (
        resolve(replace(request_of(frames=36 * 36 + 1), **how), TRAINED, (256, 144))
        for how in (
            {"order": "inverted"},
            {"order": "endpoint"},
            {"endpoints": tuple(range(74, 36 * 34, 72))},
        )
    )
    assert len(planned.request.endpoints) == 16
    block = 33 * frame * 12
    usual = 2 * frame * (36 * 36 + 1)
    assert [(disk_bytes(each) - usual) / block for each in (ordinary, ends, planned)] == [2, 4, 17 + 18]
    extents = [extent_of(each.plan.made, TRAINED, 9, (256, 144)) for each in (ordinary, ends, planned)]
    assert [extent.waiting for extent in extents] == [0, 33, 17 * 33], "all but the block that any order has"


# Takes.


@some
@given(st.integers(2, 24), st.sets(st.integers(1, 22), max_size=4))
def test_a_take_makes_again_what_was_made_from_a_section(sections: int, endpoints: set[int]) -> None:
    ends = {end for end in endpoints if end < sections - 1}
    plan = of_sections(sections, ends)
    resolved = resolved_of(sections, ends)
    assert resolved.plan == plan
    told = Started("endpoint", resolved.section_plans(), resolved.request.frames, 64, 64, 30.0, 8, 0)
    for section in range(sections):
        others = set(range(sections)) - {section}
        kept = continuation(plan, plan, settings=others, pictures={*plan.boards}).sections
        really = set(range(sections)) - kept
        said = {each - 1 for each in made_again(told, section + 1)}
        assert really <= said
        # What fills a gap may see too little of what lies behind the end next to it to have seen this one.
        first_made = {0, *ends, sections - 1}
        beyond = set(range(min((end for end in first_made if end > section), default=sections), sections))
        if section - 1 in first_made and section in first_made:
            run = next(end for end in range(section, -1, -1) if end - 1 not in first_made)
            beyond |= set(range(max((end for end in first_made if end < run), default=0), run))
        assert said - really <= beyond - first_made


def resolved_of(sections: int, endpoints: Iterable[int]) -> ResolvedRequest:
    frames = tuple(36 * end + 2 for end in endpoints)
    request = ShotRequest("model", "", (START,), frames=36 * sections + 1, order="endpoint", endpoints=frames)
    return resolve(request, TRAINED, (256, 144))


ABOUT: dict[str, Any] = {
    "models": ["a"],
    "details": {
        "a": {
            "native_fps": 30.0,
            "first_frames": 1,
            "section_frames": 36,
            "latent_frames": 4,
            "orders": ["forward", "endpoint"],
            "steps": 8,
        },
    },
}


@given(st.integers(1, 400), st.sampled_from([30.0, 24.0, 50.0]), st.lists(st.integers(1, 400), max_size=4), st.data())
@some
def test_blender_expects_the_plan_that_the_engine_makes(
    frames: int, fps: float, endpoints: list[int], data: st.DataObject
) -> None:
    body = {"model": "a", "frames": frames, "fps": fps, "seed": 0, "boards": [[1, "a.png"]], "endpoints": endpoints}
    endpoints = [frame for frame in endpoints if frame <= frames]
    body["endpoints"] = endpoints
    request = ShotRequest("a", "", (START,), frames=frames, fps=fps, endpoints=tuple(endpoints))
    spec = replace(TRAINED, trained_orders=tuple(Order), order=Order.FORWARD)
    try:
        plan = resolve(request, spec, (256, 144)).section_plans()
    except EngineError as refused:
        assert refused.code is Code.ENDPOINT_INVALID
        return
    expected = expected_plan(json.dumps(body), ABOUT, (256, 144))
    assert expected is not None
    assert [(each.section, each.first, each.last) for each in expected.sections] == [
        (each.section, each.first, each.last) for each in plan
    ]


# Which frames ask for which.


def request_of(*endpoints: int, frames: int = 217, boards: Sequence[Board] = (START,), **more: Any) -> ShotRequest:
    return ShotRequest("model", "zero", tuple(boards), frames=frames, endpoints=endpoints, **more)


def resolved(request: ShotRequest, spec: Any = TRAINED) -> ResolvedRequest:
    return resolve(request, spec, (256, 144))


def test_an_endpoint_has_the_words_that_begin_at_its_frame() -> None:
    prompts = (PromptAt(70, "two"), PromptAt(130, "four"))
    shot = resolved(request_of(130, 70, prompts=prompts))
    assert shot.plan.order is Order.ENDPOINT
    assert (shot.request.order, shot.request.endpoints) == ("endpoint", (70, 130))
    assert [each.section for each in shot.plan.made] == [0, 2, 4, 5, 1, 3]
    assert [shot.prompts[each.section] for each in shot.plan.made] == ["zero", "two", "four", "four", "zero", "two"]
    assert resolved(shot.request).plan == shot.plan


def test_without_any_nothing_changes() -> None:
    plain = resolved(request_of(order="endpoint"))
    assert plain.request.endpoints == ()
    assert resolved(request_of(217, order="endpoint")).plan == plain.plan, "the last section is one in any case"
    assert resolved(request_of()).plan.order is TRAINED.order


@pytest.mark.parametrize("fps", [24.0, 60.0])
@given(st.integers(1, 300))
@settings(max_examples=40, deadline=None)
def test_endpoints_and_words_move_to_the_same_border(fps: float, frame: int) -> None:
    request = request_of(frame, frames=300, fps=fps, prompts=(PromptAt(frame, "there"),))
    try:
        shot = resolved(request)
    except EngineError as refused:
        assert refused.code is Code.ENDPOINT_INVALID
        assert resolved(replace(request, endpoints=())).prompts[0] == "there", "only in the first section"
        return
    section = shot.prompts.index("there")
    assert shot.plan.by_section[section].number == 1


def test_through_boards_each_endpoint_is_one_of_its_stretch() -> None:
    boards, words = (START, Board(151, "b")), (PromptAt(80, "one"), PromptAt(230, "other"), PromptAt(280, "rest"))
    shot = resolved(request_of(80, 230, frames=330, boards=boards, prompts=words))
    plain = resolved(request_of(frames=330, boards=boards, prompts=words, order="endpoint"))
    assert shot.prompts == plain.prompts
    for stretch, said in zip(shot.plan.stretches, ("one", "other"), strict=True):
        first, end, last, *_ = [each.section for each in shot.plan.made if each.section in stretch.sections]
        assert (first, last) == (stretch.sections[0], stretch.sections[-1])
        assert end == shot.prompts.index(said)
        assert sorted(plain.plan.by_section) == sorted(shot.plan.by_section)


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (request_of(300), "the frame of a planned endpoint is 300; use 1 to 217."),
        (request_of(70, 80), "The section at frame 80 cannot be a planned endpoint: it is the same section as that at "
                             "frame 70; name each section once."),
        (request_of(70, 70), "it is the same section as that at frame 70"),
        (request_of(15), "The section at frame 15 cannot be a planned endpoint: the board at frame 1 lies there "
                         "already; leave it out, or move it to another section."),
        (request_of(210, boards=(START, Board(217, "b"))), "the board at frame 217 lies there already"),
        (request_of(140, boards=(START, Board(151, "b"))), "the board at frame 151 lies there already"),
        (request_of(160, boards=(START, Board(151, "b"))), "the board at frame 151 lies there already"),
        (request_of(210, boards=(START, Board(218, "b"))), "the board at frame 218 lies there already"),
        (request_of(70, order="inverted"), "order cannot be 'inverted'; choose one of endpoint, the order that planned "
                                           "endpoints have."),
        (request_of(70, schedule="f1k1_td_f16k4f2k2f1k1_g9"), "order cannot be 'forward'"),
    ],
)  # fmt: skip
def test_what_cannot_be_one_is_refused_in_one_sentence(request_: ShotRequest, said: str) -> None:
    with pytest.raises(EngineError) as caught:
        resolved(request_)
    assert said in caught.value.line
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("spec", [RELEASED, replace(RELEASED, trained_orders=(Order.FORWARD,)), HELIOS_DISTILLED])
@pytest.mark.parametrize("order", [None, "endpoint"])
def test_a_model_that_was_not_trained_for_them_refuses(spec: Any, order: str | None) -> None:
    with pytest.raises(EngineError, match="was not trained to fill the gaps between planned endpoints; leave them"):
        resolve(request_of(70, order=order), spec, (256, 128))


@pytest.mark.parametrize(
    ("pipeline", "flags"),
    [
        ("HunyuanVideoFramepackPipeline", ()),
        ("HeliosPipeline", ()),
        ("HeliosPyramidPipeline", ()),
        ("HeliosPyramidPipeline", ("is_distilled", "is_cfg_zero_star")),
    ],
)
@pytest.mark.parametrize("order", [None, *Order])
def test_the_servers_door_and_the_shots_own_check_ask_the_same_of_a_model(
    pipeline: str, flags: tuple[str, ...], order: Order | None
) -> None:
    for trained in [None, *(each for count in (1, 2, 3) for each in permutations(Order, count))]:
        facts = ModelFacts(order=order, trained_orders=trained)
        folder = ModelFolder("model", Path("model"), {}, facts, pipeline, flags)
        asked_for_it = Order.ENDPOINT in (trained or (order,))
        assert (folder.plans_endpoints, spec_of(folder).plans_endpoints) == (asked_for_it, asked_for_it)


def test_boards_held_inside_sections_count_as_well() -> None:
    """As shots of 0.1.0 have them, where they are gone on with."""
    with pytest.raises(EngineError, match="the board at frame 120 lies there already"):
        resolve(request_of(110, boards=(START, Board(120, "b"))), TRAINED, (256, 144), pinned=True)
