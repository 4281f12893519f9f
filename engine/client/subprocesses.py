"""Running a program on behalf of a thread of ours: its lines as they come, and no trace of it where it is stopped."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

Heard = Callable[[str | None], None]
"""Is told each line that a program prints, and None while it prints none; may raise to have the program killed."""

NO_WINDOW: int = getattr(subprocess, "CREATE_NO_WINDOW", 0)
"""Flags for a program that is not to open a console on Windows."""
_TICK_SECONDS = 0.2


def environ(**more: str) -> dict[str, str]:
    """The user's environment for a program of ours, with nothing of Blender's Python in it."""
    return {**{name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}, **more}


def run(command: Sequence[str], environ: Mapping[str, str], cwd: Path, heard: Heard) -> int:
    """Run a program to its end and return its exit code; where `heard` raises, it and all it started are killed."""
    child = subprocess.Popen(
        command,
        cwd=cwd,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        creationflags=NO_WINDOW,
        start_new_session=True,  # a group that can be killed as one
    )
    lines: queue.Queue[str | None] = queue.Queue()
    assert child.stdout is not None
    try:
        threading.Thread(target=_pump, args=(child.stdout, lines), name="program's output", daemon=True).start()
        for line in iter(lambda: _next(lines), None):
            heard(line or None)
        while (code := child.poll()) is None:
            heard(None)
            time.sleep(_TICK_SECONDS)
        return code
    except BaseException:
        _kill(child)
        raise


def why_not(program: Path, folder: Path, fault: OSError) -> str:
    """What kept `program` from being begun in `folder`, with the name of what is in the way."""
    # Windows names nothing; a folder to begin in that is not there looks like a program that is not.
    place = Path(fault.filename or (program if folder.is_dir() else folder))
    if isinstance(fault, (FileNotFoundError, NotADirectoryError)) and not os.path.lexists(place):
        return f"there is no {place}"
    return f"{place} cannot be used ({fault.strerror or fault})"


def _pump(pipe: IO[str], lines: queue.Queue[str | None]) -> None:
    try:
        with pipe:
            for line in pipe:
                lines.put(line)
    finally:
        lines.put(None)  # whatever happens: somebody waits for the last line


def _next(lines: queue.Queue[str | None]) -> str | None:
    """The next line with its end, an empty one where none came for a tick, None after the last."""
    try:
        return lines.get(timeout=_TICK_SECONDS)
    except queue.Empty:
        return ""


def _kill(child: subprocess.Popen[str]) -> None:
    if sys.platform == "win32":
        tree = ["taskkill", "/T", "/F", "/PID", str(child.pid)]
        subprocess.run(tree, capture_output=True, creationflags=NO_WINDOW, check=False)
    else:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
    child.kill()
    child.wait()
