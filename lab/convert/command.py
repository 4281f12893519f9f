"""`python -m lab convert`: a packed model folder of a text-to-video model."""

from __future__ import annotations

import argparse
from pathlib import Path

from engine import command_line
from engine.media.files import readable_bytes


def add_parser(subparsers: argparse._SubParsersAction[command_line.Parser]) -> None:
    """Add the `convert` command to the command line."""
    parser = subparsers.add_parser("convert", help="make a packed model of a text-to-video model; needs no GPU")
    parser.add_argument(
        "--from", dest="source", required=True, metavar="DIR_OR_NAME", help="a diffusers folder or an installed model"
    )
    parser.add_argument(
        "--to", required=True, choices=("framepack", "helios"), help="framepack: of HunyuanVideo; helios: of Wan 2.1"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="MODEL", help="the model folder to make")
    parser.add_argument(
        "--image-encoder",
        metavar="DIR_OR_NAME",
        help="for framepack: whose image encoder is taken (default: an installed FramePack model's)",
    )
    parser.add_argument(
        "--dtype", choices=("bf16", "kept"), default="bf16", help="the transformer's numbers (default: bf16)"
    )
    parser.set_defaults(run=_convert)


def _convert(args: argparse.Namespace) -> int:
    from .convert import convert  # with torch and diffusers, which take a while

    done = convert(args.source, args.to, args.out, image_encoder=args.image_encoder, halved=args.dtype == "bf16")
    print(
        f"{args.out}: {done.tensors} tensors, {done.new} of them new, {readable_bytes(done.bytes)}; on one block it"
        f" says what its source says (largest difference {done.difference:.1e} of the largest value)"
    )
    return 0
