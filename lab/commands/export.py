"""`python -m lab export`: a run as a model folder that the engine makes shots by."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .options import add_experiment, add_folder


def add_parser(subparsers: Any) -> None:
    """Add the command to `python -m lab`."""
    parser = subparsers.add_parser("export", help="write a run that is trained as a model folder for the engine")
    add_folder(parser)
    add_experiment(parser)
    parser.add_argument("run_name", metavar="RUN", help="variant and seed, such as V+D-1")
    parser.add_argument("model", type=Path, metavar="MODEL", help="the model folder to make")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from ..experiment import read_experiment
    from ..export import export, find_run
    from ..runs import Lab

    variant, seed = find_run(read_experiment(args.experiment), args.run_name)
    export(Lab(args.out), variant, seed, args.model)
    print(args.model)
    return 0
