"""Whether jobs are in the engine's store on this machine, without an engine: for that alone one is started."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Collection
from pathlib import Path

STORE = "jobs.db"
"""The database's name in the engine's home."""
_WAIT_SECONDS = 0.1
_AT_ONCE = 500


def known(home: Path, jobs: Collection[str]) -> frozenset[str] | None:
    """Which of `jobs` the store in `home` has; None where it cannot be read just now, and may be in a moment.

    The store is opened for reading alone and may be a newer engine's: nothing of it is used but the ids.
    """
    store = home / STORE
    if not jobs or not store.is_file():
        return frozenset()
    wanted, found = list(jobs), set[str]()
    try:
        # Where nobody writes, nothing need be made beside the store to read it; else what is needed is there.
        how = "mode=ro" if store.with_name(f"{STORE}-wal").exists() else "immutable=1"
        address = f"{store.absolute().as_uri()}?{how}"
        with contextlib.closing(sqlite3.connect(address, uri=True, timeout=_WAIT_SECONDS)) as database:
            for begin in range(0, len(wanted), _AT_ONCE):
                some = wanted[begin : begin + _AT_ONCE]
                marks = ", ".join("?" * len(some))
                rows = database.execute(f"SELECT id FROM jobs WHERE id IN ({marks})", some)
                found.update(str(row[0]) for row in rows)
    except sqlite3.Error as fault:
        return None if _passing(fault) else frozenset()
    return frozenset(found)


def _passing(fault: sqlite3.Error) -> bool:
    """Whether somebody holds the store; a damaged one, or one that cannot be opened at all, stays as it is."""
    code = getattr(fault, "sqlite_errorcode", None)  # its upper bytes say more than is needed
    return code is not None and code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
