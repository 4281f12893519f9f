"""`python -m lab bank`: draw and encode what the lab's transformers practise on."""

from __future__ import annotations

import argparse
from typing import Any

from .options import add_folder


def add_parser(subparsers: Any) -> None:
    """Add the command to `python -m lab`."""
    parser = subparsers.add_parser("bank", help="draw and encode the world's paths; a bank that was begun goes on")
    add_folder(parser)
    parser.add_argument("--short", type=int, default=3000, help="clips of 3 sections (default: 3000)")
    parser.add_argument("--long", type=int, default=600, help="clips of 21 sections (default: 600)")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default: 2)")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from ..bank import extend_bank
    from ..sketch_parts import SketchParts

    extend_bank(args.out / "bank", SketchParts.load().pipeline, {3: args.short, 21: args.long}, args.jobs)
    return 0
