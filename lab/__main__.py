"""`python -m lab bank | base | run | table | plot | judge | export | convert`: what goes beyond the released recipe.

Each command is in a file that adds it here.
"""

from __future__ import annotations

import sys

from engine import command_line

from .commands import bank, base, export, judge, plot, run, table
from .convert import command as convert

COMMANDS = (bank, base, run, table, plot, judge, export, convert)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the process's exit code, as `command_line.run` says."""
    parser = command_line.Parser(prog="python -m lab", description="Try what the paper proposes, on small models.")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=command_line.Parser)
    for command in COMMANDS:
        command.add_parser(subparsers)
    return command_line.run(parser, arguments)


if __name__ == "__main__":
    sys.exit(main())
