"""Jobs and their events in SQLite: what was promised and what happened, whoever is killed.

The database is the truth about jobs; frames and checkpoints lie in each job's folder beside it. Every change is one
transaction, readers never wait for a writer (WAL), and at most one terminal event a job can be stored at all: the
database refuses a second.
"""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import sqlite3
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...events import Event
from ...protocol import ShotRequest
from ...serialization import to_json, to_json_text
from .continued_jobs import CONTINUATION, GOES_ON
from .database import open_database
from .migrations import NewerDatabaseError, bring_up_to_date
from .records import TERMINAL, JobRecord, StoredEvent, StoreError
from .repair import mend
from .states import MAY_BECOME, PendingOrder, State


class JobStore:
    """The database at `path`; one object may be used from any thread."""

    def __init__(self, path: Path) -> None:
        """Begin anew where it is damaged (`open_database`). Raises StoreError where a newer engine wrote it."""
        self._lock = threading.RLock()
        try:
            self._connection = open_database(path, self._prepare)
        except NewerDatabaseError as newer:
            raise StoreError(str(newer)) from newer

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Bring a database up to date that was just opened."""
        self._connection = connection
        bring_up_to_date(connection)
        with self.transaction() as db:
            self.mended = mend(db)
            """Jobs that could not be used any more when the store was opened, and have failed."""
            self.id: str = db.execute("SELECT value FROM facts WHERE name = 'store'").fetchone()[0]
            """Of this database and no other: numbers of events count within it."""

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._connection.close()

    def add(
        self,
        request_json: str,
        name: str,
        continues: str | None = None,
        key: str | None = None,
        body: str = "",
        stop_after: int = 0,
    ) -> JobRecord:
        """Take in a job at the end of the queue, under an id of the store's own making.

        `request_json` is a ShotRequest as JSON (`serialization.to_json_text`), stored as it comes. `key` must be new
        (`by_key`), and `body` is a digest of what came with it.
        """
        job = secrets.token_hex(8)
        with self.transaction() as db:
            last = db.execute("SELECT COALESCE(MAX(place), 0) FROM jobs").fetchone()[0]
            db.execute(
                "INSERT INTO jobs (id, name, request, state, place, created, continues, key, body, stop_after) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (job, name, request_json, State.QUEUED, last + 1, time.time(), continues, key, body, stop_after),
            )
        return self.job(job)

    def has_ended(self, job: str) -> bool:
        """Whether a job has ended or is gone."""
        try:
            return self.job(job).state.ended
        except StoreError:
            return True

    def by_key(self, key: str) -> JobRecord | None:
        """The job that was sent under `key`."""
        with self._lock:
            row = self._connection.execute("SELECT * FROM jobs WHERE key = ?", (key,)).fetchone()
        return _record(row) if row else None

    def continuation(self, job: str) -> JobRecord | None:
        """The newest job that makes the rest of what `job` was to make; none of its takes, which are other shots."""
        with self._lock:
            row = self._connection.execute(CONTINUATION, (job,)).fetchone()
        return _record(row) if row else None

    def goes_on(self, job: str) -> bool:
        """Whether a job that has not ended goes on from `job`, be it by way of others."""
        with self._lock:
            return self._connection.execute(GOES_ON, (job,)).fetchone() is not None

    def pictures(self) -> set[str]:
        """SHA-256 of all pictures that jobs ask for, also by requests that only another release can read."""
        with self._lock:
            rows = self._connection.execute("SELECT request FROM jobs").fetchall()
        return {name for (asked,) in rows for name in re.findall(r"\b[0-9a-f]{64}\b", asked)}

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
        with self.transaction() as db:
            self._move(db, job, state)
        return self.job(job)

    def change(
        self, job: str, *, name: str | None = None, request: ShotRequest | None = None, starred: bool | None = None
    ) -> JobRecord:
        """Rename a job, exchange what it asks for, or keep it from the rule for old shots."""
        asked = None if request is None else to_json_text(request)
        values = {"name": name, "request": asked, "starred": None if starred is None else int(starred)}
        with self.transaction() as db:
            self.job(job)
            for column, value in values.items():
                if value is not None:
                    db.execute(f"UPDATE jobs SET {column} = ? WHERE id = ?", (value, job))
        return self.job(job)

    def want(self, job: str, wanted: PendingOrder) -> None:
        """Note what is ordered of a job; one that is told to go on does not stand still by itself any more."""
        stop = ", stop_after = 0" if wanted is PendingOrder.GO_ON else ""
        with self.transaction() as db:
            db.execute(f"UPDATE jobs SET wanted = ?{stop} WHERE id = ?", (wanted, job))

    def place_before(self, job: str, other: str | None) -> JobRecord:
        """Move a job before `other`, or to the end of the queue. Raises StoreError where there is no `other`."""
        with self.transaction() as db:
            others = db.execute("SELECT id FROM jobs WHERE id != ? ORDER BY place", (job,))
            ids = [row["id"] for row in others]
            if other is not None and other != job and other not in ids:
                raise StoreError(f"there is no job {other}")
            if other != job:
                # Whole numbers anew: halves between two neighbours would run out of digits.
                ids.insert(len(ids) if other is None else ids.index(other), job)
                db.executemany("UPDATE jobs SET place = ? WHERE id = ?", list(enumerate(ids, 1)))
        return self.job(job)

    def count_attempt(self, job: str) -> int:
        """A worker died on this job: one more; returns how many."""
        with self.transaction() as db:
            db.execute("UPDATE jobs SET attempts = attempts + 1 WHERE id = ?", (job,))
        return self.job(job).attempts

    def append(
        self, job: str, event: Event, *, state: State | None = None, wanted: PendingOrder | None = None
    ) -> StoredEvent:
        """Store an event, with the state that its job is in from now on and what is wanted of it, in one transaction.

        A terminal event ends its job. Raises StoreError where the job has ended already (its end is told once), or
        where its present state does not lead there.
        """
        data = to_json(event)
        end = TERMINAL.get(data["event"])
        now = time.time()
        with self.transaction() as db:
            present = self.job(job).state
            if present.ended:
                raise StoreError(f"job {job} has ended already")
            if end is not None:
                self._move(db, job, end)
                db.execute("UPDATE jobs SET ended = ?, wanted = '' WHERE id = ?", (now, job))
            elif state is not None and state is not present:
                self._move(db, job, state)
            if wanted is not None and end is None:
                self.want(job, wanted)
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

    def history(self, job: str) -> tuple[JobRecord, int, list[StoredEvent]]:
        """A job as it stands, the number of the newest event of any job, and all its own up to it, at one instant.

        Raises StoreError where there is no such job.
        """
        with self._lock:
            return self.job(job), self.last_number(), self.events(job=job, limit=-1)

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
        with self.transaction() as db:
            self.job(job)
            db.execute("DELETE FROM jobs WHERE id = ?", (job,))

    def _move(self, db: sqlite3.Connection, job: str, state: State) -> None:
        present = self.job(job).state
        if state not in MAY_BECOME[present]:
            raise StoreError(f"job {job} is {present} and cannot become {state}")
        db.execute("UPDATE jobs SET state = ? WHERE id = ?", (state, job))

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One transaction over everything in the block; nested ones belong to the outermost."""
        with self._lock:
            if self._connection.in_transaction:
                yield self._connection
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                # A full disk ends some transactions by itself; one left open would swallow all that follow.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise


def _stored(row: Mapping[str, Any]) -> StoredEvent:
    return StoredEvent(row["number"], row["job"], row["time"], json.loads(row["event"]))


def _record(row: Mapping[str, Any]) -> JobRecord:
    return JobRecord(
        id=row["id"],
        name=row["name"],
        request_json=row["request"],
        state=State(row["state"]),
        place=row["place"],
        created=row["created"],
        attempts=row["attempts"],
        continues=row["continues"],
        key=row["key"],
        body=row["body"],
        wanted=PendingOrder(row["wanted"]),
        starred=bool(row["starred"]),
        ended=row["ended"],
        stop_after=row["stop_after"],
    )
