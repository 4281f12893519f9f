"""A real window: the zip installed by Blender's own command, Generate clicked with the mouse, the shot seen filling."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator

import pytest

from tests.desktop.window import BLENDER, ROOT, ShotpackWindow

pytestmark = pytest.mark.skipif(not BLENDER, reason="BLENDER names no Blender with a window")


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShotpackWindow]:
    folder = tmp_path_factory.mktemp("window")
    shutil.copytree(ROOT / "samples" / "panels", folder / "panels")
    shutil.copy(ROOT / "samples" / "storyboard.blend", folder / "storyboard.blend")
    opened = ShotpackWindow(folder, ROOT / "samples" / "window.py", folder / "storyboard.blend")
    yield opened
    opened.close()


def test_a_shot_is_made_by_one_click(window: ShotpackWindow) -> None:
    status = window.wait_for(lambda status: status.get("category") == "Shotpack" and status)
    time.sleep(1)
    window.screenshot("1-panel.png")
    window.click(*window.place_of("shotpack.generate", status["sidebar"]))
    (shot,) = window.wait_for(lambda status: status["shots"])
    assert (shot["channel"], shot["span"]) == (2, [1, 121])
    window.screenshot("2-placed.png")
    window.wait_for(lambda status: "section" in status["shots"][0]["roles"])
    window.screenshot("3-filling.png")
    window.wait_for(lambda status: status["shots"][0]["state"] == "finished")
    (shot,) = window.status()["shots"]
    assert shot["roles"] == ["final"]
    time.sleep(1)
    window.screenshot("4-finished.png")
