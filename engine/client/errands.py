"""What would make Blender wait, done on one thread of its own: starting an engine, calls, uploads."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from ..errors import Code, EngineError

T = TypeVar("T")
Then = Callable[[Any], None]


class Errands:
    """Work in turn on a thread; what comes of it is handed over by `drain`, on the thread that calls it.

    An errand that raises EngineError hands it to `failed`; anything else that it raises becomes one of `internal`.
    """

    def __init__(self) -> None:
        self._todo: queue.Queue[tuple[Callable[[], Any], Then, Then] | None] = queue.Queue()
        self._done: queue.Queue[tuple[Then, Any]] = queue.Queue()
        self._thread = threading.Thread(target=self._run, name="shotpack errands", daemon=True)
        self._thread.start()

    def send(self, work: Callable[[], T], then: Callable[[T], None], failed: Callable[[EngineError], None]) -> None:
        """Do `work` when its turn comes; `drain` will call `then` with its result, or `failed`."""
        self._todo.put((work, then, failed))

    def drain(self) -> int:
        """Hand over everything that has been done since; returns how much. Never waits."""
        handed = 0
        with contextlib.suppress(queue.Empty):
            while True:
                then, result = self._done.get_nowait()
                handed += 1
                then(result)
        return handed

    def close(self) -> None:
        """Do nothing more. What is being done is left to end by itself: it may hang on a dead line."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._todo.get_nowait()
        self._todo.put(None)

    def _run(self) -> None:
        while (errand := self._todo.get()) is not None:
            work, then, failed = errand
            try:
                self._done.put((then, work()))
            except EngineError as error:
                self._done.put((failed, error))
            except Exception as fault:
                detail = f"{type(fault).__name__}: {fault}"
                self._done.put((failed, EngineError(Code.INTERNAL, detail=detail)))
