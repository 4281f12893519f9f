"""The demo in a real Blender window, which stays open at the end: `samples.window` works inside, this follows it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from .show import contact_sheet, draw_bar, say

HERE = Path(__file__).resolve().parent
_NO_BLENDER = 2


def film(out: Path, engine_python: Path, model: str, limit: float) -> int:
    """Install the zip into a Blender of the demo's own settings, and let it make the shot; 2 without a Blender."""
    blender = os.environ.get("BLENDER") or shutil.which("blender")
    if blender is None:
        say("There is no Blender with a window here; install one, or name it in the variable BLENDER.")
        return _NO_BLENDER
    environ = {**os.environ, "BLENDER_USER_RESOURCES": str(out / "blender-settings")}
    _install(blender, environ, out)
    shutil.copytree(HERE / "panels", out / "panels")
    shutil.copyfile(HERE / "storyboard.blend", out / "storyboard.blend")
    stage = [out / "status.json", engine_python, model, out / "storyboard.blend", "generate"]
    with (out / "blender.log").open("wb") as log:
        process = subprocess.Popen(
            [blender, "--python", str(HERE / "window.py"), "--", *map(str, stage)],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return _follow(process, out, time.monotonic() + limit)


def _install(blender: str, environ: dict[str, str], out: Path) -> None:
    say("building the extension and installing its zip")
    extension = [blender, "--command", "extension"]
    build = ["build", "--source-dir", str(HERE.parent), "--output-dir", str(out)]
    subprocess.run([*extension, *build], env=environ, check=True, capture_output=True)
    package = str(next(out.glob("shotpack-*.zip")))
    install = ["install-file", "--repo", "user_default", "--enable", package]
    subprocess.run([*extension, *install], env=environ, check=True, capture_output=True)


def _follow(process: subprocess.Popen[bytes], out: Path, until: float) -> int:
    """Draw a bar until the shot is there or cannot be."""
    while time.monotonic() < until and process.poll() is None:
        shot = _shot(out / "status.json")
        if shot is not None and shot["frames"]:
            draw_bar(1.0, "done", last=True)
            frames = [Path(frame) for frame in shot["frames"]]
            contact_sheet(frames, out / "contact-sheet.png")
            say(f"made {len(frames)} frames; they take Panel 1's place on channel 2 of the window that is open")
            say(f"  {out / 'contact-sheet.png'}   the shot at a glance")
            say(f"  {frames[0].parent}   its frames as PNG")
            return int(not all(frame.is_file() for frame in frames))
        if shot is not None and shot["problem"]:
            say(f"\n{shot['problem']}")
            return 1
        if shot is not None:
            draw_bar(shot["done"], shot["words"])
        time.sleep(0.2)
    say(f"\nBlender made no shot; {out / 'blender.log'} may say why.")
    return 1


def _shot(status: Path) -> dict[str, Any] | None:
    try:
        shots = json.loads(status.read_text(encoding="utf-8"))["shots"]
    except (OSError, ValueError):
        return None
    return dict(shots[0]) if shots else None
