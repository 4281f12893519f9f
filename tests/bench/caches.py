"""Step caches on Sketch: how much of the sampling time they save, and how near the frames stay to the exact ones."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import numpy as np

from engine.generation.job import prepare, run
from engine.inference.registry import Families
from engine.media.measures import psnr
from engine.models.catalog import find_model
from engine.protocol import Board, ShotRequest
from tests.bench.table import Row
from training.evaluation.trials import as_board, draw_trials, read_frames
from training.scenes.moves import CAMERA_MOVES

CACHES = ("first-block:0.05", "first-block:0.1", "first-block:0.2", "teacache:0.1", "teacache:0.15", "teacache:0.25")
SPEEDS = ("balanced", "fast")


def caches(folder: Path, quick: bool) -> list[Row]:
    """At 25 steps and at the model's own number: seconds of sampling without over with the cache, and dB to exact."""
    model = find_model("sketch")
    families = Families()
    rows = []
    moves = CAMERA_MOVES[:1] if quick else CAMERA_MOVES[::3]
    for steps in (25, None):
        shots: dict[str, tuple[list[float], list[float]]] = {}
        for number, trial in enumerate(islice(draw_trials("cache", moves, len(moves), 1), len(moves))):
            board = as_board(trial.clip.first, trial.name)
            exact: list[np.ndarray] = []
            base = 0.0
            for name in ("exact", *(CACHES if steps else ()), *SPEEDS):
                settings = {"speed": name} if name in SPEEDS else {} if name == "exact" else {"cache": name}
                request = ShotRequest(
                    str(model.path),
                    trial.prompt,
                    (Board(1, board.sha256),),
                    frames=37,
                    steps=steps,
                    seed=number,
                    **settings,
                )
                out = folder / f"cache-{steps}-{number}-{name.replace(':', '-')}"
                job = prepare(request, {board.sha256: board}, model, "cpu", out)
                for _ in run(job, {board.sha256: board}, resume=False, watched=False, families=families):
                    pass
                frames = read_frames(out)
                seconds = json.loads((out / "shot.json").read_text())["seconds"]["step"]
                if name == "exact":
                    exact, base = frames, seconds
                    continue
                near = [min(99.0, psnr(one, other)) for one, other in zip(frames[1:], exact[1:], strict=True)]
                ratios, decibels = shots.setdefault(name, ([], []))
                ratios.append(base / seconds)
                decibels.append(float(np.mean(near)))
        for name, (ratios, decibels) in shots.items():
            wanted = "1.8x and 30 dB" if steps else ""
            figure = f"Sketch, {steps or 'its own'} steps, {name}: faster sampling, {len(ratios)} shots of one section"
            rows.append(Row(figure, f"{np.median(ratios):.2f}x, {np.mean(decibels):.1f} dB to exact", "", wanted))
    return rows
