"""`python -m lab judge`: which rows make the better shots, by a vote of what is measured, and by people's."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .options import add_experiment, add_folder


def add_parser(subparsers: Any) -> None:
    """Add the command to `python -m lab`."""
    parser = subparsers.add_parser(
        "judge", help="rate rows by the metric vote, and write a page on which people compare their shots unnamed"
    )
    add_folder(parser)
    add_experiment(parser)
    parser.add_argument("--on", choices=("H", "R", "D"), default="H", help="the scenes (default: H)")
    parser.add_argument("--pairs", type=int, default=60, help="on the page (default: 60)")
    parser.add_argument("--votes", type=Path, metavar="FILE", help="what the page saved: rate by it, write no page")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    import json

    from engine.errors import Code, EngineError

    from ..blind_page import read_key, write_page
    from ..experiment import read_experiment
    from ..metrics import truth_sharpness
    from ..results import read_results
    from ..runs import Lab
    from ..votes import counted, metric_votes, ratings

    experiment = read_experiment(args.experiment)
    if args.votes is not None:
        try:
            votes = counted(json.loads(args.votes.read_text(encoding="utf-8")), read_key(args.out, experiment))
        except (OSError, ValueError, TypeError, AttributeError) as fault:
            raise EngineError(Code.BAD_REQUEST, detail=f"{args.votes}: {fault}") from fault
        _print(f"{len(votes)} votes of people", ratings(votes))
        return 0
    lab = Lab(args.out)
    truth = truth_sharpness(lab.scenes(args.on), lab.parts)
    results = read_results(args.out, experiment)
    votes = metric_votes(results, [row.id for row in experiment.rows], args.on, truth)
    if votes:
        _print(f"The metric vote on {args.on}", ratings(votes))
    page = write_page(lab, experiment, args.on, args.pairs)
    if page is None:
        raise EngineError(Code.BAD_REQUEST, detail=f"nothing has run on {args.on} that could be compared")
    print(page)
    return 0


def _print(title: str, rated: dict[str, float]) -> None:
    print(title)
    for row, rating in rated.items():
        print(f"{rating:6.0f}  {row}")
