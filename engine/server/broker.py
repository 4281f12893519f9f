"""Waking whoever listens for events: threads store them, coroutines wait for them."""

from __future__ import annotations

import asyncio


class Broker:
    """One for each event loop; `wake` may be called from any thread, before the loop runs and after it ended."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: set[asyncio.Event] = set()

    def attach(self) -> None:
        """Belong to the running event loop from now on."""
        self._loop = asyncio.get_running_loop()

    def wake(self) -> None:
        """Something new is in the store."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._wake_all)

    def listener(self) -> asyncio.Event:
        """An event that is set whenever something new is stored, until `leave`; clear it before reading the store."""
        event = asyncio.Event()
        self._waiting.add(event)
        return event

    def leave(self, event: asyncio.Event) -> None:
        """Listen no longer."""
        self._waiting.discard(event)

    def __len__(self) -> int:
        """How many listen."""
        return len(self._waiting)

    def _wake_all(self) -> None:
        for event in self._waiting:
            event.set()
