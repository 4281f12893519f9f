"""Rows of the job store that no engine can use, mended: an engine must start whatever its database holds.

Once `mend` is through, every job can be read, has the state that its events tell of, and ends by exactly one event; a
job that cannot be made has failed, with the reason. What is only odd (a place in the queue, a date, a name) is put
right and the job goes on.
"""

from __future__ import annotations

import json
import logging
import math
import re
import secrets
import sqlite3
import time
from collections.abc import Mapping
from typing import Any

from ...errors import Code, EngineError
from ...protocol import FRAMES_MAXIMUM, ShotRequest
from ...serialization import from_json
from .migrations import PAYLOAD_VERSION
from .states import PendingOrder, State

_DAMAGED = "its row in the job store is damaged"
_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}")
"""A job's id becomes the name of its folder."""
_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PICTURE = re.compile(r"[0-9a-f]{64}")
_LARGEST = 2**53
"""Of numbers that every client reads as they are."""
_DEEPEST = 64
"""Levels of JSON; pydantic ends at some 250."""
_LAST_SECOND = 253_402_300_799
"""Of the year 9999."""
_ENDS = ("finished", "failed", "cancelled")
_NEEDED = {
    "section": {"index": "integer", "of": "integer"},
    "started": {"sections": "array"},
    "progress": {"stage": "text"},
    "finished": {"frames": "integer"},
    "failed": {"code": "text", "detail": "object"},
    "cancelled": {"done": "integer"},
}
"""What is read of stored events, by their names: keys, and their types in SQLite's words."""

log = logging.getLogger("shotpack.store")


def mend(db: sqlite3.Connection) -> list[str]:
    """Make every row usable; returns the ids of jobs that could not be used any more and have failed.

    To be called inside a transaction, while no worker has a job.
    """
    usual, db.text_factory = db.text_factory, _as_it_is
    try:
        damaged = _mend_ids(db)
        if _mend_numbers(db) | _mend_facts(db):
            db.execute("INSERT OR REPLACE INTO facts VALUES ('store', ?)", (secrets.token_hex(8),))
        _mend_events(db)
        failed = _mend_jobs(db, damaged)
        _cut_circles(db)
    finally:
        db.text_factory = usual
    for job, reason in failed.items():
        log.error("job %s cannot be used any more: %s", job, reason)
    return list(failed)


def _as_it_is(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _mend_ids(db: sqlite3.Connection) -> set[str]:
    """Give every job whose id is no plain name a new one, and return those."""
    db.execute("PRAGMA defer_foreign_keys = ON")
    renamed = set()
    for row, job in db.execute("SELECT rowid, id FROM jobs").fetchall():
        if not (isinstance(job, str) and _ID.fullmatch(job)):
            new = secrets.token_hex(8)
            renamed.add(new)
            db.execute("UPDATE events SET job = ? WHERE job IS (SELECT id FROM jobs WHERE rowid = ?)", (new, row))
            db.execute("UPDATE jobs SET id = ? WHERE rowid = ?", (new, row))
    return renamed


def _mend_numbers(db: sqlite3.Connection) -> bool:
    """Give events numbers that clients can count on, and let the next one be larger; returns whether any changed."""
    usable = f"number BETWEEN 1 AND {_LARGEST}"
    told = [value for (value,) in db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchall()]
    newest = db.execute(f"SELECT COALESCE(MAX(number), 0) FROM events WHERE {usable}").fetchone()[0]
    odd = [number for (number,) in db.execute(f"SELECT number FROM events WHERE NOT {usable} ORDER BY number")]
    fit = len(told) == 1 and type(told[0]) is int and newest <= told[0] <= _LARGEST
    if not odd and (fit or (not told and not newest)):
        return False
    newest = max(newest, told[0]) if fit else newest
    for number in odd:
        newest += 1
        db.execute("UPDATE events SET number = ? WHERE number = ?", (newest, number))
    db.execute("DELETE FROM sqlite_sequence WHERE name = 'events'")
    db.execute("INSERT INTO sqlite_sequence VALUES ('events', ?)", (newest,))
    return True


def _mend_facts(db: sqlite3.Connection) -> bool:
    """Whether the store's own id is missing or cannot go into a header."""
    found = db.execute("SELECT value FROM facts WHERE name = 'store'").fetchone()
    return not (found and isinstance(found[0], str) and _KEY.fullmatch(found[0]))


def _mend_events(db: sqlite3.Connection) -> None:
    """Delete what is no event or nobody's, and all ends of a job but its first; say of each whether it is an end."""
    db.execute("DELETE FROM events WHERE NOT EXISTS (SELECT 1 FROM jobs WHERE id IS events.job)")
    lacking = " OR ".join(
        f"(json_extract(event, '$.event') = '{name}' AND json_type(event, '$.{key}') IS NOT '{kind}')"
        for name, keys in _NEEDED.items()
        for key, kind in keys.items()
    )
    db.execute(
        "DELETE FROM events WHERE CASE WHEN typeof(event) = 'text' AND json_valid(event) "
        f"THEN json_type(event, '$.event') IS NOT 'text' OR {lacking} ELSE 1 END"
    )
    # What SQLite takes for JSON and Python, or a client, does not: only rows that may be of that kind are looked into.
    doubtful = (
        "SELECT number, event FROM events WHERE length(event) != length(CAST(event AS BLOB)) OR length(event) > 4000 "
        r"OR event GLOB '*e[0-9+]*' OR event GLOB '*E[0-9+]*' OR event GLOB '*\u[dD][89a-fA-F]*' "
        f"OR length(event) - length(replace(replace(event, '[', ''), '{{', '')) > {_DEEPEST}"
    )
    for number, event in db.execute(doubtful).fetchall():
        if _read(event) is None:
            db.execute("DELETE FROM events WHERE number = ?", (number,))
    db.execute(
        "UPDATE events SET time = 0 WHERE typeof(time) NOT IN ('real', 'integer') OR NOT time BETWEEN 0 AND ?",
        (_LAST_SECOND,),
    )
    is_end = f"json_extract(event, '$.event') IN {_ENDS}"
    db.execute(f"UPDATE events SET terminal = 0 WHERE terminal IS NOT 0 AND NOT {is_end}")
    db.execute(
        f"DELETE FROM events WHERE {is_end} AND EXISTS "
        f"(SELECT 1 FROM events AS first WHERE first.job = events.job AND first.number < events.number "
        f"AND json_extract(first.event, '$.event') IN {_ENDS})"
    )
    db.execute(f"UPDATE events SET terminal = 1 WHERE terminal IS NOT 1 AND {is_end}")


def _mend_jobs(db: sqlite3.Connection, damaged: set[str]) -> dict[str, str]:
    """Put every column of every job right; returns those that have failed now, and why."""
    failed: dict[str, str] = {}
    ends = dict(db.execute("SELECT job, json_extract(event, '$.event') FROM events WHERE terminal = 1").fetchall())
    cursor = db.cursor()
    cursor.row_factory = sqlite3.Row
    for row in cursor.execute("SELECT rowid AS row, * FROM jobs").fetchall():
        job = row["id"]
        values, fault = _mended(row, ends.get(job))
        if job in damaged and fault is None:
            fault = _damage(_DAMAGED)
        if fault is not None and job not in ends:
            values |= {"state": State.FAILED, "wanted": PendingOrder.GO_ON}
            failed[job] = fault.sentence
        state = State(values["state"])
        if state.ended and values["ended"] is None:
            values["ended"] = time.time()
        changed = {name: value for name, value in values.items() if row[name] != value or type(row[name]) is bytes}
        if changed:
            columns = ", ".join(f"{name} = ?" for name in changed)
            db.execute(f"UPDATE jobs SET {columns} WHERE rowid = ?", (*changed.values(), row["row"]))
        if state.ended and job not in ends:
            _tell_end(db, job, state, values["request"], fault or _damage("how it ended was lost"))
    return failed


def _mended(row: Mapping[str, Any], end: str | None) -> tuple[dict[str, Any], EngineError | None]:
    """A job's columns as they should be, and why it cannot be made; `end` is the name of its last event."""
    asked, fault = _read(row["request"]), None
    state = end or row["state"]
    if state not in list(State):
        state, fault = State.FAILED, _damage(_DAMAGED)
    if asked is None:
        fault = _damage(_DAMAGED)
    elif not State(state).ended:
        fault = _unmakeable(asked, row["version"])
    ended = State(state).ended or fault is not None
    created = _number(row["created"], _LAST_SECOND)
    place, key, continues = _number(row["place"], _LARGEST), row["key"], row["continues"]
    values = {
        "name": _text(row["name"]),
        "request": "{}" if asked is None else _text(row["request"]),
        "state": state,
        "place": row["row"] if place is None else place,
        "created": time.time() if created is None else created,
        "attempts": row["attempts"] if type(row["attempts"]) is int and 0 <= row["attempts"] <= _LARGEST else 0,
        "continues": continues if isinstance(continues, str) and _ID.fullmatch(continues) else None,
        "version": row["version"] if type(row["version"]) is int else PAYLOAD_VERSION,
        "key": key if isinstance(key, str) and _KEY.fullmatch(key) else None,
        "body": _text(row["body"]),
        "wanted": row["wanted"] if row["wanted"] in list(PendingOrder) and not ended else PendingOrder.GO_ON,
        "starred": int(bool(row["starred"])),
        "ended": _number(row["ended"], _LAST_SECOND) if ended else None,
        "stop_after": stop if type(stop := row["stop_after"]) is int and 0 <= stop <= FRAMES_MAXIMUM else 0,
    }
    return values, fault


def _unmakeable(asked: dict[str, Any], version: object) -> EngineError | None:
    """Why no worker could make what is asked for."""
    if type(version) is int and version > PAYLOAD_VERSION:
        return _damage(f"it was written by a newer engine (version {version})")
    try:
        request = from_json(ShotRequest, asked)
    except EngineError as fault:
        return fault
    except (ArithmeticError, RecursionError):
        return _damage(_DAMAGED)
    return None if all(map(_PICTURE.fullmatch, request.pictures)) else _damage("its pictures are not named by SHA-256")


def _cut_circles(db: sqlite3.Connection) -> None:
    """No job goes on, by way of others, from itself."""
    continues = dict(db.execute("SELECT id, continues FROM jobs WHERE continues IS NOT NULL").fetchall())
    sound: set[str] = set()
    for first in list(continues):
        seen: set[str] = set()
        job: str = first
        while job in continues and job not in sound:
            seen.add(job)
            if continues[job] in seen:
                db.execute("UPDATE jobs SET continues = NULL WHERE id = ?", (job,))
                del continues[job]
                break
            job = continues[job]
        sound |= seen


def _tell_end(db: sqlite3.Connection, job: str, state: State, request: str, fault: EngineError) -> None:
    """Store the one event that ends a job and is missing."""
    event: dict[str, Any] = {"event": str(state)}
    if state is State.FAILED:
        event |= {"code": str(fault.code), "detail": dict(fault.params)}
    elif state is State.CANCELLED:
        event["done"] = 0
    else:
        frames = (_read(request) or {}).get("frames")
        event |= {"frames": frames if type(frames) is int else 0, "seconds": 0.0, "movie": None}
    db.execute(
        "INSERT INTO events (job, time, event, terminal) VALUES (?, ?, ?, 1)", (job, time.time(), json.dumps(event))
    )


def _read(stored: object) -> dict[str, Any] | None:
    """The JSON object in a column; None for anything that cannot be read, or not be written again as it was."""
    if not isinstance(stored, str):
        return None
    try:
        data = json.loads(stored)
        json.dumps(data, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) and _within(data, _DEEPEST) else None


def _within(data: object, levels: int) -> bool:
    """Whether JSON data has no more levels than so many."""
    level = [data]
    for _ in range(levels):
        held = [each.values() if isinstance(each, dict) else each for each in level if isinstance(each, (dict, list))]
        level = [each for children in held for each in children]
        if not level:
            return True
    return False


def _text(stored: object) -> str:
    if not isinstance(stored, str):
        return ""
    return stored.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _number(stored: object, most: int) -> float | None:
    if isinstance(stored, (int, float)) and math.isfinite(stored) and 0 <= stored <= most:
        return stored
    return None


def _damage(detail: str) -> EngineError:
    return EngineError(Code.BAD_REQUEST, detail=detail)
