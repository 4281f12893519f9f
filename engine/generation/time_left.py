"""How long a shot will still take, from how long its parts took so far."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

_MEMORY = 0.8  # weight of the past in a running mean: a machine that slows down shows within a few steps


class Clock:
    """Running means of a step's and a decode's wall time, and the time each kind of work took in all, in seconds."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.totals: dict[str, float] = {}
        self._means: dict[str, float] = {}

    @contextmanager
    def measure(self, kind: str) -> Iterator[None]:
        """Count the block's wall time as `kind` of work."""
        began = time.monotonic()
        yield
        self.add(kind, time.monotonic() - began)

    def add(self, kind: str, seconds: float) -> None:
        """Count `seconds` as one piece of `kind`."""
        self.totals[kind] = self.totals.get(kind, 0.0) + seconds
        mean = self._means.get(kind, seconds)
        self._means[kind] = _MEMORY * mean + (1 - _MEMORY) * seconds

    def seconds_left(self, steps: int, decodes: int) -> float | None:
        """Seconds for so many more steps and decodes.

        None before the first step. A decode not yet seen counts as a step.
        """
        step = self._means.get("step")
        if step is None:
            return None
        return round(steps * step + decodes * self._means.get("decode", step), 1)

    def rounded(self) -> dict[str, float]:
        """`totals` for a record."""
        return {kind: round(seconds, 3) for kind, seconds in self.totals.items()}

    @property
    def elapsed(self) -> float:
        """Seconds since the clock was made."""
        return time.monotonic() - self.began
