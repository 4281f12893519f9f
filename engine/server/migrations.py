"""The job store's tables, version by version, and the mending of rows that no engine can use."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator

from ..errors import Code, EngineError
from ..protocol import ShotRequest, from_json
from .states import State, Wanted

PAYLOAD_VERSION = 1
"""Of the JSON in `jobs.request` and `events.event`; a reader that meets an older one brings it up to date first."""

# One statement list a version; a database of an older version is brought up to date by those it lacks.
MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE jobs (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        request TEXT NOT NULL,
        state TEXT NOT NULL,
        place REAL NOT NULL,
        created REAL NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        continues TEXT
    );
    CREATE INDEX jobs_in_queue ON jobs (state, place);
    CREATE TABLE events (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
        time REAL NOT NULL,
        event TEXT NOT NULL,
        terminal INTEGER NOT NULL
    );
    CREATE INDEX events_of_job ON events (job, number);
    CREATE UNIQUE INDEX one_end ON events (job) WHERE terminal = 1;
    """,
    # `key` and `body`: the Idempotency-Key that a job came under, and a digest of what came with it. `wanted`: what was
    # ordered of a job and is not told yet (states.Wanted). Steps and previews are not kept any more.
    """
    ALTER TABLE jobs ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
    ALTER TABLE jobs ADD COLUMN key TEXT;
    ALTER TABLE jobs ADD COLUMN body TEXT NOT NULL DEFAULT '';
    ALTER TABLE jobs ADD COLUMN wanted TEXT NOT NULL DEFAULT '';
    ALTER TABLE jobs ADD COLUMN starred INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE jobs ADD COLUMN ended REAL;
    ALTER TABLE events ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
    UPDATE jobs SET wanted = 'pause' WHERE state = 'paused';
    UPDATE jobs SET ended = (SELECT time FROM events WHERE job = jobs.id AND terminal = 1);
    DELETE FROM events WHERE json_valid(event) AND json_extract(event, '$.event') IN ('step', 'preview');
    CREATE UNIQUE INDEX one_key ON jobs (key) WHERE key IS NOT NULL;
    CREATE INDEX jobs_continued ON jobs (continues);
    CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
    INSERT INTO facts VALUES ('store', lower(hex(randomblob(8))));
    """,
)


def mend(db: sqlite3.Connection) -> list[str]:
    """Make every row usable: events that are none go, a job that cannot be made has failed. Returns those jobs' ids.

    To be called inside a transaction, while no worker has a job.
    """
    db.execute("DELETE FROM events WHERE NOT json_valid(event) OR json_type(event, '$.event') IS NOT 'text'")
    db.execute(f"UPDATE jobs SET wanted = '' WHERE wanted NOT IN ({', '.join('?' * len(Wanted))})", list(Wanted))
    failed = []
    for job, fault in list(_unusable(db)):
        failed.append(job)
        db.execute("UPDATE jobs SET state = 'failed', wanted = '', ended = ? WHERE id = ?", (time.time(), job))
        db.execute("UPDATE jobs SET request = '{}' WHERE id = ? AND NOT json_valid(request)", (job,))
        if not db.execute("SELECT 1 FROM events WHERE job = ? AND terminal = 1", (job,)).fetchone():
            event = {"event": "failed", "code": fault.code, "detail": fault.params}
            db.execute(
                "INSERT INTO events (job, time, event, terminal) VALUES (?, ?, ?, 1)",
                (job, time.time(), json.dumps(event)),
            )
    return failed


def _unusable(db: sqlite3.Connection) -> Iterator[tuple[str, EngineError]]:
    """Jobs that no worker could take, and those whose state or request cannot even be listed."""
    ended = [state for state in State if state.ended]
    for job, state, request, version in db.execute("SELECT id, state, request, version FROM jobs").fetchall():
        try:
            asked = json.loads(request)
            if not isinstance(asked, dict) or state not in list(State):
                raise EngineError(Code.BAD_REQUEST, detail="its row in the job store is damaged")
            if version > PAYLOAD_VERSION and state not in ended:
                raise EngineError(Code.BAD_REQUEST, detail=f"it was written by a newer engine (version {version})")
            if state not in ended:
                from_json(ShotRequest, asked)
        except ValueError:
            yield job, EngineError(Code.BAD_REQUEST, detail="its row in the job store is damaged")
        except EngineError as fault:
            yield job, fault
