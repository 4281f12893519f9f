"""`python -m lab plot`: plots and contact sheets of what has run."""

from __future__ import annotations

import argparse
from typing import Any

from .options import add_experiment, add_folder


def add_parser(subparsers: Any) -> None:
    """Add the command to `python -m lab`."""
    parser = subparsers.add_parser("plot", help="draw plots and contact sheets of what has run")
    add_folder(parser)
    add_experiment(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from ..experiment import read_experiment
    from ..plots import write_plots
    from ..results import read_results
    from ..runs import Lab
    from ..sheets import write_sheets

    experiment = read_experiment(args.experiment)
    for path in write_plots(args.out, experiment, read_results(args.out, experiment)):
        print(path)
    for path in write_sheets(Lab(args.out), experiment):
        print(path)
    return 0
