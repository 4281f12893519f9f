"""Server-sent events: numbered, replayed from wherever a listener stopped, with a comment now and then."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from .store import StoredEvent

if TYPE_CHECKING:
    from .service import Service

COMMENT_SECONDS = 2.0


async def stream(service: Service, after: int, job: str | None) -> AsyncIterator[str]:
    """The events after number `after`, of `job` until it ends, or of all jobs for ever."""
    listener = service.broker.listener()
    try:
        yield ": shotpack\n\n"
        while True:
            listener.clear()
            found = await run_in_threadpool(service.store.events, after, job)
            for event in found:
                after = event.number
                yield as_text(event)
            if found:
                if job is not None and found[-1].terminal:
                    return
                continue
            try:
                await asyncio.wait_for(listener.wait(), COMMENT_SECONDS)
            except TimeoutError:
                yield ": waiting\n\n"
                if job is not None and await run_in_threadpool(service.has_ended, job):
                    return
    finally:
        service.broker.leave(listener)


def as_text(event: StoredEvent) -> str:
    """One event as it goes over the wire: its number, its name, and JSON on one line."""
    data = json.dumps({"job": event.job, "number": event.number, "time": event.time, **event.event})
    return f"id: {event.number}\nevent: {event.event['event']}\ndata: {data}\n\n"
