"""The previs sample in a real window: one press, and the shot follows the scene's camera.

`BLENDER=... python -m tests.desktop.test_previs` with the engine's Python prints what held the main thread meanwhile.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from engine.client.guide_frames import guide_frames
from tests.desktop.crowd import line
from tests.desktop.window import BLENDER, ROOT, ShotpackWindow

pytestmark = pytest.mark.skipif(not BLENDER, reason="BLENDER names no Blender with a window")


def press_generate(folder: Path) -> dict[str, Any]:
    """Open the sample, press Generate once it can be, and return the status when the shot is made."""
    shutil.copy(ROOT / "samples" / "previs.blend", folder / "previs.blend")
    window = ShotpackWindow(folder, Path(__file__).with_name("following.py"), folder / "previs.blend")
    try:
        status = window.wait_for(lambda status: status.get("scene") == "Harbour" and status["sidebars"] and status)
        [sidebar] = status["sidebars"]
        assert sidebar[-1] == "Shotpack"
        window.wait_for(lambda status: not status["why"])  # the engine is started by itself, and has said what it can
        time.sleep(1)
        window.screenshot("16-previs.png")
        window.click(*window.place_of("shotpack.generate", sidebar))
        window.wait_for(lambda status: status["shots"])
        window.wait_for(lambda status: max(status["shots"][0]["placeholders"], default=1) > 1 or _made(status))
        window.screenshot("16-previs-plays.png")
        status = window.wait_for(lambda status: _made(status) and status)
        time.sleep(1)
        window.screenshot("16-previs-made.png")
    finally:
        window.close()
    return dict(status)


def _made(status: dict[str, Any]) -> bool:
    assert not {"failed", "cancelled"} & {shot["state"] for shot in status["shots"]}, status["shots"]
    return bool(status["shots"][0]["state"] == "finished")


def test_one_press_follows_the_camera(tmp_path: Path) -> None:
    status = press_generate(tmp_path)
    [shot] = status["shots"]
    assert shot["span"] == [1, 73], "to the next camera's marker"
    [folder] = (tmp_path / "shots").iterdir()
    wanted = guide_frames({"guide_frames": 1, "native_fps": 30.0}, 72, 24.0, conform=True)
    led = sorted(float(path.name.removesuffix("-seen.png")) for path in folder.glob("*-seen.png"))
    assert led == [frame for frame in wanted if frame > 1], "every frame of the model's but the board's is led"


def main() -> int:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        status = press_generate(Path(folder))
    print("| Blender with a window, 72 guided frames: median, p99, longest (calls) | wall, ms | own, ms | wanted |")
    print("| --- | --- | --- | --- |")
    print(line("the camera's picture", status["captures"]))
    print(line("a tick", status["ticks"], "8 at p99, never over 16"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
