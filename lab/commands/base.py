"""`python -m lab base`: train what every variant begins from, and say whether it is fit to test anything."""

from __future__ import annotations

import argparse
from typing import Any

from .options import add_folder


def add_parser(subparsers: Any) -> None:
    """Add the command to `python -m lab`."""
    parser = subparsers.add_parser("base", help="train the base on a bank; a run that was stopped goes on")
    add_folder(parser)
    parser.add_argument("--steps", type=int, default=12_000, help="optimiser steps (default: 12000)")
    parser.add_argument(
        "--returning",
        type=int,
        default=2_500,
        help="steps after those in which clips show again what was (default: 2500)",
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=("train", "gates"), help="one half of the command")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    import torch

    from engine.media.files import make_folder

    from ..bank import Bank
    from ..base import Settings, train_base
    from ..gates import measured, write_gates
    from ..network import new_network, read_weights, write_weights
    from ..runs import GATES_FILE, Lab
    from ..sketch_parts import SketchParts

    torch.set_num_threads(1)
    parts, folder = SketchParts.load(), args.out / "base"
    make_folder(folder)
    weights = folder / "transformer.safetensors"
    network = new_network(args.seed)
    if args.only != "gates" and not weights.is_file():
        bank = Bank(args.out / "bank")
        # Clips of every kind first: only who can move a picture has a use for what it showed before.
        taught = {
            "first": Settings(args.steps, args.seed),
            "returning": Settings(args.returning, args.seed, rate=0.5, returning=0.75),
        }
        for name, settings in taught.items():
            stage = folder / f"{name}.safetensors"
            if not stage.is_file():
                train_base(network, bank, parts.sentences, parts.grid, folder / name, settings)
                write_weights(network, stage)
            read_weights(network, stage)
        write_weights(network, weights)
    else:
        read_weights(network, weights)
    if args.only != "train":
        gates = measured(network, Lab(args.out).gate_scenes(), parts)
        write_gates(folder / GATES_FILE, gates)
        for gate in gates:
            print(f"{gate.id:<8} {'holds' if gate.holds else 'fails'}  {gate.value:.4g}  {gate.says}")
    return 0
