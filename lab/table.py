"""The lab's table and what its claims came to, as Markdown and JSON. It only reads what has run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from engine.media.files import make_folder, write_whole

from .experiment import Comparison, Experiment
from .gates import Gate, read_gates
from .judge import Found, Judged, Results, Values, interval, judge
from .results import read_losses, read_reading
from .runs import GATES_FILE, tables_folder

SHOWN = {
    "H": ("drift sharp", "drift colour", "drift like", "fidelity first", "fidelity last", "sharp last", "jump"),
    "R": ("revisit self", "revisit truth", "mean colour", "fidelity last", "obey", "jump"),
    "D": ("dynamic", "obey", "drift sharp", "drift colour", "jump"),
    "loss": ("loss",),
}
"""Which measures of a set are columns."""


def write_table(lab: Path, experiment: Experiment, results: Results) -> list[Judged]:
    """Write table.md, claims.md and table.json into `lab`'s folder for it; returns the claims."""
    gates, losses = read_gates(lab / "base" / GATES_FILE), read_losses(lab, experiment)
    judged = judge(experiment.claims, results, experiment.judge, {gate.id: gate.holds for gate in gates})
    reads = read_reading(lab, experiment)
    folder = tables_folder(lab, experiment)
    make_folder(folder)
    lines = [*_table(experiment, results), *_gates(gates), *_reading(reads), *_losses(losses)]
    write_whole(folder / "table.md", "\n".join(lines).encode() + b"\n")
    write_whole(folder / "claims.md", "\n".join(_claims(experiment, judged)).encode() + b"\n")
    told = _as_json(experiment, results, judged)
    told |= {"gates": [asdict(gate) for gate in gates], "reads": reads, "losses": losses}
    write_whole(folder / "table.json", _by_line(told).encode() + b"\n")
    return judged


def _table(experiment: Experiment, results: Results) -> Iterator[str]:
    yield f"# {experiment.title}"
    yield ""
    seeds = ", ".join(map(str, experiment.seeds))
    yield f"Experiment {experiment.sha256[:12]}, seeds {seeds}, {experiment.steps} steps."
    yield "Means over seeds and scenes, their 95 % intervals, and each seed's own mean."
    for name, metrics in SHOWN.items():
        rows = [row for row in experiment.rows if (row.id, name, metrics[0]) in results]
        if not rows:
            continue
        yield ""
        yield f"## {name}"
        yield ""
        yield f"| row | what | {' | '.join(metrics)} | the paper |"
        yield f"| --- | --- |{' --- |' * len(metrics)} --- |"
        for row in rows:
            cells = [_cell(results[row.id, name, metric], experiment) for metric in metrics]
            yield f"| {row.id} | {row.variant.what} | {' | '.join(cells)} | {row.variant.paper} |"


def _gates(gates: Sequence[Gate]) -> Iterator[str]:
    """Whether the base is fit to test anything."""
    if not gates:
        return
    yield from ("", "## Gates of the base", "", "| gate | what | value | wanted | holds |", "| --- |" + " --- |" * 4)
    for gate in gates:
        wanted = f"at least {gate.least:g}" if gate.least is not None else f"at most {gate.most:g}"
        of = "".join(f"; {name}: {value:.2g}" for name, value in gate.of.items())
        yield f"| {gate.id} | {gate.says}{of} | {gate.value:.3g} | {wanted} | {'yes' if gate.holds else '**no**'} |"


def _reading(reads: Mapping[str, Mapping[str, Sequence[float]]]) -> Iterator[str]:
    """What every variant reads of its history: shown, and no reason to leave it out."""
    if not reads:
        return
    yield from ("", "## What variants read of their history, seed by seed (as G1)", "")
    yield from ("| variant | blocks |", "| --- | --- |")
    for name, blocks in reads.items():
        told = "; ".join(f"{block}: {', '.join(f'{each:.2g}' for each in seeds)}" for block, seeds in blocks.items())
        yield f"| {name} | {told} |"


def _losses(losses: Mapping[str, Sequence[float]]) -> Iterator[str]:
    """G3: seeds that learned alike."""
    if not losses:
        return
    yield from ("", "## Losses at the end of training, seed by seed (G3: within 5 %)", "")
    yield from ("| variant | losses | spread |", "| --- | --- | --- |")
    for name, each in losses.items():
        spread = (max(each) - min(each)) / (sum(each) / len(each))
        yield f"| {name} | {', '.join(f'{loss:.4f}' for loss in each)} | {spread:.1%} |"


def _cell(values: Values, experiment: Experiment) -> str:
    if np.isnan(values).all():
        return ""
    low, high = interval(values, experiment.judge)
    seeds = ", ".join(f"{each:.3g}" for each in np.nanmean(values, axis=1))
    return f"{np.nanmean(values):.3g} ({low:.3g} to {high:.3g}; {seeds})"


def _claims(experiment: Experiment, judged: Sequence[Judged]) -> Iterator[str]:
    yield f"# What the claims came to: {experiment.title}"
    yield ""
    yield "| claim | verdict | the paper | what it rests on |"
    yield "| --- | --- | --- | --- |"
    for each in judged:
        told = "; ".join(_sentence(found) for found in each.found) or each.verdict
        yield f"| {each.claim.id}. {each.claim.says} | **{each.verdict}** | {each.claim.paper} | {told} |"


def _sentence(found: Found) -> str:
    seeds = ", ".join(f"{each:+.3g}" for each in found.seeds)
    figures = f"{found.mean:+.3g} ({found.low:+.3g} to {found.high:+.3g}; seeds {seeds}; of interest {found.least:.3g})"
    return f"{_said(found.comparison)}: {figures}, {found.verdict}"


def _said(comparison: Comparison) -> str:
    if comparison.kind == "best":
        among = " or ".join(comparison.among)
        return f"best by {comparison.metric} and {comparison.against} is {among}, share of resamples"
    if comparison.rows:
        return f"{comparison.metric} on {comparison.on} {comparison.kind} over {', '.join(comparison.rows)}, slope"
    return f"{comparison.metric} on {comparison.on}, {comparison.one} less {comparison.other}, {comparison.kind}"


def _as_json(experiment: Experiment, results: Results, judged: Sequence[Judged]) -> dict[str, object]:
    return {
        "experiment": experiment.sha256,
        "seeds": list(experiment.seeds),
        "rows": [
            {
                "row": row,
                "set": name,
                "metric": metric,
                "mean": None if np.isnan(values).all() else float(np.nanmean(values)),
                "seeds": [None if np.isnan(each).all() else float(np.nanmean(each)) for each in values],
            }
            for (row, name, metric), values in sorted(results.items())
        ],
        "claims": {each.claim.id: str(each.verdict) for each in judged},
    }


def _by_line(told: Mapping[str, object]) -> str:
    """JSON with a line for each row of a list, so that two tables can be compared by line."""
    lines = []
    for name, value in told.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            value = "[\n  " + ",\n  ".join(json.dumps(each) for each in value) + "\n ]"
        else:
            value = json.dumps(value)
        lines.append(f" {json.dumps(name)}: {value}")
    return "{\n" + ",\n".join(lines) + "\n}"
