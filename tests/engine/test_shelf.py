"""Models as Blender asks for them: the engine's own command in a process, the real catalog, a hub on this machine."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.client.model_list import Model, Shelf
from engine.errors import Code
from engine.models.catalog import CATALOG
from tests.engine.hub_server import HubServer, serve
from tests.unit.model_files import WEIGHTS, make_model

ROOT = Path(__file__).resolve().parents[2]
ENTRY = CATALOG[0]
LIMIT = 120.0


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
def shelf(tmp_path: Path, hub: HubServer) -> Shelf:
    return Shelf(Path(sys.executable), ROOT, tmp_path / "home")


def told(shelf: Shelf) -> Model:
    shelf.wait(LIMIT)
    assert not shelf.busy
    return next(model for model in shelf.models if model.name == ENTRY.name)


def test_fetched_only_once_its_terms_are_agreed_to(shelf: Shelf, hub: HubServer) -> None:
    shelf.look()
    model = told(shelf)
    assert (model.title, model.state, model.bytes) == (ENTRY.title, "missing", ENTRY.about_bytes)
    assert [terms.url for terms in model.terms] == [licence.url for licence in ENTRY.licences]
    assert all(terms.note for terms in model.terms)
    assert any(model.name == "sketch" and model.state == "installed" for model in shelf.models)
    shelf.fetch(ENTRY.name, agreed=False)
    assert told(shelf).state == "missing"
    assert shelf.fault is not None
    assert shelf.fault.code is Code.LICENCE_NOT_ACCEPTED
    assert not hub.bodies()
    shelf.fetch(ENTRY.name, agreed=True)
    assert shelf.busy
    assert told(shelf).state == "installed"
    assert shelf.fault is None
    assert shelf.done == shelf.total > 0


def test_stopped_it_goes_on_where_it_was(shelf: Shelf, hub: HubServer) -> None:
    weights = WEIGHTS["transformer"]
    hub.stall_at[weights] = 5
    shelf.fetch(ENTRY.name, agreed=True)
    assert hub.stalled.wait(LIMIT)
    assert shelf.fetching == ENTRY.name
    shelf.cancel()
    assert told(shelf).state == "partial"
    assert shelf.fault is None
    assert shelf.fetching == ""
    hub.stall_at.clear()
    hub.go.set()
    shelf.fetch(ENTRY.name, agreed=True)
    assert told(shelf).state == "installed"


def test_a_hub_that_is_away_is_one_sentence(shelf: Shelf, hub: HubServer) -> None:
    hub.down = True
    shelf.fetch(ENTRY.name, agreed=True)
    told(shelf)
    assert shelf.fault is not None
    assert shelf.fault.code is Code.DOWNLOAD_FAILED
    assert "\n" not in shelf.fault.line


def test_an_engine_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "no-python", ROOT)
    shelf.look()
    shelf.wait(LIMIT)
    assert shelf.fault is not None
    assert shelf.fault.code is Code.ENGINE_START_FAILED
