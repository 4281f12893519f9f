"""What would make Blender wait, done on one thread of its own: starting an engine, calls, uploads."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from ..errors import Code, EngineError

T = TypeVar("T")
Then = Callable[[Any], None]

log = logging.getLogger(__name__)


class BackgroundCalls:
    """Work in turn on a thread; what comes of it is handed over by `drain`, on the thread that calls it.

    A call that raises EngineError hands it to `failed`; anything else that it raises becomes one of `internal`. So
    does what `then` raises: neither the thread nor who drains is ended by it, and no other result is lost.
    """

    def __init__(self) -> None:
        self._todo: queue.Queue[tuple[Callable[[], Any], Then, Then] | None] = queue.Queue()
        self._done: queue.Queue[tuple[Then, Then, Any]] = queue.Queue()
        self._thread = threading.Thread(target=self._run, name="shotpack background calls", daemon=True)
        self._thread.start()

    def send(self, work: Callable[[], T], then: Callable[[T], None], failed: Callable[[EngineError], None]) -> None:
        """Do `work` when its turn comes; `drain` will call `then` with its result, or `failed`."""
        self._todo.put((work, then, failed))

    def drain(self) -> int:
        """Hand over everything that has been done since; returns how much. Never waits."""
        handed = 0
        with contextlib.suppress(queue.Empty):
            while True:
                then, failed, result = self._done.get_nowait()
                handed += 1
                hand_over(then, failed, result)
        return handed

    def close(self) -> None:
        """Do nothing more. What is being done is left to end by itself: it may hang on a dead line."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._todo.get_nowait()
        self._todo.put(None)

    def _run(self) -> None:
        while (call := self._todo.get()) is not None:
            work, then, failed = call
            try:
                self._done.put((then, failed, work()))
            except Exception as fault:
                self._done.put((failed, failed, as_error(fault)))
            del call, work, then, failed  # nothing is kept alive by having been done last


def hand_over(then: Then, failed: Then, result: Any) -> None:
    """Call `then`; what it raises goes to `failed`, and what that raises to the log."""
    try:
        then(result)
    except Exception as fault:
        if not isinstance(fault, EngineError):
            log.warning("what came could not be taken in", exc_info=True)
        if failed is not then:
            hand_over(failed, failed, as_error(fault))


def as_error(fault: Exception) -> EngineError:
    """A fault that nobody foresaw as an error that can be shown; an EngineError as it is."""
    if isinstance(fault, EngineError):
        return fault
    return EngineError(Code.INTERNAL, detail=f"{type(fault).__name__}: {fault}")
