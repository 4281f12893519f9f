"""An engine starts whatever its database holds: files that are none, rows that make no sense, an earlier release's."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.events import Cancelled, Finished
from engine.protocol import Board, ShotRequest
from engine.serialization import to_json, to_json_text
from engine.server.app import create_app
from engine.server.jobs.scheduler import Scheduler
from engine.server.service import Service
from engine.server.storage.states import State
from engine.server.storage.store import JobStore
from engine.server.workers.worker_messages import Cancel, Happened, Make, Ready
from tests.unit.scripted_pool import ScriptedPool

REQUEST = ShotRequest(model="sketch", prompt="pan left", boards=(Board(1, "a" * 64),), frames=37)
ENDS = ("finished", "failed", "cancelled")
OLD = Path(__file__).resolve().parents[1] / "fixtures" / "jobs-0.1.0.sql"


def filled(path: Path) -> bytes:
    """A sound store with a few hundred rows; returns the file's bytes."""
    store = JobStore(path)
    for number in range(200):
        store.add(to_json_text(REQUEST), f"shot {number}")
    store.close()
    return path.read_bytes()


def overwritten(data: bytes) -> bytes:
    """Pages in the middle are another file's."""
    return data[:8192] + b"\xa5" * 8192 + data[16384:]


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda _data: b"this is a text file\n" * 500, id="no database"),
        pytest.param(overwritten, id="malformed pages"),
        pytest.param(lambda data: data[: len(data) // 2], id="cut short"),
        pytest.param(lambda data: data.replace(b"jobs", b"sobj"), id="other tables"),
        pytest.param(lambda data: data[:60] + b"\xff" * 4 + data[64:], id="a version that never was"),
        pytest.param(lambda data: data[:20] + bytes(80), id="a header alone"),
    ],
)
def test_a_damaged_database_is_set_aside_and_a_new_one_begun(tmp_path, damage, caplog):
    path = tmp_path / "jobs.db"
    damaged = damage(filled(path))
    path.write_bytes(damaged)
    (tmp_path / "jobs" / "feed").mkdir(parents=True)
    (tmp_path / "jobs" / "feed" / "0001.png").touch()
    pool = ScriptedPool(("cpu",))
    service = Service(tmp_path, pool, "0")
    service.start()
    job = service.store.add(to_json_text(REQUEST), "").id
    service.scheduler.submitted(job)
    pool.listener.heard("cpu", Happened(job, to_json(Finished(37, 1.0, None))))
    assert service.store.job(job).state is State.FINISHED
    service.stop()
    (aside,) = tmp_path.glob("jobs.damaged-*.db")
    assert aside.read_bytes() == damaged
    assert aside.name in caplog.text
    assert (tmp_path / "jobs" / "feed" / "0001.png").exists()


def test_each_damaged_database_has_a_name_of_its_own(tmp_path):
    for text in (b"one" * 1000, b"two" * 1000):
        (tmp_path / "jobs.db").write_bytes(text)
        JobStore(tmp_path / "jobs.db").close()
    assert sorted(path.read_bytes()[:3] for path in tmp_path.glob("jobs.damaged-*.db")) == [b"one", b"two"]


def test_a_database_that_cannot_be_opened_now_is_not_called_damaged(tmp_path):
    with pytest.raises(sqlite3.OperationalError):
        JobStore(tmp_path / "nowhere" / "jobs.db")
    filled(tmp_path / "jobs.db")
    with sqlite3.connect(tmp_path / "jobs.db") as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(RuntimeError, match="newer"):
        JobStore(tmp_path / "jobs.db")
    assert not list(tmp_path.glob("jobs.damaged-*"))


# Rows.


class Text(bytes):
    """Text as it lies in a damaged file, which need not be UTF-8."""


IDS = ("0123456789abcdef", "fedcba9876543210", "00000000000000aa")
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.binary(max_size=6).map(Text)
anything = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    texts,
    st.binary(max_size=6),
    st.sampled_from(["../../etc", "\0", "'; DROP TABLE jobs", "[" * 2000, 2**63 - 1, -1, 1e308, float("inf")]),
)
ids = st.sampled_from(IDS)
requests = st.sampled_from(
    [
        to_json_text(REQUEST),
        json.dumps(to_json(REQUEST) | {"a later release's": [1, {"x": None}]}),
        json.dumps(to_json(REQUEST) | {"fps": 10**400}),
        json.dumps(to_json(REQUEST) | {"boards": [{"frame": 1, "image": "../../../etc/passwd"}]}),
        json.dumps(to_json(REQUEST) | {"prompt": "\ud800"}),
        json.dumps(to_json(REQUEST) | {"guidance": float("nan")}),
        to_json_text(REQUEST).replace("37", "1e999"),
        to_json_text(REQUEST).replace("37", "9" * 5000),
        to_json_text(REQUEST)[:-9],
        "{}",
        "[]",
        "null",
        "[" * 100_000,
        '{"a":' * 500 + "1" + "}" * 500,
    ]
)
events = st.sampled_from(
    [
        json.dumps({"event": "queued", "position": 1}),
        json.dumps({"event": "progress", "stage": 4}),
        json.dumps({"event": "section", "index": 1, "of": 2}),
        json.dumps({"event": "section", "index": "one"}),
        json.dumps({"event": "section"}),
        json.dumps({"event": "failed"}),
        json.dumps({"event": "failed", "code": "internal", "detail": {"detail": "x"}}),
        json.dumps({"event": "finished", "frames": 37, "seconds": 1.0, "movie": None}),
        json.dumps({"event": "cancelled", "done": 1}),
        json.dumps({"event": "of a later release", "x": 1}),
        '{"event": "started", "sections": [], "fps": 1e999}',
        '{"event": "progress", "stage": "\\ud800"}',
        '{"event": "progress", "stage": "x"}\0more',
        '{"event": 7}',
        "[]",
        "{",
    ]
)
COLUMNS: dict[str, st.SearchStrategy[Any]] = {
    "id": ids,
    "request": requests,
    "state": st.sampled_from([*State, "thinking"]),
    "place": st.floats(0, 9),
    "created": st.floats(0, 2e9),
    "attempts": st.integers(0, 3),
    "continues": st.none() | ids | st.just("f" * 16),
    "wanted": st.sampled_from(["", "pause", "cancel", "dance"]),
    "stop_after": st.integers(0, 3),
    "key": st.none() | st.sampled_from(["k1", "a key"]),
    "version": st.integers(0, 3),
    "number": st.integers(1, 40),
    "job": ids | st.just("f" * 16),
    "event": events,
    "terminal": st.integers(0, 1),
    "seq": st.integers(0, 99),
}
"""What is plausible in a column; the others take anything. Every column may hold anything as well."""


def rows_of(*names: str) -> st.SearchStrategy[list[dict[str, Any]]]:
    columns = {name: COLUMNS.get(name, anything) | (COLUMNS.get(name, anything) | anything) for name in names}
    return st.lists(st.fixed_dictionaries(columns), max_size=4)


def insert(db: sqlite3.Connection, table: str, row: dict[str, Any]) -> None:
    """Put in a row as far as the table has its columns and takes it."""
    there = {found[1] for found in db.execute(f"PRAGMA table_info({table})")}
    values = {name: value for name, value in row.items() if name in there}
    marks = ", ".join("CAST(? AS TEXT)" if isinstance(value, Text) else "?" for value in values.values())
    with contextlib.suppress(sqlite3.Error):
        db.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})", tuple(values.values()))


JOB = {"id": IDS[0], "name": "x", "request": to_json_text(REQUEST), "place": 1.0, "created": 1.0, "attempts": 0}
WENT = {"number": 1, "job": IDS[0], "time": 1.0}


@settings(max_examples=60)
@given(
    rows_of(
        *("id", "name", "request", "state", "place", "created", "attempts", "continues"),
        *("wanted", "starred", "ended", "key", "body", "version", "stop_after"),
    ),
    rows_of("number", "job", "time", "event", "terminal", "version"),
    st.lists(st.fixed_dictionaries({"seq": COLUMNS["seq"] | anything}), max_size=1),
)
@example([JOB | {"state": "thinking"}], [], [])
@example([JOB | {"state": "running", "id": "../../etc"}, JOB | {"state": "running", "id": None}], [], [])
@example([JOB | {"state": "running"}], [WENT | {"event": '{"event": "section"}', "terminal": 0}], [])
@example([JOB | {"state": "running"}], [WENT | {"event": '{"event": "cancelled", "done": 0}', "terminal": 1}], [])
@example([JOB | {"state": "failed", "continues": IDS[1]}, JOB | {"id": IDS[1], "continues": IDS[0]}], [], [])
@example(
    [JOB | {"state": "queued"}], [WENT | {"number": 2**63 - 1, "event": "{}", "terminal": 0}], [{"seq": 2**63 - 1}]
)
def test_any_rows_are_started_from_and_every_job_ends(jobs, told, sequence):
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "jobs").mkdir()
        JobStore(home / "jobs.db").close()
        with contextlib.closing(sqlite3.connect(home / "jobs.db", isolation_level=None)) as db:
            db.execute("PRAGMA synchronous = OFF")
            for row in jobs:
                insert(db, "jobs", {"state": "queued", **row})
            for row in told:
                insert(db, "events", row)
            for row in sequence:
                db.execute("DELETE FROM sqlite_sequence")
                insert(db, "sqlite_sequence", {"name": "events", **row})
        live_through(home)


class ThisService:
    """The service of the example that is being tried; the application is made once, which takes its time."""

    home, version = Path(tempfile.gettempdir()), "0"
    now: Service

    def __getattr__(self, name: str) -> Any:
        return getattr(self.now, name)


THIS = ThisService()
ANSWERS = {route.name: route.endpoint for route in create_app(THIS).routes if hasattr(route, "endpoint")}


def live_through(home: Path) -> None:
    """Start an engine, list everything, resume what failed, make what can be made, end the rest."""
    pool = ScriptedPool(("cpu",))
    service = Service(home, pool, "0")
    service.start()
    THIS.now = service
    try:
        for listed in ANSWERS["jobs"]():
            json.dumps(listed.model_dump(mode="json"), allow_nan=False, ensure_ascii=False).encode()
            record = service.store.job(listed.id)
            detail = ANSWERS["job"](record).model_dump(mode="json")
            json.dumps(detail, allow_nan=False, ensure_ascii=False).encode()
            if record.state is State.FAILED:
                assert detail["failure"]["code"]
            assert service.scheduler.folder(listed.id).parent == home / "jobs"
        new = service.store.add(to_json_text(REQUEST), "").id
        service.scheduler.submitted(new)
        for record in service.store.jobs(State.PAUSED):
            service.scheduler.resume(record.id)
        for _ in range(20):
            for _, order in list(pool.orders):
                if isinstance(order, (Make, Cancel)) and not service.store.job(order.job).state.ended:
                    end = Finished(37, 1.0, None) if isinstance(order, Make) else Cancelled(0)
                    pool.listener.heard("cpu", Happened(order.job, to_json(end)))
        assert service.store.job(new).state is State.FINISHED
        for record in service.store.jobs():
            ends = [each.event["event"] for each in service.store.events(job=record.id) if each.event["event"] in ENDS]
            assert ends == [str(record.state)]
        assert service.store.last_number() == max(each.number for each in service.store.events(limit=-1))
    finally:
        service.stop()


def test_what_is_wrong_with_a_row_is_said(tmp_path):
    JobStore(tmp_path / "jobs.db").close()
    damaged = {IDS[0]: {"state": "thinking"}, IDS[1]: {"request": "{"}, IDS[2]: {"request": '{"frames": "x"}'}}
    with contextlib.closing(sqlite3.connect(tmp_path / "jobs.db", isolation_level=None)) as db:
        for job, wrong in damaged.items():
            insert(db, "jobs", JOB | {"state": "queued"} | wrong | {"id": job})
    store = JobStore(tmp_path / "jobs.db")
    scheduler = Scheduler(store, ScriptedPool(("cpu",)), tmp_path, lambda _event: None)
    scheduler.start()
    for job in damaged:
        assert store.job(job).state is State.FAILED
        said = store.events(job=job)[-1].event
        assert (said["event"], said["code"]) == ("failed", "bad_request")
        assert said["detail"]["detail"]
    store.close()


def test_a_database_of_0_1_0_opens_and_its_jobs_go_on(tmp_path):
    with contextlib.closing(sqlite3.connect(tmp_path / "jobs.db")) as db:
        db.executescript(OLD.read_text(encoding="utf-8"))
    (tmp_path / "jobs" / "0000000000000002").mkdir(parents=True)
    (tmp_path / "jobs" / "0000000000000002" / "made").touch()
    pool = ScriptedPool(("cpu", "cuda:0", "cuda:1"))
    for state in pool.states:
        state.ready = False  # else whoever copies the job that goes on hands out the others
    service = Service(tmp_path, pool, "0")
    service.start()
    store = service.store
    by_name = {record.name: record for record in store.jobs() if record.continues is None}
    stood = {name: name for name in ("finished", "failed", "cancelled", "paused", "queued")}
    assert {name: str(record.state) for name, record in by_name.items()} == stood | {"running": "queued"}
    (again,) = (record for record in store.jobs() if record.continues is not None)
    for state in pool.states:
        state.ready = True
        pool.listener.heard(state.name, Ready(state.name, state.name, 1))
    pool.wait_for_make(again.id)
    assert (tmp_path / "jobs" / again.id / "made").exists()
    made = {order.job for _, order in pool.orders if isinstance(order, Make)}
    assert made == {by_name["running"].id, by_name["queued"].id, again.id}
    kinds = [each.event["event"] for each in store.events(job=by_name["finished"].id)]
    assert kinds == ["queued", "started", "section", "section", "finished"]
    assert by_name["finished"].request.prompts[0].text == "roll"
    assert store.job(by_name["finished"].id).ended == 1_750_000_021.0
    assert store.last_number() > 33
    service.stop()
