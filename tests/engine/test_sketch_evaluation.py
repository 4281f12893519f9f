"""`python -m training eval` measured by what is known: shots that are the truth itself, and shots that stand still."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.media.measures import Picture
from engine.models.catalog import find_model
from training.evaluation import evaluation, outside, recognise, report, trials
from training.evaluation.evaluation import Evaluation, Extent, Sources
from training.evaluation.trials import Trial
from training.scenes.clips import Clip
from training.scenes.moves import Speed

PICTURES = Path(__file__).parents[1] / "fixtures" / "pictures"
SHOTS, CLOSE = 8, 2
"""Shots for obedience, and for fidelity, each of which is also encoded and decoded."""
CAMERA = f"obedience, {SHOTS} shots of 1 section"
OF_STILL = "static stays static (6 shots)"
RATES = tuple(speed.factor for speed in Speed)
"""As fast as the truth goes; tests of the recogniser itself try all rates."""
OUTSIDE = "pictures that no training code drew (4 shots)"
OF_OBJECTS = "object prompts move the object as asked (9 shots)"


@pytest.fixture(scope="module")
def _decoded_once() -> Iterator[None]:
    """What the VAE makes of a trial's truth is the same whatever the shots are: both tests share it."""
    through_vae, decoded = Evaluation.through_vae, {}

    def once(self: Evaluation, clip: Clip) -> list[Picture]:
        key = clip.first.tobytes(), clip.motion
        if key not in decoded:
            decoded[key] = through_vae(self, clip)
        return decoded[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Evaluation, "through_vae", once)
        yield


@pytest.fixture
def measured(
    _decoded_once: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[[Callable[[Trial], list[Picture]]], dict]:
    """Rows of pictures, obedience and fidelity for shots that a function of the trial makes; no network is asked."""
    for module in (trials, outside):
        monkeypatch.setattr(module, "SIZE", (96, 64))
    monkeypatch.setattr(recognise, "RATES", RATES)
    drawn = tmp_path / "drawn"
    drawn.mkdir()
    for name in ("ink-tiger.png", "photo-cat.png"):
        shutil.copy(PICTURES / name, drawn)

    def measure(made: Callable[[Trial], list[Picture]]) -> dict[str, str]:
        monkeypatch.setattr(evaluation, "shoot", lambda trial, *_: made(trial))
        for parts, shots in ((("pictures", "obedience"), SHOTS), (("fidelity",), CLOSE)):
            report.evaluate(find_model("sketch"), tmp_path, parts, Extent(shots, (1,)), Sources(drawn), "cpu")
        results = json.loads((tmp_path / "results.json").read_text())
        return {name: value for rows in results.values() for name, value in rows}

    return measure


def test_the_truth_obeys_in_every_row(measured, tmp_path):
    rows = measured(lambda trial: [trial.clip.frame(number) for number in range(trial.clip.frames)])
    assert rows[f"{CAMERA}, dominant motion as asked"] == "100.0%"
    assert rows[f"{CAMERA}, missed"] == "none"
    assert rows[OF_STILL] == "100.0%"
    assert float(rows[OF_OBJECTS].rstrip("%")) > 85
    assert rows["object prompts leave the camera alone"] == "100.0%"
    assert rows[f"fidelity, frame 1 against the board ({CLOSE} shots)"] == "inf dB"
    assert 20 < float(rows["fidelity, the same for the truth through the VAE"].rstrip(" dB")) < 40
    assert rows["sharpness of the shots, over the truth's"] == "1.00"
    assert rows[f"{OUTSIDE}, dominant motion as asked"] == "100.0%"
    assert rows[f"{OUTSIDE}, missed"] == "none"
    assert rows[f"{OUTSIDE}, frame 1 against the board"] == "inf dB"
    for sheet in ("camera-1", "outside"):
        assert (tmp_path / f"sheet-{sheet}.png").stat().st_size > 1000


def test_a_shot_that_stands_still_obeys_only_where_that_is_asked(measured):
    rows = measured(lambda trial: [trial.clip.first] * trial.clip.frames)
    assert rows[f"{CAMERA}, dominant motion as asked"] == "0.0%"
    assert rows[OF_STILL] == "100.0%"
    assert rows[OF_OBJECTS] == "0.0%"
    assert rows[f"{OUTSIDE}, dominant motion as asked"] == "0.0%"
    assert rows[f"{OUTSIDE}, missed"].startswith("tiger: pan left seen as static; ")
    assert (
        rows["fidelity, still visible part over the first section"]
        == rows["fidelity, the same for a frozen start frame"]
    )
