"""The engine of an artist's side: called, heard, watched, let go. What becomes of shots is `engine_client.py`'s.

Nothing here waits: whatever takes time is a background call.
"""

from __future__ import annotations

import threading
import uuid
from abc import ABC, abstractmethod
from typing import Any

from ..errors import Code, EngineError
from .background_calls import BackgroundCalls
from .connection import Connection
from .engine_info import understood
from .engine_location import EngineLocation
from .engine_location import engine_at as _engine
from .engine_state import EngineState
from .frame_files import Source
from .launcher import Engine
from .park_lease import ParkLease
from .session import Session


class EngineLine(ABC):
    """One engine, as far as it can be reached."""

    def __init__(self) -> None:
        self.state = EngineState.OFF
        self.fault: EngineError | None = None
        self.about: dict[str, Any] = {}
        """What the engine said of itself: devices, memory, models, who keeps it parked."""
        self.client = uuid.uuid4().hex
        """Our name where the engine says who keeps it parked."""
        self._where: EngineLocation | None = None
        self._wakings = 0
        """An engine that comes for an earlier waking than this is not waited for any more."""
        self._engine: Engine | None = None
        self._session: Session | None = None
        self._greetings = 0
        """How often the session's line had come up when that was seen to last."""
        self._line: Connection | EngineError | None = None
        """The engine as background calls reach it, or why not; only they touch it: those sent after `wake` find it."""
        self._called: Engine | None = None
        """The engine of the last waking; a background call sets it, and ends it."""
        self._closed = threading.Event()
        self._calls = BackgroundCalls()
        self._lease = ParkLease(self.client)

    def wake(self, where: EngineLocation) -> None:
        """See to it that there is an engine; does nothing where there is one, or where one is just starting."""
        if self._closed.is_set() or self.state in (EngineState.STARTING, EngineState.READY, EngineState.AWAY):
            return
        self.state, self.fault, self._where = EngineState.STARTING, None, where
        self._wakings += 1
        waking = self._wakings
        self._calls.send(
            lambda: self._call(where),
            lambda found: self._connected(*found, where, waking),
            lambda fault: self._failed(fault, waking),
        )

    def park(self, away: bool) -> None:
        """Let the engine take its weights off the device while somebody else needs it, and put them back.

        One that is only starting, or away, does so as soon as it is there, if that is wanted still. Never waits.
        """
        self._lease.want(away)

    def stop(self) -> None:
        """End the engine if it is ours, also one that is just starting; its jobs go on with the next one."""
        self._wakings += 1
        self._let_go()
        self.state, self.fault = EngineState.OFF, None

    @abstractmethod
    def _use(self, session: Session | None, source: Source | None) -> None:
        """From now on events and frames come from here; or from nowhere."""

    @abstractmethod
    def _is_away(self) -> None:
        """The line is broken, and may come up again."""

    @abstractmethod
    def _begin_anew(self) -> None:
        """The engine is there, for the first time or again: go on with all that waited for it."""

    def _connection(self) -> Connection:
        if isinstance(self._line, Connection):
            return self._line
        raise self._line or EngineError(Code.ENGINE_UNREACHABLE, url="this machine", detail="it is not running")

    def _call(self, where: EngineLocation) -> tuple[Engine, dict[str, Any]]:
        """A background call: the engine, and what it says of itself."""
        try:
            engine = self._called = _engine(where)
            about = engine.connection.engine()
        except EngineError as fault:
            self._hang_up(None)
            self._line = fault
            raise
        if self._closed.is_set():
            engine.stop()
        self._line = engine.connection
        self._lease.use(engine.connection)  # from here: a render may hold up the next poll until it is over
        return engine, about

    def _hang_up(self, session: Session | None) -> None:
        """A background call: let go of the engine that is there by now."""
        engine, self._called, self._line = self._called, None, None
        self._lease.use(None)
        if session is not None:
            session.close()
        if engine is not None:
            engine.stop()

    def _let_go(self) -> None:
        session = self._session
        self._engine = self._session = None
        self._use(None, None)
        self._calls.send(lambda: self._hang_up(session), lambda _: None, lambda _fault: None)

    def _connected(self, engine: Engine, about: dict[str, Any], where: EngineLocation, waking: int) -> None:
        if waking != self._wakings:
            return  # stopped meanwhile; a background call ends it
        newest = about.get("newest")
        self._engine, self.about, self._greetings = engine, understood(about), 0
        # One of release 0.1.0 does not say how many events it has, and tells all of them.
        self._session = Session(engine.connection, newest if type(newest) is int else 0, str(about.get("store", "")))
        self._use(self._session, Source(engine.connection, None if where.remote else where.home))
        self.state = EngineState.READY
        self._begin_anew()

    def _failed(self, fault: EngineError, waking: int) -> None:
        if waking == self._wakings:
            self.state, self.fault = EngineState.ENDED, fault

    def _look_after_engine(self) -> None:
        if self._engine is None or self._session is None:
            return
        line, engine = self._session.line, self._engine
        # One that somebody else has started may run where its process cannot be seen: only a broken line says more.
        if not engine.alive and (engine.process is not None or (not line.up and line.detail)):
            self._let_go()
            fault = EngineError(Code.ENGINE_UNREACHABLE, url=engine.connection.url, detail="it has ended")
            self._failed(fault, self._wakings)
            if engine.process is None and self._where is not None:
                self.wake(self._where)  # one that another Blender had started, and has taken with it
            return
        if not line.up and line.detail and self.state is EngineState.READY:
            self.state = EngineState.AWAY
            self._is_away()
        elif line.up and self._session.greetings > self._greetings:
            # The first time, all that was there to do is being done since the engine was found.
            expected = self._greetings == 0 and self.state is EngineState.READY and not line.anew
            self.state, self._greetings = EngineState.READY, self._session.greetings
            if not expected:
                self._lease.use(engine.connection)
                self._begin_anew()
