"""Which native frames of a guided shot have a picture of their own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.generation.guided_frames import led_frames
from engine.generation.resolve import resolve
from engine.inference.hunyuan.spec import RELEASED
from engine.models.guide_use import GuidePictures, GuideUse
from engine.models.manifest import parse_facts
from engine.protocol import Board, Condition, ConditionFrame, ShotRequest

SPEC = replace(RELEASED, conditions=("guide",), guide=GuideUse(GuidePictures.LATENT, alone=True))


def led(
    at: list[float], *, boards: tuple[int, ...] = (1,), frames: int = 37, until: float = 1.0, fps: float | None = None
) -> dict[int, str]:
    guide = Condition("guide", tuple(ConditionFrame(frame, f"{frame:g}") for frame in at), until=until)
    placed = tuple(Board(frame, f"board {frame}") for frame in boards)
    request = ShotRequest("model", "", placed, frames=frames, conditions=(guide,), fps=fps)
    shot = resolve(request, SPEC, (256, 144))
    return {frame: one.held.image for frame, (one,) in led_frames(request.conditions, shot.plan, shot.shown).items()}


def test_each_frame_has_its_own_picture() -> None:
    assert led([2, 3, 4, 5, 6]) == {1: "2", 2: "3", 3: "4", 4: "5", 5: "6"}


def test_the_nearest_counts_and_the_later_of_two() -> None:
    assert led([5.75, 6, 6.25]) == {5: "6"}
    assert led([5.75, 6.25]) == {5: "6.25"}


def test_at_another_rate_a_picture_is_where_its_time_is() -> None:
    """Of a shot at 24 frames a second frame 5 lies at native frame 5 of 30, frame 2.6 at native frame 2."""
    assert led([2.6, 5], fps=24) == {2: "2.6", 5: "5"}


def test_boards_keep_their_frames() -> None:
    assert led([1, 36, 37], boards=(1, 37), frames=73) == {35: "36"}


def test_a_guide_that_lets_go_shows_no_frame_itself() -> None:
    assert led([2, 3], until=0.9) == {}


@pytest.mark.parametrize(("said", "used"), [("true", True), ("false", False)])
def test_a_manifest_says_whether(said: str, used: bool) -> None:
    facts = parse_facts(f'{{"guide": {{"pictures": "latent", "alone": {said}}}}}')
    assert facts.guide is not None
    assert GuideUse().told(facts.guide) == GuideUse(GuidePictures.LATENT, alone=used)
