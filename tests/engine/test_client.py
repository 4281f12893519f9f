"""The client against the real engine: started, adopted, followed through a kill, and told what is wrong in words."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from engine.client.connection import Connection
from engine.client.engine_client import EngineClient, EngineLocation, EngineState
from engine.client.launcher import Engine, adopt, find_or_start, start
from engine.client.session import Session
from engine.client.shot import Shot
from engine.errors import Code, EngineError
from engine.events import Finished, Frames, Preview, Section, Step
from tests.engine.checkpoints import BOARD, TINY
from tests.patience import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
PYTHON = Path(sys.executable)


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("client") / "home"


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Iterator[Path]:
    models = tmp_path_factory.mktemp("models-home")
    (models / "models").mkdir()
    (models / "models" / "tiny").symlink_to(TINY, target_is_directory=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHOTPACK_HOME", str(models))
        patch.setenv("OMP_NUM_THREADS", "1")
        yield models


@pytest.fixture(scope="module")
def engine(home, models) -> Iterator[Engine]:
    started = find_or_start(PYTHON, ROOT, home, device="cpu", memory=2.5, options=("--keep-days", "30"))
    yield started
    started.stop()


def test_the_engine_is_told_how_long_shots_are_kept(engine):
    assert engine.connection.engine()["keeps"] == {"days": 30.0, "bytes": None}


def test_the_worker_is_told_how_much_memory_it_may_take(engine):
    # The engine is ready before its worker is, and for a moment the worker still has the engine's own command line.
    limit, begun, told = ["--memory-limit", str(int(2.5 * 2**30))], time.monotonic(), []
    while limit not in told:
        assert time.monotonic() - begun < PATIENCE, told
        time.sleep(0.02)
        told = [worker.cmdline()[-2:] for worker in psutil.Process(engine.ready["pid"]).children()]


def follow(session: Session, until: Callable[[], bool]) -> list[tuple[str, object]]:
    seen: list[tuple[str, object]] = []
    begun = time.monotonic()
    while not until():
        assert time.monotonic() - begun < PATIENCE, (session.line, seen[-3:])
        seen += session.drain()
        time.sleep(0.02)
    return seen + session.drain()


def job(connection: Connection, frames: int = 37) -> str:
    board = connection.add_image(BOARD.read_bytes())
    request = {"boards": [{"frame": 1, "image": board}], "model": "tiny", "prompt": "w5", "frames": frames}
    return connection.add_job(json.dumps(request | {"width": 64, "height": 64, "steps": 3}))["id"]


def test_a_running_engine_is_adopted_and_not_started_twice(engine, home):
    found = find_or_start(PYTHON, ROOT, home, device="cpu")
    assert found.process is None
    assert found.ready == engine.ready
    assert found.connection.engine()["protocol"] == 1
    found.stop()
    assert engine.alive


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"url": "http://127.0.0.1:9", "token": "x"}', "\0"])
def test_an_engine_file_that_leads_nowhere_is_not_believed(tmp_path, text):
    (tmp_path / "engine.json").write_text(text)
    assert adopt(tmp_path) is None


def test_an_engine_of_another_protocol_is_not_adopted(engine, home, tmp_path, monkeypatch):
    (tmp_path / "engine.json").write_text((home / "engine.json").read_text())
    monkeypatch.setattr("engine.client.launcher.PROTOCOL_VERSION", 99)
    assert adopt(tmp_path) is None


def test_a_job_is_followed_from_queue_to_frames(engine):
    session = Session(engine.connection)
    made = job(engine.connection, frames=73)
    seen = follow(session, lambda: made in session.jobs and session.jobs[made].ended)
    events = [event for of, event in seen if of == made]
    assert isinstance(events[-1], Finished)
    assert [event.section for event in events if isinstance(event, Section)] == [1, 0]
    assert session.jobs[made].done == 1.0
    assert session.line.up
    assert engine.connection.picture(made, "frames/0073.png").startswith(b"\x89PNG")
    assert engine.connection.movie(made)[4:8] == b"ftyp"
    session.close()


def test_who_comes_late_hears_everything(engine):
    made = job(engine.connection)
    first = Session(engine.connection)
    told = follow(first, lambda: made in first.jobs and first.jobs[made].ended)
    late = Session(engine.connection)
    again = follow(late, lambda: made in late.jobs and late.jobs[made].ended)
    kept = [event for of, event in told if of == made and not isinstance(event, (Step, Preview, Frames))]
    assert [event for of, event in again if of == made] == kept
    answered = Session(engine.connection, engine.connection.engine()["newest"])
    answered.expect(made)
    assert answered.learn(made, engine.connection.job(made)) == []
    assert (answered.jobs[made].sections, answered.jobs[made].plan) == (late.jobs[made].sections, late.jobs[made].plan)
    assert answered.jobs[made].state == "finished"
    answered.close()
    first.close()
    late.close()


def test_a_session_survives_the_death_of_its_engine(tmp_path, models, monkeypatch):
    monkeypatch.setenv("SHOTPACK_HOME", str(models))
    engine = start(PYTHON, ROOT, tmp_path / "home", device="cpu")
    port = engine.ready["url"].rsplit(":", 1)[1]
    token = tmp_path / "token"
    token.write_text(engine.ready["token"])
    session = Session(engine.connection)
    made = job(engine.connection, frames=73)
    seen = follow(session, lambda: made in session.jobs and bool(session.jobs[made].sections))
    assert engine.process is not None
    os.kill(engine.process.pid, signal.SIGKILL)
    seen += follow(session, lambda: not session.line.up)
    assert not engine.alive
    engine.stop()
    # The same address and token again, as a studio's engine would come back.
    again = _start_at(tmp_path / "home", port, token)
    seen += follow(session, lambda: session.jobs[made].ended)
    events = [event for of, event in seen if of == made]
    assert sum(isinstance(event, Finished) for event in events) == 1
    assert [event.section for event in events if isinstance(event, Section)] == [1, 0]
    session.close()
    again.stop()


def _start_at(home: Path, port: str, token: Path) -> Engine:
    """An engine at a port and with a token of one's own."""
    import subprocess

    command = [sys.executable, "-m", "engine", "serve", "--home", str(home), "--device", "cpu", "--port", port]
    process = subprocess.Popen(
        [*command, "--token-file", str(token)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    ready = json.loads(process.stdout.readline())
    return Engine(Connection(ready["url"], ready["token"]), ready, process)


def test_refusals_and_absences_are_told_in_words(engine):
    with pytest.raises(EngineError) as refused:
        engine.connection.add_job(json.dumps({"boards": [], "frames": 0}))
    assert refused.value.code is Code.REFUSED
    assert "frames: Input" in refused.value.line
    with pytest.raises(EngineError) as unknown:
        engine.connection.act("0" * 16, "cancel")
    assert "no job" in unknown.value.line
    stranger = Connection(engine.ready["url"], "wrong")
    with pytest.raises(EngineError, match="token"):
        stranger.jobs()
    stranger.close()
    nobody = Connection("http://127.0.0.1:9", "x")
    with pytest.raises(EngineError) as away:
        nobody.engine()
    assert away.value.code is Code.ENGINE_UNREACHABLE
    nobody.close()


def test_an_engine_that_cannot_start_says_why(tmp_path):
    with pytest.raises(EngineError) as missing:
        start(tmp_path / "no-python", ROOT, tmp_path / "home")
    assert missing.value.code is Code.ENGINE_START_FAILED
    with pytest.raises(EngineError) as wrong:
        start(PYTHON, tmp_path, tmp_path / "home")
    assert "No module named engine" in wrong.value.line


def test_an_engine_here_is_never_asked_for_through_a_proxy(engine, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    ours = Connection(engine.connection.url, engine.ready["token"])
    assert ours.engine()["protocol"] == engine.connection.engine()["protocol"]


def test_a_refusal_names_what_is_wrong_and_nothing_else(engine):
    image = engine.connection.add_image(BOARD.read_bytes())
    asked = {"boards": [{"frame": 1, "image": image}], "prompt": "w5", "frames": 37, "model": "other"}
    with pytest.raises(EngineError) as refused:
        engine.connection.add_job(json.dumps(asked))
    assert refused.value.params["detail"] == "model: 'other' is not installed here; there is tiny, sketch"


def test_another_machine_is_not_asked_while_blender_stays_offline():
    client = EngineClient()
    client.wake(EngineLocation(PYTHON, ROOT, ROOT, remote="http://studio.example:8188", online=False))
    begun = time.monotonic()
    while client.state is not EngineState.ENDED:
        client.poll(0.01)
        assert time.monotonic() - begun < 10
    client.close()
    assert client.fault.code is Code.REMOTE_OFFLINE


def test_a_shot_comes_whole_from_an_engine_that_does_not_share_the_folder(engine, tmp_path):
    """Over the real wire: sent under a key, found again, and every frame fetched; a file that claims it gets none."""
    (tmp_path / "board.png").write_bytes(BOARD.read_bytes())
    asked = {"boards": [[1, "board.png"]], "model": "tiny", "prompt": "w5", "frames": 37}
    request = json.dumps(asked | {"width": 64, "height": 64, "steps": 3})
    shot = Shot("a-shot", "Panel", tmp_path, 37, request=request)
    client = EngineClient()
    client.wake(EngineLocation(PYTHON, ROOT, ROOT, remote=engine.connection.url, token=engine.ready["token"]))
    client.send(shot)
    client.park(True)

    def until(reached: Callable[[], object]) -> None:
        begun = time.monotonic()
        while not reached():
            client.poll(0.01)
            assert time.monotonic() - begun < PATIENCE, shot
            time.sleep(0.01)

    until(lambda: shot.job and client.job(shot) is not None)
    parked = engine.connection.engine()["parked_by"]
    assert [lease["client"] for lease in parked] == [client.client]
    assert 0 < parked[0]["seconds_left"] <= 30
    client.park(False)
    until(lambda: shot.complete)
    assert shot.fault is None
    assert len(list(tmp_path.glob("00*.png"))) == 37
    client.close()
    late, thief = EngineClient(), Shot("another", "Panel", tmp_path / "stolen", 37, shot.job, confirmed=False)
    again = Shot("a-shot", "Panel", tmp_path / "again", 37, shot.job, confirmed=False)
    late.wake(EngineLocation(PYTHON, ROOT, ROOT, remote=engine.connection.url, token=engine.ready["token"]))
    late.follow(thief)
    late.follow(again)
    client = late
    until(lambda: again.complete and thief.fault is not None)
    assert thief.fault.code is Code.JOB_UNKNOWN
    assert not thief.folder.exists()
    late.close()
