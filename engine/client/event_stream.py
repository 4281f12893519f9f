"""The engine's server-sent events, read on a thread that never misses one.

It remembers the number of the last event that it passed on; when the line breaks it asks for everything after that.
"""

from __future__ import annotations

import json
import logging
import queue
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import EngineError
from ..events import Frames, Preview, Step
from .http_session import CONNECT_SECONDS, open_session

if TYPE_CHECKING:
    import requests

_SILENCE_SECONDS = 10.0
"""The engine sends a comment every two seconds; a line silent for longer is dead, whatever TCP says."""
_RETRY_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)
_LIVE = (Step.event, Preview.event, Frames.event)
"""Events that are told once, to whoever listens: their number is that of the newest one that is kept."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class NumberedEvent:
    """An event as the engine numbered it."""

    number: int
    job: str
    event: dict[str, Any]

    @property
    def live(self) -> bool:
        """Whether it is not kept: it has no number of its own."""
        return self.event.get("event") in _LIVE


@dataclass(frozen=True)
class LineState:
    """Whether events are being read; `detail` says what is wrong where they are not."""

    up: bool
    detail: str = ""
    store: str = ""
    """Which database the engine tells of; empty where it does not say."""
    anew: bool = False
    """Whether it is another one than before: what was known of its jobs is of no use."""


class Listener:
    """The reading thread of one connection; `stop` ends it, and nothing else does."""

    def __init__(
        self, url: str, token: str, inbox: queue.Queue[NumberedEvent | LineState], after: int, store: str = ""
    ) -> None:
        self._url = url
        self._token = token
        self._inbox = inbox
        self._last = after
        self._store = store
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="shotpack events", daemon=True)
        self._thread.start()

    def stop(self, *, wait: bool = True) -> None:
        """End the thread, at the latest with the engine's next sign of life."""
        self._stopping.set()
        if wait:
            self._thread.join(_SILENCE_SECONDS)

    def _run(self) -> None:
        attempt = 0
        session: requests.Session | None = None
        while not self._stopping.is_set():
            before = self._last
            try:
                session = session or open_session(self._url, self._token)
                detail = self._read(session)
            except Exception as fault:  # whatever it is, the line may be back in a moment
                detail = str(fault.params["detail"]) if isinstance(fault, EngineError) else type(fault).__name__
            if self._stopping.is_set():
                break
            attempt = 0 if self._last > before else attempt + 1
            self._inbox.put(LineState(up=False, detail=detail, store=self._store))
            self._stopping.wait(_RETRY_SECONDS[min(attempt, len(_RETRY_SECONDS) - 1)])
        if session is not None:
            session.close()

    def _read(self, session: requests.Session) -> str:
        """Read one stream until it breaks; returns why it did."""
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(self._last)}
        with session.get(
            f"{self._url}/v1/events",
            headers=headers,
            stream=True,
            timeout=(CONNECT_SECONDS, _SILENCE_SECONDS),
            allow_redirects=False,  # the token is for this engine alone
        ) as answer:
            if answer.status_code != 200:
                return f"the engine answers {answer.status_code}"
            if not self._greet(answer.headers.get("Shotpack-Store", ""), answer.headers.get("Shotpack-Newest", "")):
                return "the engine has another database"
            for line in answer.iter_lines(chunk_size=None):  # whatever has come, as it comes
                if self._stopping.is_set():
                    return ""
                if line.startswith(b"data:"):
                    self._take(line[5:])
        return "the engine closed the line"

    def _greet(self, store: str, newest: str) -> bool:
        """Tell that the line is up; returns whether it was opened at the right place.

        Another database counts its events anew, from a number that may lie beyond those of the old one.
        """
        replayed = newest.isdecimal() and int(newest) < self._last  # then the engine begins with the first event
        anew = replayed or bool(store and self._store and store != self._store)
        self._store = store or self._store
        at_the_start = replayed or self._last == 0
        if anew:
            self._last = 0
        self._inbox.put(LineState(up=True, store=self._store, anew=anew))
        return at_the_start or not anew

    def _take(self, data: bytes) -> None:
        """Pass an event on; what is none is that line's trouble, and the next one may be whole again."""
        try:
            event = json.loads(data)
            told = NumberedEvent(event.pop("number"), event.pop("job"), event)
            if type(told.number) is not int or not isinstance(told.job, str):
                raise TypeError("its number or job is none")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as fault:
            log.warning("what the engine told is not an event (%s): %.200r", fault, data)
            return
        event.pop("time", None)
        self._inbox.put(told)
        if not told.live:
            self._last = told.number
