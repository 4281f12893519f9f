"""What the store holds of a job and of an event, as its readers have it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ...protocol import ShotRequest
from ...serialization import from_json
from .states import PendingOrder, State

TERMINAL = {"finished": State.FINISHED, "failed": State.FAILED, "cancelled": State.CANCELLED}
"""The state that a job is in after its last event."""


class StoreError(RuntimeError):
    """The store refuses: no such job, or a step that its state does not allow."""


@dataclass(frozen=True)
class JobRecord:
    """One job as stored; `place` orders the queue, `attempts` counts the workers that died on it."""

    id: str
    name: str
    request_json: str
    """What the job asks for; a worker opens it, and nobody on its way there."""
    state: State
    place: float
    created: float
    attempts: int
    continues: str | None
    """The job whose finished sections this one began with."""
    key: str | None = None
    """What it was sent under: the same key again means the same job."""
    body: str = ""
    """A digest of what was sent under the key."""
    wanted: PendingOrder = PendingOrder.GO_ON
    starred: bool = False
    """Kept, whatever the rule for old shots says."""
    ended: float | None = None
    """When, in seconds since 1970."""
    stop_after: int = 0
    """Sections after which it stands still by itself, until it is told to go on; 0: none."""

    @property
    def request(self) -> ShotRequest:
        """What the job asks for. Raises EngineError `bad_request` where only another release can read it."""
        return from_json(ShotRequest, json.loads(self.request_json))


@dataclass(frozen=True)
class StoredEvent:
    """An event with its number, which grows over all jobs and is never given twice."""

    number: int
    job: str
    time: float
    event: dict[str, Any]

    @property
    def terminal(self) -> bool:
        """Whether it is its job's last."""
        return self.event["event"] in TERMINAL
