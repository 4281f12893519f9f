"""What is kept of the lab's runs: the committed table is what they come to, and three of them can be exported."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file

from lab.commands.options import FIRST
from lab.experiment import read_experiment
from lab.results import read_results
from lab.runs import WEIGHTS, Lab, run_folder, tables_folder
from lab.table import write_table

KEPT = FIRST.parents[1] / "results"
EXPERIMENTS = [FIRST.with_name(f"{folder.name}.toml") for folder in sorted((KEPT / "tables").iterdir())]


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_a_table_is_what_its_runs_come_to(path: Path, tmp_path: Path) -> None:
    lab, experiment = tmp_path / "lab", read_experiment(path)
    shutil.copytree(KEPT, lab, ignore=shutil.ignore_patterns("*.safetensors", "tables"))
    judged = write_table(lab, experiment, read_results(lab, experiment))
    made, kept = (tables_folder(folder, experiment) for folder in (lab, KEPT))
    for name in ("table.md", "claims.md"):
        assert (made / name).read_text(encoding="utf-8") == (kept / name).read_text(encoding="utf-8")
    told = json.loads((kept / "table.json").read_text(encoding="utf-8"))
    assert told["experiment"] == experiment.sha256, "thresholds are as they were before the run"
    assert told["claims"] == {each.claim.id: each.verdict for each in judged}


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_no_row_of_a_table_is_left_out(path: Path) -> None:
    experiment = read_experiment(path)
    results = read_results(KEPT, experiment)
    assert {(row.id, name) for row in experiment.rows for name in row.variant.sets} == {key[:2] for key in results}


@pytest.mark.parametrize(("experiment", "name"), [("first", "V+D"), ("first", "S3"), ("returns", "Y")])
def test_a_kept_run_is_of_the_kept_base(experiment: str, name: str) -> None:
    variants = {each.id: each for each in read_experiment(FIRST.with_name(f"{experiment}.toml")).variants}
    network, sight = Lab(KEPT).made(variants[name], 1)
    run = run_folder(KEPT, variants[name], 1)
    asked = json.loads((run / "run.json").read_text(encoding="utf-8"))
    assert asked["base"] == hashlib.sha256((KEPT / "base" / WEIGHTS).read_bytes()).hexdigest()
    kept = load_file(run / WEIGHTS)
    assert kept.keys() == network.state_dict().keys()
    assert (sight.codebook is not None) == bool(variants[name].codebook)
    assert (sight.choice is not None) == variants[name].selects
