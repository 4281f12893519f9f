"""Jobs and their events in SQLite: what was promised and what happened, whoever is killed.

The database is the truth about jobs; frames and checkpoints lie in each job's folder beside it. Every change is one
transaction, readers never wait for a writer (WAL), and at most one terminal event a job can be stored at all: the
database refuses a second.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..protocol import Event, ShotRequest, from_json, to_json
from .states import MAY_BECOME, State

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
)
_TERMINAL = {"finished": State.FINISHED, "failed": State.FAILED, "cancelled": State.CANCELLED}


class StoreError(RuntimeError):
    """The store refuses: no such job, or a step that its state does not allow."""


@dataclass(frozen=True)
class JobRecord:
    """One job as stored; `place` orders the queue, `attempts` counts the workers that died on it."""

    id: str
    name: str
    asked: dict[str, Any]
    """The request as JSON; a list of many jobs need not look into it."""
    state: State
    place: float
    created: float
    attempts: int
    continues: str | None
    """The job whose finished sections this one began with."""

    @property
    def request(self) -> ShotRequest:
        """What the job asks for."""
        return from_json(ShotRequest, self.asked)


@dataclass(frozen=True)
class StoredEvent:
    """An event with its number, which grows over all jobs and is never given twice."""

    number: int
    job: str
    time: float
    event: dict[str, Any]

    @property
    def terminal(self) -> bool:
        """Whether it is its job's last."""
        return self.event["event"] in _TERMINAL


class JobStore:
    """The database at `path`; one object may be used from any thread."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "busy_timeout = 5000"):
            self._connection.execute(f"PRAGMA {pragma}")
        path.chmod(0o600)
        self._migrate()

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._connection.close()

    def add(self, request: ShotRequest, name: str, continues: str | None = None) -> JobRecord:
        """Take in a job at the end of the queue, under an id of the store's own making."""
        job = secrets.token_hex(8)
        with self._transaction() as db:
            last = db.execute("SELECT COALESCE(MAX(place), 0) FROM jobs").fetchone()[0]
            values = (job, name, json.dumps(to_json(request)), State.QUEUED, last + 1, time.time(), continues)
            db.execute(
                "INSERT INTO jobs (id, name, request, state, place, created, continues) VALUES (?, ?, ?, ?, ?, ?, ?)",
                values,
            )
        return self.job(job)

    def job(self, job: str) -> JobRecord:
        """One job. Raises StoreError where there is none."""
        with self._lock:
            row = self._connection.execute("SELECT * FROM jobs WHERE id = ?", (job,)).fetchone()
        if row is None:
            raise StoreError(f"there is no job {job}")
        return _record(row)

    def jobs(self, *states: State) -> list[JobRecord]:
        """Jobs in the queue's sequence, all or those in `states`."""
        marks = ", ".join("?" * len(states))
        where = f"WHERE state IN ({marks})" if states else ""
        with self._lock:
            rows = self._connection.execute(f"SELECT * FROM jobs {where} ORDER BY place", states).fetchall()
        return [_record(row) for row in rows]

    def waiting(self, most: int, without: Collection[str]) -> list[JobRecord]:
        """The first jobs in the queue, at most `most`, leaving out those in `without`."""
        marks = ", ".join("?" * len(without))
        query = f"SELECT * FROM jobs WHERE state = ? AND id NOT IN ({marks}) ORDER BY place LIMIT ?"
        with self._lock:
            rows = self._connection.execute(query, (State.QUEUED, *without, most)).fetchall()
        return [_record(row) for row in rows]

    def counts(self) -> dict[State, int]:
        """How many jobs are in each state."""
        with self._lock:
            rows = self._connection.execute("SELECT state, COUNT(*) FROM jobs GROUP BY state").fetchall()
        return dict.fromkeys(State, 0) | {State(state): count for state, count in rows}

    def move(self, job: str, state: State) -> JobRecord:
        """Bring a job into `state`. Raises StoreError where its present state does not lead there."""
        with self._transaction() as db:
            self._move(db, job, state)
        return self.job(job)

    def change(self, job: str, *, name: str | None = None, request: ShotRequest | None = None) -> JobRecord:
        """Rename a job, or exchange what it asks for."""
        with self._transaction() as db:
            self.job(job)
            if name is not None:
                db.execute("UPDATE jobs SET name = ? WHERE id = ?", (name, job))
            if request is not None:
                db.execute("UPDATE jobs SET request = ? WHERE id = ?", (json.dumps(to_json(request)), job))
        return self.job(job)

    def place_before(self, job: str, other: str | None) -> JobRecord:
        """Move a queued job before `other`, or to the end of the queue."""
        with self._transaction() as db:
            places = [row.place for row in self.jobs() if row.id != job]
            if other is None:
                place = max(places, default=0.0) + 1
            else:
                after = self.job(other).place
                place = (max((each for each in places if each < after), default=after - 2) + after) / 2
            db.execute("UPDATE jobs SET place = ? WHERE id = ?", (place, job))
        return self.job(job)

    def count_attempt(self, job: str) -> int:
        """A worker died on this job: one more; returns how many."""
        with self._transaction() as db:
            db.execute("UPDATE jobs SET attempts = attempts + 1 WHERE id = ?", (job,))
        return self.job(job).attempts

    def append(self, job: str, event: Event) -> StoredEvent:
        """Store an event; a terminal one also ends its job, in the same transaction.

        Raises StoreError where the job has ended already: its end is told once.
        """
        data = to_json(event)
        end = _TERMINAL.get(data["event"])
        with self._transaction() as db:
            if self.job(job).state.ended:
                raise StoreError(f"job {job} has ended already")
            if end is not None:
                self._move(db, job, end)
            now = time.time()
            number = db.execute(
                "INSERT INTO events (job, time, event, terminal) VALUES (?, ?, ?, ?)",
                (job, now, json.dumps(data), end is not None),
            ).lastrowid
        assert number is not None
        return StoredEvent(number, job, now, data)

    def events(self, after: int = 0, job: str | None = None, limit: int = 500) -> list[StoredEvent]:
        """Events with a number above `after`, of one job or of all, in order, at most `limit`."""
        of_job = "AND job = ?" if job is not None else ""
        values: Sequence[Any] = (after, job, limit) if job is not None else (after, limit)
        query = f"SELECT number, job, time, event FROM events WHERE number > ? {of_job} ORDER BY number LIMIT ?"
        with self._lock:
            rows = self._connection.execute(query, values).fetchall()
        return [_stored(row) for row in rows]

    def last_event(self, job: str, kind: str) -> StoredEvent | None:
        """A job's newest event of the name `kind`."""
        query = (
            "SELECT number, job, time, event FROM events WHERE job = ? AND json_extract(event, '$.event') = ? "
            "ORDER BY number DESC LIMIT 1"
        )
        with self._lock:
            row = self._connection.execute(query, (job, kind)).fetchone()
        return _stored(row) if row else None

    def last_number(self) -> int:
        """The number of the newest event ever stored, 0 before the first."""
        with self._lock:
            row = self._connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
        return int(row[0]) if row else 0

    def remove(self, job: str) -> None:
        """Forget a job and its events; their numbers are not used again."""
        with self._transaction() as db:
            self.job(job)
            db.execute("DELETE FROM jobs WHERE id = ?", (job,))

    def requeue_interrupted(self) -> list[str]:
        """After the engine died: jobs that ran wait again, in their old place. Returns their ids."""
        with self._transaction():
            interrupted = [record.id for record in self.jobs(State.RUNNING)]
            for job in interrupted:
                self._move(self._connection, job, State.QUEUED)
        return interrupted

    def _move(self, db: sqlite3.Connection, job: str, state: State) -> None:
        present = self.job(job).state
        if state not in MAY_BECOME[present]:
            raise StoreError(f"job {job} is {present} and cannot become {state}")
        db.execute("UPDATE jobs SET state = ? WHERE id = ?", (state, job))

    def _migrate(self) -> None:
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if version > len(MIGRATIONS):
            raise StoreError(f"the job store is of version {version}, newer than this engine's {len(MIGRATIONS)}")
        for number, statements in enumerate(MIGRATIONS[version:], version + 1):
            with self._transaction() as db:
                for statement in filter(str.strip, statements.split(";")):
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {number}")

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """One transaction over everything in the block; nested ones belong to the outermost."""
        with self._lock:
            if self._connection.in_transaction:
                yield self._connection
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")


def _stored(row: Mapping[str, Any]) -> StoredEvent:
    return StoredEvent(row["number"], row["job"], row["time"], json.loads(row["event"]))


def _record(row: Mapping[str, Any]) -> JobRecord:
    return JobRecord(
        id=row["id"],
        name=row["name"],
        asked=json.loads(row["request"]),
        state=State(row["state"]),
        place=row["place"],
        created=row["created"],
        attempts=row["attempts"],
        continues=row["continues"],
    )
