"""The engine's command line: `python -m engine COMMAND`."""

from __future__ import annotations

import argparse
import sys

from . import command_line
from .commands import doctor, finish, generate, inspect, models, serve, sign

_MOVED = "shotpack: 'sketch' is 'python -m training' now, in Shotpack's own repository; write that instead.\n"


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the process's exit code, as `command_line.run` says."""
    parser = command_line.Parser(prog="python -m engine", description="Shotpack's engine: boards and prompts to shots.")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=command_line.Parser)
    for command in (generate, finish, serve, models, doctor, inspect, sign):
        command.add_parser(subparsers)
    _add_what_moved(subparsers)
    return command_line.run(parser, arguments)


def _add_what_moved(subparsers: argparse._SubParsersAction[command_line.Parser]) -> None:
    """0.1.0's command for the small model tells where it has gone."""
    moved = subparsers.add_parser("sketch", add_help=False, prefix_chars="\0")
    moved.add_argument("rest", nargs="*")
    moved.set_defaults(run=lambda _: moved.exit(2, _MOVED))


if __name__ == "__main__":
    sys.exit(main())
