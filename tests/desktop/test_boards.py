"""Boards in a real window: what is drawn there, and the artist's Render Result afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.desktop.window import BLENDER, ShotpackWindow

pytestmark = pytest.mark.skipif(not BLENDER, reason="BLENDER names no Blender with a window")


def test_boards_show_what_is_seen_and_the_render_result_stays(tmp_path: Path) -> None:
    window = ShotpackWindow(tmp_path, Path(__file__).with_name("boards.py"))
    try:
        status = window.wait_for(lambda status: status)
    finally:
        window.close()
    assert status["before"]["slots"] == [[255, 0, 0], None, [0, 255, 0]]
    assert status["after"] == status["before"]
    assert pixels(tmp_path / "panel.png") == [pytest.approx((124, 188, 231), abs=2), (0, 255, 0)]
    assert pixels(tmp_path / "colour.png") == [(0, 255, 0), (0, 255, 0)]
    for name in ("viewport.png", "camera.png"):
        with Image.open(tmp_path / name) as picture:
            assert picture.size == (320, 180)
            assert len(picture.convert("RGB").getcolors(320 * 180)) > 2


def pixels(path: Path) -> list[tuple[int, ...]]:
    with Image.open(path) as picture:
        return [picture.getpixel(place) for place in ((80, 90), (240, 90))]
