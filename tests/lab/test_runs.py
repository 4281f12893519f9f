"""A whole experiment in little: a bank, a base, variants of every kind, their shots, measures and a table."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from engine.errors import EngineError
from lab import bank, runs
from lab.__main__ import main
from lab.blind_page import read_key, write_page
from lab.commands.options import FIRST
from lab.experiment import GATES, Experiment, Variant, read_experiment
from lab.gates import history_is_read, measured, read_gates
from lab.held_out import SETS, drift_scenes, gate_scenes, turning_scenes
from lab.network import new_network
from lab.plots import write_plots
from lab.results import read_results
from lab.runs import Lab, do_all, metrics_of, run_folder
from lab.sheets import write_sheets
from lab.table import write_table
from lab.world import Path as Way
from tests.lab.conftest import CLIPS

PLAIN = "td_f16k4f2k2f1k1_g9"


@pytest.fixture(scope="module")
def experiment() -> Experiment:
    """Three variants of a few steps, which between them see history in every way."""
    told = read_experiment(FIRST)
    noisy = next(each for each in told.variants if each.id == "noisy")
    discrete = next(each for each in told.variants if each.id == "V+D")
    chosen = Variant("Y", "", "td_f8k1h4w4f2k2f1k1_g9", ("D",), packing="hybrid", estimates=("look", "truth"))
    tried = (
        replace(noisy, tested=(0.1,), guided=(1.5,), sets=("H", "loss"), boards="newest"),
        replace(discrete, codebook=8, causal=True, sets=("H", "D")),
        chosen,
    )
    return replace(told, seeds=(1,), steps=4, variants=tried, claims=())


@pytest.fixture(scope="module")
def lab(little_lab: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This file's own."""
    return Path(shutil.copytree(little_lab, tmp_path_factory.mktemp("runs") / "lab"))


@pytest.fixture(autouse=True)
def _small_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two scenes of two sections each."""

    def few(scenes):  # type: ignore[no-untyped-def]
        return lambda: [replace(each, path=Way(each.path.motions[:2])) for each in scenes(2)]

    for name, scenes in (("H", drift_scenes), ("D", turning_scenes)):
        monkeypatch.setitem(SETS, name, few(scenes))
    monkeypatch.setattr(runs, "gate_scenes", lambda: gate_scenes(2))
    monkeypatch.setattr(runs, "_EARLY", slice(2, 4))


def test_a_bank_is_extended_and_never_made_twice(lab: Path) -> None:
    shelves = Lab(lab).bank.shelves
    assert [tuple(shelf.latents.shape) for shelf in shelves] == [(CLIPS, 28, 16, 8, 8), (CLIPS, 37, 16, 8, 8)]
    assert tuple(shelves[1].boards.shape[:2]) == (CLIPS, 5)
    before = {path: path.stat().st_mtime_ns for path in (lab / "bank").iterdir()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bank, "CLIPS_PER_FILE", CLIPS)
        bank.extend_bank(lab / "bank", Lab(lab).parts.pipeline, {3: CLIPS, 4: CLIPS}, 1)
    assert {path: path.stat().st_mtime_ns for path in (lab / "bank").iterdir()} == before


def test_a_picture_by_itself_is_what_the_whole_vae_makes_of_it(lab: Path) -> None:
    here = Lab(lab)
    latents = here.bank.shelves[0].latents[0, :2].float()
    vae = here.parts.pipeline.vae
    with torch.inference_mode():
        whole = vae.decode(latents.unsqueeze(2) / vae.config.scaling_factor, return_dict=False)[0][:, :, 0]
    levels = ((whole + 1) * 127.5).clamp(0, 255).permute(0, 2, 3, 1)
    assert levels.std() > 5
    assert (here.parts.pictures(latents).float() - levels).abs().max() < 0.51  # rounded, and the order of its sums


def test_everything_is_made_once_and_ends_in_a_table(lab: Path, experiment: Experiment) -> None:
    do_all(lab, experiment, 1, None, None)
    noisy, discrete, chosen = experiment.variants
    for variant, rows in ((noisy, 2), (discrete, 1), (chosen, 2)):
        run = run_folder(lab, variant, 1)
        assert len(json.loads((run / "losses.json").read_text())) == experiment.steps
        assert len(variant.rows) == rows
        (gate,) = read_gates(run / runs.GATES_FILE)
        assert list(gate.of)[1:] == ["1: f2k2", "2: f1k1"]
        for row in variant.rows:
            for name in variant.sets:
                told = json.loads(metrics_of(run, row, name).read_text())
                assert all(len(values) == 2 for values in told.values())
    shots = load_file(metrics_of(run_folder(lab, noisy, 1), noisy.rows[0], "H").with_suffix(".safetensors"))["latents"]
    assert tuple(shots.shape) == (2, 16, 19, 8, 8)
    assert torch.isfinite(shots).all()
    results = read_results(lab, experiment)
    assert ("noisy w 1.5", "H", "drift sharp") in results
    assert ("noisy 0.1", "loss", "loss") in results
    assert ("Y look", "D", "jump") in results
    write_table(lab, experiment, results)
    table = (runs.tables_folder(lab, experiment) / "table.md").read_text()
    assert "| V+D |" in table
    assert "| noisy | 0: f16k4: " in table
    drawn = [*write_plots(lab, experiment, results), *write_sheets(Lab(lab), experiment, scenes=1)]
    assert [path.name for path in drawn] == ["sharpness.png", "drift.png", "D-0.png", "H-0.png"]
    for path in drawn:
        with Image.open(path) as picture:
            assert np.asarray(picture.convert("L")).std() > 5


def test_a_page_shows_pairs_of_shots_and_not_what_made_them(
    lab: Path, experiment: Experiment, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    do_all(lab, experiment, 1, None, None)
    here = Lab(lab)
    page = write_page(here, experiment, "H", 4)
    assert page is not None
    text = page.read_text()
    asked = json.loads(re.search(r'json" id="pairs">(.*?)</script>', text)[1])["asked"]  # type: ignore[index]
    key = read_key(lab, experiment)
    assert list(key) == ["1", "2", "3", "4"]
    assert len(asked) == 4
    rows = {row.id: row for variant in experiment.variants for row in variant.rows}
    assert len({frozenset(pair) for pair in key.values()}) == 3, "all pairs of three rows come before one comes again"
    assert not any(name in text for name in rows)
    left = rows[key["1"][0]]
    shots = load_file(metrics_of(run_folder(lab, left.variant, 1), left, "H").with_suffix(".safetensors"))["latents"]
    ends = [np.asarray(here.parts.pictures(shot[None, :, -1])[0], float) for shot in shots]
    with Image.open(page.parent / "pairs" / "1.webp") as pair:
        assert pair.n_frames == 7
        assert pair.size == (2 * 256 + 8, 256)
        pair.seek(6)
        shown = np.asarray(pair.convert("RGB").crop((0, 0, 256, 256)).resize((64, 64)), float)
    assert min(np.abs(shown - end).mean() for end in ends) < 8
    said = tmp_path / "votes.json"
    said.write_text(json.dumps(dict.fromkeys(key, "left")))
    assert main(["judge", "--out", str(lab), "--votes", str(said)]) == 0
    assert "4 votes of people" in capsys.readouterr().out
    said.write_text(json.dumps(["left"]))
    assert main(["judge", "--out", str(lab), "--votes", str(said)]) == 2
    assert "votes.json" in capsys.readouterr().err


def test_a_block_whose_kernel_says_nothing_is_not_read(lab: Path) -> None:
    here = Lab(lab)
    network = new_network(1)
    for parameter in network.clean_x_embedder.proj_4x.parameters():
        torch.nn.init.zeros_(parameter)
    read = history_is_read(network, here.gate_scenes(), here.parts.sentences, here.parts.grid, PLAIN)
    assert read["0: f16k4"] == 0
    assert min(read["1: f2k2"], read["2: f1k1"]) > 0


def test_a_base_has_all_gates(lab: Path) -> None:
    here = Lab(lab)
    gates = measured(new_network(1), here.gate_scenes(), here.parts)
    assert tuple(gate.id for gate in gates) == GATES
    assert not gates[2].holds  # it was taught nothing


def test_a_run_that_was_begun_otherwise_is_refused(lab: Path, experiment: Experiment) -> None:
    variant = Variant("plain", "", PLAIN, ())
    Lab(lab).do(experiment, variant, 7)
    Lab(lab).do(experiment, replace(variant, what="in other words", sets=("loss",)), 7)
    with pytest.raises(EngineError, match="another steps and schedule"):
        Lab(lab).do(replace(experiment, steps=5), replace(variant, schedule="td_f1k1_g9"), 7)


def test_what_is_there_is_not_made_again_and_what_is_gone_is_the_same_again(lab: Path, experiment: Experiment) -> None:
    do_all(lab, experiment, 1, None, None)
    variant = experiment.variants[1]
    run = run_folder(lab, variant, 1)
    kept = {path: path.stat().st_mtime_ns for path in run.iterdir() if path.is_file()}
    gone = metrics_of(run, variant.rows[0], "D")
    told, shots = gone.read_text(), gone.with_suffix(".safetensors").read_bytes()
    gone.unlink()
    do_all(lab, experiment, 1, variant.id, None)
    assert gone.read_text() == told
    assert gone.with_suffix(".safetensors").read_bytes() == shots
    assert (run / runs.WEIGHTS).stat().st_mtime_ns == kept[run / runs.WEIGHTS]
    (run / runs.WEIGHTS).unlink()
    do_all(lab, experiment, 1, variant.id, None)
    assert not (run / runs.WEIGHTS).exists(), "what is measured needs no weights"


def test_the_same_seed_practises_the_same_clips_whatever_the_variant(lab: Path, experiment: Experiment) -> None:
    """First losses of variants that see their history alike are equal to the bit."""
    here = Lab(lab)
    plain = Variant("plain", "", experiment.variants[1].schedule, ("D",))
    told = replace(experiment, steps=2, variants=(plain, replace(plain, id="again")))
    losses = []
    for variant in told.variants:
        here.do(replace(told, variants=told.variants), replace(variant, sets=()), 1)
        losses.append(json.loads((run_folder(lab, variant, 1) / "losses.json").read_text()))
    assert losses[0] == losses[1]
