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


@pytest.mark.parametrize("size", [(192, 128), (1920, 1080), (1080, 1920), (3840, 2160)])
def test_an_image_strip(scene, tmp_path, untouched, size):
    scene.render.resolution_x, scene.render.resolution_y = size
    strip = add_board(scene)
    other = add_board(scene, channel=3, name="on top")
    part("operators.capture").from_strip(scene, strip, tmp_path / "board.png")
    with Image.open(tmp_path / "board.png") as board:
        assert max(board.size) <= 1280
        assert abs(board.width / board.height - size[0] / size[1]) < 0.01
        board = board.convert("RGB")
    drawing = Image.open(FIXTURES / "pictures" / "ink-cap.png").convert("RGB")
    scale = min(board.width / drawing.width, board.height / drawing.height)
    fitted = drawing.resize((round(drawing.width * scale), round(drawing.height * scale)))
    left, top = (board.width - fitted.width) // 2, (board.height - fitted.height) // 2
    board.crop((left, top, left + fitted.width, top + fitted.height)).save(tmp_path / "middle.png")
    assert likeness(tmp_path / "middle.png", fitted) < 8
    assert not strip.mute
    assert not other.mute
    scene.render.resolution_x, scene.render.resolution_y = 192, 128


def test_a_scene_strip_of_another_resolution(scene, tmp_path, untouched):
    """The picture of a scene is as large in its board as it is on the timeline."""
    scene.render.resolution_x, scene.render.resolution_y = 1920, 1080
    drawn = bpy.data.scenes.new("drawn")
    drawn.render.resolution_x, drawn.render.resolution_y = 1920, 1080
    drawn.view_settings.view_transform = "Standard"
    a_room(drawn)  # its camera sees 3.6 units; the bar is three quarters to the right
    bar = bpy.data.meshes.new("bar")
    bar.from_pydata([(0.8, -9, 0), (1.0, -9, 0), (1.0, 9, 0), (0.8, 9, 0)], [], [(0, 1, 2, 3)])
    drawn.collection.objects.link(bpy.data.objects.new("bar", bar))
    strip = scene.sequence_editor.strips.new_scene("drawn", drawn, 1, 1)
    part("operators.capture").from_strip(scene, strip, tmp_path / "board.png")
    with Image.open(tmp_path / "board.png") as board:
        assert board.width <= 1280
        grey = board.convert("L")
    row = [grey.getpixel((round(share * grey.width), grey.height // 2)) for share in (0.65, 0.75, 0.85)]
    assert row[1] < row[0] - 20
    assert row[1] < row[2] - 20
    bpy.data.scenes.remove(drawn)
    scene.render.resolution_x, scene.render.resolution_y = 192, 128


@pytest.mark.parametrize("view", ["Standard", "AgX"])
def test_a_strips_picture_is_taken_before_the_view_transform(scene, tmp_path, view):
    scene.view_settings.view_transform = view
    white = tmp_path / "white.png"
    Image.new("RGB", (192, 128), (240, 240, 240)).save(white)
    strip = scene.sequence_editor.strips.new_image("white", str(white), 1, 1)
    part("operators.capture").from_strip(scene, strip, tmp_path / "board.png")
    with Image.open(tmp_path / "board.png") as board:
        assert abs(board.getpixel((90, 60))[0] - 240) <= 1


def test_a_movie_strip_at_the_playhead(scene, tmp_path, movie):
    strip = scene.sequence_editor.strips.new_movie("movie", str(movie), 1, 1)
    levels = []
    for scene.frame_current in (5, 25):
        part("operators.capture").from_strip(scene, strip, tmp_path / "board.png")
        with Image.open(tmp_path / "board.png") as board:
            levels.append(board.getpixel((90, 60))[0])
    assert levels == pytest.approx([20, 200], abs=6)


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


def test_a_scene_that_is_set_up_to_render_a_movie(scene, tmp_path):
    output = scene.render.image_settings
    if hasattr(output, "media_type"):
        output.media_type = "VIDEO"
    output.file_format = "FFMPEG"
    before = settings_of(scene)
    part("operators.capture").from_strip(scene, add_board(scene), tmp_path / "board.png")
    with Image.open(tmp_path / "board.png") as board:
        assert (board.format, board.size) == ("PNG", (192, 128))
    assert settings_of(scene) == before


def a_room(scene):
    """A camera that sees a bright plane, rendered by Cycles in a moment."""
    scene.render.engine, scene.cycles.samples, scene.cycles.use_denoising = "CYCLES", 1, False
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.location = (0, 0, 5)
    scene.collection.objects.link(camera)
    scene.camera = camera
    scene.world = bpy.data.worlds.new("World")
    scene.world.use_nodes = True
    scene.world.node_tree.nodes["Background"].inputs["Color"].default_value = (1, 1, 1, 1)


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


def test_a_strip_inside_a_meta_strip_that_is_being_edited(scene, tmp_path):
    plain, dark = tmp_path / "plain.png", tmp_path / "dark.png"
    Image.new("RGB", (192, 128), (240, 240, 240)).save(plain)
    Image.new("RGB", (192, 128), (10, 10, 10)).save(dark)
    meta = scene.sequence_editor.strips.new_meta("meta", 1, 1)
    inside = meta.strips.new_image("inside", str(plain), 1, 1)
    meta.strips.new_image("beside", str(dark), 2, 1)
    scene.sequence_editor.strips.new_image("above", str(dark), 5, 1)
    scene.sequence_editor.display_stack(meta)
    part("operators.capture").from_strip(scene, inside, tmp_path / "board.png")
    scene.sequence_editor.display_stack(None)
    with Image.open(tmp_path / "board.png") as board:
        assert board.getpixel((90, 60))[0] > 200


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
