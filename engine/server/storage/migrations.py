"""The job store's tables, version by version."""

from __future__ import annotations

import contextlib
import sqlite3

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
    # ordered of a job and is not told yet (states.PendingOrder). Steps and previews are not kept any more.
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
    # After how many sections a job stands still by itself; 0: at none.
    """
    ALTER TABLE jobs ADD COLUMN stop_after INTEGER NOT NULL DEFAULT 0;
    """,
)


class NewerDatabaseError(RuntimeError):
    """A later release wrote the database."""


def bring_up_to_date(db: sqlite3.Connection) -> None:
    """Give a database the tables of this release, version by version. Raises NewerDatabaseError."""
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > len(MIGRATIONS):
        raise NewerDatabaseError(f"the job store is of version {version}, newer than this engine's {len(MIGRATIONS)}")
    for number, statements in enumerate(MIGRATIONS[version:], version + 1):
        db.execute("BEGIN IMMEDIATE")
        try:
            for statement in filter(str.strip, statements.split(";")):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {number}")
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
    if 0 < version < len(MIGRATIONS):
        with contextlib.suppress(sqlite3.OperationalError):  # a full disk: then it stays as large as it is
            db.execute("VACUUM")  # steps and previews, which 0.1.0 kept, may have been most of it
