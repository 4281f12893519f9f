"""Boards from each source, as PNG at the scene's size; and nothing of the scene is changed by taking them."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageStat

from tests.host.studio import FIXTURES, add_board, bpy, part


def settings_of(scene) -> dict[str, object]:
    """Everything that a capture may have to change."""
    owners = (scene.render, scene.render.image_settings, scene.view_settings)
    return {
        f"{owner.bl_rna.identifier}.{name}": getattr(owner, name)
        for owner in owners
        for name, kind in owner.bl_rna.properties.items()
        if kind.type in ("BOOLEAN", "INT", "FLOAT", "STRING", "ENUM") and not getattr(kind, "is_array", False)
    } | {"frame": scene.frame_current}


def likeness(path: Path, other: Image.Image) -> float:
    """Mean difference, 0 to 255, of two pictures of one size."""
    with Image.open(path) as picture:
        difference = ImageChops.difference(picture.convert("RGB"), other.convert("RGB"))
    return sum(ImageStat.Stat(difference).mean) / 3


@pytest.fixture
def untouched(scene):
    before = settings_of(scene)
    yield
    assert settings_of(scene) == before


def test_an_image_strip(scene, tmp_path, untouched):
    strip = add_board(scene)
    other = add_board(scene, channel=3, name="on top")
    part("operators.capture").from_strip(scene, strip, tmp_path / "board.png")
    drawing = Image.open(FIXTURES / "pictures" / "ink-cap.png").convert("RGB")
    scale = min(192 / drawing.width, 128 / drawing.height)
    fitted = drawing.resize((round(drawing.width * scale), round(drawing.height * scale)))
    left, top = (192 - fitted.width) // 2, (128 - fitted.height) // 2
    with Image.open(tmp_path / "board.png") as board:
        assert board.size == (192, 128)
        board.crop((left, top, left + fitted.width, top + fitted.height)).save(tmp_path / "middle.png")
    assert likeness(tmp_path / "middle.png", fitted) < 8
    assert not strip.mute
    assert not other.mute


@pytest.mark.parametrize("view", ["Standard", "AgX"])
def test_a_strips_picture_is_taken_before_the_view_transform(scene, tmp_path, view):
    scene.view_settings.view_transform = view
    white = tmp_path / "white.png"
    Image.new("RGB", (192, 128), (240, 240, 240)).save(white)
    strip = scene.sequence_editor.strips.new_image("white", str(white), 1, 1)
    part("operators.capture").from_strip(scene, strip, tmp_path / "board.png")
    with Image.open(tmp_path / "board.png") as board:
        assert abs(board.getpixel((90, 60))[0] - 240) <= 1


def test_a_strip_with_the_playhead_elsewhere_and_one_inside_a_meta_strip(scene, tmp_path, untouched):
    strip = add_board(scene, start=100, length=20)
    part("operators.capture").from_strip(scene, strip, tmp_path / "far.png")
    meta = scene.sequence_editor.strips.new_meta("meta", 3, 1)
    inside = meta.strips.new_image("inside", str(FIXTURES / "pictures" / "ink-cap.png"), 1, 1, fit_method="FIT")
    inside.frame_final_duration = 20
    meta.frame_final_duration = 20
    part("operators.capture").from_strip(scene, meta, tmp_path / "meta.png")
    with Image.open(tmp_path / "far.png") as far:
        assert likeness(tmp_path / "meta.png", far) < 1


def a_room(scene):
    """A camera that sees a bright plane, rendered by Cycles in a moment."""
    scene.render.engine, scene.cycles.samples = "CYCLES", 1
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.location = (0, 0, 5)
    scene.collection.objects.link(camera)
    scene.camera = camera
    scene.world = bpy.data.worlds.new("World")
    scene.world.color = (1, 1, 1)


def test_the_cameras_view(scene, tmp_path, untouched_room):
    part("operators.capture").from_camera(scene, tmp_path / "camera.png", "SCENE")
    with Image.open(tmp_path / "camera.png") as picture:
        assert picture.size == (192, 128)


def test_the_render_result(scene, tmp_path, untouched_room):
    capture = part("operators.capture")
    with pytest.raises(capture.CaptureError, match="Render Result"):
        capture.from_render_result(scene, tmp_path / "none.png")
    bpy.ops.render.render()
    capture.from_render_result(scene, tmp_path / "result.png")
    with Image.open(tmp_path / "result.png") as picture:
        assert picture.size == (192, 128)


@pytest.fixture
def untouched_room(scene):
    a_room(scene)
    before = settings_of(scene)
    yield
    assert settings_of(scene) == before


def test_what_cannot_be_had_says_so(scene, tmp_path):
    capture = part("operators.capture")
    with pytest.raises(capture.CaptureError, match="no camera"):
        capture.from_camera(scene, tmp_path / "x.png", "SCENE")
    with pytest.raises(capture.CaptureError, match="3D viewport"):
        capture.from_viewport(bpy.context, tmp_path / "x.png")
    assert not (tmp_path / "x.png").exists()


def test_a_large_scene_gives_a_board_that_a_model_can_use(scene, tmp_path, untouched):
    scene.render.resolution_x, scene.render.resolution_y = 192, 128
    part("operators.capture").from_strip(scene, add_board(scene), tmp_path / "small.png")
    size = part("operators.capture")._size
    scene.render.resolution_x, scene.render.resolution_y = 3840, 2160
    assert size(scene.render) == (1280, 720)
    scene.render.resolution_x, scene.render.resolution_y = 192, 128
