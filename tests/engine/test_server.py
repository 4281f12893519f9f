"""The real server with a real worker over HTTP: who is let in, what is refused, and that nothing is lost."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from engine.client.connection import Connection
from tests.engine.checkpoints import BOARD
from tests.engine.serving import ROOT, Serving, models_home
from tests.patience import PATIENCE


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    return models_home(tmp_path_factory.mktemp("models-home"))


@pytest.fixture(scope="module")
def engine(tmp_path_factory, models) -> Iterator[Serving]:
    started = Serving(tmp_path_factory.mktemp("serve") / "home", models)
    yield started
    started.stop()


@pytest.fixture(scope="module")
def finished(engine) -> str:
    """A job that nobody listened to."""
    job = engine.add(name="shot 1")
    engine.wait_for(job, "finished")
    return job


def test_the_ready_line_and_the_file_say_the_same_and_keep_the_secret(engine):
    file = engine.home / "engine.json"
    assert json.loads(file.read_text()) == engine.ready
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert engine.ready["url"].startswith("http://127.0.0.1:")
    assert engine.ready["pid"] == engine.process.pid
    assert engine.ready["token"] not in Path(engine.log.name).read_text()
    engine.board()
    private = [path for path in engine.home.rglob("*") if stat.S_IMODE(path.stat().st_mode) & 0o077]
    assert private == []


@pytest.mark.parametrize("path", ["/v1/engine", "/v1/jobs", "/v1/events", "/metrics", "/openapi.json", "/", "/nowhere"])
def test_nothing_is_told_without_the_token(engine, path):
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": engine.ready["token"]}):
        answer = requests.get(engine.ready["url"] + path, headers=headers, timeout=PATIENCE)
        assert answer.status_code == 401
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["code"] == "token_wrong"


def test_a_page_that_rebinds_its_name_is_refused(engine):
    for host in ("evil.example", "127.0.0.1.evil.example", "", "10.0.0.1:80", "localhost.evil.example", "[::2]:1"):
        assert engine.call("GET", "/v1/engine", headers={"Host": host}).status_code == 403
    for host in ("localhost:1", "127.0.0.2", "127.255.0.1:8188", "[::1]:1", "LocalHost."):
        assert engine.call("GET", "/v1/engine", headers={"Host": host}).status_code == 200
    assert "access-control-allow-origin" not in engine.call("GET", "/v1/engine", headers={"Origin": "http://a"}).headers


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_over_the_limit_is_refused_whether_its_length_is_declared_or_not(engine, declared):
    address = engine.ready["url"].removeprefix("http://")
    connection = http.client.HTTPConnection(address, timeout=PATIENCE)
    connection.putrequest("POST", "/v1/images")
    connection.putheader("Authorization", f"Bearer {engine.ready['token']}")
    connection.putheader(*(("Content-Length", str(2**26 + 1)) if declared else ("Transfer-Encoding", "chunked")))
    connection.endheaders()
    if not declared:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for _ in range(65):
                connection.send(b"100000\r\n" + b"\0" * 2**20 + b"\r\n")
    with contextlib.closing(connection):
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["code"]) == (413, "body_too_large")
    assert engine.call("GET", "/v1/engine").status_code == 200


@given(st.binary(max_size=2000), st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"GIF89a"]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_image_body_is_taken_or_refused_in_words(engine, body, start):
    answer = engine.call("POST", "/v1/images", data=start + body)
    assert answer.status_code == 422
    assert answer.json()["code"].startswith("image_")


@given(st.integers(0, 4000), st.integers(0, 255))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_picture_is_taken_or_refused_in_words(engine, place, value):
    data = bytearray(BOARD.read_bytes())
    data[place % len(data)] = value
    assert engine.call("POST", "/v1/images", data=bytes(data)).status_code in (201, 422)


@pytest.mark.parametrize("size", [(10_000, 10_000), (16, 20_000)])
def test_a_decompression_bomb_is_refused(engine, size):
    buffer = io.BytesIO()
    Image.new("1", size).save(buffer, "PNG")
    answer = engine.call("POST", "/v1/images", data=buffer.getvalue())
    assert answer.status_code == 422
    assert answer.json()["code"] in ("image_too_large", "image_unreadable")


def test_every_fault_of_a_request_is_named(engine):
    answer = engine.call("POST", "/v1/jobs", json={"boards": [{"frame": 0, "image": "../x"}], "frames": 0, "size": 3})
    assert answer.status_code == 422
    assert {fault["where"] for fault in answer.json()["faults"]} == {
        "body.boards.0.frame",
        "body.boards.0.image",
        "body.frames",
        "body.size",
    }
    unknown = {
        "boards": [{"frame": 3, "image": "0" * 64}] * 2,
        "frames": 1,
        "model": "/etc",
        "loras": [{"name": "../ink"}],
    }
    faults = engine.call("POST", "/v1/jobs", json=unknown).json()["faults"]
    assert [fault["where"] for fault in faults] == [
        *("body.boards", "body.boards"),
        *("body.boards.0.frame", "body.boards.0.image", "body.boards.1.frame", "body.boards.1.image"),
        "body.model",
        "body.loras.0.name",
    ]


@pytest.mark.parametrize("job", ["0" * 16, "a", "..%2f..%2fetc", "A" * 16])
def test_unknown_jobs_are_unknown_whatever_their_name(engine, job):
    for path in ("", "/movie", "/frames/1", "/events"):
        assert engine.call("GET", f"/v1/jobs/{job}{path}").status_code in (404, 422)


def test_what_was_finished_while_nobody_listened_is_all_there(engine, finished):
    told = list(engine.events(f"/v1/jobs/{finished}/events"))
    names = [event["event"] for event in told]
    numbers = [event["number"] for event in told]
    assert names[0] == "queued"
    assert names[-1] == "finished"
    assert names.count("section") == 2
    assert not {"step", "preview", "frames"} & set(names)  # live only
    assert numbers == sorted(set(numbers))
    again = list(engine.events(f"/v1/jobs/{finished}/events", after=numbers[3]))
    assert again == told[4:]


def test_a_job_tells_all_that_its_events_have_told(engine, finished):
    told = {event["number"]: event for event in engine.events(f"/v1/jobs/{finished}/events")}
    job = engine.call("GET", f"/v1/jobs/{finished}").json()
    assert job["number"] >= max(told)
    bare = [
        {key: value for key, value in event.items() if key not in ("job", "number", "time", "event")}
        for event in told.values()
        if event["event"] == "section"
    ]
    assert job["sections"] == bare
    assert [each["section"] for each in job["plan"]["sections"]] == [each["section"] for each in bare]
    assert (job["step"], job["failure"], job["starred"]) == (None, None, False)
    about = engine.call("GET", "/v1/engine").json()
    assert about["newest"] >= job["number"]
    kept = engine.call("PATCH", f"/v1/jobs/{finished}", json={"starred": True})
    assert kept.status_code == 200
    assert engine.call("GET", f"/v1/jobs/{finished}").json()["starred"]


def test_steps_are_told_live_and_kept_nowhere(engine):
    job = engine.add(frames=37)
    live, stored = [], []
    with engine.session.get(f"{engine.ready['url']}/v1/jobs/{job}/events", stream=True, timeout=PATIENCE) as answer:
        about = engine.call("GET", "/v1/engine").json()
        assert answer.headers["Shotpack-Store"] == about["store"]
        has_id, newest = False, 0
        for line in answer.iter_lines():
            if line.startswith(b"id: "):
                has_id, newest = True, int(line[4:])
            elif line.startswith(b"data: "):
                event = json.loads(line[6:])
                (stored if has_id else live).append(event["event"])
                assert event["number"] >= newest  # a live event bears the newest number that is stored
                has_id = False
    assert set(live) <= {"step", "preview", "frames"}
    assert live.count("step") == 4
    assert [event["event"] for event in engine.stored(job)] == stored
    assert not {"step", "preview", "frames"} & set(stored)


def test_a_client_that_has_heard_more_than_there_is_hears_everything(engine, finished):
    told = list(engine.events(f"/v1/jobs/{finished}/events", after=2**50))
    assert told[0]["event"] == "queued"
    assert told == list(engine.events(f"/v1/jobs/{finished}/events"))


def test_one_key_makes_one_job(engine):
    body = {"boards": [{"frame": 1, "image": engine.board()}], "model": "tiny", "frames": 1}
    body |= {"width": 64, "height": 64, "steps": 1}

    def send(change: dict[str, object], key: str) -> requests.Response:
        address, token = engine.ready["url"] + "/v1/jobs", {"Authorization": f"Bearer {engine.ready['token']}"}
        return requests.post(address, json=body | change, headers=token | {"Idempotency-Key": key}, timeout=PATIENCE)

    with ThreadPoolExecutor(4) as clients:
        answers = list(clients.map(lambda _: send({}, "shot-1"), range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    other = send({"frames": 2}, "shot-1")
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")
    assert send({}, "").status_code == send({}, "a b").status_code == 422
    assert send({"prompt": ""}, "shot-1").status_code == 200  # what is left out and what is said to be so are the same
    job = answers[0].json()["id"]
    engine.call("PATCH", f"/v1/jobs/{job}", json={"name": "renamed"})
    engine.wait_for(job, "finished")
    assert send({}, "shot-1").json()["state"] == "finished"
    assert engine.call("GET", f"/v1/jobs/{job}").json()["key"] == "shot-1"


def test_frames_and_movie_come_over_http(engine, finished):
    frame = engine.call("GET", f"/v1/jobs/{finished}/frames/73")
    assert frame.headers["Content-Type"] == "image/png"
    assert Image.open(io.BytesIO(frame.content)).size == (64, 64)
    assert engine.call("GET", f"/v1/jobs/{finished}/frames/74").status_code == 404
    assert engine.call("GET", f"/v1/jobs/{finished}/movie").content[4:8] == b"ftyp"


def test_two_clients_see_the_same_numbers(engine):
    with ThreadPoolExecutor(2) as clients:
        job = engine.add(frames=37)
        told = list(clients.map(lambda _: list(engine.events(f"/v1/jobs/{job}/events")), range(2)))
    stored = [[event for event in each if event["event"] not in ("step", "preview", "frames")] for each in told]
    assert stored[0] == stored[1]
    assert told[0][-1]["event"] == "finished"


def test_a_job_can_be_paused_gone_on_with_and_cancelled(engine):
    job = engine.add(frames=361)
    engine.wait_for(job, "running")
    assert engine.call("DELETE", f"/v1/jobs/{job}").status_code == 409
    assert engine.call("POST", f"/v1/jobs/{job}/pause").status_code == 200
    engine.wait_for(job, "paused")
    assert engine.call("POST", f"/v1/jobs/{job}/resume").status_code == 200
    engine.wait_for(job, "running")
    waiting = engine.add()
    assert engine.call("PATCH", f"/v1/jobs/{waiting}", json={"name": "late", "steps": 2}).json()["name"] == "late"
    late = {"prompts": [{"frame": 362, "text": "w3"}]}
    assert engine.call("PATCH", f"/v1/jobs/{job}", json=late).status_code == 422
    for each in (waiting, job):
        assert engine.call("POST", f"/v1/jobs/{each}/cancel").status_code == 200
        engine.wait_for(each, "cancelled")
        assert engine.call("POST", f"/v1/jobs/{each}/cancel").status_code == 409
        assert engine.call("DELETE", f"/v1/jobs/{each}").status_code == 204
        assert engine.call("GET", f"/v1/jobs/{each}").status_code == 404
        assert not (engine.home / "jobs" / each).exists()


def test_sections_not_yet_begun_can_still_change(engine):
    job = engine.add(frames=145, steps=6)
    told = engine.events(f"/v1/jobs/{job}/events")
    next(event for event in told if event["event"] == "step")
    changed = engine.call("PATCH", f"/v1/jobs/{job}", json={"prompt": "w9", "steps": 3, "guidance": 3.0})
    assert changed.json()["request"]["prompt"] == "w9"
    of = [event["of"] for event in told if event["event"] == "step"]
    assert of == [6] * 5 + [3] * 9
    record = json.loads((engine.home / "jobs" / job / "shot.json").read_text())
    made = [(each["prompt"], each["steps"], each["guidance"]) for each in record["plan"]["sections"]]
    assert made == [("w5 w2", 6, 10.0)] + [("w9", 3, 3.0)] * 3
    said = []
    for name in ("0001.png", "0145.png"):
        with Image.open(engine.home / "jobs" / job / "frames" / name) as frame:
            said.append(frame.info["Description"])
    assert said == ["w9", "w5 w2"]
    assert engine.call("PATCH", f"/v1/jobs/{job}", json={"steps": 2}).status_code == 409


def test_a_cancelled_job_goes_on_as_a_new_one_with_all_it_had(engine, finished):
    job = engine.add()
    next(event for event in engine.events(f"/v1/jobs/{job}/events") if event["event"] == "section")
    engine.call("POST", f"/v1/jobs/{job}/cancel")
    engine.wait_for(job, "cancelled")
    again = engine.call("POST", f"/v1/jobs/{job}/resume").json()
    assert again["continues"] == job
    names = [event["event"] for event in engine.events(f"/v1/jobs/{again['id']}/events")]
    assert (names[-1], names.count("section")) == ("finished", 2)
    assert engine.call("DELETE", f"/v1/jobs/{job}").status_code == 204
    assert engine.pixels(again["id"]) == engine.pixels(finished)
    assert engine.call("POST", f"/v1/jobs/{again['id']}/resume").status_code == 409


def test_a_paused_job_lets_another_pass_and_loses_nothing(engine, finished):
    job = engine.add()
    next(event for event in engine.events(f"/v1/jobs/{job}/events") if event["event"] == "section")
    engine.call("POST", f"/v1/jobs/{job}/pause")
    engine.wait_for(job, "paused")
    short = engine.add(frames=1)
    engine.wait_for(short, "finished")
    assert engine.state(job) == "paused"
    engine.call("POST", f"/v1/jobs/{job}/resume")
    engine.wait_for(job, "finished")
    assert engine.pixels(job) == engine.pixels(finished)


def test_a_parked_engine_stands_still_and_comes_back(engine, finished):
    job = engine.add()
    told = engine.events(f"/v1/jobs/{job}/events")
    next(event for event in told if event["event"] == "step")
    assert engine.call("POST", "/v1/engine/park").json()["parked"]
    begun = time.monotonic()
    while engine.call("GET", "/v1/engine").json()["workers"][0]["doing"] != "parked":
        assert time.monotonic() - begun < PATIENCE
        time.sleep(0.1)
    step = engine.call("GET", f"/v1/jobs/{job}").json()["step"]
    lease = {"client": "render", "seconds": 60.0}
    parked = engine.call("POST", "/v1/engine/park", json=lease).json()["parked_by"]
    assert [each["client"] for each in parked] == ["", "render"]
    assert engine.call("POST", "/v1/engine/unpark").json()["parked"]  # somebody else needs it still
    assert engine.call("POST", "/v1/engine/park", json=lease | {"client": "a b"}).status_code == 422
    assert engine.call("GET", f"/v1/jobs/{job}").json()["step"] == step
    assert not engine.call("POST", "/v1/engine/unpark", json={"client": "render"}).json()["parked"]
    engine.wait_for(job, "finished")
    assert engine.pixels(job) == engine.pixels(finished)


def test_provisional_frames_come_over_http(engine):
    job = engine.add(frames=145)
    told = engine.events(f"/v1/jobs/{job}/events")
    section = next(event for event in told if event["event"] == "section")
    engine.call("POST", f"/v1/jobs/{job}/pause")
    engine.wait_for(job, "paused")
    first = section["provisional"][0]
    number, name = first.split("/")[1:]
    frame = engine.call("GET", f"/v1/jobs/{job}/provisional/{int(number)}/{int(name.removesuffix('.png'))}")
    assert Image.open(io.BytesIO(frame.content)).size == (64, 64)
    assert engine.call("GET", f"/v1/jobs/{job}/provisional/0/1").status_code == 404
    engine.call("POST", f"/v1/jobs/{job}/cancel")
    engine.wait_for(job, "cancelled")


def test_metrics_are_prometheus_text(engine, finished):
    text = engine.call("GET", "/metrics").text
    assert 'shotpack_worker_ready{device="cpu"} 1' in text
    assert float(text.split('shotpack_jobs{state="finished"} ')[1].split()[0]) >= 1


def test_a_second_engine_on_the_same_home_is_refused(engine):
    command = [sys.executable, "-m", "engine", "serve", "--home", str(engine.home)]
    second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    assert second.returncode == 2
    assert "Another engine already serves" in second.stderr
    assert second.stdout == ""


def test_every_loopback_address_can_be_served(tmp_path):
    hosts = ["127.0.0.2", *(["::1"] if socket.has_ipv6 and Path("/proc/net/if_inet6").is_file() else [])]
    started = {}
    for host in hosts:
        command = [sys.executable, "-m", "engine", "serve", "--home", str(tmp_path / host.replace(":", "-"))]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        started[host] = subprocess.Popen([*command, "--host", host], cwd=ROOT, text=True, **pipes)
    try:
        for host, process in started.items():
            ready = json.loads(process.stdout.readline())
            assert ready["url"].startswith(f"http://[{host}]:" if ":" in host else f"http://{host}:")
            with contextlib.closing(Connection(ready["url"], ready["token"])) as connection:
                assert connection.engine()["protocol"] == ready["protocol"]
    finally:
        for process in started.values():
            process.kill()
            process.communicate()


def test_an_address_that_is_not_here_is_refused_in_one_line(tmp_path):
    token = tmp_path / "token"
    token.write_text("a token of ones own")
    command = [sys.executable, "-m", "engine", "serve", "--home", str(tmp_path), "--token-file", str(token)]
    command += ["--host", "192.0.2.1"]
    refused = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    assert refused.returncode == 2
    assert "--host 192.0.2.1 --port 0 cannot be used" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_an_open_address_needs_a_token_of_ones_own(tmp_path, host):
    command = [sys.executable, "-m", "engine", "serve", "--home", str(tmp_path), "--host", host]
    refused = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    assert refused.returncode == 2
    assert "--token-file" in refused.stderr


def test_a_take_is_a_job_of_its_own_whoever_is_killed_meanwhile(engine, finished):
    change = {"sections": [{"section": 1, "seed": 9}]}
    take = engine.add(**change, take={"number": 2, "job": finished})
    killed = False
    for event in engine.events(f"/v1/jobs/{take}/events"):
        if event["event"] == "step" and not killed:
            killed = True
            for worker in psutil.Process(engine.process.pid).children():
                worker.kill()
    assert killed
    detail = engine.call("GET", f"/v1/jobs/{take}").json()
    assert (detail["state"], detail["continues"], detail["attempts"]) == ("finished", finished, 1)
    named = sorted(name for section in detail["sections"] for name in section["files"])
    assert [name.removesuffix(".png").removesuffix("-t02") for name in named] == [
        f"frames/{frame:04d}" for frame in range(1, 74)
    ]
    alone = engine.add(**change)
    engine.wait_for(alone, "finished")
    folder = engine.home / "jobs"
    pictures = [Image.open(folder / take / name).tobytes() for name in named]
    assert pictures == engine.pixels(alone), "to the bit as made at once"
    assert pictures != engine.pixels(finished)
    first = {path.name: path.read_bytes() for path in (folder / finished / "frames").iterdir()}
    assert {name: (folder / take / "frames" / name).read_bytes() for name in first} == first, "the first take is there"
    for frame, name in enumerate(named, 1):
        if frame % 24 == 1:
            over_http = engine.call("GET", f"/v1/jobs/{take}/frames/{frame}").content
            assert over_http == (folder / take / name).read_bytes()
    assert engine.call("GET", f"/v1/jobs/{take}/movie").content == (folder / take / "shot-t02.mp4").read_bytes()
    assert engine.call("DELETE", f"/v1/jobs/{take}").status_code == 204


def test_a_finish_is_a_job_like_any_other_whoever_is_killed_meanwhile(engine, finished):
    """It stops by itself after its first section, loses its worker, and goes on; no model is asked for."""
    asked = {"frames": 73, "take": {"number": 2, "job": finished}, "finish": {"upscale": "96x96", "slow": 2}}
    answer = engine.call("POST", "/v1/jobs", json=asked | {"model": "gone", "stop_after": 1})
    assert answer.status_code == 201, answer.text
    finish = answer.json()["id"]
    engine.wait_for(finish, "paused")
    for worker in psutil.Process(engine.process.pid).children():
        worker.kill()
    assert engine.call("POST", f"/v1/jobs/{finish}/resume").status_code == 200
    engine.wait_for(finish, "finished")
    events = engine.stored(finish)
    started = next(event for event in events if event["event"] == "started")
    assert (started["frames"], started["width"], started["steps"]) == (146, 96, 0)
    told = [event for event in events if event["event"] == "section"]
    names = [name for event in told for name in event["files"]]
    assert names == [f"frames/{frame:04d}-t02.png" for frame in range(1, 147)]
    folder = engine.home / "jobs" / finish
    assert engine.call("GET", f"/v1/jobs/{finish}/frames/146").content == (folder / names[-1]).read_bytes()
    assert engine.call("GET", f"/v1/jobs/{finish}/movie").content == (folder / "shot-t02.mp4").read_bytes()
    assert engine.call("PATCH", f"/v1/jobs/{finish}", json={"steps": 3}).status_code == 409
    assert engine.call("DELETE", f"/v1/jobs/{finish}").status_code == 204
    for wrong, where in (({"take": None}, "body.finish"), ({"finish": {"slow": 99}}, "body.finish.slow")):
        refused = engine.call("POST", "/v1/jobs", json=asked | wrong)
        assert refused.status_code == 422
        assert [fault["where"] for fault in refused.json()["faults"]] == [where]


def test_a_take_of_what_is_gone_is_refused(engine):
    gone = {"boards": [{"frame": 1, "image": engine.board()}], "frames": 73, "take": {"number": 2, "job": "0" * 16}}
    answer = engine.call("POST", "/v1/jobs", json=gone)
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_request")
    assert [fault["where"] for fault in answer.json()["faults"]] == ["body.take.job"]


def test_a_killed_server_takes_its_workers_with_it_and_loses_nothing(tmp_path, models, engine, finished):
    started = Serving(tmp_path / "home", models)
    tried = started.add(stop_after=1)
    started.wait_for(tried, "paused")
    job = started.add()
    told = []
    for event in started.events(f"/v1/jobs/{job}/events"):
        if event["event"] not in ("step", "preview", "frames"):
            told.append(event)
        if event["event"] == "section":
            break
    os.kill(started.process.pid, signal.SIGKILL)
    started.stop()
    started.start()
    started.wait_for(job, "finished")
    after = list(started.events(f"/v1/jobs/{job}/events"))
    assert after[: len(told)] == told
    names = [event["event"] for event in after]
    assert names.count("section") == 2
    assert sum(name in ("finished", "failed", "cancelled") for name in names) == 1
    assert started.pixels(job) == engine.pixels(finished)
    standing = started.call("GET", f"/v1/jobs/{tried}").json()
    assert (standing["state"], standing["stop_after"], len(standing["sections"])) == ("paused", 1, 1)
    started.call("POST", f"/v1/jobs/{tried}/resume")
    started.wait_for(tried, "finished")
    assert started.call("GET", f"/v1/jobs/{tried}").json()["stop_after"] == 0
    assert started.pixels(tried) == engine.pixels(finished)
    address = f"{started.ready['url']}/v1/events"
    with started.session.get(address, stream=True, timeout=PATIENCE) as open_stream:
        next(open_stream.iter_lines())
        started.stop()  # with a listener who would listen for ever
    assert "Traceback" not in (tmp_path / "home.log").read_text()
    assert not (tmp_path / "home" / "engine.json").exists()
