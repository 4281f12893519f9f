"""What a panel says of a shot before it is sent: the engine's own plan is the oracle."""

from __future__ import annotations

import dataclasses

import pytest

from engine.client.engine_info import understood
from engine.client.estimate import estimate, film_second, sections_of, size_for
from engine.framepack.grid import Grid, Seam
from engine.generation.frame_rates import Conform, rate
from engine.models.abilities import abilities_of
from engine.models.catalog import SKETCH
from engine.serialization import to_json

DETAILS = dataclasses.asdict(abilities_of(SKETCH))
SPEED = {"model": SKETCH, "device": "a GPU", "width": 256, "height": 144, "steps": 8, "speed": "exact"}
SPEED |= {"section_seconds": 6.0, "shots": 2}
ASKED = {"frames": 145, "fps": 30.0, "conform": True, "steps": 0, "speed": "exact"}


@pytest.mark.parametrize("fps", [12, 23.976, 24, 25, 30, 60])
@pytest.mark.parametrize("frames", [1, 2, 36, 37, 38, 73, 100, 1801])
def test_sections_are_those_that_the_engine_plans(frames: int, fps: float) -> None:
    grid = Grid(9, 4, Seam.BLEND)
    conform = Conform(rate(fps), rate(30.0))
    assert sections_of(DETAILS, frames, fps, conform=True) == grid.sections(conform.native_frames(frames))
    assert sections_of(DETAILS, frames, fps, conform=False) == grid.sections(frames)
    cut = DETAILS | {"first_frames": 0, "section_frames": 33}
    assert sections_of(cut, frames, fps, conform=False) == Grid(9, 4, Seam.CUT).sections(frames)


def test_a_shot_has_its_boards_shape_at_a_size_that_the_model_knows() -> None:
    assert size_for(DETAILS, (1920, 1080)) == (256, 144)
    assert size_for(DETAILS, (1080, 1920)) == (144, 256)
    assert size_for(DETAILS, (1998, 1080)) == (256, 144)
    wide = size_for(DETAILS, (2390, 1000))  # of no trained shape: of its own, as large
    assert wide[0] / wide[1] == pytest.approx(2.39, abs=0.2)
    assert size_for(DETAILS, None) == (256, 144)


def test_time_is_claimed_only_of_what_was_measured_on_this_device() -> None:
    about = {
        "details": {SKETCH: DETAILS},
        "speeds": [SPEED],
        "workers": [{"ready": True, "device": "cuda:0", "title": ""}],
    }
    assert estimate(about, SKETCH, (256, 144), **ASKED).seconds is None
    about["workers"][0]["title"] = "a GPU"
    found = estimate(about, SKETCH, (256, 144), **ASKED)
    assert (found.sections, found.seconds) == (4, 24.0)
    assert found.bytes < 145 * 256 * 144 * 6
    for other in ({"steps": 12}, {"speed": "fast"}):
        assert estimate(about, SKETCH, (256, 144), **ASKED | other).seconds is None
    assert estimate(about, SKETCH, (192, 192), **ASKED).seconds is None
    assert estimate(about, "another", (256, 144), **ASKED) is None
    assert film_second(SKETCH, DETAILS, [SPEED], ["a GPU"]) == (5.0, "256x144")
    assert film_second(SKETCH, DETAILS, [SPEED], ["cpu"]) is None


def test_what_makes_no_sense_is_not_used() -> None:
    said = {"details": {SKETCH: DETAILS}, "speeds": [SPEED]}
    assert understood(said).keys() == {"speeds"}  # sizes come as lists over the wire
    wire = DETAILS | {name: [list(each) for each in DETAILS[name]] for name in ("sizes",)}
    wire |= {name: list(DETAILS[name]) for name in ("side_limits", "starts", "orders")}
    wire |= {"trained": to_json(DETAILS["trained"])}
    assert understood(said | {"details": {SKETCH: wire}}).keys() == {"details", "speeds"}
    for trained, fits in (({}, True), ({"packings": ["time"]}, True), ({"packings": [1]}, False), ([], False)):
        found = understood(said | {"details": {SKETCH: wire | {"trained": trained}}})
        assert ("details" in found) == fits, "panels draw what packings there are"
    assert understood({"speeds": [SPEED | {"section_seconds": 0}]}) == {}
