"""`python -m lab run`: make what an experiment lacks."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

FIRST = Path(__file__).parents[1] / "experiments" / "first.toml"


def add_parser(subparsers: Any) -> None:
    """Add the command to `python -m lab`."""
    parser = subparsers.add_parser("run", help="train variants, make their shots and measure them; a run goes on")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the lab's folder")
    parser.add_argument("--experiment", type=Path, default=FIRST, metavar="TOML", help="default: the first table")
    parser.add_argument("--only", metavar="ID", help="one variant")
    parser.add_argument("--seed", type=int, metavar="N", help="one training seed")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default: 2)")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from ..experiment import read_experiment
    from ..runs import do_all

    do_all(args.out, read_experiment(args.experiment), args.jobs, args.only, args.seed)
    return 0
