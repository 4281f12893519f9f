"""Finishing a made shot: what is asked for, at which size, and what the artist is told beforehand."""

from __future__ import annotations

import json
from fractions import Fraction

import pytest

from engine.client import finishes, takes
from engine.client.takes import Change
from engine.errors import EngineError
from engine.finishing.plan import finish_plan
from engine.protocol import Finish, ShotRequest, Take
from engine.serialization import from_json, without_defaults

PARENT = {
    **without_defaults(ShotRequest(frames=73, prompt="w1", seed=5, model="tiny", fps=24.0)),
    **{"boards": [[1, "board.png"]], "name": "panel", "stop_after": 1, "sections": [{"section": 2, "seed": 9}]},
    "take": {"number": 2, "job": "a" * 16, "parent": 1, "again": [2]},
}


def request(finish: Finish) -> dict[str, object]:
    made = finishes.finish_request(json.dumps(PARENT), finish, number=3, job="b" * 16, parent_number=2)
    return dict(json.loads(made))


def test_a_finish_asks_for_what_it_finishes_and_nothing_else_of_it_differs() -> None:
    finish = Finish(upscale="1920x1080", upscaler="waifu2x")
    asked = request(finish)
    assert asked.pop("finish") == {"upscale": "1920x1080", "upscaler": "waifu2x"}
    assert asked.pop("take") == {"number": 3, "job": "b" * 16, "parent": 2}
    before = {name: value for name, value in PARENT.items() if name not in ("take", "stop_after")}
    assert asked == before
    assert finishes.finish_of(json.dumps(request(finish))) == finish
    assert finishes.finish_of(json.dumps(PARENT)) is None
    sent = from_json(ShotRequest, {**request(finish), "boards": []})
    assert (sent.finish, sent.take) == (finish, Take(3, "b" * 16, 2))


def test_nothing_that_a_model_makes_is_asked_for_as_a_finish() -> None:
    finished = json.dumps(request(Finish(upscale="2")))
    again = takes.take_request(finished, Change(None, seed=1), number=4, job="b" * 16, parent_number=2)
    assert "finish" not in json.loads(again)
    assert "finish" not in json.loads(takes.without_take(finished))
    with pytest.raises(EngineError):
        finishes.finish_request("{}", Finish(upscale="2"), number=2, job="", parent_number=1)


@pytest.mark.parametrize("finish", ["no", 4, {"upscale": 2}, {"slow": "x"}, ["2"]])
def test_a_finish_that_makes_no_sense_is_none(finish: object) -> None:
    assert finishes.finish_of(json.dumps({**PARENT, "finish": finish})) is None


@pytest.mark.parametrize(
    ("size", "scene", "result"),
    [
        ((256, 144), (1920, 1080), (1920, 1080)),
        ((640, 384), (1920, 1080), (1920, 1152)),  # 5:3: its upper and lower edges lie beyond the scene's
        ((384, 640), (1920, 1080), (1920, 3200)),
        ((832, 480), (1280, 720), (1280, 738)),
        ((256, 144), (961, 541), (960, 540)),
        ((448, 256), (1792, 1023), (1792, 1024)),
        ((448, 256), (1790, 1024), (1790, 1024)),  # nearly the same shape: the model's sizes are rounded
    ],
)
def test_fit_scene_covers_the_scene_and_keeps_the_shape(size, scene, result) -> None:
    assert finishes.result_size(size, finishes.FIT, scene) == result
    assert min(got - shown // 2 * 2 for got, shown in zip(result, scene, strict=True)) >= 0
    # The engine makes just that of it: nothing is fitted inside.
    plan = finish_plan(10, size, Fraction(30), Finish(upscale="{}x{}".format(*result)))
    assert (plan.width, plan.height) == result
    assert result[0] / result[1] == pytest.approx(size[0] / size[1], rel=0.004)


def test_a_factor_is_of_the_shots_own_size() -> None:
    assert finishes.result_size((256, 144), "2", (1, 1)) == (512, 288)
    assert finishes.why_not_size((256, 144), (512, 288)) is None
    assert "too large" in str(finishes.why_not_size((4096, 2304), (16384, 9216)))
    assert "as large" in str(finishes.why_not_size((256, 144), (256, 144)))
    assert "as large" in str(finishes.why_not_size((256, 144), (128, 72)))


def test_before_the_engine_was_heard_and_without_the_addition_there_is_nothing_to_enlarge_with() -> None:
    assert finishes.upscalers({}) == finishes.betweens({}) == []
    found = finishes.estimate({}, "waifu2x", (1920, 1080), 10, 1.5)
    assert (found.seconds, found.frames, found.bytes) == (None, 10, round(1920 * 1080 * 10 * 1.5 * 2))
    assert finishes.title_of({}, "own") == "own"
