"""Standard output and errors of a command, wherever they lead: nothing that is printed may end it."""

from __future__ import annotations

import codecs
import io
import os
import sys
from typing import TextIO

from .media.files import DISK_FULL

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


def give_up(stream: TextIO) -> None:
    """Let what is written to a stream from now on, and what waits there, lead nowhere: its disk is full."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def say(line: str) -> None:
    """Print a line on standard error, and nothing but that; where its disk is full there is nobody to tell."""
    try:
        print(plain(line), file=sys.stderr, flush=True)
    except OSError as fault:
        if fault.errno not in DISK_FULL:
            raise
        give_up(sys.stderr)


def plain(text: str) -> str:
    """A text in which nothing moves a terminal's cursor or begins a line: names of files may hold anything.

    What stands for bytes of a name that are no text stays.
    """
    return "".join(each if each.isprintable() or _is_byte(each) else f"\\x{ord(each):02x}" for each in text)


def _is_byte(each: str) -> bool:
    return "\udc80" <= each <= "\udcff"


def readable(text: str) -> str:
    """A text from the command line without what stands in it for bytes that the locale could not read."""
    return os.fsencode(text).decode("utf-8", "replace") if any(map(_is_byte, text)) else text


def _as_it_can(fault: UnicodeError) -> tuple[str | bytes, int]:
    """Bytes of a file's name that were no text come out as they are; everything else is written in ASCII."""
    try:
        return codecs.lookup_error("surrogateescape")(fault)
    except UnicodeError:
        return codecs.lookup_error("backslashreplace")(fault)
