"""What a request leaves open and the model fills in: the order, by the boards that there are."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from engine.errors import Code, EngineError
from engine.framepack.packing import Order
from engine.generation.resolve import resolve
from engine.generation.section_settings import SectionSettings
from engine.inference.helios.spec import HELIOS_BASE, HELIOS_DISTILLED
from engine.inference.hunyuan.spec import RELEASED
from engine.protocol import Board, Condition, ConditionFrame, PromptAt, SectionChange, ShotRequest, Take

START, WITHIN, END = Board(1, "a"), Board(50, "b"), Board(99, "c")
FORWARD = replace(RELEASED, order=Order.FORWARD)


@pytest.mark.parametrize(
    ("trained", "boards", "order"),
    [
        # Going forward no section sees a board that is still to come: a model that knows both goes back from it.
        (tuple(Order), (START,), Order.FORWARD),
        (tuple(Order), (START, END), Order.INVERTED),
        (tuple(Order), (START, WITHIN), Order.INVERTED),
        ((), (START, END), Order.INVERTED),
        # One that was trained to go forward only still does what it can.
        ((Order.FORWARD,), (START, END), Order.FORWARD),
    ],
)
def test_a_models_own_order_knows_of_later_boards(
    trained: tuple[Order, ...], boards: tuple[Board, ...], order: Order
) -> None:
    request = ShotRequest("model", "words", boards=boards, frames=99)
    spec = replace(FORWARD, trained_orders=trained)
    assert resolve(request, spec, (256, 144)).plan.order is order
    asked = replace(request, order="forward")
    assert resolve(asked, spec, (256, 144)).plan.order is Order.FORWARD, "what is asked for is done"


def operations(work: Callable[[], object]) -> int:
    """How many lines of the engine are run by `work`; a comprehension's counts once for each round."""
    lines = 0

    def trace(frame, event, _argument):
        nonlocal lines
        if "framepack" not in frame.f_code.co_filename:
            return None
        lines += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return lines


@pytest.mark.parametrize("order", Order)
def test_planning_a_shot_of_one_frame_a_second_takes_what_its_length_takes(order: Order) -> None:
    """Such a shot has nearly as many sections as frames."""

    def plan(frames: int) -> int:
        boards = tuple(Board(frame, "a") for frame in range(1, frames + 1, 20))
        prompts = tuple(PromptAt(frame, str(frame)) for frame in range(1, frames + 1, 10))
        request = ShotRequest("model", "words", boards, frames=frames, fps=1.0, order=str(order), prompts=prompts)
        resolved = resolve(request, RELEASED, (256, 144))
        assert len(resolved.plan.made) > frames / 2
        return operations(lambda: resolve(request, RELEASED, (256, 144)))

    short, long = plan(50), plan(300)
    assert long < 6 * short * 1.2


@pytest.mark.parametrize("order", Order)
def test_the_section_that_adds_a_frame_is_known_without_a_search(order: Order) -> None:
    plan = resolve(ShotRequest("model", "", (START,), frames=300, order=str(order)), RELEASED, (256, 144)).plan
    for planned in plan.made:
        for frame in planned.adds:
            assert plan.adding(frame) is planned


def test_prompts_hold_from_their_section_on() -> None:
    prompts = (PromptAt(200, "three"), PromptAt(35, "one"), PromptAt(40, "two"))
    request = ShotRequest("model", "zero", (START,), frames=300, prompts=prompts)
    sections = resolve(request, RELEASED, (256, 144)).prompts
    assert sections == ("zero", *["two"] * 5, *["three"] * (len(sections) - 6))


def test_a_condition_is_refused_by_a_model_that_takes_none_and_taken_by_one_that_does() -> None:
    guide = Condition("guide", (ConditionFrame(5.5, "d" * 64),))
    request = ShotRequest("model", "pan", (START,), frames=37, conditions=(guide,))
    for spec in (RELEASED, HELIOS_BASE, HELIOS_DISTILLED):
        with pytest.raises(EngineError, match="cannot be led by a guide; leave it out") as caught:
            resolve(request, spec, (640, 384))
        assert (caught.value.code, caught.value.exit_code) == (Code.CONDITION_UNSUPPORTED, 2)
    able = resolve(request, replace(RELEASED, conditions=("guide",)), (256, 144))
    assert able.request.conditions == (guide,)


def test_every_section_has_its_settings() -> None:
    request = ShotRequest("model", "zero", (START,), frames=73, steps=4, guidance=3.0, prompts=(PromptAt(40, "one"),))
    sections = resolve(request, RELEASED, (256, 144)).sections
    assert sections == (SectionSettings("zero", 4, 3.0), SectionSettings("one", 4, 3.0))
    assert {settings.seed for settings in sections} == {None}


def test_a_section_has_what_it_has_for_itself_and_else_what_the_shot_has() -> None:
    own = (SectionChange(3, seed=7, guidance=2.0), SectionChange(1, prompt="else", steps=9))
    made = resolve(
        ShotRequest(prompt="all", boards=(Board(1, "a"),), frames=109, steps=4, sections=own), RELEASED, (640, 480)
    )
    assert made.sections == (
        SectionSettings("else", 9, RELEASED.guidance),
        SectionSettings("all", 4, RELEASED.guidance),
        SectionSettings("all", 4, 2.0, 7),
    )


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"sections": (SectionChange(4),)}, "the section is 4; use 1 to 3"),
        ({"sections": (SectionChange(2, seed=1), SectionChange(2, steps=3))}, "section 2 is changed twice"),
        ({"sections": (SectionChange(2, steps=0),)}, "steps is 0"),
        ({"take": Take(2, again=(9,))}, "the section is 9; use 1 to 3"),
    ],
)
def test_a_section_that_cannot_be_made_otherwise_is_refused(asked: dict[str, Any], said: str) -> None:
    with pytest.raises(EngineError, match=said):
        resolve(ShotRequest(boards=(Board(1, "a"),), frames=109, **asked), RELEASED, (640, 480))
