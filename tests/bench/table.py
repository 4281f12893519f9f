"""A benchmark's results as one Markdown table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One figure: ours, the peer's on the same work where there is one, and what is wanted of it."""

    figure: str
    shotpack: str
    diffusers: str = ""
    wanted: str = ""


def markdown(rows: Sequence[Row], peer: str = "diffusers") -> str:
    """The rows under a heading that names the peer."""
    cells = [("figure", "Shotpack", peer, "wanted"), ("---",) * 4]
    cells += [(row.figure, row.shotpack, row.diffusers, row.wanted) for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)
