"""A Blender with its real window, the extension installed from its zip, and a script that runs inside.

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

ROOT = Path(__file__).resolve().parents[2]
BLENDER = os.environ.get("BLENDER", "")
SHOTS = ROOT / "out" / "desktop"
SCREEN, WINDOW = (1920, 1080), (1600, 900)
ENGINE_PYTHON = ROOT / ".venvs" / "engine" / "bin" / "python"
MODEL = "tiny"
LIMIT = 300.0


class EngineClient:
    """One Blender window in which `script` runs; `status` is what it writes into its first argument."""

    def __init__(self, folder: Path, script: Path, *arguments: object) -> None:
        self.status_file = folder / "status.json"
        self.environ = os.environ | {
            "BLENDER_USER_RESOURCES": str(folder / "user"),
            "SHOTPACK_HOME": str(folder / "models-home"),
            "OMP_NUM_THREADS": "1",
        }
        self._install(folder)
        stage = [str(argument) for argument in (self.status_file, ENGINE_PYTHON, MODEL, *arguments)]
        geometry = ["--window-geometry", "0", "0", *map(str, WINDOW)]
        self.log = (folder / "blender.log").open("wb")
        self.process = subprocess.Popen(
            [BLENDER, *geometry, "--python", str(script), "--", *stage],
            env=self.environ,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def _install(self, folder: Path) -> None:
        models = folder / "models-home" / "models" / MODEL
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
