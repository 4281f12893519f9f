"""Blender's own Storyboarding template: its panels are scene strips of another scene than the one that is drawn in."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.desktop.window import BLENDER, ShotpackWindow

pytestmark = pytest.mark.skipif(not BLENDER, reason="BLENDER names no Blender with a window")


def test_a_drawn_panel_becomes_a_shot_above_it(tmp_path: Path) -> None:
    window = ShotpackWindow(tmp_path, Path(__file__).with_name("storyboarding.py"))
    try:
        (shot,) = window.wait_for(lambda status: status.get("shots"))
        assert (shot["scene"], shot["channel"], shot["span"]) == ("Edit", 2, [1, 49])
        window.wait_for(lambda status: status["shots"][0]["roles"] == ["final"])
        window.screenshot("5-storyboarding.png")
    finally:
        window.close()
    for picture in (Path(shot["folder"]) / "board.png", tmp_path / "viewport.png"):
        shows_the_drawing(picture)


def shows_the_drawing(picture: Path) -> None:
    """Lines are 0.06 wide, so the drawing is 3.06 of the 8.64 units wide that the panel's camera sees."""
    with Image.open(picture) as board:
        box = board.convert("L").point(lambda level: 255 * (level < 64)).getbbox()
        width, height = board.size
    assert box is not None
    left, top, right, bottom = box
    assert (right - left) / width == pytest.approx(3.06 / 8.64, abs=0.01)
    assert (left + right) / 2 / width == pytest.approx(0.5, abs=0.01)
    assert (top + bottom) / 2 / height == pytest.approx(0.5, abs=0.01)
