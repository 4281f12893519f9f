"""Models as Blender asks for them: the engine's own command in a process, the real catalog, a hub on this machine."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.client.model_list import Model, ModelList
from engine.errors import Code
from engine.models.catalog import CATALOG
from tests.engine.hub_server import HubServer, serve
from tests.patience import PATIENCE
from tests.unit.model_files import WEIGHTS, make_model

ROOT = Path(__file__).resolve().parents[2]
ENTRY = CATALOG[0]


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """The catalog's repositories with tiny files."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "HF_TOKEN", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    whole = make_model(tmp_path / "whole")
    repos: dict[str, Path] = {}
    for part in ENTRY.parts:
        repos[part.source.repo] = root = tmp_path / "hub" / part.source.repo.replace("/", "--")
        shutil.copytree(whole / part.component, root / part.folder, dirs_exist_ok=True)
    with serve(repos) as server:
        server.commits = frozenset(source.revision for source in ENTRY.sources if source.revision)
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


@pytest.fixture
def model_list(tmp_path: Path, hub: HubServer) -> ModelList:
    return ModelList(Path(sys.executable), ROOT, tmp_path / "home")


def told(model_list: ModelList) -> Model:
    model_list.wait(PATIENCE)
    assert not model_list.busy
    return next(model for model in model_list.models if model.name == ENTRY.name)


def test_fetched_only_once_its_terms_are_agreed_to(model_list: ModelList, hub: HubServer) -> None:
    model_list.look()
    model = told(model_list)
    assert (model.title, model.state, model.bytes) == (ENTRY.title, "missing", ENTRY.about_bytes)
    assert [terms.url for terms in model.terms] == [licence.url for licence in ENTRY.licences]
    assert all(terms.note for terms in model.terms)
    assert any(model.name == "sketch" and model.state == "installed" for model in model_list.models)
    model_list.fetch(ENTRY.name, agreed=False)
    assert told(model_list).state == "missing"
    assert model_list.fault is not None
    assert model_list.fault.code is Code.LICENCE_NOT_ACCEPTED
    assert not hub.bodies()
    model_list.fetch(ENTRY.name, agreed=True)
    assert model_list.busy
    assert told(model_list).state == "installed"
    assert model_list.fault is None
    assert model_list.done == model_list.total > 0


def test_stopped_it_goes_on_where_it_was(model_list: ModelList, hub: HubServer) -> None:
    weights = WEIGHTS["transformer"]
    hub.stall_at[weights] = 5
    model_list.fetch(ENTRY.name, agreed=True)
    assert hub.stalled.wait(PATIENCE)
    assert model_list.fetching == ENTRY.name
    model_list.cancel()
    assert told(model_list).state == "partial"
    assert model_list.fault is None
    assert model_list.fetching == ""
    hub.stall_at.clear()
    hub.go.set()
    model_list.fetch(ENTRY.name, agreed=True)
    assert told(model_list).state == "installed"


def test_a_hub_that_is_away_is_one_sentence(model_list: ModelList, hub: HubServer) -> None:
    hub.down = True
    model_list.fetch(ENTRY.name, agreed=True)
    told(model_list)
    assert model_list.fault is not None
    assert model_list.fault.code is Code.DOWNLOAD_FAILED
    assert "\n" not in model_list.fault.line


def test_an_engine_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    model_list = ModelList(tmp_path / "no-python", ROOT)
    model_list.look()
    model_list.wait(PATIENCE)
    assert model_list.fault is not None
    assert model_list.fault.code is Code.ENGINE_START_FAILED
