"""What the placement policy predicts beside what a process then takes, and what each placement costs, on Sketch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from engine.sketch.moves import Move
from engine.sketch.trials import as_board, draw_trials
from tests.bench.table import Row

ROOT = Path(__file__).resolve().parent.parent.parent
SIZES = ("256x144", "512x288", "768x432")
_SHORT = 0.25
"""Gigabytes: nothing fits, so the leanest placement is taken."""


def placements(folder: Path, quick: bool) -> list[Row]:
    """Peak memory of `generate`'s process, a section at each size, roomy and short: predicted over measured."""
    trial = next(draw_trials("memory", (Move.PAN_LEFT,), 1, 1))
    board = folder / "board.png"
    board.write_bytes(as_board(trial.clip.first, "board").data)
    rows = []
    for size in SIZES[: 1 if quick else 3]:
        for limit in (None, _SHORT):
            out = folder / f"memory-{size}-{limit}"
            command = [sys.executable, "-m", "engine", "generate", "--model", "sketch", "--image", str(board)]
            command += ["--prompt", trial.prompt, "--frames", "73", "--steps", "1", "--size", size, "--out", str(out)]
            command += ["--device", "cpu", *(["--memory", str(limit)] if limit else [])]
            subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
            memory = json.loads((out / "shot.json").read_text())["memory"]
            predicted, measured = memory["predicted_bytes"], memory["measured_bytes"]
            figure = f"Sketch at {size}, 2 sections, {memory['placement']}: predicted, measured"
            value = f"{predicted / 2**20:.0f} MiB, {measured / 2**20:.0f} MiB ({predicted / measured - 1:+.0%})"
            rows.append(Row(figure, value, "", "within 15 %"))
    return rows
