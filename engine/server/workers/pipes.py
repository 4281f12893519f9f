"""The server's ends of a worker's pipes, each in a thread of its own: nobody waits for a worker that hangs."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from typing import IO

_UNREAD = 16
"""Lines read ahead; a worker whose reports nobody takes waits, and so makes no more of them."""

log = logging.getLogger("shotpack.pool")


class OrderPipe:
    """Writes lines to a worker's stdin in the sequence in which they were given."""

    def __init__(self, pipe: IO[bytes], name: str) -> None:
        self._pipe = pipe
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        threading.Thread(target=self._write, name=f"orders of {name}", daemon=True).start()

    def send(self, line: str) -> None:
        """Have a line written; returns at once. One for a worker that is gone is dropped: its death will be told."""
        self._lines.put(line)

    def close(self) -> None:
        """Close the pipe once everything is written, which ends the worker; returns at once."""
        self._lines.put(None)

    def _write(self) -> None:
        try:
            with self._pipe:
                while (line := self._lines.get()) is not None:
                    self._pipe.write(line.encode())
                    self._pipe.flush()
        except (OSError, ValueError):
            log.warning("a worker was gone before it had all its orders")


class ReportPipe:
    """Reads lines from a worker's stdout, a few ahead."""

    def __init__(self, pipe: IO[bytes], name: str) -> None:
        self._pipe = pipe
        self._lines: queue.Queue[bytes | None] = queue.Queue(_UNREAD)
        self._left = threading.Event()
        threading.Thread(target=self._read, name=f"reports of {name}", daemon=True).start()

    def line(self, seconds: float) -> bytes | None:
        """The next line, nothing where none came for so many seconds, or None at the end."""
        try:
            return self._lines.get(timeout=seconds)
        except queue.Empty:
            return b""

    def leave(self) -> None:
        """Hear no more. The pipe is closed when it ends, which a process that inherited it may put off."""
        self._left.set()
        with contextlib.suppress(queue.Empty):
            while True:
                self._lines.get_nowait()

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError), self._pipe:
            for line in self._pipe:
                if not self._left.is_set():
                    self._lines.put(line)
        if not self._left.is_set():
            self._lines.put(None)
