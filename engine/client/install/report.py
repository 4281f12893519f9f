"""What to copy into an issue when an installation fails: versions and its log, without the user's name and folders."""

from __future__ import annotations

import os
import platform
import re
import sys
from pathlib import Path

from . import uv
from .environment import locks, state_of

LOG = "install.log"
"""What the last installation did, beside the environment."""
LINES = 60
"""Of the log's end."""


def report(folder: Path, requirements: Path, stage: str = "") -> str:
    """What to copy into an issue: versions and the end of the last install's log, without the user's name."""
    try:
        log = (folder.parent / LOG).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        log = ["no log"]
    lines_of = (line for file in locks(requirements) for line in file.read_text(encoding="utf-8").splitlines())
    wanted = dict.fromkeys(line.split()[0] for line in lines_of if line[:1].isalnum())
    lines = [
        f"Stage: {stage or '-'}",
        f"Environment: {state_of(folder, requirements)}, {folder}",
        f"System: {platform.platform()}, {platform.machine()}",
        f"Python: {platform.python_version()}, {sys.executable}",
        f"uv: {uv.VERSION}",
        f"Requirements: {', '.join(wanted)}",
        "",
        *log[-LINES:],
    ]
    return _masked("\n".join(lines)) + "\n"


def _masked(text: str) -> str:
    """`text` without the home folder's path, the user's name, and what a URL holds before its host."""
    home = Path.home()
    text = re.sub(r"://[^/\s@]+@", "://***@", text)
    if home.name:
        for path in {str(home), home.as_posix(), str(home).replace("\\", "\\\\")}:
            text = re.sub(rf"{re.escape(path)}(?!\w)", "~", text, flags=re.IGNORECASE)
    for name in {home.name, *(os.environ.get(name, "") for name in ("USER", "USERNAME", "LOGNAME"))} - {""}:
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "USER", text, flags=re.IGNORECASE)
    return text
