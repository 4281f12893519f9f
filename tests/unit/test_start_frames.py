"""What a shot starts from: which pictures precede it, which latents they become, what its first sections then see."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import Code, EngineError
from engine.framepack.grid import Grid, Seam
from engine.framepack.layout import BOARD_LEAD, NO_LEAD, LeadIn
from engine.framepack.packing import Order, parse
from engine.framepack.plan import ShotPlan, plan_shot
from engine.generation.frame_rates import Conform, rate
from engine.generation.resolve import ResolvedRequest, resolve
from engine.generation.start_frames import lead_in, lead_pictures
from engine.inference.helios.spec import HELIOS_BASE, HELIOS_DISTILLED, HELIOS_MID
from engine.models.spec import ModelSpec
from engine.protocol import Board, ShotRequest, Start

ANY_START = tuple(Start)
BASE, MID, DISTILLED = (replace(spec, starts=ANY_START) for spec in (HELIOS_BASE, HELIOS_MID, HELIOS_DISTILLED))
SCHEDULE = parse(HELIOS_BASE.schedules[Order.FORWARD])
CUT = Grid(window=9, compression=4, seam=Seam.CUT)
NATIVE = Conform(Fraction(24), Fraction(24))


def request(**settings: object) -> ShotRequest:
    return ShotRequest("model", "words", **{"boards": (), "frames": 99, "fps": 24.0} | settings)  # type: ignore[arg-type]


def settled(spec: ModelSpec = BASE, **settings: object) -> ResolvedRequest:
    return resolve(request(**settings), spec, (640, 384))


def clip_of(frames: int) -> tuple[str, ...]:
    return tuple(f"{frame:064x}" for frame in range(frames))


def seen(plan: ShotPlan, number: int) -> list[int | None]:
    """The latents in the slots before a section, in time order."""
    return [slot.latent for block in plan.made[number].layout.before for slot in block.slots]


def plan_with(lead: LeadIn, boards: tuple[int, ...] = ()) -> ShotPlan:
    return plan_shot(33 * 4, grid=CUT, schedule=SCHEDULE, boards=boards, lead=lead)


def test_out_of_words_the_shots_own_first_latent_is_kept() -> None:
    """diffusers' HeliosPipeline: nothing for the first section; from then on the first latent that was made."""
    plan = plan_with(NO_LEAD)
    assert seen(plan, 0) == [None] * 20
    assert seen(plan, 1) == [1, *[None] * 10, *range(1, 10)]
    assert seen(plan, 3) == [1, *range(9, 28)]
    assert [planned.anchor for planned in plan.made] == [None] * 4
    assert plan.boards == ()


def test_a_board_is_a_still_clip_that_has_just_ended() -> None:
    plan = plan_with(LeadIn(-1, range(0, 1)), boards=(0,))
    assert seen(plan, 0) == [-1, *[None] * 18, 0]
    assert seen(plan, 1) == [-1, *[None] * 9, *range(10)]
    assert plan.boards == (-1,)
    assert {planned.anchor for planned in plan.made} == {-1}


def test_a_clip_fills_the_history() -> None:
    plan = plan_with(LeadIn(-18, range(-17, 1)))
    assert seen(plan, 0) == [-18, None, *range(-17, 1)]
    assert seen(plan, 1) == [-18, *range(-9, 10)]


def test_released_framepack_has_one_latent_for_both() -> None:
    grid = Grid(window=9, compression=4, seam=Seam.BLEND)
    plan = plan_shot(37, grid=grid, schedule=SCHEDULE, lead=BOARD_LEAD)
    assert seen(plan, 0) == [0, *[None] * 18, 0]
    assert list(BOARD_LEAD.latents) == [0]
    assert list(NO_LEAD.latents) == []


@given(st.integers(1, 400), st.sampled_from([12.0, 23.976, 24.0, 25.0, 30.0, 60.0]))
def test_a_clip_ends_where_the_shot_begins(frames: int, fps: float) -> None:
    pictures = lead_pictures(None, clip_of(frames), Conform(rate(fps), Fraction(24)), CUT, SCHEDULE)
    places = [int(picture, 16) for picture in pictures]
    assert places[0] == 0
    assert places[-1] == frames - 1
    assert (len(places) - 1) % 33 == 0
    assert 1 <= (len(places) - 1) // 33 <= 3, "no more is ever looked at"
    assert places[1:] == sorted(places[1:])
    lead = lead_in(BASE, CUT, len(pictures), clip=True)
    assert len(lead.latents) == 1 + (len(places) - 1) // 33 * 9
    # Seen at 24 frames a second a frame is on for 1/24 s: what is shown is never half of one away from its moment.
    shown = [place for place in places[1:] if place]
    for back, place in enumerate(reversed(shown)):
        assert abs((frames - 1 - place) / fps - back / 24) <= 0.5 / fps + 1e-3


def test_a_clip_shorter_than_a_section_begins_with_a_still() -> None:
    pictures = lead_pictures(None, clip_of(5), NATIVE, CUT, SCHEDULE)
    assert [int(picture, 16) for picture in pictures] == [0, *[0] * 28, 0, 1, 2, 3, 4]


def test_what_a_model_cannot_start_from_is_refused() -> None:
    only_boards = replace(BASE, starts=(Start.BOARD,))
    for settings, words in (({}, "words alone"), ({"clip": clip_of(3)}, "frames that precede it")):
        with pytest.raises(EngineError) as caught:
            settled(only_boards, **settings)
        assert caught.value.code is Code.START_UNSUPPORTED
        assert caught.value.params == {"start": words, "allowed": "a board"}


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"boards": (Board(1, "a"), Board(50, "b"))}, Code.BOARD_INVALID),
        ({"boards": (Board(1, "a"),), "clip": clip_of(3)}, Code.BOARD_INVALID),
        ({"cfg": 2.0}, Code.NUMBER_INVALID),
        ({"solver": "dmd"}, Code.CHOICE_INVALID),
        ({"order": "inverted"}, Code.CHOICE_INVALID),
    ],
)
def test_what_helios_has_not_learnt_is_refused(settings: dict[str, object], code: Code) -> None:
    with pytest.raises(EngineError) as caught:
        settled(**settings)
    assert caught.value.code is code


def test_steps_are_shared_by_the_stages() -> None:
    assert [settled(MID, steps=steps).steps for steps in (1, 3, 20, 60)] == [3, 3, 21, 60]
    assert settled(DISTILLED).steps == 6
    assert [DISTILLED.steps_of(number, 6) for number in (0, 1, 2)] == [12, 6, 6]
    assert [BASE.steps_of(number, 50) for number in (0, 1)] == [50, 50]


def test_a_negative_prompt_only_where_guidance_wants_one() -> None:
    assert settled().negative == HELIOS_BASE.negative
    assert settled(negative="rain").negative == "rain"
    assert settled(guidance=1.0).negative is None
    assert settled(DISTILLED).negative is None
