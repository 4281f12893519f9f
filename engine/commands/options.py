"""Options that more than one command takes."""

from __future__ import annotations

import argparse

_GIGABYTE = 2**30
_LEAST, _MOST = 0.01, 4096


def add_memory(parser: argparse.ArgumentParser) -> None:
    """Add `--memory`: bytes as `args.memory`, None where it is not given."""
    parser.add_argument(
        "--memory",
        type=_gigabytes,
        metavar="GB",
        help="take at most this much of the device's memory (default: all that is free)",
    )


def _gigabytes(text: str) -> int:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not _LEAST <= number <= _MOST:
        raise argparse.ArgumentTypeError(f"'{text}' is no size; write gigabytes, such as 6 or 11.5")
    return round(number * _GIGABYTE)
