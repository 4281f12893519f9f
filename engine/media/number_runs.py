"""Numbers of frames as the runs that they form, and as the text that records have."""

from __future__ import annotations

from collections.abc import Iterable


def number_runs(numbers: Iterable[int]) -> list[list[int]]:
    """Ascending numbers as the first and last of each run: 2, 3, 4, 6 as [[2, 4], [6, 6]]."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return runs


def numbers_text(numbers: Iterable[int]) -> str:
    """Ascending numbers as text: "2-4 6 8-10"."""
    return " ".join(f"{first}-{last}" if first < last else str(first) for first, last in number_runs(numbers))
