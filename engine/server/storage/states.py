"""The states a job passes through, and which may follow which. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class State(StrEnum):
    """Where a job stands (design, section 5)."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing can happen to the job any more."""
        return self in _ENDED


class PendingOrder(StrEnum):
    """What was ordered of a job and is not told yet: stored, so that no worker's and no engine's death loses it."""

    GO_ON = ""
    PAUSE = "pause"
    """Also of a job that stands still: paused with nothing wanted is one that was told to go on."""
    CANCEL = "cancel"


_ENDED = (State.FINISHED, State.FAILED, State.CANCELLED)

MAY_BECOME: Mapping[State, tuple[State, ...]] = {
    # Queued again when the engine died or its worker did; paused before it ever ran, and then queued when it goes on.
    State.QUEUED: (State.RUNNING, State.PAUSED, State.CANCELLED, State.FAILED),
    State.RUNNING: (State.QUEUED, State.PAUSED, *_ENDED),
    State.PAUSED: (State.QUEUED, State.RUNNING, State.CANCELLED, State.FAILED),
    State.FINISHED: (),
    State.FAILED: (),
    State.CANCELLED: (),
}
