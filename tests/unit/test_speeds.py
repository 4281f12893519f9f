"""How long shots take, as the engine measures it: told once it was measured, of undisturbed shots alone."""

from __future__ import annotations

import types
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from engine.events import PAUSED, Cancelled, Finished, Progress, Section, SectionPlan, Started
from engine.models.abilities import CARDS, abilities_of
from engine.models.catalog import CATALOG, SKETCH
from engine.protocol import Finish, ShotRequest, Take
from engine.serialization import to_json, to_json_text
from engine.server.app import create_app
from engine.server.jobs.speeds import Kind, Speeds
from engine.server.service import Service
from engine.server.storage import store as store_module
from engine.server.storage.records import StoredEvent
from engine.server.workers.worker_messages import Happened
from tests.unit.scripted_pool import ScriptedPool

JOB = "0" * 16
KIND = Kind("sketch", "a GPU", 256, 144, 8, "exact")


def told(speeds: Speeds, *events: tuple[float, object]) -> None:
    for time, event in events:
        stored = StoredEvent(1, JOB, time, to_json(event))
        if isinstance(event, Started):
            speeds.begun(stored, "sketch", "a GPU", "exact")
        else:
            speeds.heard(stored)


def started(done: int = 0) -> Started:
    return Started("forward", (SectionPlan(0, 1, 145, ""),), 145, 256, 144, 30.0, 8, done)


def section(index: int) -> Section:
    return Section(index - 1, index, 4, 1, 36, (), ())


def whole(times: list[float]) -> list[tuple[float, object]]:
    """A shot begun at 0 whose sections are told at `times`."""
    return [
        (0.0, started()),
        *((time, section(i)) for i, time in enumerate(times, 1)),
        (times[-1], Finished(9, 0, None)),
    ]


def test_a_section_takes_what_the_middle_one_of_them_took_without_loading(tmp_path: Path) -> None:
    speeds = Speeds(tmp_path / "speeds.json")
    assert speeds.told() == []
    told(speeds, *whole([60.0, 70.0, 81.0, 300.0]))  # weights were loaded first, and Blender rendered near the end
    assert speeds.told() == [(KIND, 11.0, 1)]
    told(speeds, *whole([9.0]))  # all there is of a shot of one section
    told(speeds, *whole([60.0, 67.0, 74.0]))
    assert speeds.told() == [(KIND, 9.0, 3)]
    assert Speeds(tmp_path / "speeds.json").told() == speeds.told()


@pytest.mark.parametrize("end", [Cancelled(1), Progress(PAUSED), Progress("the worker was killed; going on with")])
def test_what_was_broken_off_or_seen_in_part_is_no_measurement(tmp_path: Path, end: object) -> None:
    speeds = Speeds(tmp_path / "speeds.json")
    told(speeds, (0.0, started()), (5.0, section(1)), (6.0, end), (90.0, section(2)), (99.0, Finished(9, 0, None)))
    told(speeds, (0.0, started(done=1)), (5.0, section(2)), (9.0, Finished(9, 0, None)))
    assert speeds.told() == []


def test_a_file_that_makes_no_sense_costs_estimates_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "speeds.json").write_text('[{"model": "sketch"}]', encoding="utf-8")
    speeds = Speeds(tmp_path / "speeds.json")
    told(speeds, *whole([9.0, 12.0, 15.0]))
    assert speeds.told() == [(KIND, 3.0, 1)]


def test_the_engine_says_what_its_models_can_and_how_fast_they_were(tmp_path: Path, monkeypatch) -> None:
    service = Service(tmp_path, ScriptedPool(("cpu",)), "0")
    clock = iter(range(0, 1000, 5))
    monkeypatch.setattr(store_module, "time", types.SimpleNamespace(time=lambda: float(next(clock))))
    with TestClient(create_app(service)) as client:
        said = client.get("/v1/engine").json()
        assert said["speeds"] == []
        sketch = said["details"][SKETCH]
        assert sketch["starts"] == said["starts"][SKETCH] == ["board"]
        assert [256, 144] in sketch["sizes"]
        assert sketch["orders"][0] == "forward"
        assert (sketch["quality"], sketch["negative"]) == ("draft", False)
        assert (sketch["first_frames"] + 2 * sketch["section_frames"]) == 73  # 36n + 1
        assert said["free"] > 0
        record, _ = service.scheduler.submit(to_json_text(ShotRequest(frames=145)), "")
        for event in (started(), *map(section, (1, 2, 3, 4)), Finished(145, 20.0, None)):
            service.pool.listener.heard("cpu", Happened(record.id, to_json(event)))
        (speed,) = client.get("/v1/engine").json()["speeds"]
        finishing = ShotRequest(frames=145, take=Take(2, record.id), finish=Finish(slow=2.0))
        other, _ = service.scheduler.submit(to_json_text(finishing), "")
        for event in (started(), *map(section, (1, 2, 3, 4)), Finished(290, 4.0, None)):
            service.pool.listener.heard("cpu", Happened(other.id, to_json(event)))
        assert client.get("/v1/engine").json()["speeds"] == [speed], "what finishing takes says nothing of sections"
    expected = {"model": SKETCH, "device": "cpu", "width": 256, "height": 144, "steps": 8, "speed": "exact"}
    assert speed == expected | {"section_seconds": 5.0, "shots": 1}


def test_every_model_that_can_be_had_has_a_card() -> None:
    assert CARDS.keys() == {SKETCH, *(entry.name for entry in CATALOG)}
    assert all(CARDS[entry.name].title == entry.title for entry in CATALOG)
    assert abilities_of(SKETCH).title == "Sketch"
