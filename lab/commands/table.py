"""`python -m lab table`: what has run so far, and what the claims came to."""

from __future__ import annotations

import argparse
from typing import Any

from .options import add_experiment, add_folder


def add_parser(subparsers: Any) -> None:
    """Add the command to `python -m lab`."""
    parser = subparsers.add_parser("table", help="write table.md, claims.md and table.json from what has run")
    add_folder(parser)
    add_experiment(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from ..experiment import read_experiment
    from ..results import read_results
    from ..table import write_table

    experiment = read_experiment(args.experiment)
    for each in write_table(args.out, experiment, read_results(args.out, experiment)):
        print(f"{each.claim.id:>4}  {each.verdict:<13} {each.claim.says}")
    return 0
