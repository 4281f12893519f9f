"""Ending with one's parent: whoever started this process and died must not leave it computing."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import IO

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Ask the kernel (Linux) to kill this process with the thread that started it; elsewhere the pipe's end tells."""
    if sys.platform != "linux":
        return
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before we asked
        os._exit(1)


def watch_pipe(pipe: IO[str], ended: Callable[[], None]) -> threading.Thread:
    """Call `ended` on a thread of its own once `pipe`, which the parent holds open, comes to its end."""

    def wait() -> None:
        for _ in pipe:
            pass
        ended()

    thread = threading.Thread(target=wait, name="lifeline", daemon=True)
    thread.start()
    return thread
