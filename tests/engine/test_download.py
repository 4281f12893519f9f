"""Installing models against a real HTTP server in this process: what is fetched, resumed, refused, and what counts."""

from __future__ import annotations

import argparse
import collections
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub.constants
import pytest
from huggingface_hub.utils import close_session

from engine.commands import models as command
from engine.errors import Code, EngineError
from engine.framepack.packing import Order
from engine.models import catalog
from engine.models.catalog import Entry, Licence, Part, Source, State, find_model, state
from engine.models.checksums import require_intact
from engine.models.download import accepted_licences, download
from engine.models.folder import ModelFolder
from tests.engine.hub_server import COMMIT, HubServer, serve
from tests.engine.permissions import without_root_s_override
from tests.patience import PATIENCE
from tests.unit.model_files import TEXTS, WEIGHTS, make_model, safetensors

TERMS = Licence("Test Terms", "https://example.org/terms", "for tests alone")
OTHER_TERMS = Licence("Other Terms", "https://example.org/other", "for other tests")
ENCODER = f"text_encoder/{WEIGHTS['text_encoder']}"
ENCODER_BYTES = 300_000


def entry_of(name: str, order: Order = Order.INVERTED, *licences: Licence) -> Entry:
    """A model with a transformer of its own, at the newest commit, and parts shared with all others, pinned."""
    own = Source(f"acme/{name}", None, (TERMS, *licences))
    shared = Source("acme/shared", COMMIT, (TERMS,))
    others = [component for component in (*WEIGHTS, *TEXTS) if component != "transformer"]
    parts = (Part("transformer", own, "", 1000), *(Part(component, shared, component, 100) for component in others))
    return Entry(name, name.capitalize(), "HunyuanVideoFramepackPipeline", order, parts)


FIRST = entry_of("first")
SECOND = entry_of("second", Order.FORWARD)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, no proxy, no token and no switch of this machine."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "HF_ENDPOINT", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_TELEMETRY", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_IMPLICIT_TOKEN", True)
    # The library waits a second before each of its own retries.
    monkeypatch.setattr("huggingface_hub.file_download.time", SimpleNamespace(sleep=lambda seconds: None))
    # It keeps what it fetched in pieces of 10 MB.
    monkeypatch.setattr(huggingface_hub.constants, "DOWNLOAD_CHUNK_SIZE", 10_000)
    monkeypatch.setattr(catalog, "CATALOG", (FIRST, SECOND))
    monkeypatch.setattr(command, "CATALOG", (FIRST, SECOND))
    monkeypatch.setenv("SHOTPACK_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def hub(tmp_path: Path, home: Path) -> Iterator[HubServer]:
    """Two transformers in repositories of their own, and the parts they share, as on the hub."""
    shared = make_model(tmp_path / "hub" / "shared")
    (shared / ENCODER).write_bytes(safetensors(bytes(range(250)) * (ENCODER_BYTES // 250)))
    (shared / "text_encoder" / "pytorch_model.bin").write_bytes(b"\x80\x02.")
    (shared / "README.md").write_text("A model card")
    repos = {"acme/shared": shared}
    for name in ("first", "second"):
        repos[f"acme/{name}"] = tmp_path / "hub" / name
        shutil.copytree(shared / "transformer", repos[f"acme/{name}"])
        (repos[f"acme/{name}"] / WEIGHTS["transformer"]).write_bytes(safetensors(name.encode() * 12))
    with serve(repos) as server:
        yield server
        close_session()


@pytest.fixture
def install(hub: HubServer) -> Callable[..., ModelFolder]:
    def run(entry: Entry = FIRST, **options: Any) -> ModelFolder:
        return download(entry, **{"accept_licence": True, "endpoint": hub.url, **options})

    return run


Install = Callable[..., ModelFolder]


def refused(code: Code, install: Install, *args: Any, **options: Any) -> EngineError:
    with pytest.raises(EngineError) as caught:
        install(*args, **options)
    assert caught.value.code is code
    assert "\n" not in caught.value.line
    return caught.value


def test_success(install: Install, hub: HubServer, home: Path) -> None:
    told: list[tuple[str, int, int]] = []
    folder = install(progress=lambda *numbers: told.append(numbers))
    assert folder.path == home / "models" / "first"
    assert folder.facts.order is Order.INVERTED
    assert folder.facts.revisions == {"acme/first": COMMIT, "acme/shared": COMMIT}
    assert folder.facts.files.keys() == {name for name, _ in folder.files()}
    require_intact(folder)
    for component, path in folder.components.items():
        repo = "first" if component == "transformer" else f"shared/{component}"
        for file in path.iterdir():
            assert file.read_bytes() == (hub.repos["acme/shared"].parent / repo / file.name).read_bytes()
    assert state(FIRST) is State.INSTALLED
    assert find_model("first") == folder
    assert find_model(None) == folder
    # Progress runs to the end, over all files, and never back.
    assert told[-1][1] == told[-1][2]
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)
    assert len({total for _, _, total in told}) == 1


def test_what_is_not_needed_is_not_fetched(install: Install, hub: HubServer, home: Path) -> None:
    install()
    fetched = {path.name for path in home.rglob("*") if path.is_file()}
    assert not {"pytorch_model.bin", "README.md"} & fetched
    assert not hub.of("pytorch_model.bin")
    assert not [name for name in fetched if name.endswith(".incomplete")]


def test_shared_parts_are_fetched_and_stored_once(install: Install, hub: HubServer, home: Path) -> None:
    first = install(FIRST)
    hub.requests.clear()
    second = install(SECOND)
    assert [request.path for request in hub.bodies() if "shared" in request.path] == []
    assert second.components["text_encoder"] == first.components["text_encoder"]
    assert second.components["transformer"] != first.components["transformer"]
    assert second.facts.order is Order.FORWARD
    assert len(list(home.rglob(WEIGHTS["text_encoder"]))) == 3  # text encoders 1 and 2, image encoder


def test_installed_means_no_network(install: Install, hub: HubServer) -> None:
    first = install()
    hub.requests.clear()
    assert install() == first
    assert not hub.requests


def test_interrupted_then_resumed(install: Install, hub: HubServer, home: Path) -> None:
    half = ENCODER_BYTES // 2
    hub.cut_at[ENCODER] = half
    error = refused(Code.DOWNLOAD_FAILED, install)
    assert "503" in error.line
    assert "it goes on where it stopped" in error.line
    assert state(FIRST) is State.PARTIAL
    with pytest.raises(EngineError, match="only partly downloaded"):
        find_model("first")
    assert find_model(None).name == "sketch"  # which is always there
    assert not (home / "models" / "first").exists()

    before = {path for path in home.rglob("*") if path.is_file()}
    hub.down = False
    hub.requests.clear()
    require_intact(install())
    (again,) = hub.of(f"/cdn/acme/shared/{ENCODER}")
    assert again.range == f"bytes={half}-"
    assert again.sent == (hub.repos["acme/shared"] / ENCODER).stat().st_size - half
    # What was whole is not asked for again.
    whole = {path.name for path in before if not path.name.startswith(".") and path.parent.name == "vae"}
    assert whole
    assert not [request for request in hub.bodies() if "/vae/" in request.path]


def test_killed_then_resumed(install: Install, hub: HubServer, home: Path) -> None:
    """`kill -9` leaves the partial file, and the next process goes on with it."""
    hub.stall_at[ENCODER] = 200_000
    code = (
        "from tests.engine.test_download import FIRST, download\n"
        "import huggingface_hub.file_download as library\n"
        "library.constants.DOWNLOAD_CHUNK_SIZE = 10_000\n"
        f"download(FIRST, accept_licence=True, endpoint={hub.url!r})\n"
    )
    environment = {**os.environ, "SHOTPACK_HOME": str(home), "HF_HUB_DISABLE_TELEMETRY": "1"}
    root = Path(__file__).resolve().parents[2]
    process = subprocess.Popen([sys.executable, "-c", code], cwd=root, env=environment)
    try:
        assert hub.stalled.wait(PATIENCE)
        partial = _wait_for(lambda: next(home.rglob(".*.incomplete"), None))
        _wait_for(lambda: partial.stat().st_size >= 100_000 or None)
    finally:
        process.kill()
        process.wait()
    hub.go.set()
    hub.stall_at.clear()
    have = partial.stat().st_size
    hub.requests.clear()
    require_intact(install())
    (again,) = hub.of(f"/cdn/acme/shared/{ENCODER}")
    assert again.range == f"bytes={have}-"


def _wait_for(found: Callable[[], Any]) -> Any:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if (result := found()) is not None:
            return result
        time.sleep(0.01)
    raise AssertionError("nothing came of waiting")


def test_a_broken_connection_is_taken_up_at_once(install: Install, hub: HubServer) -> None:
    """One hiccup is no reason to stop: the library asks for the rest by itself."""
    hub.cut_at[ENCODER] = 100_000
    hub.recovers = True
    require_intact(install())
    assert [request.range for request in hub.of(f"/cdn/acme/shared/{ENCODER}")] == [None, "bytes=100000-"]


def test_a_server_without_ranges(install: Install, hub: HubServer) -> None:
    hub.cut_at[ENCODER] = 100_000  # fewer are not written before the line breaks
    refused(Code.DOWNLOAD_FAILED, install)
    hub.down = False
    hub.ignores_range = True
    require_intact(install())
    ranges = [request.range for request in hub.of(f"/cdn/acme/shared/{ENCODER}")]
    assert ranges[-1] == "bytes=100000-"  # asked for the rest, and got the whole file


@pytest.mark.parametrize("name", [ENCODER, "tokenizer/tokenizer.json"])
def test_a_corrupted_body(install: Install, hub: HubServer, home: Path, name: str) -> None:
    hub.corrupt.add(name)
    error = refused(Code.DOWNLOAD_FAILED, install)
    assert name in error.line
    assert "checksum" in error.line
    assert state(FIRST) is not State.INSTALLED
    assert not [path for path in home.rglob("*") if path.name.endswith(".incomplete")]
    assert not [path for path in home.rglob(Path(name).name) if path.parent.name == Path(name).parent.name]
    hub.corrupt.clear()
    require_intact(install())


def test_a_bad_partial_file_is_dropped(install: Install, hub: HubServer, home: Path) -> None:
    hub.cut_at[ENCODER] = 100_000
    refused(Code.DOWNLOAD_FAILED, install)
    partial = next(home.rglob(".*.incomplete"))
    partial.write_bytes(b"\0" * partial.stat().st_size)
    hub.down = False
    hub.requests.clear()
    require_intact(install())
    assert [request.range for request in hub.of(f"/cdn/acme/shared/{ENCODER}")] == ["bytes=100000-", None]


def test_offline(install: Install, hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    error = refused(Code.OFFLINE, install, offline=True)
    assert "first" in error.line
    assert error.exit_code == 3
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    refused(Code.OFFLINE, install)
    assert not hub.requests
    monkeypatch.delenv("HF_HUB_OFFLINE")
    install()
    hub.requests.clear()
    require_intact(install(offline=True))
    assert not hub.requests


def test_a_licence_is_asked_for_once(install: Install, hub: HubServer, home: Path) -> None:
    error = refused(Code.LICENCE_NOT_ACCEPTED, install, accept_licence=False)
    assert "Test Terms" in error.line
    assert "https://example.org/terms" in error.line
    assert "--accept-licence" in error.line
    assert not hub.requests
    assert not list(home.rglob("*.safetensors"))
    install(accept_licence=True)
    assert accepted_licences()["Test Terms"]["url"] == TERMS.url
    install(SECOND, accept_licence=False)  # under the same terms
    third = refused(
        Code.LICENCE_NOT_ACCEPTED, install, entry_of("third", Order.FORWARD, OTHER_TERMS), accept_licence=False
    )
    assert "Other Terms" in third.line
    assert "Test Terms" not in third.line


def test_a_file_that_is_not_there(install: Install, hub: HubServer) -> None:
    hub.lost.add("tokenizer/tokenizer.json")
    error = refused(Code.DOWNLOAD_FAILED, install)
    assert "tokenizer/tokenizer.json" in error.line
    assert "404" in error.line


def test_a_repository_that_is_not_there(install: Install, hub: HubServer) -> None:
    del hub.repos["acme/first"]
    assert "acme/first" in refused(Code.DOWNLOAD_FAILED, install).line


def test_a_component_that_is_not_there(install: Install, hub: HubServer) -> None:
    shutil.rmtree(hub.repos["acme/shared"] / "vae")
    assert "acme/shared/vae" in refused(Code.DOWNLOAD_FAILED, install).line


def test_a_component_without_safetensors(install: Install, hub: HubServer, home: Path) -> None:
    (hub.repos["acme/shared"] / ENCODER).unlink()
    assert "text_encoder has no weights" in refused(Code.MODEL_DAMAGED, install).line
    assert not (home / "models" / "first").exists()
    assert state(FIRST) is State.PARTIAL


def test_the_server_is_gone(install: Install, home: Path) -> None:
    error = refused(Code.DOWNLOAD_FAILED, install, endpoint="http://127.0.0.1:9")
    assert "no connection" in error.line
    assert error.exit_code == 3


def test_not_a_hub(install: Install, hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A portal that answers everything with its own page."""
    from tests.engine import hub_server

    def portal(self: Any, *_: object) -> None:
        self._answer(200, b"<html>log in first</html>")

    monkeypatch.setattr(hub_server._Handler, "_info", portal)
    assert "not the hub's" in refused(Code.DOWNLOAD_FAILED, install).line


def test_too_little_space(install: Install, hub: HubServer, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = collections.namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 0, 400_000_000))
    error = refused(Code.DISK_SHORT, install)
    assert error.exit_code == 2
    assert "400 MB free" in error.line
    assert "SHOTPACK_HOME" in error.line
    assert not hub.bodies()
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 0, 600_000_000))
    install()


def test_the_disk_fills_up(install: Install, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("huggingface_hub.file_download.http_get", full)
    assert refused(Code.DISK_FULL, install).exit_code == 2
    assert state(FIRST) is not State.INSTALLED


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_no_write_permission(install: Install, home: Path) -> None:
    home.mkdir()
    home.chmod(0o500)
    with without_root_s_override():
        assert refused(Code.FOLDER_UNWRITABLE, install).exit_code == 2


def test_a_file_in_the_way(install: Install, home: Path) -> None:
    home.write_text("not a folder")
    assert refused(Code.FOLDER_UNWRITABLE, install).exit_code == 2


def test_two_at_once(install: Install, home: Path) -> None:
    from engine.media.lock import folder_lock

    (home / "models").mkdir(parents=True)
    with folder_lock(home / "models" / ".download.lock", home):
        assert "another process" in refused(Code.DOWNLOAD_FAILED, install).line
    install()


def test_damage_is_repaired(install: Install, hub: HubServer) -> None:
    folder = install()
    weights = folder.components["text_encoder"] / WEIGHTS["text_encoder"]
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    hub.requests.clear()
    require_intact(install())
    assert [request.path for request in hub.bodies()] == [f"/cdn/acme/shared/{ENCODER}"]


# The command line


@pytest.fixture
def models(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())

    def run(*words: str) -> int:
        args = parser.parse_args(["models", *words])
        return int(args.run(args))

    return run


Models = Callable[..., int]


def test_list(models: Models, capsys: pytest.CaptureFixture[str]) -> None:
    assert models("list") == 0
    header, first, second, built_in, beyond = capsys.readouterr().out.splitlines()
    assert header.split() == ["NAME", "STATE", "SIZE", "ORDER", "LICENCE"]
    assert first.split() == ["first", "missing", "2", "kB", "inverted", "Test", "Terms"]
    assert second.split()[:2] == ["second", "missing"]
    assert built_in.split()[:2] == ["sketch", "installed"]
    assert beyond.startswith("    trained for ")
    models("download", "first", "--accept-licence")
    capsys.readouterr()
    models("list", "--json")
    rows = json.loads(capsys.readouterr().out)
    assert [(row["name"], row["state"]) for row in rows] == [
        ("first", "installed"),
        ("second", "missing"),
        ("sketch", "installed"),
    ]
    assert rows[0]["licence_urls"] == [TERMS.url]


def test_list_tells_a_model_put_there_by_hand(models: Models, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_model(home / "models" / "mine")
    make_model(home / "models" / "bad")
    (home / "models" / "bad" / "model_index.json").write_text("{")
    models("list", "--json")
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert (rows["mine"]["state"], rows["bad"]["state"]) == ("installed", "damaged")
    assert find_model("mine").name == "mine"


def test_download_verify_path(models: Models, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert models("download", "first", "--accept-licence") == 0
    captured = capsys.readouterr()
    assert "first is installed in" in captured.out
    assert "100%" in captured.err
    assert models("path", "first") == 0
    assert Path(capsys.readouterr().out.strip()) == (home / "models" / "first").resolve()
    assert models("verify", "first") == 0
    sound = capsys.readouterr().out.splitlines()
    assert all(line.startswith("ok ") for line in sound[:-1])
    assert "all sound" in sound[-1]
    weights = find_model("first").components["vae"] / WEIGHTS["vae"]
    weights.write_bytes(weights.read_bytes()[:-1])
    assert models("verify", "first") == 3
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("damaged")] == [
        f"damaged  vae/{WEIGHTS['vae']}: vae/{WEIGHTS['vae']} is truncated: its last 1 bytes are missing"
    ]
    assert "models download first" in lines[-1]
    assert models("download", "first") == 0
    assert models("verify", str(home / "models" / "first")) == 0


def test_another_home(models: Models, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "other"
    assert models("download", "first", "--accept-licence", "--home", str(other)) == 0
    assert models("path", "first", "--home", str(other)) == 0
    assert (other / "models" / "first" / "shotpack.json").is_file()
    assert find_model(other / "models" / "first").components["vae"].is_relative_to(other)
    with pytest.raises(EngineError, match="first is not installed"):
        models("path", "first")


def test_words_that_mean_no_model(models: Models, tmp_path: Path) -> None:
    for action in ("download", "verify", "path"):
        with pytest.raises(EngineError, match="first, second") as caught:
            models(action, "thrid")
        assert caught.value.code is Code.MODEL_UNKNOWN
    with pytest.raises(EngineError, match=r"model_index\.json") as caught:
        models("verify", str(tmp_path))
    assert caught.value.exit_code == 3
