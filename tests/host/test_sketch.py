"""The model that ships: its shot begins with the board."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageOps, ImageStat

from tests.host.studio import ADDON, ROOT, bpy, configure, part, step_until
from tests.host.test_shot import frames_of, generate

WEIGHTS = ROOT / "engine" / "sketch" / "weights" / "model_index.json"


@pytest.fixture
def sketch(saved):
    bpy.context.preferences.addons[ADDON].preferences.model = "sketch"
    yield saved
    configure()


def decibels(one: Image.Image, other: Image.Image) -> float:
    difference = ImageChops.difference(one.convert("RGB"), other.convert("RGB"))
    mean_square = sum(value / (one.width * one.height) for value in ImageStat.Stat(difference).sum2) / 3
    return 10 * math.log10(255**2 / mean_square)


@pytest.mark.skipif(not WEIGHTS.is_file(), reason="Sketch's transformer is not trained yet")
def test_board_and_first_frame_are_alike(sketch):
    sketch.render.resolution_x, sketch.render.resolution_y = 1280, 720
    panel = ROOT / "samples" / "panels" / "01.png"
    strip = sketch.sequence_editor.strips.new_image("Panel 1", str(panel), 1, 1, fit_method="FIT")
    strip.frame_final_duration = 37
    sketch.sequence_editor.active_strip = strip
    sketch.shotpack.steps = 6
    shot = generate(sketch, "The camera pans left.").shotpack.shot
    shot_strips = part("operators.shot_strips")
    meta = step_until(lambda: next((m for m in shot_strips.find(shot) if m.shotpack.state == "finished"), None))
    paths = frames_of(meta.strips[0])
    assert len(paths) == 37
    with Image.open(paths[0]) as first, Image.open(Path(panel)) as board:
        assert first.size == (256, 144)
        small = ImageOps.fit(board.convert("RGB"), first.size, Image.Resampling.LANCZOS)
        assert decibels(first, small) >= 28
    with Image.open(paths[0]) as first, Image.open(paths[-1]) as last:
        assert decibels(first, last) < 30, "something has moved"
