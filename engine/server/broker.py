"""Passing events on to whoever listens: threads store them, coroutines wait for them.

The newest events are kept as they go over the wire, so that fifty listeners need not ask the database and write the
same JSON fifty times. Live events (steps, previews) pass by: who comes later has missed nothing.
"""

from __future__ import annotations

import asyncio
import collections
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .storage.records import StoredEvent

_RECENT = 512


@dataclass(frozen=True)
class Message:
    """An event as it goes over the wire, with its place in the sequence of all messages."""

    place: int
    number: int
    """Of a stored event; for a live one, of the newest event that is stored."""
    job: str
    text: str
    live: bool = False
    terminal: bool = False


class Broker:
    """One for each event loop; `pass_on` and `pass_live` may be called from any thread, also when no loop runs."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: set[asyncio.Event] = set()
        self._recent: collections.deque[Message] = collections.deque(maxlen=_RECENT)
        self.ended = False
        self.place = 0
        """Of the newest message."""
        self.newest = 0
        """Number of the newest event that is stored, as far as messages tell."""

    def attach(self, newest: int) -> None:
        """Belong to the running event loop from now on; `newest` is the number of the newest event stored so far."""
        self._loop = asyncio.get_running_loop()
        self.newest = newest

    def pass_on(self, event: StoredEvent) -> None:
        """Something new is in the store; calls come in the sequence of their numbers."""
        text = as_text(event)
        self._soon(lambda: self._take(Message(self.place + 1, event.number, event.job, text, terminal=event.terminal)))

    def pass_live(self, job: str, event: dict[str, Any]) -> None:
        """Something happens that is not stored."""
        now = time.time()
        self._soon(lambda: self._take(self._live(job, event, now)))

    def end(self) -> None:
        """The server ends: whoever listens is told no more. To be called on the event loop."""
        self.ended = True
        for event in self._waiting:
            event.set()

    def since(self, place: int) -> list[Message] | None:
        """All messages after this place; None where some of them are not kept any more."""
        if self._recent and place < self._recent[0].place - 1:
            return None
        found: list[Message] = []
        for message in reversed(self._recent):
            if message.place <= place:
                break
            found.append(message)
        return found[::-1]

    def listener(self) -> asyncio.Event:
        """An event that is set whenever something new is there, until `leave`; clear it before asking `since`."""
        event = asyncio.Event()
        self._waiting.add(event)
        return event

    def leave(self, event: asyncio.Event) -> None:
        """Listen no longer."""
        self._waiting.discard(event)

    def __len__(self) -> int:
        """How many listen."""
        return len(self._waiting)

    def _soon(self, call: Callable[[], None]) -> None:
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(call)

    def _live(self, job: str, event: dict[str, Any], now: float) -> Message:
        text = _text({"job": job, "number": self.newest, "time": now, **event})
        return Message(self.place + 1, self.newest, job, text, live=True)

    def _take(self, message: Message) -> None:
        self._recent.append(message)
        self.place, self.newest = message.place, max(self.newest, message.number)
        for event in self._waiting:
            event.set()


def as_text(event: StoredEvent) -> str:
    """A stored event as it goes over the wire: its number, its name, and JSON on one line."""
    data = {"job": event.job, "number": event.number, "time": event.time, **event.event}
    return f"id: {event.number}\n{_text(data)}"


def _text(data: dict[str, Any]) -> str:
    return f"event: {data['event']}\ndata: {json.dumps(data)}\n\n"
