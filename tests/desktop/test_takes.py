"""Takes in a real window: made in the strip one after the other, listed with their pictures, asked for in a dialog."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.desktop.window import BLENDER, ShotpackWindow

pytestmark = pytest.mark.skipif(not BLENDER, reason="BLENDER names no Blender with a window")


def test_takes_are_listed_with_their_pictures(tmp_path: Path) -> None:
    window = ShotpackWindow(tmp_path, Path(__file__).with_name("takes.py"), 0)
    try:
        window.wait_for(lambda status: len(status.get("takes", ())) == 3 and status["take"] == 3)
        window.screenshot("12-take-begun.png")
        status = window.wait_for(lambda status: status.get("listed") and status["take"] == 2 and status)
        assert (status["state"], status["takes"]) == ("finished", ["finished"] * 3)
        window.screenshot("13-takes.png")
        window.wait_for(lambda status: status["asked"])
        window.screenshot("14-new-take.png")
    finally:
        window.close()
