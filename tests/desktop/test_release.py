"""A release as an artist gets it: from the repository by its address, and updated there, in a Blender that runs on."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from zipfile import ZipFile

import pytest

from tests.desktop.window import BLENDER, ROOT, BlenderWindow, run_blender

pytestmark = pytest.mark.skipif(not BLENDER, reason="BLENDER names no Blender with a window")
SCRIPT = Path(__file__).with_name("updating.py")
NEWER = "99.0.0"


def release(out: Path, *arguments: object) -> Path:
    """Run `dev.py release`; returns the zip, beside which the repository's listing lies."""
    command = [sys.executable, str(ROOT / "dev.py"), "release", "--uncommitted", "--out", str(out)]
    subprocess.run([*command, *map(str, arguments)], check=True)
    (package,) = out.glob("*.zip")
    return package


def with_version(package: Path, version: str, folder: Path) -> tuple[Path, str]:
    """Unpack a release and raise its version wherever it stands; returns the folder, and the version that it had."""
    with ZipFile(package) as archive:
        archive.extractall(folder)
    old = package.stem.partition("-")[2]
    for path in (folder / "blender_manifest.toml", folder / "engine" / "protocol.py"):
        text = path.read_text(encoding="utf-8")
        assert text.count(f'"{old}"') == 1
        path.write_text(text.replace(f'"{old}"', f'"{version}"'), encoding="utf-8")
    return folder, old


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the address by which Blender finds it as a repository."""
    served = tmp_path / "served"
    served.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(served))) as server:
        serving = Thread(target=server.serve_forever)
        serving.start()
        yield served, f"http://127.0.0.1:{server.server_port}/index.json"
        server.shutdown()
        serving.join()


def test_a_release_is_installed_and_updated_from_its_address(repository: tuple[Path, str], tmp_path: Path) -> None:
    served, address = repository
    newer, version = with_version(release(served), NEWER, tmp_path / "newer")
    window = BlenderWindow(tmp_path, SCRIPT, address, tmp_path / "released")
    try:
        installed = window.wait_for(lambda status: status.get("stage") == "installed" and status)
        release(served, "--source", newer)
        (tmp_path / "released").touch()
        updated = window.wait_for(lambda status: status.get("stage") == "updated" and status)
        time.sleep(1)
        window.screenshot("6-updated.png")
    finally:
        window.close()
    assert {"generate", "install_engine"} <= set(installed["operators"])
    assert (installed["version"], installed["running"], installed["panel"]) == (version, version, True)
    expected = installed | {"stage": "updated", "version": NEWER, "running": NEWER}
    assert (installed["preferences"], installed["kept"]) == (["cpu", 12], "a shot")
    assert updated == expected
    run_blender(
        tmp_path, "-b", "--python-exit-code", "1", "--python", str(SCRIPT), "--", str(window.status_file), "", ""
    )
    assert json.loads(window.status_file.read_text(encoding="utf-8")) == expected | {"stage": "started again"}
