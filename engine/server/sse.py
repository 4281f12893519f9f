"""Server-sent events: numbered, replayed from wherever a listener stopped, with a comment now and then."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from .broker import as_text

if TYPE_CHECKING:
    from .service import Service

COMMENT_SECONDS = 2.0


async def stream(service: Service, after: int, job: str | None) -> AsyncIterator[str]:
    """The events after number `after`, of `job` until it ends, or of all jobs for ever.

    What is stored comes in full and in order. Live events come between to whoever keeps up. Where nothing was said for
    `COMMENT_SECONDS`, be it that only other jobs get on, there is a comment.
    """
    broker = service.broker
    listener = broker.listener()
    now = asyncio.get_running_loop().time
    try:
        yield ": shotpack\n\n"
        said = now()
        place = -1  # behind: only the store knows what is missing
        while not broker.ended:
            listener.clear()
            found = broker.since(place) if place >= 0 else None
            if found is None:
                place, floor = broker.place, broker.newest
                while after < floor:
                    stored = await run_in_threadpool(service.store.events, after, job)
                    for event in stored:
                        yield as_text(event)
                        said, after = now(), event.number
                        if job is not None and event.terminal:
                            return
                    if not stored:
                        after = floor
                continue
            for message in found:
                place = message.place
                if not message.live and message.number <= after:
                    continue  # it was read from the store
                after = max(after, message.number)
                if job is None or message.job == job:
                    yield message.text
                    said = now()
                    if job is not None and message.terminal:
                        return
            silent = now() - said
            if silent >= COMMENT_SECONDS:
                yield ": waiting\n\n"
                said = now()
                if job is not None and await run_in_threadpool(service.store.has_ended, job):
                    # Its end may have come since the last look.
                    for event in await run_in_threadpool(service.store.events, after, job):
                        yield as_text(event)
                    return
            elif not found:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(listener.wait(), COMMENT_SECONDS - silent)
    finally:
        broker.leave(listener)
