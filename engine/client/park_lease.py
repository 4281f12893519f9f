"""Keeping the engine's weights off the device while Blender renders: a lease, renewed by a thread of its own.

A render may hold up Blender's timers until it is over, so nothing here waits for a tick. Where nobody renews it any
more, the engine takes its device back by itself.
"""

from __future__ import annotations

import logging
import threading

from ..errors import EngineError
from .connection import Connection

SECONDS = 30.0
"""How long a lease holds."""
_RENEWALS = 3
"""How often it is begun anew in that time."""
_AGAIN_SECONDS = 0.5

log = logging.getLogger(__name__)


class ParkLease:
    """One client's wish that the engine be parked; its calls never wait, and may come from any thread."""

    def __init__(self, client: str) -> None:
        self.client = client
        self._changed = threading.Condition()
        self._news = False
        self._wanted = False
        self._connection: Connection | None = None
        self._closed = False
        self._thread: threading.Thread | None = None

    def use(self, connection: Connection | None) -> None:
        """The engine is this one now: a lease that is wanted is taken there. None: there is none."""
        with self._changed:
            self._connection = connection
            self._tell()

    def want(self, parked: bool) -> None:
        """Have the engine parked from now on, as soon as there is one, or no longer."""
        with self._changed:
            if self._closed:
                return
            self._wanted = parked
            if self._thread is None and parked:
                self._thread = threading.Thread(target=self._run, name="shotpack's lease", daemon=True)
                self._thread.start()
            self._tell()

    def close(self) -> None:
        """Want nothing more; the thread gives back what it holds and ends."""
        with self._changed:
            self._wanted, self._closed = False, True
            self._tell()

    def _tell(self) -> None:
        self._news = True
        self._changed.notify_all()

    def _run(self) -> None:
        held: Connection | None = None
        wait: float | None = None
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._news, wait)
                self._news = False
                wanted, connection, closed = self._wanted, self._connection, self._closed
            try:
                if wanted and connection is not None:
                    answer = connection.park(True, self.client, SECONDS)
                    held = connection
                    # An engine of release 0.1.0 knows no leases: it stays parked until it is told otherwise.
                    wait = SECONDS / _RENEWALS if "parked_by" in answer else None
                else:
                    wait = None
                    if held is not None and not wanted:
                        held.park(False, self.client)
                        held = None
            except Exception as fault:  # it may answer in a moment
                log.log(logging.DEBUG if isinstance(fault, EngineError) else logging.WARNING, "parking: %s", fault)
                wait = _AGAIN_SECONDS
                if not wanted and held is not connection:
                    held = None  # it has ended, and whatever it kept parked with it
            if closed:
                return
