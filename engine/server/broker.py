"""Passing events on to whoever listens: threads store them, coroutines wait for them.

The newest events are kept as they go over the wire, so that fifty listeners need not ask the database and write the
same JSON fifty times.
"""

from __future__ import annotations

import asyncio
import collections
import json
from dataclasses import dataclass

from .store import StoredEvent

_RECENT = 256


@dataclass(frozen=True)
class Message:
    """A stored event and its text on the wire."""

    event: StoredEvent
    text: str


class Broker:
    """One for each event loop; `pass_on` may be called from any thread, before the loop runs and after it ended."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: set[asyncio.Event] = set()
        self._recent: collections.deque[Message] = collections.deque()
        self.floor = 0
        """Number of the newest event that is not kept any more."""

    def attach(self, newest: int) -> None:
        """Belong to the running event loop from now on; `newest` is the number of the newest event stored so far."""
        self._loop = asyncio.get_running_loop()
        self.floor = newest

    def pass_on(self, event: StoredEvent) -> None:
        """Something new is in the store; calls come in the sequence of their numbers."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._take, Message(event, as_text(event)))

    def since(self, after: int) -> list[Message] | None:
        """All events after number `after`; None where only the store knows them."""
        if after < self.floor:
            return None
        found: list[Message] = []
        for message in reversed(self._recent):
            if message.event.number <= after:
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

    def _take(self, message: Message) -> None:
        self._recent.append(message)
        if len(self._recent) > _RECENT:
            self.floor = self._recent.popleft().event.number
        for event in self._waiting:
            event.set()


def as_text(event: StoredEvent) -> str:
    """One event as it goes over the wire: its number, its name, and JSON on one line."""
    data = json.dumps({"job": event.job, "number": event.number, "time": event.time, **event.event})
    return f"id: {event.number}\nevent: {event.event['event']}\ndata: {data}\n\n"
