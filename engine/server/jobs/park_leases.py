"""Who keeps the engine parked, and until when: a client that dies parks nobody for ever."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Lease:
    """One client's; `seconds_left` is None where it lasts until it is given back."""

    client: str
    seconds_left: float | None


class Leases:
    """Leases by client. Not for several threads at once."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` tells seconds."""
        self._clock = clock
        self._ends: dict[str, float | None] = {}

    def take(self, client: str, seconds: float | None) -> None:
        """Begin `client`'s lease, or begin it anew."""
        self._ends[client] = None if seconds is None else self._clock() + seconds

    def give_back(self, client: str) -> None:
        """End `client`'s lease, if it has one."""
        self._ends.pop(client, None)

    def held(self) -> list[Lease]:
        """All that have not expired, the oldest first."""
        now = self._clock()
        self._ends = {client: end for client, end in self._ends.items() if end is None or end > now}
        return [Lease(client, None if end is None else end - now) for client, end in self._ends.items()]
