"""How a batch of shots stands: what is made, what is not, and how long the rest takes, by what its shots have taken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WAITING = ("unsent", "sending", "queued", "paused")
ENDED = ("finished", "failed", "cancelled")


@dataclass(frozen=True)
class Standing:
    """One shot of a batch: its length, and its state as the engine has it; `unsent` and `sending` before that."""

    frames: int
    state: str
    done: float = 0.0
    """0 to 1."""
    seconds_left: float | None = None
    """Of a shot that is being made, once there is something to judge by."""


@dataclass(frozen=True)
class BatchProgress:
    """How a batch stands."""

    shots: int
    made: int
    failed: int
    cancelled: int
    done: float
    """0 to 1, by frames."""
    seconds_left: float | None
    pace: float | None
    """Seconds that a frame takes, to be handed to the next `progress_of`."""

    @property
    def ended(self) -> bool:
        """Whether nothing of it is made any more."""
        return self.made + self.failed + self.cancelled == self.shots


def progress_of(standings: Sequence[Standing], pace: float | None = None) -> BatchProgress:
    """How a batch stands; `pace` is what was known of its speed before, for the moments when no shot says anything.

    Shots that wait take as long by the frame as those that are being made; several devices share them.
    """
    running = [each for each in standings if each.state == "running"]
    told = [each for each in running if each.seconds_left is not None and each.done < 1]
    if told:
        pace = sum((each.seconds_left or 0) / (1 - each.done) / each.frames for each in told) / len(told)
    waiting = sum(each.frames for each in standings if each.state in WAITING)
    left = None
    if told or pace is not None:
        known = [
            each.seconds_left if each.seconds_left is not None else (pace or 0) * each.frames * (1 - each.done)
            for each in running
        ]
        at_once = max(1, len(running))
        left = max([*known, (sum(known) + (pace or 0) * waiting) / at_once])
    whole = sum(each.frames for each in standings) or 1
    over = sum(each.frames if each.state in ENDED else each.frames * each.done for each in standings)
    count = {state: sum(each.state == state for each in standings) for state in ENDED}
    return BatchProgress(
        len(standings), count["finished"], count["failed"], count["cancelled"], over / whole, left, pace
    )


def place_before(jobs: Iterable[Mapping[str, Any]], job: str, *, first: bool) -> str | None:
    """Before which waiting job `job` comes when it is moved one place up, or, with `first`, before all that wait.

    `jobs` are the engine's, in the order of its queue. None where there is nothing to be moved before.
    """
    waiting = [str(each["id"]) for each in jobs if each["state"] == "queued"]
    if job not in waiting:
        return None
    place = waiting.index(job)
    return waiting[0 if first else place - 1] if place else None
