"""A Blender with its real window and a script that runs inside, with the extension installed from its zip or without.

`BLENDER` names a program that runs Blender with its arguments and also knows `--do` (xdotool's arguments) and
`--screenshot FILE` on the same display. Screenshots stay in out/desktop/.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from tests.patience import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
BLENDER = os.environ.get("BLENDER", "")
SHOTS = ROOT / "out" / "desktop"
SCREEN, WINDOW = (1920, 1080), (1600, 900)
ENGINE_PYTHON = ROOT / ".venvs" / "engine" / "bin" / "python"
MODEL = "tiny"
_STEP = 10
"""Pixels; a button is about twice as high."""


def environ_of(folder: Path) -> dict[str, str]:
    """What a Blender is started with that keeps everything of its own in `folder`."""
    own = {"BLENDER_USER_RESOURCES": str(folder / "user"), "SHOTPACK_HOME": str(folder / "models-home")}
    return os.environ | own | {"OMP_NUM_THREADS": "1"}


def run_blender(folder: Path, *arguments: str) -> str:
    """Run a Blender without a window to its end; returns what it prints."""
    ran = subprocess.run([BLENDER, *arguments], env=environ_of(folder), capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


class BlenderWindow:
    """One Blender window in which `script` runs; `status` is what it writes into its first argument."""

    def __init__(self, folder: Path, script: Path, *arguments: object) -> None:
        self.status_file = folder / "status.json"
        stage = [str(argument) for argument in (self.status_file, *arguments)]
        geometry = ["--window-geometry", "0", "0", *map(str, WINDOW)]
        self.log = (folder / "blender.log").open("wb")
        self.process = subprocess.Popen(
            [BLENDER, *geometry, "--python", str(script), "--", *stage],
            env=environ_of(folder),
            stdout=self.log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def status(self) -> dict[str, Any]:
        return json.loads(self.status_file.read_text(encoding="utf-8")) if self.status_file.exists() else {}

    def wait_for(self, reached: Callable[[dict[str, Any]], Any]) -> Any:
        begun = time.monotonic()
        while not (found := reached(self.status())):
            assert self.process.poll() is None, "Blender has ended"
            assert time.monotonic() - begun < PATIENCE, self.status()
            time.sleep(0.1)
        return found

    def click(self, x: float, y: float) -> None:
        """Click at a place in the window, counted from its bottom left as Blender does."""
        subprocess.run(
            [BLENDER, "--do", "mousemove", str(round(x)), str(round(SCREEN[1] - y)), "click", "1"], check=True
        )

    def press_key(self, x: float, y: float, key: str) -> None:
        """Press a key, by xdotool's name, with the mouse at a place in the window, counted as in `click`."""
        move = ["mousemove", str(round(x)), str(round(SCREEN[1] - y))]
        subprocess.run([BLENDER, "--do", *move, "sleep", "0.1", "key", key], check=True)

    def place_of(self, operator: str, sidebar: list[Any]) -> tuple[int, int]:
        """Where a button of the sidebar is, counted from the window's bottom left.

        Blender names the one under the mouse: copying over it puts its command into the clipboard. One that is out
        of sight is never found.
        """
        x, y, width, height = sidebar[:4]
        for up in range(y + height - _STEP, y, -_STEP):
            at = x + width // 2, up
            self.press_key(*at, "ctrl+c")
            time.sleep(0.4)  # the status is told every 0.2 s
            if operator in self.status().get("clipboard", ""):
                return at
        raise AssertionError(f"{operator} is not in sight")

    def screenshot(self, name: str) -> Image.Image:
        SHOTS.mkdir(parents=True, exist_ok=True)
        subprocess.run([BLENDER, "--screenshot", str(SHOTS / name)], check=True)
        with Image.open(SHOTS / name) as picture:
            return picture.convert("RGB")

    def close(self) -> None:
        os.killpg(self.process.pid, 15)
        self.process.wait(PATIENCE)
        self.log.close()


class ShotpackWindow(BlenderWindow):
    """A window with the extension from its zip, a real engine beside it and a model, which is a quick one or Sketch."""

    def __init__(self, folder: Path, script: Path, *arguments: object, model: str = MODEL) -> None:
        models = folder / "models-home" / "models" / MODEL
        models.mkdir(parents=True)
        for path in (ROOT / "tests/fixtures/tiny-framepack").iterdir():
            (models / path.name).symlink_to(path, target_is_directory=path.is_dir())
        (models / "shotpack.json").write_text(json.dumps({"sizes": [[112, 64]], "steps": 4}), encoding="utf-8")
        extension = ("--command", "extension")
        run_blender(folder, *extension, "build", "--source-dir", str(ROOT), "--output-dir", str(folder))
        package = next(folder.glob("shotpack-*.zip"))
        run_blender(folder, *extension, "validate", str(package))
        run_blender(folder, *extension, "install-file", "--repo", "user_default", "--enable", str(package))
        super().__init__(folder, script, ENGINE_PYTHON, model, *arguments)
