"""From where boards are seen: scene strips, pictures over them, and pictures of which that is said."""

from __future__ import annotations

import json
import types
from pathlib import Path

import numpy as np
import pytest

from tests.host.studio import bpy, metas_of, part, step_until
from tests.host.test_follow_camera import heard_engine, intent

WIDTH, HEIGHT = 96, 64
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def seen_of(scene, strip, frame):
    return part("operators.seen_from").of_strip(scene, strip, frame)


@pytest.fixture
def set_up(saved):
    """A timeline, and another scene whose camera slides past a box; returns both."""
    room = bpy.data.scenes.new("room")
    room.frame_start, room.frame_end = 11, 60
    for each in (saved, room):
        each.render.resolution_x, each.render.resolution_y = WIDTH, HEIGHT
        each.render.engine, each.view_settings.view_transform = "CYCLES", "Standard"
    room.cycles.samples, room.cycles.use_denoising = 1, False
    camera = bpy.data.objects.new("eye", bpy.data.cameras.new("eye"))
    room.collection.objects.link(camera)
    room.camera = camera
    camera.data.type, camera.data.ortho_scale = "ORTHO", WIDTH
    camera.location.z = 10
    marker = bpy.data.objects.new("hand", bpy.data.meshes.new("hand"))
    marker.data.from_pydata([(-0.5, -30, 0), (0.5, -30, 0), (0.5, 30, 0), (-0.5, 30, 0)], [], [(0, 1, 2, 3)])
    glow = bpy.data.materials.new("glow")
    if not glow.use_nodes:
        glow.use_nodes = True
    glow.node_tree.nodes.clear()
    shine, end = (glow.node_tree.nodes.new(f"ShaderNode{kind}") for kind in ("Emission", "OutputMaterial"))
    glow.node_tree.links.new(shine.outputs[0], end.inputs[0])
    marker.data.materials.append(glow)
    room.collection.objects.link(marker)
    for frame, x in ((0, -WIDTH / 2), (WIDTH, WIDTH / 2)):  # at frame n it is in column n
        marker.location.x = x
        marker.keyframe_insert("location", frame=frame)
    for curve in part("operators.camera_motion").curves_of(marker):
        for point in curve.keyframe_points:
            point.interpolation = "LINEAR"
    wanted = saved.shotpack
    wanted.source, wanted.length, wanted.prompt, wanted.follow_camera = "STRIP", "BOARD", "w5", True
    saved.render.fps = room.render.fps = 30
    return saved, room


def scene_strip(scene, room, start=5, channel=1):
    strip = scene.sequence_editor.strips.new_scene("Shot A", room, channel, start)
    strip.scene_input = "CAMERA"
    return strip


def shown_at(scene, strip, frame, tmp_path):
    """The frame of the scene that the timeline shows then, by where the hand is in the picture."""
    path = tmp_path / f"shown-{frame}.png"
    scene.frame_set(frame)
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True, scene=scene.name)
    image = bpy.data.images.load(str(path), check_existing=False)
    pixels = np.empty(WIDTH * HEIGHT * image.channels, np.float32)
    image.pixels.foreach_get(pixels)
    bright = np.nonzero(pixels.reshape(HEIGHT, WIDTH, -1)[HEIGHT // 2, :, 0] > 0.3)[0]
    bpy.data.images.remove(image)
    return float(bright.mean() + 0.5)


@pytest.mark.parametrize("how", ["plain", "moved", "trimmed", "handles", "backwards", "backwards and trimmed"])
def test_a_scene_strip_s_frame_is_the_one_that_is_rendered(set_up, tmp_path, how):
    scene, room = set_up
    strip = scene_strip(scene, room)
    new_names = "content_trim_start" in strip.bl_rna.properties
    if "trimmed" in how:
        setattr(strip, "content_trim_start" if new_names else "animation_offset_start", 7)
    if how == "moved":
        setattr(strip, "content_start" if new_names else "frame_start", 9)
    if how == "handles":
        part("operators.sequencer").set_start(strip, 1)
        part("operators.sequencer").set_end(strip, 80)
    strip.use_reverse_frames = "backwards" in how
    for frame in (15, 30, *((2, 75) if how == "handles" else ())):
        seen = seen_of(scene, strip, frame)
        assert (seen.scene, seen.camera, seen.named) == (room, None, "eye")
        assert shown_at(scene, strip, frame, tmp_path) == pytest.approx(seen.frame, abs=0.6)


def test_its_own_camera_and_no_other(set_up):
    scene, room = set_up
    strip = scene_strip(scene, room)
    second = bpy.data.objects.new("second", bpy.data.cameras.new("second"))
    room.collection.objects.link(second)
    strip.scene_camera = second
    seen = seen_of(scene, strip, 5)
    assert (seen.camera, seen.named, seen.frame) == (second, "second", 11.0)
    second.data.type = "PANO"
    scene.sequence_editor.active_strip = strip
    strip.select = True
    heard_engine()
    assert intent() == "A panoramic camera cannot be followed."
    strip.scene_camera = None
    found = intent()
    assert (found.frames, found.followed.scene, found.followed.at(10)) == (50, room, 20.0)


def test_what_a_scene_strip_cannot_say_is_said(set_up):
    scene, room = set_up
    strip = scene_strip(scene, room)
    strip.scene_input = "SEQUENCER"
    assert seen_of(scene, strip, 5).startswith("Shot A shows a timeline and no camera")
    strip.scene_input = "CAMERA"
    strip.strobe = 3
    assert seen_of(scene, strip, 5).startswith("Shot A does not play its scene frame by frame")
    strip.strobe = 1
    strip.transform.scale_x = 0.5
    assert seen_of(scene, strip, 5).startswith("Shot A does not lie on the picture")
    strip.transform.scale_x = 1
    room.render.resolution_y = 2 * HEIGHT
    assert seen_of(scene, strip, 5).startswith("room has another picture shape")
    room.render.resolution_y = HEIGHT
    room.camera = None
    scene.sequence_editor.active_strip = strip
    strip.select = True
    heard_engine()
    assert intent() == "room has no camera to follow."


def picture(scene, tmp_path, *, start, channel, name="Painted", size=(WIDTH, HEIGHT)):
    path = tmp_path / f"{name}.png"
    image = bpy.data.images.new(name, *size)
    image.pixels.foreach_set(np.full(4 * size[0] * size[1], 0.5, np.float32))
    image.filepath_raw, image.file_format = str(path), "PNG"
    image.save()
    bpy.data.images.remove(image)
    strip = scene.sequence_editor.strips.new_image(name, str(path), channel, start, fit_method="ORIGINAL")
    strip.frame_final_duration = 20
    return strip


def test_a_picture_over_a_scene_strip_is_painted_over_it(set_up, tmp_path):
    scene, room = set_up
    strip = picture(scene, tmp_path, start=15, channel=3)
    assert seen_of(scene, strip, 15) is None
    scene_strip(scene, room)
    seen = seen_of(scene, strip, 15)
    assert (seen.tie, seen.scene, seen.frame) == ("over", room, 21.0)
    strip.shotpack_board.seen_below = False
    assert seen_of(scene, strip, 15) is None
    scene.sequence_editor.active_strip = strip
    strip.select = True
    for each in scene.sequence_editor.strips:
        each.select = each == strip
    heard_engine()
    why = "Painted is seen from no camera that is known; say so under Seen From, or untick Follow Camera."
    assert intent() == why
    own = strip.shotpack_board
    own.seen_scene, own.seen_frame = room, 30
    seen = seen_of(scene, strip, 15)
    assert (seen.tie, seen.scene, seen.frame, seen.kept) == ("said", room, 30.0, "")
    assert not isinstance(intent(), str)
    small = picture(scene, tmp_path, start=15, channel=4, name="Small", size=(WIDTH // 2, HEIGHT // 2))
    small.shotpack_board.seen_scene = room
    why = seen_of(scene, small, 15)
    assert why.startswith("Small does not lie on the picture corner on corner; scale it to fit"), (
        "its transform is none"
    )
    small.transform.scale_x = small.transform.scale_y = 2
    assert seen_of(scene, small, 15).scene == room, "as it says"


def test_the_camera_is_kept_as_it_was(set_up, tmp_path):
    """Whoever moves the camera afterwards does not move what the picture shows."""
    scene, _ = set_up
    seen_from = part("operators.seen_from")
    scene.camera = bpy.data.objects.new("mine", bpy.data.cameras.new("mine"))
    scene.collection.objects.link(scene.camera)
    scene.camera.location = (1, 2, 3)
    strip = picture(scene, tmp_path, start=1, channel=1)
    strip.select, scene.sequence_editor.active_strip = True, strip
    bpy.context.view_layer.update()
    assert bpy.ops.shotpack.seen_from_here() == {"FINISHED"}
    own = strip.shotpack_board
    kept = seen_from.read_kept(own.seen_camera)
    assert np.reshape(kept["world"], (4, 4))[:3, 3] == pytest.approx([1, 2, 3])
    scene.camera.location = (9, 9, 9)
    bpy.context.view_layer.update()
    assert seen_of(scene, strip, 1).kept == own.seen_camera
    own.seen_frame = 12
    assert own.seen_camera == "", "another frame, another camera"
    for broken in ("", "[1]", "{}", '{"world": [1], "lens": {}}', '{"world": "abc", "lens": 3}', "nan"):
        assert seen_from.read_kept(broken) is None
    for name, value in (("type", "NONE"), ("sensor_fit", 3), ("lens", 10**400), ("shift_x", "nan"), ("clip_end", None)):
        assert seen_from.read_kept(json.dumps(kept | {"lens": kept["lens"] | {name: value}})) is None, name
    assert seen_from.read_kept(json.dumps(kept | {"world": ["inf"] * 16})) is None


def test_a_scene_of_another_file_is_not_followed(set_up, tmp_path):
    """Written into a film it would be a link to that file, which says nothing of what is to be made."""
    scene, room = set_up
    heard_engine()
    bpy.data.libraries.write(str(tmp_path / "library.blend"), {room})
    with bpy.data.libraries.load(str(tmp_path / "library.blend"), link=True) as (_, here):
        here.scenes = ["room"]
    (linked,) = here.scenes
    strip = scene_strip(scene, linked)
    strip.select, scene.sequence_editor.active_strip = True, strip
    scene.shotpack.source, scene.shotpack.follow_camera = "STRIP", True
    assert intent() == "room belongs to another file; make a local copy of it to follow its camera."
    scene.shotpack.follow_camera = False
    assert not isinstance(intent(), str)


def test_a_picture_that_a_panoramic_camera_took_is_not_followed(set_up, tmp_path):
    """Whatever the camera has become since: it was bent as no other camera sees it."""
    scene, room = set_up
    strip = picture(scene, tmp_path, start=1, channel=1)
    own = strip.shotpack_board
    own.seen_scene, own.seen_frame = room, 11
    room.camera.data.type = "PANO"
    own.seen_camera = part("operators.seen_from").kept_camera(room.camera, bpy.context.evaluated_depsgraph_get())
    room.camera.data.type = "PERSP"
    assert seen_of(scene, strip, 1) == "A panoramic camera cannot be followed."
    own.seen_camera = ""
    assert not isinstance(seen_of(scene, strip, 1), str)


def test_other_selected_boards_of_the_camera_help(set_up, tmp_path):
    scene, room = set_up
    heard_engine()
    strip = scene_strip(scene, room)
    room.camera.keyframe_insert("location", frame=11)
    boards = [picture(scene, tmp_path, start=60 + 20 * n, channel=2, name=f"Board {n}") for n in range(3)]
    for board, frame in zip(boards, (40, 60, 200), strict=True):
        board.shotpack_board.seen_scene, board.shotpack_board.seen_frame = room, frame
    for each in scene.sequence_editor.strips:
        each.select = True
    scene.sequence_editor.active_strip = strip
    found = intent()
    assert (found.strip, found.frames) == (strip, 50)
    assert [(each.strip.name, each.seen.frame) for each in found.followed.further] == [("Board 0", 40), ("Board 1", 60)]
    assert found.followed.unused == ("Board 2",)
    assert found.end is None
    boards[0].select = boards[2].select = False
    found = intent()
    assert found.end == boards[1], "it is what the camera sees at the shot's last frame"
    boards[1].shotpack_board.seen_frame = 50
    assert intent().end is None


def test_a_shot_of_a_scene_strip_is_led_by_its_camera(set_up, tmp_path):
    """From the press to the pictures: two boards, one of which is not what its camera sees."""
    scene, room = set_up
    heard_engine()
    strip = scene_strip(scene, room)
    other = picture(scene, tmp_path, start=60, channel=2, name="Other")
    other.shotpack_board.seen_scene, other.shotpack_board.seen_frame = room, 20
    strip.shotpack_board.frames = 13
    strip.select = other.select = True
    for x, y, size in ((-10, 5, 12), (20, -8, 9), (35, 15, 6)):
        bpy.ops.mesh.primitive_plane_add(size=2 * size, location=(x, y, -1))
        made = bpy.context.object
        scene.collection.objects.unlink(made)
        room.collection.objects.link(made)
        made.data.materials.append(room.objects["hand"].data.materials[0])
    scene.sequence_editor.active_strip = strip
    before = {each.name: sorted(each.keys()) for each in bpy.data.scenes}
    assert bpy.ops.shotpack.generate() == {"FINISHED"}
    assert {each.name: sorted(each.keys()) for each in bpy.data.scenes} == before
    (meta,) = metas_of(scene)
    (guide,) = json.loads(meta.shotpack.request)["conditions"]
    folder = Path(part("operators.shot_strips").folder_of(meta))
    shot = part("operators.runtime").shot_of(meta.shotpack.shot)
    step_until(lambda: shot.playing or shot.fault)
    assert shot.fault is None
    assert all((folder / frame["image"]).is_file() for frame in guide["frames"])
    assert {path.name for path in folder.glob("guide-board-*")} == {"guide-board-2.png"}
    assert shot.guide.mismatched == (2,), "a grey picture shows no hand"
    assert film_of(folder)["drawn"] == [1], "a scene strip's picture is a render"
    own = meta.shotpack_board
    assert (own.seen_scene, own.seen_frame) == (room, 11.0)
    assert seen_of(scene, meta, 5).frame == 11.0
    assert not seen_of(scene, meta, 5).drawn
    assert seen_of(scene, meta, 6) is None, "of a shot only its first picture is the board"


def film_of(folder):
    """What a guide's film says is to be made."""
    with bpy.data.libraries.load(str(folder / "guide.blend")) as (there, here):
        here.scenes = there.scenes
    said = [json.loads(each["shotpack_guide"]) for each in here.scenes if "shotpack_guide" in each]
    for each in here.scenes:
        bpy.data.scenes.remove(each)
    (film,) = said
    return film


def test_what_is_painted_over_a_scene_is_drawn_and_says_so(set_up, tmp_path):
    """Unless the artist says that it is a render: another film, another shot."""
    scene, room = set_up
    heard_engine()
    generate = part("operators.generate")
    scene_strip(scene, room)
    strip = picture(scene, tmp_path, start=15, channel=3)
    strip.shotpack_board.frames = 13
    for each in scene.sequence_editor.strips:
        each.select = each == strip
    scene.sequence_editor.active_strip = strip
    own, made = strip.shotpack_board, []
    for drawn in (True, False):
        own.seen_drawn = drawn
        assert seen_of(scene, strip, 15).drawn == drawn
        made.append(generate.prepare(bpy.context, intent()))
        assert film_of(made[-1].shot.folder)["drawn"] == ([0] if drawn else [])
    assert [shot.seen[3] for shot in made] == [True, False]
    assert made[0].digest != made[1].digest
    own.property_unset("seen_drawn")
    assert generate.prepare(bpy.context, intent()).digest == made[0].digest
    metas = [generate.put(scene, shot) for shot in made]
    assert [seen_of(scene, meta, 15).drawn for meta in metas] == [True, False]
    metas[0].shotpack_board.property_unset("seen_drawn")
    assert not seen_of(scene, metas[0], 15).drawn, "a shot of an earlier version goes on as it was led"
    own.seen_scene, own.seen_frame = room, 30
    assert seen_of(scene, strip, 15).drawn


def test_how_much_is_seen_is_known_before(set_up, tmp_path):
    scene, room = set_up
    heard_engine()
    coverage = part("operators.coverage")
    strip = scene_strip(scene, room)
    strip.shotpack_board.frames = 13
    strip.select, scene.sequence_editor.active_strip = True, strip
    found = intent()
    assert coverage.of(found) is None
    assert bpy.ops.shotpack.look_ahead() == {"FINISHED"}
    step_until(lambda: coverage.of(intent()).ended)
    looked = coverage.of(intent())
    assert (looked.fault, looked.guide.made) == (None, 1)
    assert 0.9 < looked.guide.seen < 1, "all but the hand stands still"
    graph = types.SimpleNamespace(updates=[types.SimpleNamespace(is_updated_transform=True, is_updated_geometry=False)])
    room.frame_current += 1
    handlers = part("operators.handlers")
    handlers.changed(room, graph)
    assert coverage.of(intent()) is not None, "the playhead alone has moved"
    strip.shotpack_board.frames = 14
    assert coverage.of(intent()) is None, "another length, another end"
    strip.shotpack_board.frames = 13
    over = picture(scene, tmp_path, start=5, channel=3, name="Over")
    over.shotpack_board.frames = 13
    scene.sequence_editor.active_strip, strip.select = over, False
    assert intent().followed.begin.frame == found.followed.begin.frame
    assert coverage.of(intent()) is None, "another picture, which may not match"
    scene.sequence_editor.active_strip = strip
    over.select, strip.select = False, True
    bpy.ops.shotpack.look_ahead()
    first = coverage._latest.look
    bpy.ops.shotpack.look_ahead()
    step_until(lambda: first.ended)
    assert first.fault is not None, "a look that nobody waits for is given up"
    handlers.changed(scene, graph)
    assert coverage.of(intent()) is not None, "another scene"
    handlers.changed(room, graph)
    assert coverage.of(intent()) is None, "something was moved"
    assert not first._folder.exists()
