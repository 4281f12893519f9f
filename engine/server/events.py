"""Server-sent events: numbered, replayed from wherever a listener stopped, with a comment now and then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from .broker import Message, as_text

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
            found = service.broker.since(after)
            if found is None:
                floor = service.broker.floor
                stored = await run_in_threadpool(service.store.events, after, job)
                found = [Message(event, as_text(event)) for event in stored]
                if not found:  # nothing so old is left of this job: from here on the newest are enough
                    after = max(after, floor)
                    continue
            for message in found:
                after = message.event.number
                if job is None or message.event.job == job:
                    yield message.text
                    if job is not None and message.event.terminal:
                        return
            if found:
                continue
            try:
                await asyncio.wait_for(listener.wait(), COMMENT_SECONDS)
            except TimeoutError:
                yield ": waiting\n\n"
                if job is not None and await run_in_threadpool(service.has_ended, job):
                    return
    finally:
        service.broker.leave(listener)
