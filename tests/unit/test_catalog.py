"""The catalog and the homes: what is known by name, where it lies, and which model is meant."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

import pytest

from engine.errors import Code, EngineError
from engine.framepack.packing import Order
from engine.models import catalog, paths
from engine.models.catalog import CATALOG, Source, State, find_entry, find_model, installed, state
from tests.unit.model_files import TEXTS, WEIGHTS, make_model


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SHOTPACK_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(catalog, "_SKETCH_FOLDER", tmp_path / "no-sketch")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def install(home_folder: Path, name: str) -> Path:
    """A model as a download leaves it, but for the shared parts."""
    folder = make_model(home_folder / "models" / name)
    (folder / "shotpack.json").write_text(json.dumps({"order": str(find_entry(name).order)}))
    return folder


def test_the_entries() -> None:
    assert [(entry.name, entry.order) for entry in CATALOG] == [
        ("framepack-i2v", Order.INVERTED),
        ("framepack-f1", Order.FORWARD),
        ("helios-distilled", Order.FORWARD),
        ("helios-base", Order.FORWARD),
        ("helios-mid", Order.FORWARD),
    ]
    for entry in CATALOG[:2]:
        assert {part.component for part in entry.parts} == {*WEIGHTS, *TEXTS}
        assert entry.about_bytes == pytest.approx(42.9e9, rel=0.01)
        assert {licence.name for licence in entry.licences} == {
            "Tencent Hunyuan Community License",
            "Meta Llama 3 Community License",
            "FLUX.1 [dev] Non-Commercial License",
        }
        assert all(licence.url.startswith("https://") for licence in entry.licences)


def test_helios_is_free_to_use() -> None:
    for entry in CATALOG[2:]:
        assert {part.component for part in entry.parts} == {
            "transformer",
            "scheduler",
            "vae",
            "text_encoder",
            "tokenizer",
        }
        assert entry.about_bytes == pytest.approx(40.5e9, rel=0.01)
        assert {licence.name for licence in entry.licences} == {"Apache License 2.0"}
        own = {part.component for part in entry.parts if part.source.repo.lower().endswith(entry.name)}
        assert own >= {"transformer", "scheduler"}


def test_only_the_transformer_is_their_own() -> None:
    first, second = ({(part.component, part.source, part.folder) for part in entry.parts} for entry in CATALOG[:2])
    assert {component for component, _, _ in first ^ second} == {"transformer"}


def test_revisions_are_commits() -> None:
    sources = {source for entry in CATALOG for source in entry.sources}
    assert len(sources) == 7
    assert all(source.revision is None or re.fullmatch(r"[0-9a-f]{40}", source.revision) for source in sources)
    assert len({source.folder(source.revision or "main") for source in sources}) == 7


def test_which_files_a_part_wants() -> None:
    parts = {part.component: part for part in CATALOG[0].parts}
    transformer, encoder = parts["transformer"], parts["text_encoder"]
    for name in ("config.json", "diffusion_pytorch_model-00001-of-00003.safetensors", "tokenizer.model", "merges.txt"):
        assert transformer.wants(name)
        assert encoder.wants(f"text_encoder/{name}")
        assert not encoder.wants(name)
        assert not transformer.wants(f"text_encoder/{name}")
    unwanted = ("model.bin", "model.pt", "model.ckpt", "README.md", ".gitattributes", "handler.py", "a/b.json")
    for name in (*unwanted, "..\\x.json", ".hidden.json", "C:x.json", "model.safetensors.bin"):
        assert not transformer.wants(name)
        assert not encoder.wants(f"text_encoder/{name}")
    assert not encoder.wants("../text_encoder/config.json")


def test_a_source_has_a_folder_for_each_revision() -> None:
    source = Source("someone/model", None, ())
    assert source.folder("a" * 40) == f"parts/someone--model@{'a' * 12}"
    assert source.folder("a" * 40) != source.folder("b" * 40)


@pytest.mark.parametrize(
    ("platform", "variables", "models", "cache"),
    [
        ("linux", {}, "/u/.local/share/shotpack/models", "/u/.cache/shotpack"),
        ("linux", {"XDG_DATA_HOME": "/d", "XDG_CACHE_HOME": "/c"}, "/d/shotpack/models", "/c/shotpack"),
        ("linux", {"XDG_DATA_HOME": "~/d", "XDG_CACHE_HOME": "c"}, "/u/d/shotpack/models", "c/shotpack"),
        ("darwin", {}, "/u/Library/Application Support/Shotpack/models", "/u/Library/Caches/Shotpack"),
        # Set for other programs: what Shotpack has put there stays where it is.
        (
            "darwin",
            {"XDG_DATA_HOME": "/d", "XDG_CACHE_HOME": "/c"},
            "/u/Library/Application Support/Shotpack/models",
            "/u/Library/Caches/Shotpack",
        ),
        ("win32", {"LOCALAPPDATA": "/l"}, "/l/Shotpack/models", "/l/Shotpack/cache"),
        ("win32", {}, "/u/AppData/Local/Shotpack/models", "/u/AppData/Local/Shotpack/cache"),
        ("linux", {"SHOTPACK_HOME": "/s"}, "/s/models", "/s/cache"),
        ("win32", {"SHOTPACK_HOME": "/s", "LOCALAPPDATA": "/l"}, "/s/models", "/s/cache"),
    ],
)
def test_homes(
    monkeypatch: pytest.MonkeyPatch, platform: str, variables: dict[str, str], models: str, cache: str
) -> None:
    for name in ("SHOTPACK_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, "/u")
    monkeypatch.setattr(Path, "home", lambda: Path("/u"))
    assert paths.models_home() == Path(models)
    assert paths.cache_home() == Path(cache)
    assert paths.models_home(Path("/given")) == Path("/given/models")
    assert paths.cache_home(Path("/given")) == Path("/given/cache")


def test_nothing_is_installed(own_home: Path) -> None:
    assert list(installed()) == []
    assert {state(entry) for entry in CATALOG} == {State.MISSING}
    with pytest.raises(EngineError, match="models download framepack-i2v") as caught:
        find_model(None)
    assert caught.value.code is Code.MODEL_MISSING
    with pytest.raises(EngineError, match="framepack-f1 is not installed") as caught:
        find_model("framepack-f1")
    assert caught.value.code is Code.MODEL_NOT_INSTALLED
    assert caught.value.exit_code == 3
    assert not own_home.exists()


def test_an_unknown_name(own_home: Path) -> None:
    with pytest.raises(EngineError, match="framepack-i2v, framepack-f1") as caught:
        find_model("framepak")
    assert caught.value.code is Code.MODEL_UNKNOWN
    with pytest.raises(EngineError, match="framepack-i2v, framepack-f1"):
        find_entry("framepak")


def test_the_best_one(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sketch = make_model(own_home.parent / "weights")
    monkeypatch.setattr(catalog, "_SKETCH_FOLDER", sketch)
    assert (find_model(None).name, find_model(None).path) == ("sketch", sketch)
    make_model(own_home / "models" / "mine")
    assert find_model(None).name == "mine"
    install(own_home, "framepack-f1")
    assert find_model(None).name == "framepack-f1"
    install(own_home, "framepack-i2v")
    assert find_model(None).name == "framepack-i2v"
    assert [name for name, _ in installed()] == ["framepack-i2v", "framepack-f1", "mine", "sketch"]
    assert find_model("sketch").path == sketch


def test_by_name_and_by_folder(own_home: Path) -> None:
    folder = install(own_home, "framepack-i2v")
    assert find_model("framepack-i2v").facts.order is Order.INVERTED
    assert find_model(folder) == find_model(str(folder)) == find_model("framepack-i2v")
    assert find_model("framepack-i2v", own_home.parent / "home") == find_model("framepack-i2v")
    with pytest.raises(EngineError, match="is not installed"):
        find_model("framepack-i2v", own_home.parent / "elsewhere")


def test_a_name_goes_before_a_folder(own_home: Path) -> None:
    here = make_model(own_home.parent / "framepack-i2v")
    assert find_model("framepack-i2v").path.resolve() == here.resolve()
    there = install(own_home, "framepack-i2v")
    assert find_model("framepack-i2v").path == there
    assert find_model("./framepack-i2v").path.resolve() == here.resolve()


def test_half_a_download_does_not_count(own_home: Path) -> None:
    folder = install(own_home, "framepack-i2v")
    (folder / "shotpack.json").unlink()
    assert state(CATALOG[0]) is State.PARTIAL
    assert list(installed()) == []
    with pytest.raises(EngineError, match="only partly downloaded"):
        find_model("framepack-i2v")
    shutil.rmtree(folder)
    source = CATALOG[0].parts[0].source
    (own_home / "models" / source.folder(source.revision or "main")).mkdir(parents=True)
    assert state(CATALOG[0]) is State.PARTIAL
    assert state(CATALOG[1]) is State.MISSING


def test_a_damaged_model_is_not_passed_over(own_home: Path) -> None:
    """Quietly taking the next best model would surprise more than a clear word."""
    folder = install(own_home, "framepack-i2v")
    install(own_home, "framepack-f1")
    shutil.rmtree(folder / "vae")
    with pytest.raises(EngineError, match="its vae is missing") as caught:
        find_model(None)
    assert caught.value.code is Code.MODEL_DAMAGED


def test_a_folder_that_is_no_model(own_home: Path) -> None:
    with pytest.raises(EngineError, match=r"model_index\.json") as caught:
        find_model(own_home.parent)
    assert caught.value.exit_code == 3
    assert str(own_home.parent) in caught.value.line
