"""A real window: the zip installed by Blender's own command, Generate clicked with the mouse, the shot seen filling.

`BLENDER` names a program that runs Blender with its arguments and also knows `--do` (xdotool's arguments) and
`--screenshot FILE` on the same display. Screenshots stay in out/desktop/.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
BLENDER = os.environ.get("BLENDER", "")
SHOTS = ROOT / "out" / "desktop"
SCREEN, WINDOW = (1920, 1080), (1600, 900)
BUTTON_BELOW_TOP = 160
"""Pixels from the top of the sidebar to the middle of Generate, with one board strip and a prompt."""
LIMIT = 300.0

pytestmark = pytest.mark.skipif(not BLENDER, reason="BLENDER names no Blender with a window")


class Desk:
    """One Blender window with the storyboard open."""

    def __init__(self, folder: Path) -> None:
        self.status_file = folder / "status.json"
        self.environ = os.environ | {
            "BLENDER_USER_RESOURCES": str(folder / "user"),
            "SHOTPACK_HOME": str(folder / "models-home"),
            "OMP_NUM_THREADS": "1",
        }
        self._install(folder)
        shutil.copytree(ROOT / "samples" / "panels", folder / "panels")
        shutil.copy(ROOT / "samples" / "storyboard.blend", folder / "storyboard.blend")
        stage = [
            str(folder / "storyboard.blend"),
            str(self.status_file),
            str(ROOT / ".venvs/engine/bin/python"),
            "tiny",
        ]
        geometry = ["--window-geometry", "0", "0", *map(str, WINDOW)]
        self.log = (folder / "blender.log").open("wb")
        self.process = subprocess.Popen(
            [BLENDER, *geometry, "--python", str(ROOT / "samples/window.py"), "--", *stage],
            env=self.environ,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def _install(self, folder: Path) -> None:
        models = folder / "models-home" / "models" / "tiny"
        models.mkdir(parents=True)
        for path in (ROOT / "tests/fixtures/tiny-framepack").iterdir():
            (models / path.name).symlink_to(path, target_is_directory=path.is_dir())
        (models / "shotpack.json").write_text(json.dumps({"sizes": [[112, 64]], "steps": 4}), encoding="utf-8")
        self._command("build", "--source-dir", str(ROOT), "--output-dir", str(folder))
        package = next(folder.glob("shotpack-*.zip"))
        self._command("validate", str(package))
        self._command("install-file", "--repo", "user_default", "--enable", str(package))

    def _command(self, *arguments: str) -> None:
        ran = subprocess.run([BLENDER, "--command", "extension", *arguments], env=self.environ, capture_output=True)
        assert ran.returncode == 0, ran.stdout.decode() + ran.stderr.decode()

    def status(self) -> dict[str, Any]:
        return json.loads(self.status_file.read_text(encoding="utf-8")) if self.status_file.exists() else {}

    def wait_for(self, reached: Callable[[dict[str, Any]], Any]) -> Any:
        begun = time.monotonic()
        while not (found := reached(self.status())):
            assert self.process.poll() is None, "Blender has ended"
            assert time.monotonic() - begun < LIMIT, self.status()
            time.sleep(0.1)
        return found

    def click(self, x: float, y: float) -> None:
        """Click at a place in the window, counted from its bottom left as Blender does."""
        subprocess.run(
            [BLENDER, "--do", "mousemove", str(round(x)), str(round(SCREEN[1] - y)), "click", "1"], check=True
        )

    def screenshot(self, name: str) -> Image.Image:
        SHOTS.mkdir(parents=True, exist_ok=True)
        subprocess.run([BLENDER, "--screenshot", str(SHOTS / name)], check=True)
        with Image.open(SHOTS / name) as picture:
            return picture.convert("RGB")

    def close(self) -> None:
        os.killpg(self.process.pid, 15)
        self.process.wait(30)
        self.log.close()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    opened = Desk(tmp_path_factory.mktemp("desk"))
    yield opened
    opened.close()


def test_a_shot_is_made_by_one_click(desk: Desk) -> None:
    status = desk.wait_for(lambda status: status.get("category") == "Shotpack" and status)
    time.sleep(1)
    desk.screenshot("1-panel.png")
    x, y, width, height = status["sidebar"]
    desk.click(x + width / 2 - 20, y + height - BUTTON_BELOW_TOP)
    (shot,) = desk.wait_for(lambda status: status["shots"])
    assert (shot["channel"], shot["span"]) == (2, [1, 121])
    desk.screenshot("2-placed.png")
    desk.wait_for(lambda status: "section" in status["shots"][0]["roles"])
    desk.screenshot("3-filling.png")
    desk.wait_for(lambda status: status["shots"][0]["state"] == "finished")
    (shot,) = desk.status()["shots"]
    assert shot["roles"] == ["final"]
    time.sleep(1)
    desk.screenshot("4-finished.png")
