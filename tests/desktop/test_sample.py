"""The sample in a real window, opened as an artist opens it: one press of a button in sight makes it an animatic."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from engine.client.section_borders import SectionState
from engine.client.section_marks import COLOURS
from tests.desktop.window import BLENDER, ROOT, SCREEN, ShotpackWindow

pytestmark = pytest.mark.skipif(not BLENDER, reason="BLENDER names no Blender with a window")


def test_the_sample_becomes_an_animatic_with_one_press(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "samples" / "panels", tmp_path / "panels")
    shutil.copy(ROOT / "samples" / "storyboard.blend", tmp_path / "storyboard.blend")
    window = ShotpackWindow(tmp_path, Path(__file__).with_name("sample.py"), tmp_path / "storyboard.blend")
    try:
        status = window.wait_for(lambda status: status.get("scene") == "Storyboard" and status)
        assert status["strips"] == ["Panel 1", "Panel 2", "Panel 3"]
        assert status["active"] == "Panel 1"
        assert status["views"] == ["PREVIEW", "SEQUENCER"]
        [sidebar] = status["sidebars"]
        x, y, _, height, tab = sidebar
        assert tab == "Shotpack"
        time.sleep(2)
        picture = window.screenshot("6-sample.png")
        left, top = x - 300, SCREEN[1] - (y + height) + 10  # beside the sidebar the panel's paper shows
        red, green, blue = picture.getpixel((left, top))
        assert min(red, green, blue) > 200, "the panel is not in sight"
        window.click(*window.place_of("shotpack.animate", sidebar))
        window.wait_for(lambda status: len(status["shots"]) == 3)
        window.screenshot("6-sample-pressed.png")
        status = window.wait_for(
            lambda status: {shot[-1] for shot in status["shots"]} == {"finished"} and status["shots"] and status
        )
        assert [shot[:3] for shot in status["shots"]] == [[1, 121, 2], [121, 241, 2], [241, 361, 2]]
        time.sleep(1)
        after = window.screenshot("7-sections.png")
        final = tuple(round(255 * each) for each in COLOURS[SectionState.FINAL][:3])
        bar = [at for at, colour in enumerate(after.get_flattened_data()) if colour == final]
        assert len(bar) > 1000, "the sections of the finished shots are not drawn"
    finally:
        window.close()
