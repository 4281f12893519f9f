"""Options that more than one command takes."""

from __future__ import annotations

import argparse

_GIGABYTE = 2**30
_LEAST, _MOST = 0.01, 4096
_DAYS_LEAST, _DAYS_MOST = 1.0, 36_500.0
_DISK_MOST = 1_000_000


def add_memory(parser: argparse.ArgumentParser) -> None:
    """Add `--memory`: bytes as `args.memory`, None where it is not given."""
    parser.add_argument(
        "--memory",
        type=_gigabytes,
        metavar="GB",
        help="take at most this much of the device's memory (default: all that is free)",
    )


def add_keep(parser: argparse.ArgumentParser) -> None:
    """Add `--keep-days` and `--keep-gb`: days, and bytes as `args.keep_gb`; None where one is not given."""
    parser.add_argument(
        "--keep-days", type=_days, metavar="D", help="remove shots that ended longer ago (default: keep them for ever)"
    )
    parser.add_argument(
        "--keep-gb",
        type=lambda text: _gigabytes(text, _DISK_MOST),
        metavar="GB",
        help="remove the oldest shots while --home takes more (default: keep them all)",
    )


def _gigabytes(text: str, most: float = _MOST) -> int:
    number = _number(text)
    if not _LEAST <= number <= most:
        raise argparse.ArgumentTypeError(f"'{text}' is no size; write gigabytes, such as 6 or 11.5")
    return round(number * _GIGABYTE)


def _days(text: str) -> float:
    number = _number(text)
    if not _DAYS_LEAST <= number <= _DAYS_MOST:
        raise argparse.ArgumentTypeError(f"'{text}' is no number of days; write 1 or more, such as 30")
    return number


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
