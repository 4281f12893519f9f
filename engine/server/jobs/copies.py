"""Folders of jobs that begin with what another one had made: who gets whose files, and what has come of it."""

from __future__ import annotations

import logging
import sqlite3
import threading

from ...errors import EngineError
from ...events import Failed
from ..storage.records import JobRecord, StoreError
from .assignments import Assignments

log = logging.getLogger("shotpack.scheduler")


class Copies:
    """Everything here but the copying itself happens under the scheduler's `lock`."""

    def __init__(self, lock: threading.RLock, assignments: Assignments) -> None:
        self._lock = lock
        self._assignments = assignments
        self._store = assignments.store
        self._folders = assignments.folders
        self._done: dict[str, EngineError | None] = {}
        """What has come of filling jobs' folders, and is not stored yet."""

    def begin(self, record: JobRecord) -> None:
        """Fill a new job's folder from the newest one before it that has a folder; until then it waits."""
        source, seen = record, {record.id}
        while source.continues is not None and source.continues not in seen:
            seen.add(source.continues)
            try:
                source = self._store.job(source.continues)
            except StoreError:  # removed meanwhile: the new one begins at its beginning
                return
            if self._folders.of(source.id).is_dir():
                self._assignments.copying[record.id] = source.id
                self._folders.copy(
                    source.id,
                    record.id,
                    lambda: not self._store.has_ended(record.id),
                    lambda fault: self._copied(record.id, fault),
                )
                return

    def store_results(self) -> None:
        """Let jobs go on whose folders are filled, and fail others; where that cannot be stored they still wait."""
        if not self._done:
            return
        for job, fault in list(self._done.items()):
            try:
                if fault is not None:
                    self._assignments.tell(job, Failed(fault.code, fault.params))
            except StoreError as refused:  # it was given up, or removed
                log.warning("job %s: %s", job, refused)
            except sqlite3.Error as full:
                log.warning("job %s waits to be told that it has failed: %s", job, full)
                continue
            del self._done[job], self._assignments.copying[job]
        self._assignments.hand_out()

    def _copied(self, job: str, fault: EngineError | None) -> None:
        with self._lock:
            self._done[job] = fault
            self.store_results()
