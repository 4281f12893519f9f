"""Sections on the timeline: where they lie, against what the engine plans; whose words, and what is drawn."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from engine.client.section_borders import (
    Sections,
    SectionState,
    TimedSection,
    changed_sections,
    planned,
    sections_by,
    told,
)
from engine.client.section_marks import CHANGED, COLOURS, marks
from engine.client.session import Job
from engine.client.shot_words import prompts_over, prompts_through
from engine.events import Section, SectionPlan, Started, Step
from engine.framepack.grid import Grid, Seam
from engine.framepack.layout import BOARD_LEAD
from engine.framepack.packing import PAPER_ENDPOINT, RELEASED_FORWARD, RELEASED_INVERTED, Order, parse, with_window
from engine.generation.frame_rates import Conform, rate
from engine.generation.stretches import plan_through, sections_of_changes
from engine.protocol import Board, PromptAt

GRIDS = [(Grid(9, 4, Seam.BLEND), 30.0), (Grid(9, 4, Seam.CUT), 24.0), (Grid(3, 4, Seam.BLEND), 30.0)]


@pytest.mark.parametrize(("grid", "native"), GRIDS)
@pytest.mark.parametrize("fps", [24.0, 23.976, 25.0, 30.0, 60.0, 12.0])
@pytest.mark.parametrize("conform", [True, False])
def test_borders_and_words_are_those_that_the_engine_plans(
    grid: Grid, native: float, fps: float, conform: bool
) -> None:
    about = {
        "models": ["best"],
        "details": {
            "best": {
                **{"native_fps": native, "first_frames": grid.lead},
                **{"section_frames": grid.stride, "latent_frames": grid.compression},
            }
        },
    }
    ours = sections_by(about, "", fps, conform=conform)
    assert ours is not None
    rates = Conform(rate(fps), rate(native)) if conform else Conform(Fraction(1), Fraction(1))
    schedule = parse(with_window("f1k1_x_g9_f1k1f2k2f16k4_td", grid.window))
    board = Board(1, "a picture")
    for frames in (1, 2, 36, 37, 38, 97, 240, 1000):
        plan, shown = plan_through(
            (board,), frames, conform=rates, grid=grid, schedule=schedule, lead=BOARD_LEAD, pinned=False
        )
        theirs = [shown.frames_of(plan.by_section[section].adds) for section in range(plan.sections)]
        assert ours.ranges(frames) == [range(each.start + 1, each.stop + 1) for each in theirs]
        for frame in range(1, frames + 1, 7):
            said = ours.words(frames, "a", [PromptAt(frame, "b")])
            where = next((each for each, by in sections_of_changes([frame - 1], plan, shown).items() if by == 0), None)
            where = plan.sections if where is None else where
            assert said == ["a"] * where + ["b"] * (plan.sections - where)


BOARDS = [(1, 50, 110), (1, 40, 41 + 36, 140, 146), (1, 73, 146), (1, 146), (1, 9, 146), (1, 37, 74)]
SCHEDULES = (RELEASED_INVERTED, RELEASED_FORWARD, PAPER_ENDPOINT)


@pytest.mark.parametrize("packing", SCHEDULES)
@pytest.mark.parametrize("fps", [24.0, 23.976, 60.0])
@pytest.mark.parametrize("conform", [True, False])
@pytest.mark.parametrize("window", [9, 3])
def test_words_through_boards_are_those_that_the_engine_gives(
    packing: str, fps: float, conform: bool, window: int
) -> None:
    rates = Conform(rate(fps), rate(30.0)) if conform else Conform(Fraction(1), Fraction(1))
    grid, schedule = Grid(window, 4, Seam.BLEND), parse(with_window(packing, window))
    ours = Sections(grid.lead, grid.stride, Fraction(30) / rate(fps) if conform else Fraction(1), grid.compression)
    assert ours.board_distance == rates.first_showing(grid.compression - 1) + 1
    forward = schedule.order() is Order.FORWARD
    for at in BOARDS:
        boards = [Board(frame, f"picture {frame}") for frame in at]
        plan, shown = plan_through(
            boards, 146, conform=rates, grid=grid, schedule=schedule, lead=BOARD_LEAD, pinned=False
        )
        for first in range(1, 147, 16):
            changes = sorted({first, (first + 40) % 146 + 1, (first + 83) % 146 + 1, at[1]})
            prompts = [PromptAt(frame, f"from {frame}") for frame in changes]
            held = sections_of_changes([frame - 1 for frame in changes], plan, shown)
            said: list[str] = []
            for section in range(plan.sections):
                place = held.get(section, -1)
                said.append(said[-1] if place == -1 else "a" if place is None else prompts[place].text)
            assert ours.words_through(at, 146, "a", prompts, forward=forward) == said


def test_an_edit_of_one_boards_words_changes_the_sections_of_its_stretch() -> None:
    at, sections = (1, 74, 110), Sections(1, 36, Fraction(1), 4)
    stretches = [(range(101, 174), "pan"), (range(174, 210), "zoom"), (range(210, 283), "pan")]
    texts = [(range(120, 170), "still")]

    def words(said: list[tuple[range, str]]) -> list[str]:
        return sections.words_through(at, 182, said[0][1], prompts_through(said, texts), forward=False)

    assert prompts_through(stretches, texts) == (
        PromptAt(20, "still"), PromptAt(70, "pan"), PromptAt(74, "zoom"), PromptAt(110, "pan"),
    )  # fmt: skip
    was = words(stretches)
    assert was == ["pan", "still", "zoom", "pan", "pan"]
    assert changed_sections(was, words([*stretches[:1], (stretches[1][0], "tilt"), stretches[2]])) == [2]
    assert changed_sections(was, words([*stretches[:2], (stretches[2][0], "tilt")])) == [3, 4]
    assert changed_sections(was, words([(stretches[0][0], "tilt"), *stretches[1:]])) == [0]


def test_nothing_is_guessed_of_a_model_that_the_engine_says_nothing_of() -> None:
    assert sections_by({}, "", 24.0, conform=True) is None
    assert sections_by({"models": ["a"], "details": {}}, "a", 24.0, conform=True) is None


SECTIONS = Sections(1, 36, Fraction(1), 4)


def test_an_edit_changes_exactly_its_own_sections() -> None:
    was = SECTIONS.words(145, "pan", [PromptAt(38, "zoom"), PromptAt(110, "still")])
    assert was == ["pan", "zoom", "zoom", "still"]
    edited = SECTIONS.words(145, "pan", [PromptAt(38, "tilt"), PromptAt(110, "still")])
    assert changed_sections(was, edited) == [1, 2]
    moved_within_a_border = SECTIONS.words(145, "pan", [PromptAt(42, "zoom"), PromptAt(110, "still")])
    assert changed_sections(was, moved_within_a_border) == []


def job(**more: object) -> Job:
    plan = tuple(
        SectionPlan(number, frames.start, frames.stop - 1, "pan")
        for number, frames in reversed([*enumerate(SECTIONS.ranges(145))])
    )
    return replace(Job("j", "running", plan=Started("inverted", plan, 145, 64, 64, 30.0, 4, 0)), **more)  # type: ignore[arg-type]


def test_a_section_is_what_the_engine_and_the_frames_say() -> None:
    made = {3: Section(3, 1, 4, 110, 36, (), ()), 2: Section(2, 2, 4, 74, 72, (), ())}
    found = told(job(sections=made, step=Step(1, 1, 4, None)), set(range(110, 146)), ["pan", "pan", "zoom", "pan"])
    assert [each.state for each in found] == [
        SectionState.WAITING,
        SectionState.MAKING,
        SectionState.PROVISIONAL,
        SectionState.FINAL,
    ]
    assert [each.changed for each in found] == [False, False, True, False]
    assert [(each.first, each.last) for each in found] == [(1, 37), (38, 73), (74, 109), (110, 145)]
    assert {each.state for each in told(job(state="finished"), ())} == {SectionState.FINAL}
    assert told(Job("new"), ()) == []


def test_what_is_drawn_is_cut_to_what_the_strip_shows() -> None:
    drawn = marks(planned(SECTIONS, 145), 101, range(120, 200), 3)
    assert [(left, right) for (left, _, right, _), _ in drawn.bars] == [(120, 138), (138, 174), (174, 200)]
    assert {colour for _, colour in drawn.bars} == {COLOURS[SectionState.WAITING]}
    assert all(3 < bottom < top < 3.5 for (_, bottom, _, top), _ in drawn.bars)
    assert [frame for frame, _, _ in drawn.borders] == [138, 174]


def test_a_changed_section_is_marked_over_its_bar() -> None:
    drawn = marks([TimedSection(0, 1, 37, SectionState.FINAL, True), TimedSection(1, 38, 73)], 1, range(1, 74), 1)
    changed = [rectangle for rectangle, colour in drawn.bars if colour == CHANGED]
    assert [(left, right) for left, _, right, _ in changed] == [(1, 38)]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([], []),
        ([(range(80, 200), "zoom")], [(31, "zoom")]),
        ([(range(80, 100), "zoom")], [(31, "zoom"), (51, "pan")]),
        ([(range(80, 100), "zoom"), (range(100, 120), "tilt")], [(31, "zoom"), (51, "tilt"), (71, "pan")]),
        ([(range(10, 90), "heard already"), (range(90, 400), "zoom")], [(41, "zoom")]),
        ([(range(50, 90), "pan")], []),
        ([(range(80, 100), "  ")], []),
        ([(range(80, 100), "slow\n zoom")], [(31, "slow zoom"), (51, "pan")]),
        ([(range(400, 500), "elsewhere"), (range(1, 50), "before")], []),
    ],
)
def test_text_strips_are_prompts_in_time(texts: list[tuple[range, str]], expected: list[tuple[int, str]]) -> None:
    assert prompts_over(range(50, 170), texts, "pan") == tuple(PromptAt(*each) for each in expected)
