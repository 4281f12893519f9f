"""Standard output and errors of a command, wherever they lead: nothing that is printed may end it."""

from __future__ import annotations

import codecs
import io
import os
import sys

_AS_IT_CAN = "shotpack"


def open_streams() -> None:
    """Let both streams write any text: what their code page lacks comes as an escape, a file's name as it is on disk.

    Streams that the process was begun without lead nowhere, so that no file that is opened later takes their place.
    """
    codecs.register_error(_AS_IT_CAN, _as_it_can)
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w", encoding="utf-8"))  # noqa: SIM115, PTH123
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_AS_IT_CAN)


def readable(text: str) -> str:
    """A text from the command line without what stands in it for bytes that the locale could not read."""
    return os.fsencode(text).decode("utf-8", "replace") if any("\udc80" <= each <= "\udcff" for each in text) else text


def _as_it_can(fault: UnicodeError) -> tuple[str | bytes, int]:
    """Bytes of a file's name that were no text come out as they are; everything else is written in ASCII."""
    try:
        return codecs.lookup_error("surrogateescape")(fault)
    except UnicodeError:
        return codecs.lookup_error("backslashreplace")(fault)
