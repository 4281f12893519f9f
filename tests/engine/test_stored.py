"""What 0.1.0 has stored is opened by every later release, and a shot that it had half made goes on to the bit.

`tests/fixtures/stored-by-0.1.0.zip` was made by commit e4465b2 in a Blender: a film with a finished and a filling shot,
and the home of its engine with both jobs. `tests/host/test_stored.py` opens the film.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file

from engine.events import Finished, Section
from engine.generation import job
from engine.generation.job import _digest, prepare, run
from engine.inference.registry import spec_of
from engine.inference.speed.kernels import TORCH_CHOICE
from engine.media.boards import BoardPicture, open_board
from engine.models.folder import ModelFolder, open_folder
from engine.models.guide_use import GuideUse
from engine.protocol import Condition, ConditionFrame, ShotRequest
from engine.serialization import from_json
from engine.server.home import jobs_folder, picture_file
from engine.server.storage.records import JobRecord
from engine.server.storage.states import State
from engine.server.storage.store import JobStore
from tests.engine.checkpoints import FIXTURES, TINY

SKETCH = Path(__file__).resolve().parents[2] / "engine" / "sketch" / "weights"
STORED = FIXTURES / "stored-by-0.1.0.zip"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stored")
    with ZipFile(STORED) as archive:
        archive.extractall(folder)
    return folder / "engine"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelFolder:
    """The model as the Blender had it (`tests/host/studio.py`)."""
    folder = tmp_path_factory.mktemp("model")
    for path in TINY.iterdir():
        (folder / path.name).symlink_to(path, target_is_directory=path.is_dir())
    facts = {"sizes": [[64, 64], [96, 64], [112, 64]], "steps": 4}
    (folder / "shotpack.json").write_text(json.dumps(facts), encoding="utf-8")
    return open_folder(folder)


@pytest.fixture(scope="module")
def jobs(home: Path) -> dict[State, JobRecord]:
    store = JobStore(home / "jobs.db")
    try:
        assert not store.mended
        return {record.state: record for record in store.jobs()}
    finally:
        store.close()


def pictures_of(record: JobRecord, home: Path) -> dict[str, BoardPicture]:
    return {sha256: open_board(picture_file(home, sha256)) for sha256 in record.request.pictures}


def pixels(folder: Path) -> np.ndarray:
    return np.stack([np.asarray(Image.open(path), np.int16) for path in sorted((folder / "frames").glob("*.png"))])


def test_the_store_holds_what_it_held(jobs: dict[State, JobRecord], home: Path) -> None:
    assert sorted(jobs) == [State.FINISHED, State.PAUSED]
    assert (jobs[State.FINISHED].request.frames, jobs[State.PAUSED].request.frames) == (37, 109)
    assert jobs[State.PAUSED].request.conditions == ()
    assert len(pixels(jobs_folder(home) / jobs[State.FINISHED].id)) == 37


def test_a_shots_folder_names_the_same_model_settings(
    jobs: dict[State, JobRecord], home: Path, model: ModelFolder
) -> None:
    """By the names that `ModelSpec`'s fields had: by others every shot begun before would be refused."""
    begun = json.loads((jobs_folder(home) / jobs[State.PAUSED].id / "checkpoint" / "request.json").read_text())
    settings, asked = begun["model"]["settings"], from_json(ShotRequest, begun["request"])
    spec = spec_of(model)
    assert _digest(spec, asked) == settings
    assert _digest(replace(spec, conditions=(), guide=GuideUse(seen=0.9)), asked) == settings
    taught = replace(model, facts=replace(model.facts, vocabulary=open_folder(SKETCH).facts.vocabulary))
    assert taught.facts.vocabulary is not None
    assert _digest(spec_of(taught), asked) == settings, "what a model understands is not how a shot is made"
    assert _digest(replace(spec, first_section_steps=3), asked) != settings
    guided = replace(asked, conditions=(Condition("guide", (ConditionFrame(5, "a" * 64),)),))
    assert _digest(replace(spec, guide=GuideUse(seen=0.9)), guided) != _digest(spec, guided)


def test_a_shot_that_0_1_0_had_begun_goes_on_to_the_bit(
    jobs: dict[State, JobRecord],
    home: Path,
    model: ModelFolder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    record = jobs[State.PAUSED]
    folder, pictures = jobs_folder(home) / record.id, pictures_of(record, home)
    first = Path("checkpoint") / "latents-0000.safetensors"
    before = (folder / first).read_bytes()
    events = list(run(prepare(record.request, pictures, model, "cpu", folder), pictures, resume=True))
    assert isinstance(events[-1], Finished)
    assert sum(isinstance(event, Section) for event in events) == 3
    assert (folder / first).read_bytes() == before, "what is made is not made again"
    with monkeypatch.context() as patch:
        patch.setattr(job, "WINOGRAD", TORCH_CHOICE)  # as 0.1.0 had it
        list(run(prepare(record.request, pictures, model, "cpu", tmp_path / "anew"), pictures, resume=False))
    made, anew = pixels(folder), pixels(tmp_path / "anew")
    assert made.shape == anew.shape == (109, 64, 96, 3)
    was, now = load_file(folder / first)["latents"], load_file(tmp_path / "anew" / first)["latents"]
    if was.equal(now):
        assert np.array_equal(made, anew)
    else:  # another processor rounds differently, and the fixture's first section is another one's
        assert np.abs(made - anew).max() <= 2
