"""What the engine is to keep of jobs: those that are starred, and none of those that are to be removed.

A job that is being made ends before it is removed, which takes a step; one from which another just takes what it needs
is removed a moment later.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from ..errors import Code, EngineError
from .background_calls import BackgroundCalls
from .connection import Connection
from .safe_names import is_id
from .session import Session
from .shot import Shot

_ENDED = ("finished", "failed", "cancelled")
_NOT_NOW = 409
_AGAIN = (1.0, 60.0)
"""Seconds until a job is tried again that cannot be removed just now: at first, twice as many each time, at most."""


class JobKeeping:
    """Everything here but the calls themselves runs on the thread that polls, and never waits."""

    def __init__(
        self, calls: BackgroundCalls, connection: Callable[[], Connection], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`connection` is asked in background calls; `clock` tells seconds."""
        self._calls, self._connection, self._clock = calls, connection, clock
        self._wanted: dict[str, Shot] = {}
        """By their jobs: to be ended, and removed if they have ended already."""
        self._ending: dict[str, Shot] = {}
        """Told to end, and not removed yet."""
        self._held_up: dict[str, tuple[Shot, float, float]] = {}
        """What the engine could not remove: when it is asked again, and how long that was waited for."""
        self._stars: dict[str, tuple[Shot, bool]] = {}
        """By their jobs: to be starred, or not to be any more."""

    def remove(self, shot: Shot) -> None:
        """Remove a shot's job once there is an engine, and place no frame of it any more.

        A job that a file merely claims to be the shot's stays.
        """
        with shot.placing:
            shot.gone = True
        if is_id(shot.job):
            self._stars.pop(shot.job, None)
            self._wanted[shot.job] = shot

    def star(self, shot: Shot, starred: bool) -> None:
        """Have the engine keep a shot's job whatever its limits say, or not any more, once there is an engine."""
        if is_id(shot.job):
            self._stars[shot.job] = shot, starred

    def poll(self, session: Session | None) -> None:
        """Go on with what the engine that there is can do; None: there is none just now."""
        if session is None:
            return
        for job in [job for job in self._ending if job in session.jobs and session.jobs[job].ended]:
            self._send(self._ending.pop(job))
        now = self._clock()
        for job in [job for job, (_, due, _) in self._held_up.items() if due <= now]:
            shot, _, pause = self._held_up.pop(job)
            self._send(shot, min(_AGAIN[1], 2 * pause))
        while self._wanted:
            self._send(self._wanted.pop(next(iter(self._wanted))))
        while self._stars:
            self._tell(*self._stars.pop(next(iter(self._stars))))

    def _send(self, shot: Shot, pause: float = _AGAIN[0]) -> None:
        job = shot.job

        def answered(ended: bool) -> None:
            if not ended:
                self._ending[job] = shot

        def refused(fault: EngineError) -> None:
            if fault.code is Code.ENGINE_UNREACHABLE:
                self._wanted[job] = shot  # when it is back
            elif fault.code is Code.REFUSED and fault.params.get("status") == _NOT_NOW:
                self._held_up[job] = shot, self._clock() + pause, pause

        self._calls.send(lambda: self._remove(shot, job), answered, refused)

    def _tell(self, shot: Shot, starred: bool) -> None:
        job = shot.job

        def refused(fault: EngineError) -> None:
            if fault.code is Code.ENGINE_UNREACHABLE:
                self._stars.setdefault(job, (shot, starred))

        self._calls.send(lambda: self._star(shot, job, starred), lambda _: None, refused)

    def _remove(self, shot: Shot, job: str) -> bool:
        """A background call: remove a job that has ended, or end it; returns which of both."""
        connection = self._connection()
        said = connection.job(job)
        if not (shot.confirmed or shot.made_by(said)):
            return True  # another shot's
        if said.get("state") not in _ENDED:
            connection.act(job, "cancel")
            if connection.job(job).get("state") not in _ENDED:
                return False
        connection.remove(job)
        return True

    def _star(self, shot: Shot, job: str, starred: bool) -> None:
        """A background call."""
        connection = self._connection()
        if shot.confirmed or shot.made_by(connection.job(job)):
            connection.change(job, starred=starred)
