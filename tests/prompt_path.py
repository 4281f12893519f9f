"""Which files a prompt passes on its way, as seen by Python's profiler; ARCHITECTURE.md lists them."""

from __future__ import annotations

import dataclasses
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
MARK = "a-word-of-no-other-use"
_ROOMS = ("engine", "operators", "panels")


def listed() -> list[str]:
    """The files in ARCHITECTURE.md's table of the way of a prompt."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    section = text.partition("## The way of a prompt")[2].partition("\n## ")[0]
    return re.findall(r"^\| `([\w/]+\.py)`", section, re.MULTILINE)


def opened(value: Any, depth: int = 4) -> bool:
    """Whether a value holds the marked prompt for everybody to read; JSON that nobody has opened does not."""
    if isinstance(value, str):
        return MARK in value and not value.lstrip().startswith("{")
    if depth == 0:
        return False
    if hasattr(type(value), "event"):  # what is told back is not on the way
        return False
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return any(opened(getattr(value, field.name, None), depth - 1) for field in dataclasses.fields(value))
    if isinstance(value, dict):
        return any(opened(item, depth - 1) for item in value.values())
    return isinstance(value, (list, tuple)) and any(opened(item, depth - 1) for item in value)


@contextmanager
def traced(root: Path = ROOT) -> Iterator[set[str]]:
    """The files below `root` of which a function is called with the marked prompt meanwhile, on any thread.

    Objects that only keep it in an attribute do not count.
    """
    found: set[str] = set()
    known: dict[str, str | None] = {}

    def place(name: str) -> str | None:
        path = Path(name)
        inside = path.is_relative_to(root) and path.relative_to(root).parts[0] in _ROOMS
        return path.relative_to(root).as_posix() if inside else None

    def look(frame: Any, event: str, _: object) -> None:
        if event != "call":
            return
        name = frame.f_code.co_filename
        file = known[name] if name in known else known.setdefault(name, place(name))
        if file is None or file in found:
            return
        code = frame.f_code
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        if any(opened(frame.f_locals.get(argument)) for argument in names if argument != "self"):
            found.add(file)

    threading.setprofile(look)
    sys.setprofile(look)
    try:
        yield found
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]
