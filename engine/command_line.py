"""What every command line of Shotpack does alike: one line for what is wrong, and exit codes that say how it ended."""

from __future__ import annotations

import argparse
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import Any, NoReturn

from .console import give_up, open_streams, say
from .errors import Code, EngineError
from .media.files import DISK_FULL
from .quiet import quiet_libraries

_INTERRUPTED = 130


class Parser(argparse.ArgumentParser):
    """One line for what is wrong, instead of the whole usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"shotpack: {message}; see '{self.prog} --help'.\n")

    def parse_known_args(  # type: ignore[override]  # its overloads say how one namespace's type becomes another's
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        """Refuse here what this command does not know: argparse would leave it to the parser of all commands."""
        namespace, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return namespace, unknown


def run(parser: Parser, arguments: Sequence[str] | None) -> int:
    """Do what the arguments say: `parser` gives them `run`, a function of them that returns the exit code.

    Returns the process's exit code: 0, 2 bad input, 3 model, 4 out of memory, 130 interrupted.
    """
    open_streams()
    parser.add_argument("--traceback", action="store_true", help="print where an error came from")
    args = parser.parse_args(arguments)
    quiet_libraries()
    # A polite kill ends like Ctrl-C: what is finished is kept, and the exit code says so.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return int(args.run(args))
    except EngineError as error:
        if args.traceback:
            traceback.print_exc()
        say(f"shotpack: {error.line}")
        return error.exit_code
    except KeyboardInterrupt as interrupt:  # a command that leaves something to go on with says so in it
        say("; ".join(filter(None, ["shotpack: Interrupted", str(interrupt)])) + ".")
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone; there is nobody to tell, and Python must not complain while closing stdout.
        give_up(sys.stdout)
        return _INTERRUPTED
    except Exception as fault:
        if isinstance(fault, OSError) and fault.errno in DISK_FULL:
            full = EngineError(Code.DISK_FULL, path=str(fault.filename or "the place where the output goes"))
            give_up(sys.stdout)  # it would be tried once more at the end
            say(f"shotpack: {full.line}")
            return full.exit_code
        traceback.print_exc()
        detail = f"{type(fault).__name__}: {fault}"
        say(f"shotpack: {EngineError(Code.INTERNAL, detail=detail).line}")
        return EngineError(Code.INTERNAL, detail=detail).exit_code
