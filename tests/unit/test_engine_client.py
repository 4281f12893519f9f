"""The client over a scripted engine: what it shows, asks for, goes on with and lets go of, whatever comes when."""

from __future__ import annotations

import gc
import json
import queue
import sys
import threading
import weakref
from types import SimpleNamespace

import pytest

from engine.client import event_stream
from engine.client.background_calls import BackgroundCalls
from engine.client.connection import Connection, _refusal
from engine.client.engine_client import EngineClient, EngineState
from engine.client.launcher import Engine
from engine.client.session import Session
from engine.drift import Drift, Figure
from engine.errors import Code, EngineError
from engine.events import EVENTS, GOING_ON, PAUSED, Cancelled, Failed, Finished, Frames, Preview, Progress, Queued, Step
from engine.serialization import to_json
from tests.unit.scripted_engine import (
    BREAK,
    JOB,
    PATIENCE,
    PICTURE,
    WHERE,
    ScriptedConnection,
    Studio,
    line_of,
    section,
    shot_of,
    snapshot,
    started,
    streams,
    wait_for,
)

UNKNOWN = EngineError(Code.REFUSED, detail="There is no job", status=404, problem="job_unknown")
REQUEST = json.dumps({"boards": [], "prompt": "w5", "frames": 4})
OLD = {"protocol": 1}
"""What an engine of release 0.1.0 says of itself, as far as it matters here."""


@pytest.fixture
def connection() -> ScriptedConnection:
    return ScriptedConnection()


@pytest.fixture
def studio(monkeypatch, connection):
    monkeypatch.setattr("engine.client.frame_fetcher._WAITS", (0.0,))
    studio = Studio(monkeypatch, connection)
    yield studio
    studio.client.close()


# What an engine says of itself.


@pytest.mark.parametrize(
    ("name", "nonsense"),
    [
        ("starts", ["board"]),
        ("starts", {"tiny": "board", "other": 7}),
        ("models", {"tiny": {}}),
        ("models", [{"name": "tiny"}]),
        ("loras", 7),
        ("workers", [{"device": "cpu"}]),
        ("workers", [{"device": "cpu", "title": "", "ready": True, "memory_used": None, "memory_total": 1}]),
        ("parked_by", ["blender"]),
        ("keeps", {"days": "many", "bytes": None}),
        ("disk", {"frames": 1}),
    ],
)
def test_what_another_version_says_otherwise_is_taken_as_not_said(studio, connection, name, nonsense):
    good = {"models": ["tiny"], "starts": {"tiny": ["board"]}, "loras": [], "parked_by": [], "disk": None}
    connection.about = {"protocol": 1, "weather": {"fine": True}, **good, name: nonsense}
    studio.connect()
    for _ in range(2):
        assert studio.client.starts("tiny") == ("board",)
        assert studio.client.about == {key: value for key, value in connection.about.items() if key != name}
        studio.client.about = {}
        studio.client.ask()  # anew
        studio.until(lambda: studio.client.about)


def test_an_engine_that_is_slow_to_answer_is_asked_once_at_a_time(studio, connection):
    asked, go_on = [], threading.Event()
    studio.connect()
    connection.engine = lambda: asked.append(True) or (go_on.wait(PATIENCE) and connection.about)
    for _ in range(5):
        studio.client.ask()
    go_on.set()
    studio.client._tracker.questions.send(lambda: None, lambda _: asked.append("over"), lambda _: None)
    studio.until(lambda: "over" in asked)
    assert asked == [True, "over"]
    studio.client.ask()
    studio.until(lambda: len(asked) == 3)


@pytest.mark.skipif(sys.platform == "win32", reason="there, only the line tells")
@pytest.mark.parametrize("unseen", [ProcessLookupError, PermissionError, OverflowError])
def test_an_engine_whose_process_cannot_be_seen_from_here_is_there_while_it_answers(
    monkeypatch, studio, connection, unseen
):
    """Another Blender has started it, which the system keeps apart from ours."""
    woken = []

    def adopted(_where):
        woken.append(True)
        return Engine(connection, {"pid": 4711})

    def kill(_pid, _signal):
        raise unseen

    monkeypatch.setattr("engine.client.engine_line._engine", adopted)
    studio.connect()
    monkeypatch.setattr("engine.client.launcher.os.kill", kill)
    connection.tell(5001, Queued(1))
    studio.until(lambda: JOB in studio.client._session.jobs)
    assert (studio.client.state, len(woken)) == (EngineState.READY, 1)
    connection.line(False)
    if unseen is PermissionError:
        studio.until(lambda: studio.client.state is EngineState.AWAY)
    else:
        studio.until(lambda: len(woken) == 2)  # then it is looked for anew


# What is known of a shot.


def test_a_shot_shows_by_what_the_engine_answers_and_not_by_all_it_ever_told(studio, connection, tmp_path):
    connection.known[JOB] = snapshot(5000, "finished", (section(0, 1, 4),), plan=to_json(started((1, 4))))
    shot = shot_of(tmp_path)
    studio.client.follow(shot)
    studio.connect()
    studio.until(lambda: shot.complete)
    assert connection.listening.after == 5000
    assert studio.client.job(shot).done == 1.0
    assert sorted(shot.pictures) == [1, 2, 3, 4]


def test_what_the_answer_contains_is_not_heard_again_and_what_comes_after_it_is(studio, connection, tmp_path):
    connection.known[JOB] = snapshot(5010, "paused", (section(0, 1, 2),))
    shot = shot_of(tmp_path)
    studio.connect()
    studio.client.follow(shot)
    # These are on the line before the answer is taken in.
    connection.tell(5009, Queued(1))
    connection.tell(5011, section(1, 3, 3))
    studio.until(lambda: len(shot.finals) == 3)
    assert studio.client.job(shot).state == "paused"
    connection.tell(5012, section(2, 4, 4))
    connection.tell(5013, Finished(4, 1.0, None))
    studio.until(lambda: shot.complete)


def test_how_far_sections_drift_is_known_by_events_and_by_the_answer_and_what_a_job_waits_for(
    studio, connection, tmp_path
):
    asks = Drift(0, 1, 9, (Figure("colours", 0.3, None, 0.2),), "ask")
    said = {key: value for key, value in to_json(asks).items() if key != "event"}
    connection.known[JOB] = snapshot(5010, "paused", (section(0, 1, 2),), drift=[said])
    shot = shot_of(tmp_path)
    studio.connect()
    studio.client.follow(shot)
    studio.until(lambda: studio.client.job(shot) is not None)
    job = studio.client.job(shot)
    assert (job.drift, job.asks) == ({0: asks}, 0)
    connection.tell(5011, Progress(GOING_ON))
    studio.until(lambda: job.asks is None)
    connection.tell(5012, {**to_json(asks), "section": 1, "index": 2})
    connection.tell(5013, Progress(PAUSED))
    studio.until(lambda: job.asks == 1)
    connection.tell(5014, Queued(1))
    studio.until(lambda: job.asks is None)
    assert sorted(job.drift) == [0, 1]


def test_an_event_of_a_later_engine_is_passed_over(studio, connection, tmp_path):
    connection.known[JOB] = snapshot(5010, "running")
    shot = shot_of(tmp_path)
    studio.connect()
    studio.client.follow(shot)
    connection.tell(5011, {"event": "smell", "section": 0, "figures": []})
    connection.tell(5012, section(0, 1, 4))
    studio.until(lambda: len(shot.finals) == 4)


def test_an_engine_of_release_0_1_0_is_heard_from_its_first_event_on(studio, connection, tmp_path):
    connection.about, connection.known[JOB] = OLD, {"id": JOB, "state": "running", "request": {"frames": 4}}
    shot = shot_of(tmp_path)
    studio.client.follow(shot)
    studio.connect()
    assert connection.listening.after == 0
    for number, event in enumerate((Queued(1), started((1, 4)), section(0, 1, 4), Finished(4, 1.0, None)), 1):
        connection.tell(number, event)
    studio.until(lambda: shot.complete)


def test_steps_and_previews_are_news_though_they_have_no_number_of_their_own(studio, connection, tmp_path):
    connection.known[JOB] = snapshot(5000)
    shot = shot_of(tmp_path)
    studio.client.follow(shot)
    studio.connect()
    connection.tell(5001, started((1, 4)))
    studio.until(lambda: (job := studio.client.job(shot)) and job.plan)
    connection.tell(5001, Step(0, 1, 3, None))
    connection.tell(5001, Preview(0, 1, ""))
    connection.tell(5001, Step(0, 2, 3, None))
    connection.tell(5002, section(0, 1, 2))
    studio.until(lambda: len(shot.finals) == 2)
    job = studio.client.job(shot)
    assert (job.step.step, job.preview.step, job.number) == (2, 1, 5002)
    connection.tell(5003, Failed("internal", {"detail": "it broke"}))
    connection.tell(5003, Preview(0, 3, ""))
    studio.until(lambda: job.state == "failed" and studio.client._session.idle)
    assert job.preview is None


def test_the_first_frames_of_a_section_come_before_it_is_told(studio, connection, tmp_path):
    connection.known[JOB] = snapshot(5000)
    shot = shot_of(tmp_path)
    studio.client.follow(shot)
    studio.connect()
    connection.tell(5001, started((1, 4)))
    job = studio.until(lambda: (job := studio.client.job(shot)) and job.plan and job)
    (plan,) = job.plan.sections
    assert shot.awaited(job, plan) == range(1, 5)
    connection.tell(5001, Frames(0, ("frames/0001.png", "frames/0002.png")))
    studio.until(lambda: shot.finals == {1, 2})
    assert (shot.visible(job), job.sections, job.done < 1) == ({0: range(1, 3)}, {}, True)
    assert shot.awaited(job, plan) == range(3, 5)
    asked = list(connection.asked)
    connection.tell(5002, section(0, 1, 4))
    studio.until(lambda: len(shot.finals) == 4)
    assert sorted(connection.asked[len(asked) :]) == ["frames/0003.png", "frames/0004.png"], "none is fetched twice"
    assert (job.ahead, shot.awaited(job, plan)) == (None, range(0))


def test_a_section_s_last_frames_alone_leave_nothing_to_wait_for(studio, connection, tmp_path):
    """In last-first order its first ones are made together with its neighbour."""
    connection.known[JOB] = snapshot(5000, sections=(section(1, 4, 4),), plan=to_json(started((1, 2), (3, 4))))
    del connection.known[JOB]["plan"]["event"]
    shot = shot_of(tmp_path)
    studio.client.follow(shot)
    studio.connect()
    studio.until(lambda: shot.finals == {4})
    job = studio.client.job(shot)
    assert shot.awaited(job, job.plan.sections[1]) == range(0)
    assert shot.awaited(job, job.plan.sections[0]) == range(1, 3)


@pytest.mark.parametrize(
    "nonsense",
    [
        {"event": "celebrated"},
        {"event": "step", "section": "first", "step": 1, "of": 3, "seconds_left": None},
        {"event": "section"},
        {"event": None},
        {},
        {"event": "section", "section": 0, "index": 1, "of": 1, "first": 1, "count": 1, "files": 7, "provisional": []},
    ],
)
def test_an_event_that_makes_no_sense_is_passed_over(studio, connection, tmp_path, nonsense):
    connection.known[JOB] = snapshot(5000)
    shot = shot_of(tmp_path)
    studio.client.follow(shot)
    studio.connect()
    connection.tell(5001, Queued(1))
    connection.tell(5002, nonsense)
    connection.tell(5003, Finished(4, 1.0, None))
    studio.until(lambda: shot.complete)


def test_keys_that_a_later_engine_adds_are_ignored(studio, connection, tmp_path):
    connection.known[JOB] = snapshot(5000, "running", (section(0, 1, 2),), weather="fine")
    shot = shot_of(tmp_path)
    studio.client.follow(shot)
    studio.connect()
    connection.tell(5001, to_json(section(1, 3, 4)) | {"weather": "fine"})
    studio.until(lambda: len(shot.finals) == 4)


@pytest.mark.parametrize("path", ["frames/0005.png", "frames/0000.png", "../0001.png", "frames/" + "9" * 5000 + ".png"])
def test_a_frame_that_cannot_be_the_shots_is_that_shots_fault_and_the_others_come(studio, connection, tmp_path, path):
    connection.known[JOB] = snapshot(5000)
    shot = shot_of(tmp_path)
    studio.client.follow(shot)
    studio.connect()
    connection.tell(5001, Queued(1))
    connection.tell(5002, to_json(section(0, 1, 3)) | {"files": ["frames/0001.png", path, "frames/0002.png"]})
    studio.until(lambda: len(shot.finals) == 2)
    assert shot.fault.code is Code.BAD_REQUEST


def test_a_job_that_the_engine_does_not_know_is_said_so_and_no_longer_once_it_does(studio, connection, tmp_path):
    shot = shot_of(tmp_path)
    studio.client.follow(shot)
    studio.connect()
    studio.until(lambda: shot.fault is not None)
    assert shot.fault.code is Code.JOB_UNKNOWN
    connection.known[JOB] = snapshot(5000, "finished")
    connection.line(False)
    studio.until(lambda: studio.client.state is EngineState.AWAY)
    connection.line(True)
    studio.until(lambda: shot.complete)
    assert shot.fault is None


@pytest.mark.parametrize("job", ["../engine/park", "a b", "x" * 65, ".."])
def test_what_cannot_be_a_job_is_not_asked_for(studio, connection, tmp_path, job):
    asked = []
    connection.job = lambda name: asked.append(name) or snapshot(1)
    shot = shot_of(tmp_path, job=job)
    studio.client.follow(shot)
    studio.connect()
    studio.until(lambda: shot.fault is not None)
    assert (shot.fault.code, asked) == (Code.JOB_UNKNOWN, [])


@pytest.mark.parametrize("said", [{"key": "another"}, {"key": None, "request": {"frames": 99}}])
def test_a_file_cannot_claim_another_shots_job(studio, connection, tmp_path, said):
    connection.known[JOB] = snapshot(5000, "finished", **said)
    shot = shot_of(tmp_path / "shot", confirmed=False)
    studio.client.follow(shot)
    studio.connect()
    studio.until(lambda: shot.fault is not None)
    assert shot.fault.code is Code.JOB_UNKNOWN
    assert not shot.folder.exists()


def test_a_strip_that_names_the_same_job_keeps_no_event_from_the_shot(studio, connection, tmp_path):
    connection.known[JOB] = snapshot(5000, "running", key="sent")
    shots = [shot_of(tmp_path / name, id=name, key="sent", confirmed=False) for name in ("own", "copied")]
    for shot in shots:
        studio.client.follow(shot)
    studio.connect()
    studio.until(lambda: all(shot.confirmed for shot in shots))
    connection.tell(5001, section(0, 1, 2))
    studio.until(lambda: all(len(shot.finals) == 2 for shot in shots))
    studio.client.follow(shot_of(tmp_path / "again", id="copied", job=""))  # one of them is made anew
    connection.tell(5002, Finished(4, 1.0, None))
    studio.until(lambda: shots[0].complete)


def test_an_order_about_another_shots_job_is_not_given(studio, connection, tmp_path):
    ordered = []
    connection.act = lambda job, action: ordered.append((job, action)) or {"id": job}
    connection.known[JOB] = snapshot(5000, "failed", key="another")
    shot = shot_of(tmp_path, confirmed=False)
    studio.connect()
    studio.client.act(shot, "resume")
    studio.until(lambda: shot.fault is not None)
    assert (shot.fault.code, ordered) == (Code.JOB_UNKNOWN, [])
    connection.known[JOB] = snapshot(5000, "failed")
    studio.client.act(shot, "resume")
    studio.until(lambda: ordered)


def test_frames_of_a_record_that_was_exchanged_do_not_count_for_the_new_one(studio, connection, tmp_path):
    asked, go_on = threading.Event(), threading.Event()

    def slow(_job, _path):
        asked.set()
        go_on.wait(PATIENCE)
        return PICTURE

    connection.pictures = slow
    connection.known[JOB] = snapshot(5000, "running", (section(0, 1, 1),))
    studio.client.follow(shot_of(tmp_path / "old"))
    studio.connect()
    connection.tell(5001, section(0, 1, 1))
    studio.until(asked.is_set)
    again = shot_of(tmp_path / "new", job="")
    studio.client.follow(again)  # it is to be made once more
    go_on.set()
    wait_for(lambda: (tmp_path / "old" / "0001.png").exists())
    connection.known["f" * 16] = snapshot(5000, "finished", id="f" * 16)
    other = shot_of(tmp_path / "other", id="other", job="f" * 16)
    studio.client.follow(other)
    connection.tell(5002, Finished(4, 1.0, None), "f" * 16)
    studio.until(lambda: other.complete)
    assert again.pictures == {}


# Lines that break, and engines that change.


def test_frames_that_could_not_be_had_come_when_the_line_is_back(studio, connection, tmp_path):
    connection.pictures = lambda _job, _path: (_ for _ in ()).throw(BREAK)
    connection.known[JOB] = snapshot(5000, "finished")
    shot = shot_of(tmp_path)
    studio.client.follow(shot)
    studio.connect()
    connection.tell(5001, Finished(4, 1.0, None))
    studio.until(lambda: shot.fault is not None)
    assert shot.fault.code is Code.ENGINE_UNREACHABLE
    connection.line(False)
    studio.until(lambda: studio.client.state is EngineState.AWAY)
    connection.pictures = lambda _job, _path: PICTURE
    connection.line(True)
    studio.until(lambda: shot.complete)
    assert shot.fault is None


@pytest.mark.parametrize("code", [Code.ENGINE_UNREACHABLE, Code.REFUSED])
def test_the_button_fetches_again(studio, connection, tmp_path, code):
    fault = BREAK if code is Code.ENGINE_UNREACHABLE else EngineError(code, detail="no", status=404)
    connection.pictures = lambda _job, _path: (_ for _ in ()).throw(fault)
    connection.known[JOB] = snapshot(5000, "finished")
    shot = shot_of(tmp_path)
    studio.client.follow(shot)
    studio.connect()
    studio.until(lambda: shot.fault is not None)
    connection.pictures = lambda _job, _path: PICTURE
    studio.client.retry(shot)
    studio.until(lambda: shot.complete)
    assert shot.fault is None


def test_the_button_sends_again_under_the_same_key(studio, connection, tmp_path):
    connection.accepts, connection.known[JOB] = BREAK, snapshot(5000, "finished")
    shot = shot_of(tmp_path, job="", request=REQUEST)
    studio.connect()
    studio.client.send(shot)
    studio.until(lambda: shot.fault is not None)
    connection.accepts = {"id": JOB}
    studio.client.retry(shot)
    studio.until(lambda: shot.complete)
    assert (shot.fault, len(connection.sent), connection.sent[0] == connection.sent[1]) == (None, 2, True)


def test_what_could_not_be_sent_is_sent_when_the_line_is_back(studio, connection, tmp_path):
    connection.accepts = BREAK
    shot = shot_of(tmp_path, job="", request=REQUEST)
    studio.connect()
    studio.client.send(shot)
    studio.until(lambda: shot.fault is not None)
    connection.line(False)
    studio.until(lambda: studio.client.state is EngineState.AWAY)
    connection.accepts = {"id": JOB}
    connection.line(True)
    studio.until(lambda: shot.job == JOB)
    assert shot.fault is None


@pytest.mark.parametrize("fault", [BREAK, EngineError(Code.REFUSED, detail="its disk is full", status=503)])
def test_an_engine_that_could_not_be_asked_once_is_asked_again(studio, connection, tmp_path, fault):
    connection.known[JOB] = fault
    shot = shot_of(tmp_path)
    studio.client.follow(shot)
    studio.connect()
    studio.until(lambda: shot.fault is not None)
    connection.known[JOB] = snapshot(5000, "finished")
    studio.client.ask()  # as the panel does now and then
    studio.until(lambda: shot.complete)
    assert shot.fault is None


def test_another_database_is_a_new_beginning(studio, connection, tmp_path):
    connection.known[JOB] = snapshot(5000, "running", (section(0, 1, 1),))
    shot = shot_of(tmp_path)
    studio.client.follow(shot)
    studio.connect()
    studio.until(lambda: len(shot.finals) == 1)
    del connection.known[JOB]
    connection.line(False)
    connection.line(True, store="two", anew=True)
    studio.until(lambda: shot.fault is not None)
    assert shot.fault.code is Code.JOB_UNKNOWN
    assert studio.client.job(shot) is None
    connection.tell(1, Queued(1), job="f" * 16)
    studio.until(lambda: "f" * 16 in studio.client._session.jobs)


def followed(url: str, until) -> Session:
    """A session over HTTP that hears until `until` says so."""
    session = Session(Connection(url, "token"))
    try:
        wait_for(lambda: session.drain() and until(session))
    finally:
        session.close()
    return session


@pytest.fixture
def at_once(monkeypatch):
    monkeypatch.setattr("engine.client.event_stream._RETRY_SECONDS", (0.0,))


@pytest.mark.parametrize(("newest", "again"), [("2", None), ("9000", "0")])
def test_who_has_heard_5000_events_hears_the_first_of_a_wiped_home(at_once, newest, again):
    anew = (
        {"Shotpack-Store": "two", "Shotpack-Newest": newest},
        [line_of(1, Queued(1), "b"), line_of(2, Queued(2), "c")],
    )
    before = ({"Shotpack-Store": "one", "Shotpack-Newest": "5000"}, [line_of(5000, Queued(1), "a")])
    with streams(before, anew, anew) as (url, asked):
        session = followed(url, lambda session: "c" in session.jobs)
    assert asked[:2] == ["0", "5000"]
    assert again is None or asked[2] == again
    assert sorted(session.jobs) == ["b", "c"]


def test_what_is_live_moves_no_line(at_once):
    steps = [
        line_of(7, started((1, 4)), "a"),
        line_of(7, Step(0, 2, 3, None), "a"),
        line_of(9, Step(0, 3, 3, None), "a"),
        line_of(9, Frames(0, ("frames/0001.png",)), "a"),
    ]
    with streams(({}, steps), ({}, [line_of(8, Queued(1), "b")])) as (url, asked):
        session = followed(url, lambda session: "b" in session.jobs)
    assert asked[:2] == ["0", "7"]
    assert session.jobs["a"].step.step == 3
    assert session.jobs["a"].ahead.files == ("frames/0001.png",)


@pytest.mark.parametrize(
    "babble",
    [
        *(b"data: what?", b"data: []", b"data: 7", b"data: \xff\xfe", b"event: step", b"data: " + b"[" * 10_000),
        *(b'data: {"job": "a"}', b'data: {"number": "1", "job": "a"}'),
        b'data: {"number": 3, "job": ["a"], "event": "queued"}',
    ],
)
def test_what_is_no_event_ends_neither_the_line_nor_the_thread(at_once, babble):
    with streams(({}, [line_of(1, Queued(1), "a"), babble, line_of(2, Queued(1), "b")])) as (url, asked):
        session = followed(url, lambda session: "b" in session.jobs)
    assert (sorted(session.jobs), asked) == (["a", "b"], ["0"])


def test_the_reading_thread_outlives_what_nobody_foresaw(at_once, monkeypatch):
    import requests

    get, faults = requests.Session.get, iter([ZeroDivisionError("surprise"), MemoryError()])

    def surprising(self, *args, **more):
        if (fault := next(faults, None)) is not None:
            raise fault
        return get(self, *args, **more)

    monkeypatch.setattr(requests.Session, "get", surprising)
    with streams(({}, [line_of(1, Queued(1), "a")])) as (url, _):
        followed(url, lambda session: "a" in session.jobs)


def test_an_answer_that_leads_elsewhere_is_no_picture(monkeypatch):
    import requests

    answer = requests.Response()
    answer.status_code, answer._content = 302, b"<html>"
    monkeypatch.setattr(requests.Session, "request", lambda *_, **__: answer)
    with pytest.raises(EngineError) as fault:
        Connection("http://studio.example", "token").picture(JOB, "frames/0001.png")
    assert fault.value.code is Code.ENGINE_UNREACHABLE


# Threads and their ends.


def test_a_callback_that_raises_loses_no_other_result():
    background_calls, heard = BackgroundCalls(), []
    background_calls.send(lambda: 0, lambda zero: 1 / zero, lambda fault: heard.append(fault.code))
    background_calls.send(lambda: 1, heard.append, heard.append)
    wait_for(lambda: background_calls.drain() and len(heard) == 2)
    background_calls.close()
    assert heard == [Code.INTERNAL, 1]


def test_an_answer_that_makes_no_sense_is_that_shots_fault(studio, connection, tmp_path):
    connection.accepts, connection.known["f" * 16] = {"surprise": 1}, snapshot(5000, "finished", id="f" * 16)
    shot, other = shot_of(tmp_path / "a", job="", request=REQUEST), shot_of(tmp_path / "b", id="other", job="f" * 16)
    studio.connect()
    studio.client.send(shot)
    studio.client.follow(other)
    connection.tell(5001, Finished(4, 1.0, None), "f" * 16)
    studio.until(lambda: shot.fault is not None and other.complete)
    assert (shot.fault.code, other.fault) == (Code.INTERNAL, None)


@pytest.mark.parametrize("request_text", ["", "[]", "{", '{"clip": 7}', "null"])
def test_a_request_that_cannot_be_read_is_that_shots_fault(studio, tmp_path, request_text):
    (tmp_path / "clip.blend").touch()
    shot = shot_of(tmp_path, job="", request=request_text)
    studio.connect()
    studio.client.send(shot)
    studio.until(lambda: shot.fault is not None)


def test_closing_lets_go_of_everything_at_once(monkeypatch, connection):
    before = set(threading.enumerate())
    studio = Studio(monkeypatch, connection)
    studio.connect()
    studio.client.park(True)
    connection.parked.get(timeout=PATIENCE)
    studio.client.close()
    assert connection.listening.stopped
    studio.client, client = None, weakref.ref(studio.client)
    wait_for(lambda: not {thread for thread in set(threading.enumerate()) - before if "shotpack" in thread.name})
    gc.collect()
    assert client() is None
    assert connection.closed


def test_an_engine_that_is_only_starting_is_ended_where_the_desk_is_closed_or_stopped(monkeypatch, connection):
    for end in (EngineClient.close, EngineClient.stop):
        studio = Studio(monkeypatch, connection)
        starting, go_on, stopped = threading.Event(), threading.Event(), threading.Event()

        class Slow(Engine):
            def stop(self, stopped=stopped) -> None:
                stopped.set()

        def slow(_where, starting=starting, go_on=go_on, kind=Slow):
            starting.set()
            go_on.wait(PATIENCE)
            return kind(connection, {})

        monkeypatch.setattr("engine.client.engine_line._engine", slow)
        studio.client.wake(WHERE)
        assert starting.wait(PATIENCE)
        end(studio.client)
        go_on.set()
        studio.until(stopped.is_set)
        assert studio.client.state is EngineState.OFF
        studio.client.close()


# Parking.


def test_a_lease_that_is_asked_for_while_the_engine_starts_is_taken_without_a_tick(monkeypatch, studio, connection):
    go_on = threading.Event()
    monkeypatch.setattr(
        "engine.client.engine_line._engine", lambda _where: go_on.wait(PATIENCE) and Engine(connection, {})
    )
    studio.client.wake(WHERE)
    studio.client.park(True)
    go_on.set()
    away, client = connection.parked.get(timeout=PATIENCE)  # nobody polls: a render holds up Blender's timers
    assert (away, bool(client)) == (True, True)
    studio.client.park(False)
    assert connection.parked.get(timeout=PATIENCE) == (False, client)


def test_a_line_that_is_broken_just_then_does_not_keep_the_engine_on_the_device(studio, connection):
    breaks = iter([True])

    def broken() -> None:
        if next(breaks, False):
            raise BREAK

    connection.parking = broken
    studio.connect()
    studio.client.park(True)
    told = [connection.parked.get(timeout=PATIENCE) for _ in range(2)]
    assert told == [(True, studio.client.client)] * 2


def test_a_lease_is_renewed_until_it_is_given_back(monkeypatch, studio, connection):
    monkeypatch.setattr("engine.client.park_lease.SECONDS", 0.003)
    studio.connect()
    studio.client.park(True)
    assert [connection.parked.get(timeout=PATIENCE)[0] for _ in range(5)] == [True] * 5
    studio.client.park(False)
    wait_for(lambda: connection.parked.get(timeout=PATIENCE)[0] is False)
    with pytest.raises(queue.Empty):
        connection.parked.get(timeout=0.05)


def test_an_engine_of_release_0_1_0_is_parked_once_and_put_back(studio, connection, monkeypatch):
    monkeypatch.setattr("engine.client.park_lease.SECONDS", 0.003)
    connection.about = OLD
    studio.connect()
    studio.client.park(True)
    assert connection.parked.get(timeout=PATIENCE)[0] is True
    with pytest.raises(queue.Empty):
        connection.parked.get(timeout=0.05)
    studio.client.park(False)
    assert connection.parked.get(timeout=PATIENCE)[0] is False


# Folders that move.


@pytest.mark.parametrize("how", ["assigned", "moved"])
def test_a_frame_on_its_way_comes_to_where_the_folder_is_then(studio, connection, tmp_path, how):
    asked, go_on = threading.Event(), threading.Event()

    def slow(_job, _path):
        asked.set()
        go_on.wait(PATIENCE)
        return PICTURE

    connection.pictures, connection.known[JOB] = slow, snapshot(5000, "finished")
    shot = shot_of(tmp_path / "old")
    (tmp_path / "old").mkdir()
    studio.client.follow(shot)
    studio.connect()
    connection.tell(5001, Finished(4, 1.0, None))
    studio.until(asked.is_set)
    if how == "assigned":
        shot.folder = tmp_path / "new"
    else:
        studio.client.move(shot, tmp_path / "new", lambda old, new: old.rename(new))
    go_on.set()
    studio.until(lambda: shot.complete)
    assert len(list((tmp_path / "new").glob("*.png"))) == 4


def test_a_move_that_fails_leaves_the_folder_where_it_is(studio, tmp_path):
    shot = shot_of(tmp_path / "old")
    with pytest.raises(FileNotFoundError):
        studio.client.move(shot, tmp_path / "new", lambda old, new: old.rename(new))
    assert shot.folder == tmp_path / "old"
    assert shot.placing.acquire(blocking=False)


# What a tick costs.


def operations(work) -> int:
    """How many of Python's instructions `work` takes on this thread."""
    count = 0

    def trace(frame, event, _arg):
        nonlocal count
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("told", ["a step", "a section"])
def test_a_tick_costs_what_is_new_and_not_what_the_shots_have(monkeypatch, tmp_path, told):
    costs = []
    for sections in (2, 40):
        connection = ScriptedConnection(OLD)
        studio = Studio(monkeypatch, connection)
        frames = 10 * sections + 10
        shot = shot_of(tmp_path / str(sections), frames)
        connection.known[JOB] = {"id": JOB, "request": {"frames": frames}}
        studio.client.follow(shot)
        studio.connect()
        borders = [(10 * number + 1, 10 * number + 10) for number in range(sections + 1)]
        connection.tell(1, started(*borders))
        for number, (first, last) in enumerate(borders[:-1]):
            connection.tell(number + 2, section(number, first, last))
        studio.until(lambda shot=shot, frames=frames: len(shot.finals) == frames - 10)
        shot.visible(studio.client.job(shot))
        measured = threading.Event()  # no frame comes meanwhile
        connection.pictures = lambda _job, _path, measured=measured: measured.wait(PATIENCE) and PICTURE
        connection.tell(100, Step(sections, 1, 3, None) if told == "a step" else section(sections, *borders[-1]))
        costs.append(operations(lambda studio=studio: studio.client.poll(60.0)))
        measured.set()
        studio.client.close()
    assert costs[1] < 1.2 * costs[0]


# Orders that take until the end of the present step, and shots that are let go of.


def being_made(studio, connection, tmp_path):
    """A shot that is followed and of whose job the engine has told."""
    connection.known[JOB] = snapshot(5000)
    studio.connect()
    shot = shot_of(tmp_path)
    studio.client.follow(shot)
    studio.until(lambda: studio.client.job(shot))
    return shot


@pytest.mark.parametrize(
    ("action", "told"),
    [
        ("cancel", Cancelled(0)),
        ("cancel", Finished(4, 1.0, "shot.mp4")),
        ("pause", Progress(PAUSED)),
        ("pause", Failed("internal", {"detail": "it broke"})),
    ],
)
def test_an_order_is_on_its_way_until_the_engine_says_that_it_is_so(studio, connection, tmp_path, action, told):
    shot = being_made(studio, connection, tmp_path)
    studio.client.act(shot, action)
    assert shot.ordered == action  # at once
    connection.tell(5001, Progress("decoding"))
    studio.until(lambda: studio.client.job(shot).number == 5001)
    assert shot.ordered == action  # its answer is no more than that it was heard
    connection.tell(5002, told)
    studio.until(lambda: studio.client.job(shot).number == 5002)
    assert shot.ordered == ""


def test_an_order_that_could_not_be_given_is_not_on_its_way(studio, connection, tmp_path):
    shot = being_made(studio, connection, tmp_path)
    connection.act = lambda *_: (_ for _ in ()).throw(BREAK)
    studio.client.act(shot, "cancel")
    assert shot.ordered == "cancel"
    studio.until(lambda: shot.fault)
    assert shot.ordered == ""


def test_an_order_that_was_carried_out_while_nobody_heard_is_over(studio, connection, tmp_path):
    shot = being_made(studio, connection, tmp_path)
    studio.client.act(shot, "cancel")
    connection.line(up=False)
    studio.until(lambda: studio.client.state is EngineState.AWAY)
    connection.known[JOB] = snapshot(5003, "cancelled")
    connection.line(up=True)
    studio.until(lambda: studio.client.job(shot).state == "cancelled")
    assert shot.ordered == ""


def test_a_shot_that_is_let_go_of_is_not_sent_when_the_line_is_back(studio, connection, tmp_path):
    connection.accepts = BREAK
    studio.connect()
    gone, kept = (shot_of(tmp_path, id=name, job="", key=name, request=REQUEST) for name in ("gone", "kept"))
    for shot in (gone, kept):
        studio.client.send(shot)
    studio.until(lambda: gone.fault and kept.fault)
    studio.client.forget(gone)
    assert list(studio.client.shots) == ["kept"]
    connection.line(up=False)
    studio.until(lambda: studio.client.state is EngineState.AWAY)
    connection.accepts, connection.sent = {"id": JOB}, []
    connection.line(up=True)
    studio.until(lambda: kept.job)
    assert [key for _, key in connection.sent] == ["kept"]


def test_a_refusal_says_which_fields_it_is_about():
    faults = [{"where": "body.model", "what": "it is not here"}, {"where": "body.loras.0.name", "what": "nor is it"}]
    answer = SimpleNamespace(status_code=422, json=lambda: {"code": "bad_request", "title": "No", "faults": faults})
    assert _refusal(answer).params["fields"] == "model loras.0.name"
    answer.json = lambda: {"title": "No"}
    assert _refusal(answer).params["fields"] == ""


def test_a_client_of_a_release_before_first_frames_goes_on_without(at_once, monkeypatch):
    """It takes them for an event of the job's that it does not know; the section names them again."""
    monkeypatch.setattr(event_stream, "_LIVE", (Step.event, Preview.event))
    monkeypatch.delitem(EVENTS, Frames.event)
    told = [
        line_of(7, started((1, 4)), "a"),
        line_of(7, Frames(0, ("frames/0001.png",)), "a"),
        line_of(8, section(0, 1, 4), "a"),
    ]
    with streams(({}, told)) as (url, _):
        session = followed(url, lambda session: "a" in session.jobs and session.jobs["a"].sections)
    assert session.jobs["a"].sections[0] == section(0, 1, 4)
    assert session.jobs["a"].ahead is None
