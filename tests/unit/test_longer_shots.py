"""Whether a finished shot can grow, as its request and its model say, and what is asked for then."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from engine.client.longer_shots import longer, order_of, why_not_longer
from engine.errors import EngineError
from engine.framepack.packing import Order
from engine.generation.resolve import resolve
from engine.inference.hunyuan.spec import RELEASED
from engine.protocol import PromptAt, ShotRequest, Take
from engine.serialization import from_json

FORWARD_MODEL = {"orders": ["forward", "inverted", "endpoint"]}
INVERTED_MODEL = {"orders": ["inverted"]}
ABOUT = {
    "models": ["tiny"],
    "details": {"tiny": {"native_fps": 30, "first_frames": 1, "section_frames": 36, "latent_frames": 4}},
}


def request(**fields: object) -> str:
    asked = {"name": "shot", "prompt": "w5", "boards": [[1, "board.png"]], "frames": 50, "fps": 30.0, "seed": 3}
    return json.dumps(asked | fields)


@pytest.mark.parametrize(
    ("fields", "details", "order"),
    [
        ({}, FORWARD_MODEL, "forward"),
        ({}, INVERTED_MODEL, "inverted"),
        ({}, None, ""),
        ({"order": "endpoint"}, FORWARD_MODEL, "endpoint"),
        ({"boards": [[1, "board.png"], [20, "end.png"]]}, FORWARD_MODEL, "inverted"),
        ({"boards": [[1, "board.png"], [20, "end.png"]]}, {"orders": ["forward"]}, "forward"),
        ({"schedule": "f1k1_td_f16k4f2k2f1k1_g9"}, INVERTED_MODEL, "forward"),
        ({"schedule": "f1k1_x_g9_f1k1f2k2f16k4_td"}, FORWARD_MODEL, "inverted"),
        ({"schedule": "td_f16k4f2k2f1k1_g9_x_f1k1"}, FORWARD_MODEL, "endpoint"),
    ],
)
def test_in_which_order_a_shot_was_made(fields: dict, details: dict | None, order: str) -> None:
    assert order_of(request(**fields), details) == order


def test_why_a_shot_cannot_grow() -> None:
    assert why_not_longer(request(), FORWARD_MODEL) is None
    assert why_not_longer(request(), None) is None  # the engine will say
    assert "made first" in (why_not_longer(request(), INVERTED_MODEL) or "")
    assert "made early" in (why_not_longer(request(endpoints=[40]), FORWARD_MODEL) or "")
    assert "made early" in (why_not_longer(request(order="endpoint"), FORWARD_MODEL) or "")
    for frame in (50, 51):
        ends = request(boards=[[1, "board.png"], [frame, "end.png"]], order="forward")
        assert why_not_longer(ends, FORWARD_MODEL) == "It ends on a picture, so it cannot grow; make what comes after."
    with pytest.raises(EngineError):
        why_not_longer("{}", FORWARD_MODEL)


def asked(text: str) -> ShotRequest:
    """The request as the engine reads it, its pictures under any name."""
    data = json.loads(text)
    data["boards"] = [{"frame": frame, "image": "a" * 64} for frame, _ in data["boards"]]
    data.pop("name")
    return from_json(ShotRequest, data)


def test_it_continues_its_job_and_changes_nothing_else() -> None:
    grown = asked(longer(request(order="forward"), "longer", 80, "0" * 16, ABOUT))
    before = asked(request(order="forward"))
    assert grown.take == Take(2, "0" * 16)
    assert (grown.frames, grown.seed, grown.order, grown.prompt) == (80, before.seed, before.order, before.prompt)
    again = asked(
        longer(json.dumps(json.loads(longer(request(), "longer", 80, "0" * 16, ABOUT))), "x", 90, "1" * 16, {})
    )
    assert (again.take, again.frames) == (Take(3, "1" * 16, parent=2), 90)
    larger = {"take": {"number": 2, "job": "0" * 16, "parent": 1}, "finish": {"upscale": "2"}}
    finished = json.dumps(json.loads(request(order="forward")) | larger)
    grown = asked(longer(finished, "longer", 80, "1" * 16, ABOUT))
    assert (grown.take, grown.finish) == (Take(3, "1" * 16, parent=2), None)
    for frames in (50, 49):
        with pytest.raises(EngineError):
            longer(request(), "shorter", frames, "0" * 16, ABOUT)


@pytest.mark.parametrize("board", [10, 30, 45])
def test_words_of_a_shot_through_boards_change_in_its_new_sections_alone(board: int) -> None:
    """Its last stretch has a clock of its own: words of a section that is there would have that made again."""
    boards = [[1, "board.png"], [board, "second.png"]]
    changes = [PromptAt(frame, f"then {frame}") for frame in range(51, 140, 4)]
    spec, size = replace(RELEASED, order=Order.FORWARD), (256, 144)
    before = resolve(asked(request(boards=boards, order="forward")), spec, size).prompts
    grown = longer(request(boards=boards, order="forward"), "longer", 140, "0" * 16, ABOUT, changes)
    after = resolve(asked(grown), spec, size).prompts
    assert after[: len(before)] == before
    assert len(set(after[len(before) :])) == len(after) - len(before) > 1


def test_a_seed_on_trial_grows_to_its_end() -> None:
    assert "stop_after" not in json.loads(longer(request(stop_after=1), "longer", 80, "0" * 16, ABOUT))


def test_words_that_change_hold_from_the_first_new_section_on() -> None:
    """50 frames are two sections, up to frame 73: a change at 60 would have the second one made again."""
    changes = [PromptAt(40, "before"), PromptAt(60, "then"), PromptAt(100, "later")]
    grown = asked(longer(request(), "longer", 120, "0" * 16, ABOUT, changes))
    assert grown.prompts == (PromptAt(74, "then"), PromptAt(100, "later"))
    assert asked(longer(request(), "longer", 70, "0" * 16, ABOUT, changes)).prompts == ()  # no new section
    kept = request(prompts=[{"frame": 38, "text": "was"}])
    assert asked(longer(kept, "longer", 120, "0" * 16, ABOUT, changes)).prompts[0] == PromptAt(38, "was")
