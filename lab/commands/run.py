"""`python -m lab run`: make what an experiment lacks."""

from __future__ import annotations

import argparse
from typing import Any

from .options import add_experiment, add_folder


def add_parser(subparsers: Any) -> None:
    """Add the command to `python -m lab`."""
    parser = subparsers.add_parser("run", help="train variants, make their shots and measure them; a run goes on")
    add_folder(parser)
    add_experiment(parser)
    parser.add_argument("--only", metavar="ID", help="one variant")
    parser.add_argument("--seed", type=int, metavar="N", help="one training seed")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default: 2)")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from ..experiment import read_experiment
    from ..runs import do_all

    do_all(args.out, read_experiment(args.experiment), args.jobs, args.only, args.seed)
    return 0
