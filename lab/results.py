"""What an experiment's runs have measured so far, read from their folders; whatever has not run is not there."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from .experiment import Experiment
from .gates import read_gates
from .judge import Results, Values
from .runs import GATES_FILE, LOSSES, metrics_of, run_folder

_LAST = 100
"""Losses of a training's end."""


def read_results(lab: Path, experiment: Experiment) -> Results:
    """By row, set and metric: (seeds, scenes). A row is there once all seeds of it are."""
    found: dict[tuple[str, str, str], Values] = {}
    for row in experiment.rows:
        for name in row.variant.sets:
            files = [metrics_of(run_folder(lab, row.variant, seed), row, name) for seed in experiment.seeds]
            if not all(file.is_file() for file in files):
                continue
            told = [json.loads(file.read_text(encoding="utf-8")) for file in files]
            for metric in told[0]:
                values = [[np.nan if each is None else each for each in one[metric]] for one in told]
                found[row.id, name, metric] = np.array(values, float)
    return found


def read_losses(lab: Path, experiment: Experiment) -> dict[str, list[float]]:
    """G3: by variant, the mean of the last losses of each seed that has run."""
    found: dict[str, list[float]] = {}
    for variant in experiment.variants:
        for seed in experiment.seeds:
            path = run_folder(lab, variant, seed) / LOSSES
            if path.is_file():
                losses = json.loads(path.read_text(encoding="utf-8"))
                found.setdefault(variant.id, []).append(float(np.mean(losses[-_LAST:])))
    return found


def read_reading(lab: Path, experiment: Experiment) -> dict[str, dict[str, list[float]]]:
    """G1 of what is trained: by variant and block, each seed's that has run."""
    found: dict[str, dict[str, list[float]]] = {}
    for variant in experiment.variants:
        for seed in experiment.seeds:
            for gate in read_gates(run_folder(lab, variant, seed) / GATES_FILE):
                for block, value in gate.of.items():
                    found.setdefault(variant.id, {}).setdefault(block, []).append(value)
    return found
