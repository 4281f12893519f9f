"""What a process that has ended leaves behind: its exit code and its log, as a person reads them."""

from __future__ import annotations

import os
from pathlib import Path

_LINES = 20
_BYTES = 2**15


def exit_in_words(code: int) -> str:
    """How a process ended, in words that follow "it was"."""
    if code == -9:
        return "killed, most likely out of memory"
    if code < 0:
        return f"ended by signal {-code}"
    return f"ended with exit code {code}"


def last_lines(path: Path) -> str:
    """The last lines of a log, or why it cannot be read."""
    try:
        with path.open("rb") as log_file:
            log_file.seek(max(0, log_file.seek(0, os.SEEK_END) - _BYTES))
            lines = log_file.read().decode("utf-8", "replace").splitlines(keepends=True)
    except OSError as fault:
        return f"the log cannot be read: {fault}"
    return "".join(lines[-_LINES:])
