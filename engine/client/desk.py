"""Everything an artist's side keeps of its engine: the engine itself, the shots it makes, the frames that come.

`poll` is called on one thread again and again and never waits; whatever takes time is an errand.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from ..errors import Code, EngineError
from ..protocol import PROTOCOL_VERSION, Start
from . import film
from .connection import Connection, is_loopback
from .errands import Errands
from .gather import Gatherer, Source
from .launcher import Engine, find_or_start
from .sending import queue
from .session import Job, Session
from .shot import Shot, remove_drafts

_EVENTS_AT_ONCE = 20
_NO_ENGINE = (Code.ENGINE_UNREACHABLE, Code.ENGINE_START_FAILED, Code.REMOTE_OFFLINE)


class EngineState(StrEnum):
    """How it stands with the engine."""

    OFF = "off"
    STARTING = "starting"
    READY = "ready"
    AWAY = "away"
    """The line to it is broken; it is being called again."""
    ENDED = "ended"
    """It was there, and is not any more, or could not be started; `Desk.fault` says why."""


@dataclass(frozen=True)
class Where:
    """Which engine to use: the one at `remote`, else one on this machine."""

    python: Path
    folder: Path
    home: Path
    device: str = "auto"
    remote: str = ""
    token: str = ""
    online: bool = True
    """Whether another machine may be asked."""
    models: Path | None = None
    """Where models lie, if not in the engine's own choice of folder."""
    memory: float = 0.0
    """Gigabytes of its device that a new engine takes at most; 0: all that is free."""


class Desk:
    """One engine and the shots that it makes for us."""

    def __init__(self, filming: Sequence[str] = ()) -> None:
        """`filming` is the command that takes a film's frames (`film.take`)."""
        self.state = EngineState.OFF
        self.fault: EngineError | None = None
        self.about: dict[str, Any] = {}
        """What the engine said of itself: devices, memory, models."""
        self.shots: dict[str, Shot] = {}
        self.news = False
        """Whether the last poll brought anything, be it of the engine alone: what shows it is out of date."""
        self._where: Where | None = None
        self._engine: Engine | None = None
        self._source: Source | None = None
        self._session: Session | None = None
        self._line: Connection | EngineError | None = None
        """The engine as errands reach it, or why they cannot; only they touch it, so that those sent after `wake` find
        it there."""
        self._errands = Errands()
        self._filming = Errands()
        """Apart from the others: a film takes seconds, and a shot that is made may be cancelled meanwhile."""
        self._films = tuple(filming)
        self._gatherer = Gatherer()
        self._touched: set[str] = set()
        """Shots of which an errand has brought news since the last poll."""

    def wake(self, where: Where) -> None:
        """See to it that there is an engine; does nothing where there is one, or where one is just starting."""
        if self.state in (EngineState.STARTING, EngineState.READY, EngineState.AWAY):
            return
        self.state, self.fault, self._where = EngineState.STARTING, None, where
        self._errands.send(lambda: self._call(where), lambda engine: self._connected(engine, where), self._failed)

    def send(self, shot: Shot) -> None:
        """Have `shot` made as its request says."""
        self.shots[shot.id] = shot
        shot.fault = None
        names: list[str] = json.loads(shot.request).get("clip", [])
        folder = shot.folder
        if film.to_take(folder, names):
            self._filming.send(
                lambda: film.take(self._films, folder, names),
                lambda _: self._filmed(shot),
                lambda fault: self._refused(shot, fault),
            )
        else:
            self._errands.send(
                lambda: queue(self._connection(), shot),
                lambda job: self._accepted(shot, job),
                lambda fault: self._refused(shot, fault),
            )

    def starts(self, model: str) -> tuple[str, ...]:
        """What a shot of `model` (empty: the best one) may start from: `board`, `text`, `clip`.

        All of them where the engine has said nothing of it: then it will say so when it is asked for the shot.
        """
        said: dict[str, list[str]] | None = self.about.get("starts")
        if said is None:
            return (Start.BOARD,) if self.about else tuple(Start)
        name = model or next(iter(self.about.get("models", ())), "")
        return tuple(said.get(name, Start))

    def follow(self, shot: Shot) -> None:
        """Go on with a shot, as far as the engine has told of it already."""
        self.shots[shot.id] = shot
        self._fetch(shot)

    def forget(self) -> None:
        """Follow no shot any more; the engine goes on with them."""
        self.shots.clear()

    def act(self, shot: Shot, action: str) -> None:
        """`pause`, `resume` or `cancel`; resuming one that failed or was cancelled makes it go on as a new job."""
        shot.fault = None
        self._errands.send(
            lambda: self._connection().act(shot.job, action),
            lambda job: self._accepted(shot, job),
            lambda fault: self._refused(shot, fault),
        )

    def ask(self) -> None:
        """Hear anew what the engine has to say of itself; it is in `about` a moment later."""
        self._errands.send(lambda: self._connection().engine(), self.about.update, lambda _fault: None)

    def park(self, away: bool) -> None:
        """Let the engine take its weights off the device while somebody else needs it, and put them back."""
        if self.state is EngineState.READY:
            self._errands.send(lambda: self._connection().park(away), lambda _: None, lambda _fault: None)

    def movie(self, shot: Shot) -> bytes:
        """A finished shot's movie; waits for it. Raises EngineError."""
        return self._connection().movie(shot.job)

    def job(self, shot: Shot) -> Job | None:
        """What the engine has told of a shot's job; None before it has told anything."""
        return self._session.jobs.get(shot.job) if self._session and shot.job else None

    def poll(self, seconds: float) -> list[Shot]:
        """Take in what has happened since, for about `seconds`; returns the shots that look different now."""
        until = time.perf_counter() + seconds
        changed: dict[str, Shot] = {}
        by_job = {shot.job: shot for shot in self.shots.values() if shot.job}
        before = self.state
        handed = self._errands.drain() + self._filming.drain()
        changed.update({name: self.shots[name] for name in self._touched & self.shots.keys()})
        self._touched.clear()
        self._look_after_engine()
        self.news = handed > 0 or self.state is not before
        while self._session is not None and time.perf_counter() < until:
            told = self._session.drain(_EVENTS_AT_ONCE)
            for shot in {job: by_job[job] for job, _ in told if job in by_job}.values():
                changed[shot.id] = shot
                self._fetch(shot)
            if len(told) < _EVENTS_AT_ONCE:
                break
        for arrival in self._gatherer.drain():
            if (found := self.shots.get(arrival.shot)) is not None:
                changed[found.id] = found
                for picture in arrival.frames:
                    found.arrived(picture)
                for picture in arrival.failed:
                    found.not_arrived(picture)
                found.fault = arrival.fault or found.fault
        for shot in changed.values():
            job = self.job(shot)
            shot.complete = job is not None and job.state == "finished" and len(shot.finals) == shot.frames
        return list(changed.values())

    def retry(self, shot: Shot) -> None:
        """Try once more to fetch frames that could not be had."""
        shot.fault = None
        self._fetch(shot)

    def tidy(self, shot: Shot) -> None:
        """Remove a complete shot's provisional frames, which no strip shows any more."""
        self._errands.send(lambda: remove_drafts(shot.folder), lambda _: None, lambda _fault: None)

    def stop(self) -> None:
        """End the engine if it is ours; its jobs go on with the next one."""
        engine, session = self._engine, self._session
        self._engine = self._session = self._source = None
        self.state, self.fault = EngineState.OFF, None
        self._errands.send(lambda: self._hang_up(engine, session), lambda _: None, lambda _fault: None)

    def close(self) -> None:
        """Let go of everything, waiting for nothing: a thread sees to it that an engine of ours ends."""
        engine = self._engine
        self._engine = self._session = None
        self._errands.close()
        self._filming.close()
        self._gatherer.close()
        if engine is not None:
            threading.Thread(target=engine.stop, name="shotpack's engine ends", daemon=True).start()

    def _connection(self) -> Connection:
        if isinstance(self._line, Connection):
            return self._line
        raise self._line or EngineError(Code.ENGINE_UNREACHABLE, url="this machine", detail="it is not running")

    def _call(self, where: Where) -> Engine:
        try:
            engine = _engine(where)
        except EngineError as fault:
            self._line = fault
            raise
        self._line = engine.connection
        return engine

    def _hang_up(self, engine: Engine | None, session: Session | None) -> None:
        self._line = None
        if session is not None:
            session.close()
        if engine is not None:
            engine.stop()

    def _connected(self, engine: Engine, where: Where) -> None:
        self._engine = engine
        self._source = Source(engine.connection, None if where.remote else where.home)
        self._session = Session(engine.connection)
        self.state = EngineState.READY
        self.ask()
        for shot in self.shots.values():
            if not shot.job and shot.fault is not None and shot.fault.code in _NO_ENGINE:
                self.send(shot)
        self._errands.send(engine.connection.jobs, self._compare, lambda _fault: None)

    def _compare(self, jobs: list[dict[str, Any]]) -> None:
        """What no event tells: which of our shots the engine does not know."""
        known = {job["id"] for job in jobs}
        for shot in self.shots.values():
            if shot.job and not shot.complete and shot.job not in known:
                self._refused(shot, EngineError(Code.JOB_UNKNOWN, name=shot.name))

    def _failed(self, fault: EngineError) -> None:
        self.state, self.fault = EngineState.ENDED, fault

    def _accepted(self, shot: Shot, job: dict[str, Any]) -> None:
        shot.job = job["id"]
        self._touched.add(shot.id)
        self._fetch(shot)

    def _filmed(self, shot: Shot) -> None:
        """Go on with sending, unless another file is open now; a shot whose folder has moved is filmed there again."""
        if self.shots.get(shot.id) is shot:
            self.send(shot)

    def _refused(self, shot: Shot, fault: EngineError) -> None:
        shot.fault = fault
        self._touched.add(shot.id)

    def _fetch(self, shot: Shot) -> None:
        job = self.job(shot)
        if job is None or self._source is None:
            return
        try:
            missing = shot.missing(job)
        except EngineError as fault:
            shot.fault = fault
            return
        if missing:
            self._gatherer.fetch(self._source, shot.id, shot.job, shot.folder, missing)

    def _look_after_engine(self) -> None:
        if self._engine is None or self._session is None:
            return
        if not self._engine.alive:
            url, engine, session = self._engine.connection.url, self._engine, self._session
            self._engine = self._session = self._source = None
            self._errands.send(lambda: self._hang_up(engine, session), lambda _: None, lambda _fault: None)
            self._failed(EngineError(Code.ENGINE_UNREACHABLE, url=url, detail="it has ended"))
            if engine.process is None and self._where is not None:
                self.wake(self._where)  # one that another Blender had started, and has taken with it
        elif self.state is EngineState.READY and not self._session.line.up and self._session.line.detail:
            self.state = EngineState.AWAY
        elif self.state is EngineState.AWAY and self._session.line.up:
            self.state = EngineState.READY


def _engine(where: Where) -> Engine:
    """The engine to use; waits for it. Raises EngineError."""
    if not where.remote:
        return find_or_start(
            where.python, where.folder, where.home, device=where.device, models=where.models, memory=where.memory
        )
    if not where.online and not is_loopback(where.remote):
        raise EngineError(Code.REMOTE_OFFLINE, url=where.remote)
    connection = Connection(where.remote, where.token)
    about = connection.engine()
    if about.get("protocol") != PROTOCOL_VERSION:
        detail = f"it speaks protocol {about.get('protocol')}, not {PROTOCOL_VERSION}"
        raise EngineError(Code.ENGINE_UNREACHABLE, url=where.remote, detail=detail)
    return Engine(connection, about)
