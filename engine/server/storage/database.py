"""The file that the job store lies in: opened, looked over, and set aside where SQLite can make nothing of it."""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

_NOT_ITS_FAULT = (
    *(sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_NOLFS),
    *(sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_AUTH),
    *(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_INTERRUPT),
)
"""What SQLite says of the disk, of memory and of other programs; all else it says of what is in the file."""

log = logging.getLogger("shotpack.store")


def open_database(path: Path, prepare: Callable[[sqlite3.Connection], None]) -> sqlite3.Connection:
    """The database at `path`, fit for use: `prepare` brings its tables up to date and mends their rows.

    A file that is no database, or one with damaged pages or other tables, is set aside, and a new one begun: an engine
    starts whatever lies there. Raises sqlite3.Error for a disk that is full or cannot be written, and what `prepare`
    raises besides.
    """
    try:
        return _opened(path, prepare)
    except sqlite3.Error as fault:
        if getattr(fault, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF in _NOT_ITS_FAULT:
            raise
        aside = _set_aside(path)
        log.error("the job store was damaged (%s); it lies in %s now, and a new one is begun", fault, aside)
    return _opened(path, prepare)


def _opened(path: Path, prepare: Callable[[sqlite3.Connection], None]) -> sqlite3.Connection:
    connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    try:
        connection.row_factory = sqlite3.Row
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "busy_timeout = 5000"):
            connection.execute(f"PRAGMA {pragma}")
        path.chmod(0o600)
        if (found := connection.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
            raise sqlite3.DatabaseError(found)
        prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _set_aside(path: Path) -> Path:
    """Rename the file, with what SQLite keeps beside it, to a name that tells of the day and is free."""
    day, number = time.strftime("%Y-%m-%d"), 1
    while (aside := path.with_name(f"{path.stem}.damaged-{day}{f'-{number}' * (number > 1)}{path.suffix}")).exists():
        number += 1
    for beside in ("-wal", "-shm", ""):
        if (found := path.with_name(path.name + beside)).exists():
            found.rename(aside.with_name(aside.name + beside))
            os.utime(aside.with_name(aside.name + beside))  # it is kept for a while from today on
    return aside
