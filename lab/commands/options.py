"""Options that several of the lab's commands have."""

from __future__ import annotations

import argparse
from pathlib import Path

FIRST = Path(__file__).parents[1] / "experiments" / "first.toml"


def add_folder(parser: argparse.ArgumentParser) -> None:
    """Where everything of a lab lies: `out`."""
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the lab's folder")


def add_experiment(parser: argparse.ArgumentParser) -> None:
    """What is run, or was: `experiment`."""
    parser.add_argument("--experiment", type=Path, default=FIRST, metavar="TOML", help="default: the first table")
