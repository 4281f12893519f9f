"""The server's parts put together, over a pool that only notes its orders."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from engine.errors import Code, EngineError
from engine.events import Failed, Finished
from engine.media.take_files import TakeFiles
from engine.models.folder import ModelFolder
from engine.models.released import HELIOS_DISTILLED
from engine.protocol import Board, Finish, Lora, ShotRequest, Take
from engine.serialization import to_json, to_json_text
from engine.server.app import create_app
from engine.server.jobs.job_folders import JobFolders
from engine.server.schemas import JobChange, NewJob
from engine.server.service import Service
from engine.server.storage.records import StoreError
from engine.server.workers.worker_messages import Happened, Resume
from tests.patience import PATIENCE
from tests.unit.scripted_pool import ScriptedPool

REQUEST = ShotRequest(model="sketch", prompt="pan left", boards=(Board(1, "a" * 64),), frames=37)


@pytest.fixture
def service(tmp_path: Path):
    made = Service(tmp_path, ScriptedPool(("cpu",)), "0")
    made.start()
    yield made
    made.stop()


def test_two_changes_at_once_are_both_made(service):
    record = service.store.add(to_json_text(REQUEST), "")
    service.scheduler.submitted(record.id)
    # Both clients have read the job; each changes another field.
    before = service.store.job(record.id)
    service.change(before, JobChange(prompt="roll"))
    service.change(before, JobChange(steps=3))
    request = service.store.job(record.id).request
    assert (request.prompt, request.steps) == ("roll", 3)


def test_a_change_is_made_whole_or_not_at_all(service):
    record = service.store.add(to_json_text(REQUEST), "")
    service.scheduler.submitted(record.id)
    with pytest.raises(StoreError):
        service.change(record, JobChange(prompt="roll", before="0" * 16))
    assert service.store.job(record.id).request == REQUEST


def test_the_queue_can_be_rearranged_for_ever(service):
    jobs = [service.store.add(to_json_text(REQUEST), "").id for _ in range(3)]
    for _ in range(200):  # halves of the place between two neighbours end after some fifty
        last = service.store.jobs()[-1].id
        service.store.place_before(last, jobs[0] if last != jobs[0] else jobs[1])
    places = [record.place for record in service.store.jobs()]
    assert len(set(places)) == 3


def test_a_removed_job_is_gone_with_its_folder(service, tmp_path):
    record = service.store.add(to_json_text(REQUEST), "")
    service.scheduler.submitted(record.id)
    folder = tmp_path / "jobs" / record.id
    folder.mkdir()
    with pytest.raises(StoreError, match="cancel"):
        service.scheduler.remove(record.id)
    assert folder.is_dir()
    service.pool.listener.heard("cpu", Happened(record.id, to_json(Finished(37, 1.0, None))))
    service.scheduler.remove(record.id)
    assert list((tmp_path / "jobs").iterdir()) == []


def test_a_store_that_cannot_be_opened_is_told_in_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "later").mkdir()
    with sqlite3.connect(tmp_path / "later" / "jobs.db") as later:
        later.execute("PRAGMA user_version = 1000")
    later.close()
    with pytest.raises(EngineError, match="version 1000, newer than this engine's"):
        Service(tmp_path / "later", ScriptedPool(("cpu",)), "0")
    (tmp_path / "folder" / "jobs.db").mkdir(parents=True)
    with pytest.raises(EngineError, match="cannot be written to") as refused:
        Service(tmp_path / "folder", ScriptedPool(("cpu",)), "0")
    assert refused.value.code is Code.FOLDER_UNWRITABLE
    # What SQLite says of a full disk is an error of input and output, where it is not the database that grows.
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: shutil._ntuple_diskusage(2**30, 2**30, 0))
    with pytest.raises(EngineError, match="disk is full"):
        Service(tmp_path / "folder", ScriptedPool(("cpu",)), "0")


def test_frames_of_a_job_that_was_removed_meanwhile_are_missing_and_no_fault(service):
    record, _ = service.scheduler.submit(to_json_text(REQUEST), "")
    service.pool.listener.heard("cpu", Happened(record.id, to_json(Finished(37, 1.0, None))))
    service.scheduler.remove(record.id)
    assert not service.frame(record, 1).exists()
    assert not service.provisional(record, 0, 1).exists()


def test_prompts_after_the_end_of_a_shot_are_refused_one_by_one(service):
    service.uploads._folder.joinpath("a" * 64).touch()
    shot = {"model": "sketch", "frames": 37, "boards": [{"frame": 1, "image": "a" * 64}]}
    shot["prompts"] = [{"frame": frame, "text": "x"} for frame in (38, 37, 400)]
    with TestClient(create_app(service)) as client:
        answer = client.post("/v1/jobs", json=shot)
        assert answer.status_code == 422
        assert [fault["where"] for fault in answer.json()["faults"]] == ["body.prompts.0.frame", "body.prompts.2.frame"]
        assert service.store.jobs() == []


def test_what_goes_wrong_inside_is_a_problem_document_too(service, monkeypatch):
    def full(_data: bytes) -> None:
        raise EngineError(Code.DISK_FULL, path="/home/engine")

    def broken() -> None:
        raise RuntimeError("a loose wire")

    monkeypatch.setattr(service.uploads, "_keep", full)
    monkeypatch.setattr(service.scheduler, "leases", broken)
    with TestClient(create_app(service), raise_server_exceptions=False) as client:
        for answer, status, code in (
            (client.post("/v1/images", content=b"picture"), 507, "disk_full"),
            (client.get("/v1/engine"), 500, "internal"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (status, code)
            assert answer.headers["content-type"] == "application/problem+json"
    assert "a loose wire" in answer.json()["title"]


def test_what_a_monitor_reads(service):
    """Read as the format has it, without the library that wrote it; names may have odd characters."""
    sample = re.compile(r'(\w+)(?:\{(\w+)="((?:[^"\\\n]|\\[\\"n])*)"\})? (\S+)')
    service.store.add(to_json_text(REQUEST), "")
    service.pool.states[0].device = odd = 'a "card" of \\ours'
    service.pool.states[0].memory_used = 3 * 2**30
    service.pool.states[0].deaths = 2
    with TestClient(create_app(service)) as client:
        answer = client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = answer.text.splitlines()
    kinds = dict(line.split()[2:] for line in lines if line.startswith("# TYPE "))
    assert kinds.pop("shotpack_worker_deaths_total") == "counter"
    assert set(kinds.values()) == {"gauge"}
    read = [sample.fullmatch(line).groups() for line in lines if not line.startswith("#")]
    found = {(name, re.sub(r"\\(.)", r"\1", value or "")): float(figure) for name, _, value, figure in read}
    assert found[("shotpack_jobs", "queued")] == 1
    assert found[("shotpack_listeners", "")] == found[("shotpack_seconds_a_section", "")] == 0
    assert found[("shotpack_worker_memory_bytes", odd)] == 3 * 2**30
    assert found[("shotpack_worker_deaths_total", odd)] == 2
    assert found[("shotpack_worker_ready", odd)] == 1


def test_what_nobody_can_miss_goes_by_itself_and_what_is_left_is_told(tmp_path):
    orphan, named = tmp_path / "images" / ("d" * 64), tmp_path / "images" / ("a" * 64)
    left = tmp_path / "jobs" / f".removed-{'1' * 16}"
    for folder in (orphan.parent, left):
        folder.mkdir(parents=True)
    for picture in (orphan, named):
        picture.write_bytes(b"picture")
        os.utime(picture, (1, 1))
    service = Service(tmp_path, ScriptedPool(("cpu",)), "0")
    service.store.add(to_json_text(REQUEST), "")
    service.start()
    about = next(route.endpoint for route in create_app(service).routes if route.path == "/v1/engine")
    until = time.monotonic() + PATIENCE
    while orphan.exists() or left.exists() or about().model_dump()["disk"] is None:
        assert time.monotonic() < until
        time.sleep(0.05)
    assert named.exists()
    said = about().model_dump()
    assert said["keeps"] == {"days": None, "bytes": None}
    assert said["disk"]["pictures"] == len(b"picture")
    service.stop()


def test_a_condition_is_refused_before_it_is_queued(service, monkeypatch):
    monkeypatch.setattr(ModelFolder, "conditions", ())
    for name in ("a", "d"):
        service.uploads._folder.joinpath(name * 64).touch()
    guide = {"kind": "guide", "frames": [{"frame": 5.5, "image": "d" * 64}, {"frame": 38, "image": "e" * 64}]}
    shot = {"model": "sketch", "frames": 37, "boards": [{"frame": 1, "image": "a" * 64}], "conditions": [guide]}
    with TestClient(create_app(service)) as client:
        answer = client.post("/v1/jobs", json=shot)
        assert answer.status_code == 422
        assert {fault["where"]: fault["what"] for fault in answer.json()["faults"]} == {
            "body.conditions.0.frames.1.image": "send the picture to /v1/images first",
            "body.conditions.0": "This model cannot be led by a guide; leave it out, or use a model that can.",
        }
        assert service.store.jobs() == []


def test_planned_endpoints_are_refused_before_they_are_queued_where_nobody_trained_for_them(service, monkeypatch):
    service.uploads._folder.joinpath("a" * 64).touch()
    shot = {"model": "sketch", "frames": 145, "boards": [{"frame": 1, "image": "a" * 64}], "endpoints": [74]}
    with TestClient(create_app(service)) as client:
        said = client.get("/v1/engine").json()["details"]["sketch"]["trained"]
        assert said == {"packings": [], "tails": [], "codebook": 0, "schedules": {}, "planned_endpoints": True}
        assert client.post("/v1/jobs", json=shot).status_code == 201, "Sketch was"
        monkeypatch.setattr(ModelFolder, "plans_endpoints", False)
        answer = client.post("/v1/jobs", json=shot | {"seed": 1})
        assert answer.status_code == 422
        assert [(fault["where"], fault["what"]) for fault in answer.json()["faults"]] == [
            (
                "body.endpoints",
                "This model was not trained to fill the gaps between planned endpoints; "
                "leave them out, or use a model that was, such as Sketch.",
            )
        ]


@pytest.mark.parametrize(
    ("guides", "said"),
    [
        ([(5, 0.5)], "The guide cannot be used: this model sees what it shows or does not"),
        ([(5, 1), (9, 1)], "The guide cannot be used: this model follows one at a time"),
        ([(41, 1)], "a frame of the guide is 41.0; use 1 to 37"),
        ([(40.9, 1)], ""),
    ],
)
def test_a_guide_that_a_model_cannot_follow_is_refused_before_it_is_queued(service, monkeypatch, guides, said):
    monkeypatch.setattr(ModelFolder, "conditions", ("guide",))
    monkeypatch.setattr(ModelFolder, "released", HELIOS_DISTILLED)
    monkeypatch.setattr(ModelFolder, "native_fps", 30)
    service.uploads._folder.joinpath("a" * 64).touch()
    conditions = [
        {"kind": "guide", "frames": [{"frame": frame, "image": "a" * 64}], "strength": strength}
        for frame, strength in guides
    ]
    shot = {"model": "sketch", "frames": 37, "boards": [{"frame": 1, "image": "a" * 64}], "conditions": conditions}
    with TestClient(create_app(service)) as client:
        answer = client.post("/v1/jobs", json=shot)
    assert answer.status_code == (422 if said else 201)
    found = [(fault["where"], fault["what"]) for fault in answer.json().get("faults", [])]
    assert [where for where, _ in found] == ["body.conditions"] * bool(said)
    assert all(what.startswith(said) for _, what in found)


def finished_job(service: Service) -> str:
    """A finished job whose folder holds a first take of 37 frames."""
    record = service.store.add(to_json_text(REQUEST), "shot")
    service.scheduler.submitted(record.id)
    folder = service.folders.of(record.id)
    for name, data in {
        "checkpoint/request.json": '{"request": {"frames": 37}}',
        "checkpoint/latents-0000.safetensors": "latents",
        "frames/0001.png": "first",
        "shot.json": "{}",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(data)
    service.pool.listener.heard("cpu", Happened(record.id, to_json(Finished(37, 1.0, "shot.mp4"))))
    return record.id


def new_take(job: str, number: int = 2, parent: int = 1) -> NewJob:
    return NewJob(prompt="pan left", frames=37, take=Take(number, job, parent))


def wait_until(happens: Callable[[], bool]) -> None:
    begun = time.monotonic()
    while not happens():
        assert time.monotonic() - begun < 30
        time.sleep(0.01)


def test_a_take_begins_with_all_files_of_the_job_that_it_continues(service):
    job = finished_job(service)
    assert service.take_faults(new_take(job)) == []
    record, new = service.submit(new_take(job), "key")
    assert (new, record.continues) == (True, job)
    assert service.submit(new_take(job), "key")[0].id == record.id
    folder = service.folders.of(record.id)
    wait_until(folder.is_dir)
    assert (folder / "frames" / "0001.png").read_text() == "first"
    wait_until(lambda: service.store.job(record.id).state == "running")
    service.scheduler.remove(job)  # it has all that it needs
    assert (folder / "checkpoint" / "latents-0000.safetensors").read_text() == "latents"


def test_what_it_continues_cannot_be_removed_while_it_is_copied_and_an_unended_take_keeps_it_from_the_rule(
    tmp_path: Path,
):
    service = Service(tmp_path, ScriptedPool(("cpu",)), "0")
    held: list[tuple] = []
    service.folders.copy = lambda *copying: held.append(copying)
    service.start()
    try:
        job = finished_job(service)
        record, _ = service.submit(new_take(job), None)
        assert service.store.job(record.id).state == "queued", "no worker begins with half a folder"
        with pytest.raises(StoreError, match="about to take"):
            service.scheduler.remove(job)
        (copying,) = held
        JobFolders._copy(service.folders, *copying)
        assert service.store.job(record.id).state == "running"
        with pytest.raises(StoreError, match="goes on from it"):
            service.scheduler.remove(job, unless_needed=True)
    finally:
        service.stop()


def test_a_finish_is_a_job_that_needs_no_model_and_has_frames_of_its_own_number(service):
    job = finished_job(service)
    asked = NewJob(model="gone", frames=37, loras=(Lora("gone"),), take=Take(2, job), finish=Finish(slow=2.0))
    assert [*service.model_faults(asked), *service.lora_faults(asked), *service.take_faults(asked)] == []
    assert [fault.where for fault in service.take_faults(dataclasses.replace(asked, take=None))] == ["body.finish"]
    assert service.model_faults(dataclasses.replace(asked, finish=None)) != []
    record, _ = service.submit(asked, None)
    with pytest.raises(EngineError):
        service.frame(record, 60)  # nothing is begun
    begun = {"request": {"frames": 37, "finish": {}}, "parent": 1, "kept": [], "kept_frames": [], "frames": 10_001}
    path = TakeFiles(service.folders.of(record.id), 2).request
    wait_until(path.parents[3].is_dir)
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(begun))
    assert service.frame(record, 60).name == "00060-t02.png", "as many digits as its own frames want"
    with pytest.raises(StoreError, match="only finished"):
        service.change(record, JobChange(steps=4))
    assert service.change(record, JobChange(name="larger")).name == "larger"


def test_what_cannot_be_continued_is_refused_and_says_why(service):
    job = finished_job(service)
    running = service.store.add(to_json_text(REQUEST), "").id
    for take, said in (
        (new_take(""), "say which job"),
        (new_take("0" * 16), "does not have that job any more"),
        (new_take(running), "that job is queued"),
        (new_take(job, 3, 2), "no finished take 2"),
        (new_take(job, 2, 2), "no later one"),
    ):
        faults = service.take_faults(take)
        assert any(said in fault.what for fault in faults)
        assert all(fault.where.startswith("body.take.") for fault in faults)
    service.scheduler.remove(job)
    with pytest.raises(StoreError):
        service.submit(new_take(job), None)


def test_sent_again_without_a_stop_a_job_is_made_to_its_end(service):
    """Whoever sent it with one may never have heard that it was taken in."""
    job = NewJob(prompt="pan left", frames=37, stop_after=1)
    record, _ = service.submit(job, "key")
    assert service.store.job(record.id).stop_after == 1
    assert service.sent_before(job, "key").stop_after == 1
    assert service.sent_before(NewJob(prompt="pan left", frames=37), "key").id == record.id
    assert service.store.job(record.id).stop_after == 0
    assert (Resume(record.id)) in [order for _, order in service.pool.orders]
    service.pool.listener.heard("cpu", Happened(record.id, to_json(Finished(37, 1.0, "shot.mp4"))))
    assert service.sent_before(NewJob(prompt="pan left", frames=37), "key").state == "finished"


def test_a_section_is_changed_once(service):
    service.uploads._folder.joinpath("a" * 64).touch()
    sections = [{"section": 1, "seed": 1}, {"section": 2, "seed": 1}, {"section": 1, "seed": 2}]
    shot = {"model": "sketch", "frames": 37, "boards": [{"frame": 1, "image": "a" * 64}], "sections": sections}
    with TestClient(create_app(service)) as client:
        answer = client.post("/v1/jobs", json=shot)
        assert answer.status_code == 422
        assert answer.json()["faults"] == [{"where": "body.sections.2.section", "what": "section 1 is changed twice"}]


def test_a_takes_frames_are_served_by_its_own_names(service):
    job = finished_job(service)
    record, _ = service.submit(new_take(job), None)
    folder = service.folders.of(record.id)
    wait_until(folder.is_dir)
    with pytest.raises(EngineError):
        service.frame(record, 1)
    begun = {"request": {"frames": 40}, "parent": 1, "kept": [0], "kept_frames": [[1, 30]]}
    (folder / "checkpoint" / "takes" / "02").mkdir(parents=True)
    (folder / "checkpoint" / "takes" / "02" / "request.json").write_text(json.dumps(begun))
    assert service.frame(record, 30).name == "0030.png"
    assert service.frame(record, 31).name == "0031-t02.png"
    assert service.provisional(record, 1, 31).relative_to(folder).as_posix() == "provisional/0001/0031-t02.png"
    assert service.movie(record).name == "shot-t02.mp4"


def test_a_job_that_failed_goes_on_as_itself_and_not_as_its_take(service):
    job = finished_job(service)
    take, _ = service.submit(new_take(job), None)
    wait_until(lambda: service.store.job(take.id).state == "running")
    service.pool.listener.heard("cpu", Happened(take.id, to_json(Failed("internal", {"detail": "x"}))))
    again = service.scheduler.resume(take.id)
    assert (again.continues, again.request.take) == (take.id, take.request.take)
    assert service.store.continuation(job) is None, "nobody goes on with the finished shot by way of its take"
