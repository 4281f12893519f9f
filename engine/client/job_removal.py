"""Jobs that are to be removed from the engine: one that is being made ends first, which takes a step."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import Code, EngineError
from .background_calls import BackgroundCalls
from .connection import Connection
from .safe_names import is_id
from .session import Session
from .shot import Shot

_ENDED = ("finished", "failed", "cancelled")


class JobRemoval:
    """Everything here but the calls themselves runs on the thread that polls, and never waits."""

    def __init__(self, calls: BackgroundCalls, connection: Callable[[], Connection]) -> None:
        """`connection` is asked in background calls."""
        self._calls, self._connection = calls, connection
        self._wanted: set[str] = set()
        """To be ended, and removed if they have ended already."""
        self._ending: set[str] = set()
        """Told to end, and not removed yet."""

    def add(self, shot: Shot) -> None:
        """Remove a shot's job once there is an engine; one that a file merely claims to be its own stays."""
        if is_id(shot.job) and shot.confirmed:
            self._wanted.add(shot.job)

    def poll(self, session: Session | None) -> None:
        """Go on with what the engine that there is can do; None: there is none just now."""
        if session is None:
            return
        for job in [job for job in self._ending if job in session.jobs and session.jobs[job].ended]:
            self._ending.discard(job)
            self._send(job)
        for job in sorted(self._wanted):
            self._send(job)
        self._wanted.clear()

    def _send(self, job: str) -> None:
        def answered(ended: bool) -> None:
            if not ended:
                self._ending.add(job)

        def refused(fault: EngineError) -> None:
            if fault.code is Code.ENGINE_UNREACHABLE:
                self._wanted.add(job)  # when it is back

        self._calls.send(lambda: self._remove(job), answered, refused)

    def _remove(self, job: str) -> bool:
        """A background call: remove a job that has ended, or end it; returns which of both."""
        connection = self._connection()
        if connection.job(job).get("state") not in _ENDED:
            connection.act(job, "cancel")
            if connection.job(job).get("state") not in _ENDED:
                return False
        connection.remove(job)
        return True
