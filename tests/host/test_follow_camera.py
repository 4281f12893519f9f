"""Follow Camera: a shot whose pictures go where the scene's camera sees them, from the press to the engine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.host.studio import bpy, metas_of, of_role, part, step_until
from tests.host.test_panels import drawn as shots_drawn

FRAMES = 13


@pytest.fixture
def room(saved):
    """A floor and a box before a camera that slides past them, in the timeline's own scene."""
    saved.render.engine, saved.cycles.samples, saved.cycles.use_denoising = "CYCLES", 1, False
    saved.render.resolution_x, saved.render.resolution_y = 96, 64
    bpy.ops.mesh.primitive_plane_add(size=40)
    bpy.ops.mesh.primitive_cube_add(size=1, location=(0, 6, 0.5))
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    saved.collection.objects.link(camera)
    saved.camera = camera
    camera.rotation_euler.x = 1.45
    for frame, x in ((1, -1.0), (FRAMES, 1.0)):
        camera.location = (x, 0, 1.5)
        camera.keyframe_insert("location", frame=frame)
    saved.frame_start, saved.frame_end, saved.frame_current = 1, FRAMES, 1
    wanted = saved.shotpack
    wanted.source, wanted.length, wanted.frames = "CAMERA", "FRAMES", FRAMES
    wanted.prompt, wanted.follow_camera = "w5", True
    return saved


def intent():
    return part("operators.shot_intent").intent(bpy.context)


def heard_engine():
    runtime = part("operators.runtime")
    runtime.wake()
    step_until(lambda: runtime.the_client().about.get("details"))


def generate(scene):
    assert bpy.ops.shotpack.generate() == {"FINISHED"}
    return metas_of(scene)[-1]


def test_the_shot_is_led_by_what_the_camera_sees(room):
    heard_engine()
    before = {scene.name: sorted(scene.keys()) for scene in bpy.data.scenes}
    coverage = part("operators.coverage")
    assert bpy.ops.shotpack.look_ahead() == {"FINISHED"}
    looked = step_until(lambda: (found := coverage.of(intent())) and found.ended and found)
    meta = generate(room)
    assert {scene.name: sorted(scene.keys()) for scene in bpy.data.scenes} == before, "nothing of the file is changed"
    (guide,) = json.loads(meta.shotpack.request)["conditions"]
    assert [frame["frame"] for frame in guide["frames"]] == [float(frame) for frame in range(2, FRAMES + 1)]
    shot = part("operators.runtime").shot_of(meta.shotpack.shot)
    step_until(lambda: shot.playing)
    step_until(lambda: len(of_role(meta, "placeholder")[0].elements) > 1 or meta.shotpack.state == "finished")
    step_until(lambda: meta.shotpack.state == "finished")
    folder = Path(part("operators.shot_strips").folder_of(meta))
    asked = [frame[part_] for frame in guide["frames"] for part_ in ("image", "seen")]
    assert all((folder / name).is_file() for name in asked)
    assert not list(folder.glob("*.exr"))
    assert (shot.guide.made, shot.guide.of) == (FRAMES - 1, FRAMES - 1)
    assert 0 < shot.guide.seen < 1
    assert looked.guide.seen == shot.guide.seen, "what is said before the press is so afterwards"
    assert len(part("operators.shot_strips").pictures(meta)) == FRAMES
    (job,) = [job for job in part("operators.runtime").the_client().shots.values() if job.id == shot.id]
    assert job.complete


def test_cancelled_while_its_pictures_are_made_it_is_not_sent(room, monkeypatch):
    heard_engine()
    runtime, subprocesses = part("operators.runtime"), part("engine.client.subprocesses")
    jobs = {job["id"] for job in runtime.the_client()._connection().jobs()}
    ended, run = [], subprocesses.run

    def slow(command, environ, cwd, heard):
        forever = [command[0], "-c", "import time\nprint('shotpack-guide 1 12 0.5', flush=True)\ntime.sleep(3600)"]
        try:
            return run(forever, environ, cwd, heard)
        finally:
            ended.append(True)

    monkeypatch.setattr(subprocesses, "run", slow)
    meta = generate(room)
    shot = runtime.shot_of(meta.shotpack.shot)
    step_until(lambda: shot.guide.made)
    panel = shots_drawn()
    assert "Following the camera: 1 of 12 pictures" in panel.text
    assert "shotpack.cancel" in set(panel.buttons) - set(panel.grey), "there is a button for it"
    assert bpy.ops.shotpack.cancel(shot=shot.id) == {"FINISHED"}
    assert "Stopping" in shots_drawn().text
    step_until(lambda: shot.fault is not None)
    assert (shot.fault.code, ended) == ("not_sent", [True]), "the program is not left to itself"
    assert "shotpack.send_again" in shots_drawn().buttons
    step_until(lambda: meta.shotpack.state == "cancelled")
    assert {job["id"] for job in runtime.the_client()._connection().jobs()} == jobs
    assert not list(shot.folder.glob("*-seen.png"))
    monkeypatch.undo()
    assert bpy.ops.shotpack.send_again(shot=shot.id) == {"FINISHED"}
    step_until(lambda: meta.shotpack.state == "finished")


def test_the_engine_is_started_before_the_first_press(room, monkeypatch):
    runtime, early_start, calls = part("operators.runtime"), part("operators.early_start"), []
    heard_engine()
    with monkeypatch.context() as patched:
        patched.setattr(runtime.client, "about", {})
        patched.setattr(runtime, "woken", False)
        patched.setattr(early_start, "_seen", False)
        patched.setattr(runtime, "wake", lambda: calls.append(True))
        assert intent() == "Start the engine: it knows whether this model can follow the camera."
        room.shotpack.follow_camera = False
        early_start.look()
        assert not calls, "nothing asks for it"
        room.shotpack.follow_camera = True
        early_start.look()
        assert len(calls) == 1
        patched.setattr(runtime, "woken", True)  # and stopped since: nobody starts what an artist has stopped
        early_start.look()
        assert len(calls) == 1
    assert not isinstance(intent(), str)


def test_the_guide_plays_until_the_sections_come(room):
    heard_engine()
    meta = generate(room)
    timeline, runtime = part("operators.timeline"), part("operators.runtime")
    shot = runtime.shot_of(meta.shotpack.shot)
    still = of_role(meta, "placeholder")[0].elements[0].filename
    shot.playing = (still, *(f"{frame:07.2f}.png" for frame in range(2, FRAMES + 1)))
    timeline.reconcile(shot, None)
    (board,) = of_role(meta, "placeholder")
    assert tuple(element.filename for element in board.elements) == shot.playing
    assert (board.frame_final_start, board.frame_final_duration) == (1, FRAMES)
    timeline.reconcile(shot, None)
    assert len(of_role(meta, "placeholder")) == 1


def test_what_cannot_be_followed_is_said_before_the_press(room):
    heard_engine()
    other = bpy.data.objects.new("other", bpy.data.cameras.new("other"))
    room.collection.objects.link(other)
    for frame, camera in ((1, room.camera), (7, other)):
        room.timeline_markers.new(camera.name, frame=frame).camera = camera
    assert intent() == "The scene's camera changes at frame 7; end the shot before it, or untick Follow Camera."
    room.shotpack.frames = 6
    assert not isinstance(intent(), str), "it ends before the cut"
    room.timeline_markers.clear()
    room.camera.data.type = "PANO"
    assert intent() == "A panoramic camera cannot be followed."
    room.camera.data.type = "PERSP"
    room.render.use_multiview = True
    assert intent() == "Stereo pictures cannot follow the camera; turn Stereoscopy off."
    room.render.use_multiview = False
    details = part("operators.runtime").the_client().about["details"]["tiny"]
    details["guide_frames"], wanted = 0, details["guide_frames"]
    assert intent() == "This model follows no camera; choose one that does, or untick Follow Camera."
    details["guide_frames"] = wanted
    room.shotpack.follow_camera = False
    room.camera.data.type = "PANO"
    assert not isinstance(intent(), str)


def test_the_camera_s_scene_may_run_at_another_rate(room):
    """A second of the timeline is a second of it."""
    other = bpy.data.scenes.new("timeline")
    other.render.fps = 60
    followed = part("operators.follow").of_camera(room, other, range(1, 2))
    assert followed.shown(61) == range(1, 32)


def test_a_board_between_two_frames_is_seen_there(room):
    """The render of the present frame is of what stands between two, where the artist has gone there."""
    heard_engine()
    room.frame_set(3, subframe=0.5)
    meta = generate(room)
    assert meta.shotpack_board.seen_frame == 3.5
    film = Path(part("operators.shot_strips").folder_of(meta)) / "guide.blend"
    with bpy.data.libraries.load(str(film), link=False) as (there, here):
        here.scenes = there.scenes
    (loaded,) = [scene for scene in here.scenes if part("operators.render_guide").WANTED in scene]
    said = json.loads(loaded[part("operators.render_guide").WANTED])
    assert said["boards"] == [["board.png", 3.5]]
    assert said["frames"]["0002.00"] == 4.5
    assert said["kept"]["0"]["world"][3] == pytest.approx(room.camera.matrix_world.translation.x)


def test_a_camera_that_jumps_is_cut_there(room):
    heard_engine()
    for frame, x in ((6, -0.2), (7, 9.0), (FRAMES, 9.5)):
        room.camera.location = (x, 0, 1.5)
        room.camera.keyframe_insert("location", frame=frame)
    curve = next(iter(part("operators.camera_motion").curves_of(room.camera)))
    why = "camera jumps at frame 7, which is a cut; end the shot before it, or untick Follow Camera."
    assert intent() == why
    for each in part("operators.camera_motion").curves_of(room.camera):
        each.keyframe_points[1].interpolation = "CONSTANT"
        each.keyframe_points[2].co.x = 10
    assert curve.keyframe_points[1].interpolation == "CONSTANT"
    assert intent() == why.replace("frame 7", "frame 10")
    room.shotpack.frames = 9
    assert not isinstance(intent(), str), "it ends before the jump"


def test_a_camera_in_steps_does_not_jump(room):
    motion = part("operators.camera_motion")
    room.camera.animation_data_clear()
    for frame in range(1, FRAMES, 2):
        room.camera.location = (0.5 * frame, 0, 1.5)
        room.camera.keyframe_insert("location", frame=frame)
    for each in motion.curves_of(room.camera):
        for point in each.keyframe_points:
            point.interpolation = "CONSTANT"
    assert motion.jump(room, room.camera, range(1, FRAMES + 1)) is None


def test_the_camera_s_keys_are_a_length(room):
    """Also of what moves it: a parent here, and the target of a constraint."""
    heard_engine()
    motion, rig, aim = (
        part("operators.camera_motion"),
        bpy.data.objects.new("rig", None),
        bpy.data.objects.new("aim", None),
    )
    for each in (rig, aim):
        room.collection.objects.link(each)
    for frame in (3, 20):
        rig.keyframe_insert("location", frame=frame)
    aim.keyframe_insert("location", frame=31)
    assert motion.keyed(room.camera) == range(1, FRAMES + 1)
    room.camera.parent = rig
    assert motion.keyed(room.camera) == range(1, 21)
    room.camera.constraints.new("TRACK_TO").target = aim
    assert motion.keyed(room.camera) == range(1, 32)
    room.shotpack.length, room.frame_current = "KEYS", 5
    found = intent()
    assert (found.frames, found.spot.start, found.filmed, found.followed.at(31)) == (31, 1, range(1, 2), 31)
    room.camera.animation_data_clear()
    room.camera.parent = None
    room.camera.constraints.clear()
    assert intent() == "camera has no keys after the board; choose another length."


def test_the_scene_s_range_is_a_length_from_its_first_frame(room):
    heard_engine()
    room.shotpack.length, room.frame_current = "RANGE", 7
    found = intent()
    assert (found.spot.start, found.spot.length, found.filmed[0]) == (1, FRAMES, 1), "as what it is called says"


def test_the_last_camera_s_shot_ends_with_the_scene(room):
    heard_engine()
    other = bpy.data.objects.new("other", bpy.data.cameras.new("other"))
    room.collection.objects.link(other)
    for frame, camera in ((1, room.camera), (7, other)):
        room.timeline_markers.new(camera.name, frame=frame).camera = camera
    room.shotpack.length = "NEXT"
    found = {}
    for frame in (1, 7):
        room.frame_set(frame)
        found[frame] = intent().spot.length
    assert found == {1: 6, 7: FRAMES - 6}
    room.frame_set(FRAMES + 1)
    assert intent() == "No strip and no marker follows; choose another length."
