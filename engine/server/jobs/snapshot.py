"""What has become of one job so far: all that its stored events tell, for a client that comes now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ...events import NOT_ALL
from ..storage.records import StoredEvent


@dataclass
class Snapshot:
    """One job as its events tell it up to `number`."""

    number: int
    """Of the newest event of any job: a client listens from here on."""
    plan: dict[str, Any] | None = None
    """The `started` event's data."""
    sections: list[dict[str, Any]] = field(default_factory=list)
    """The `section` events' data, in the sequence of making."""
    stage: str = ""
    notices: list[str] = field(default_factory=list)
    """What of the request is left out of the shot, as `progress` events said it."""
    failure: dict[str, Any] | None = None
    drift: list[dict[str, Any]] = field(default_factory=list)
    """The `drift` events' data, in the sequence of being told."""


def snapshot(number: int, events: Sequence[StoredEvent], *, shed: bool = False) -> Snapshot:
    """What all of a job's events tell; `number` is that of the newest event of any job.

    Of a job whose provisional frames are `shed` none is named any more: nobody should ask for them.
    """
    made = Snapshot(number)
    for stored in events:
        name, data = stored.event["event"], {key: value for key, value in stored.event.items() if key != "event"}
        if name == "started":
            made.plan, made.stage = data, ""
        elif name == "section":
            made.sections.append(data | {"provisional": []} if shed else data)
        elif name == "progress":
            made.stage = str(data.get("stage", ""))
            if made.stage.startswith(NOT_ALL) and made.stage not in made.notices:
                made.notices.append(made.stage)
        elif name == "queued":
            made.stage = ""
        elif name == "drift":
            made.drift.append(data)
        elif name == "failed":
            made.failure = data
    return made
