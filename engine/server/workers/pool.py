"""The seam to whatever makes shots: the scheduler knows only `Pool`.

A pool on an existing distributed engine can stand where local processes stand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from .worker_messages import Order, Report


@dataclass(frozen=True)
class Death:
    """How a worker ended: `reason` in words that follow "it was", and the last lines of its log."""

    reason: str
    log: str


class TryAgainError(Exception):
    """The listener cannot take a report just now, such as on a full disk; it is to be told again."""


class Listener(Protocol):
    """Who hears of workers; calls come from threads of the pool's own, those about one worker one after the other.

    Both calls may raise TryAgainError: they come again, after growing waits, and nothing else of that worker before.
    """

    def heard(self, worker: str, report: Report) -> None:
        """A worker reported something. One whose report the listener fails at is ended, and its death told."""
        ...

    def died(self, worker: str, death: Death) -> None:
        """A worker ended without being asked; it is started again by itself."""
        ...


class Pool(Protocol):
    """Workers by name; each makes one shot at a time."""

    def start(self, listener: Listener) -> None:
        """Start all workers; returns at once."""
        ...

    def workers(self) -> Sequence[WorkerState]:
        """What each worker is doing."""
        ...

    def order(self, worker: str, order: Order) -> None:
        """Give a worker an order; one that is dead just now never gets it, and its death is told."""
        ...

    def stop(self) -> None:
        """End all workers and wait for them."""
        ...


@dataclass
class WorkerState:
    """One worker as the server sees it."""

    name: str
    device: str
    ready: bool = False
    doing: str = "starting"
    title: str = ""
    memory_used: int = 0
    memory_total: int = 0
    pid: int | None = None
    deaths: int = 0
