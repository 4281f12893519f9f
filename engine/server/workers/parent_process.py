"""Ending with one's parent: whoever started this process and died must not leave it computing."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import IO

_PR_SET_PDEATHSIG = 1
_EXTENDED_LIMITS = 9
_KILL_ON_JOB_CLOSE = 0x2000


def die_with_parent() -> None:
    """Ask the kernel (Linux) to kill this process with the thread that started it; elsewhere the pipe's end tells."""
    if sys.platform != "linux":
        return
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before we asked
        os._exit(1)


def end_with_me(process: subprocess.Popen[bytes]) -> None:
    """Tie a child to this process on Windows: a job object whose last handle closes takes its processes with it.

    Elsewhere the child sees to that itself (`die_with_parent`, the end of its pipe). Raises OSError where the system
    refuses.
    """
    if sys.platform != "win32":
        return
    kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    kernel.CreateJobObjectW.restype = ctypes.c_void_p
    job = kernel.CreateJobObjectW(None, None)
    # JOBOBJECT_EXTENDED_LIMIT_INFORMATION is 144 bytes on 64-bit systems; LimitFlags lies at 16.
    limits = ctypes.create_string_buffer(144)
    ctypes.c_uint32.from_buffer(limits, 16).value = _KILL_ON_JOB_CLOSE
    handle = ctypes.c_void_p(int(process._handle))  # type: ignore[attr-defined, unused-ignore]
    done = kernel.SetInformationJobObject(ctypes.c_void_p(job), _EXTENDED_LIMITS, limits, len(limits))
    if not done or not kernel.AssignProcessToJobObject(ctypes.c_void_p(job), handle):
        raise ctypes.WinError(ctypes.get_last_error())
    # The handle stays open as long as this process lives: that is the whole point of it.


def watch_pipe(pipe: IO[str], ended: Callable[[], None]) -> threading.Thread:
    """Call `ended` on a thread of its own once `pipe`, which the parent holds open, comes to its end."""

    def wait() -> None:
        for _ in pipe:
            pass
        ended()

    thread = threading.Thread(target=wait, name="parent process", daemon=True)
    thread.start()
    return thread
