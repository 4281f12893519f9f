"""This tree beside an earlier one, pair by pair in one run: calls of a busy engine, and Blender's ticks.

`python3 dev.py bench --against TREE`, where TREE is a worktree of an earlier commit (`git worktree add TREE COMMIT`).
Both are measured with this tree's environments, each by its own programs, in turn: the machine's noise falls on both.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.bench.table import Row

ROOT = Path(__file__).resolve().parents[2]
BLENDER = ROOT / ".venvs" / "blender-5.0" / "bin" / "python"
_LOAD = """
import sys, tempfile
from pathlib import Path
from tests.bench import load
with tempfile.TemporaryDirectory() as folder:
    for row in load.rows(Path(folder), quick=sys.argv[1] == "quick"):
        print(f"| {row.figure} | {row.shotpack} |")
"""


@dataclass(frozen=True)
class Figure:
    """A number in what a program prints: after `pattern`, in milliseconds."""

    name: str
    pattern: str


_CALLS = Figure("p99 of a call, 200 jobs, 50 listeners, a worker computing", r"the same, p99 \| ([0-9.]+) ms")
_TICK = Figure("p99 of Blender's tick while a shot streams in", r"a tick, p99 \| ([0-9.]+) ms")


def rows(tree: Path, quick: bool) -> list[Row]:
    """Medians of both, and the median of the ratios with its range."""
    pairs = 1 if quick else 5
    frames = "181" if quick else "720"
    calls = [sys.executable, "-c", _LOAD, "quick" if quick else "long"]
    found = [_row(_CALLS, calls, tree, pairs)]
    if BLENDER.exists():
        found.append(_row(_TICK, [str(BLENDER), "-m", "tests.host.timing", frames], tree, pairs))
    return found


def _row(figure: Figure, command: list[str], tree: Path, pairs: int) -> Row:
    ours, theirs = [], []
    for _ in range(pairs):
        ours.append(_measured(figure, command, ROOT))
        theirs.append(_measured(figure, command, tree))
    ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    spread = f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) of {pairs} pairs"
    return Row(
        f"{figure.name}, here and there, {spread}",
        f"{statistics.median(ours):.1f} ms",
        f"{statistics.median(theirs):.1f} ms",
        "ratio at most 1.1",
    )


def _measured(figure: Figure, command: list[str], tree: Path) -> float:
    environ = os.environ | {"SHOTPACK_TEST_PYTHON": sys.executable}
    printed = subprocess.run(command, cwd=tree, env=environ, capture_output=True, text=True, check=False)
    found = re.search(figure.pattern, printed.stdout)
    if found is None:
        raise RuntimeError(f"{command[0]} in {tree} printed no '{figure.name}':\n{printed.stdout}\n{printed.stderr}")
    print(f"{tree.name}: {figure.name}: {found[1]} ms", file=sys.stderr, flush=True)
    return float(found[1])
