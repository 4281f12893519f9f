"""A shot finished in a real window: Sketch's 256x144 become 1920x1080 at the same place on the screen."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest
from PIL import Image, ImageFilter

from tests.desktop.window import BLENDER, ROOT, ShotpackWindow

pytestmark = pytest.mark.skipif(not BLENDER, reason="BLENDER names no Blender with a window")


def test_a_shot_is_finished_to_the_scenes_size(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "samples" / "panels", tmp_path / "panels")
    shutil.copy(ROOT / "samples" / "storyboard.blend", tmp_path / "storyboard.blend")
    stage = Path(__file__).with_name("finishing.py")
    window = ShotpackWindow(tmp_path, stage, tmp_path / "storyboard.blend", model="sketch")

    def at(stage: str) -> tuple[dict, Image.Image]:
        """The status and the picture of the window at a stage, which then is left."""
        status = window.wait_for(lambda status: status.get("stage") == stage and status)
        time.sleep(2)  # until it is drawn
        picture = window.screenshot(f"28-finish-{stage}.png")
        (tmp_path / f"seen-{stage}").touch()
        return status, picture

    try:
        made, before = at("made")
        assert size_of(made) == (256, 144)
        at("asked")
        window.press_key(5, 5, "Escape")
        at("begun")
        finished, after = at("finished")
        assert (finished["take"], finished["takes"], size_of(finished)) == (2, ["finished"] * 2, (1920, 1080))
        assert finished["scale"] == pytest.approx([made["scale"][0] * 256 / 1920], rel=0.01)
        back, again = at("back")
        assert (back["take"], back["pictures"], back["scale"]) == (1, made["pictures"], made["scale"])
    finally:
        window.close()
    assert difference(before, again) < 1.0
    assert 0.0 < difference(before, after) < 8.0  # the same picture at the same place, with other edges


def size_of(status: dict) -> tuple[int, int]:
    with Image.open(Path(status["folder"]) / status["pictures"][0]) as picture:
        return picture.size


def difference(one: Image.Image, other: Image.Image) -> float:
    """Mean of the difference between two pictures' blurred greys, of 255."""
    blurred = [picture.convert("L").filter(ImageFilter.GaussianBlur(4)) for picture in (one, other)]
    pixels = zip(*(list(each.get_flattened_data()) for each in blurred), strict=True)
    differences = [abs(a - b) for a, b in pixels]
    return sum(differences) / len(differences)
