"""Previs: a shot for each marker that is bound to a camera, as one batch and one undo step."""

from __future__ import annotations

import json
import types

import pytest

from tests.host.guide_scenes import with_nodes
from tests.host.studio import bpy, metas_of, part
from tests.host.test_follow_camera import heard_engine
from tests.host.test_panels import Panel

SPANS = [(1, 9), (10, 14), (15, 30), (31, 35), (36, 47), (48, 60)]
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def asleep(saved, monkeypatch):
    """The engine has said what its models can, and no shot is sent to it."""
    heard_engine()
    sent = []
    monkeypatch.setattr(part("operators.runtime"), "send", sent.append)
    return sent


@pytest.fixture
def six(saved, asleep):
    """Six markers with a camera each: the third jumps within its span, the fifth is panoramic."""
    saved.render.engine, saved.cycles.samples, saved.cycles.use_denoising = "CYCLES", 1, False
    saved.render.resolution_x, saved.render.resolution_y = 48, 32
    saved.frame_start, saved.frame_end = 1, SPANS[-1][1]
    saved.world = with_nodes(bpy.data.worlds.new("sky"))
    bpy.ops.mesh.primitive_plane_add(size=40)
    bpy.ops.mesh.primitive_cube_add(size=1, location=(0, 6, 0.5))
    for number, (first, last) in enumerate(SPANS, start=1):
        camera = bpy.data.objects.new(f"Cam {number}", bpy.data.cameras.new(f"Cam {number}"))
        saved.collection.objects.link(camera)
        camera.rotation_euler.x = 1.45
        for frame, x in ((first, 0.1 * number), (last, 0.1 * number + 0.3)):
            camera.location = (x, 0, 1.5)
            camera.keyframe_insert("location", frame=frame)
        saved.timeline_markers.new(f"Cam {number}", frame=first).camera = camera
    saved.camera = bpy.data.objects["Cam 1"]
    third = bpy.data.objects["Cam 3"]
    third.location = (5, 0, 1.5)
    third.keyframe_insert("location", frame=22)
    for curve in part("operators.camera_motion").curves_of(third):
        for point in curve.keyframe_points:
            point.interpolation = "CONSTANT"
    bpy.data.objects["Cam 5"].data.type = "PANO"
    saved.frame_set(1)
    saved.shotpack.prompt = "w5"
    return saved


def told(scene):
    return dict(part("operators.batches").told(scene))


def made(scene):
    return sorted(metas_of(scene), key=lambda meta: meta.frame_final_start)


def spans(scene):
    return [(meta.frame_final_start, meta.frame_final_end - 1) for meta in made(scene)]


def test_six_markers_are_four_shots_and_two_reasons(six, asleep):
    before = six.frame_current
    assert bpy.ops.shotpack.previs_all() == {"FINISHED"}
    assert spans(six) == [SPANS[number] for number in (0, 1, 3, 5)]
    assert told(six) == {
        "Cam 3 (15)": "Cam 3 jumps at frame 22, which is a cut; end the shot before it, or untick Follow Camera.",
        "Cam 5 (36)": "A panoramic camera cannot be followed.",
    }
    for shot, (first, last) in zip(asleep, [SPANS[number] for number in (0, 1, 3, 5)], strict=True):
        asked = json.loads(shot.request)
        assert asked["frames"] == last - first + 1
        (guide,) = asked["conditions"]
        assert [frame["frame"] for frame in guide["frames"]] == [float(n) for n in range(2, last - first + 2)]
        assert (shot.folder / "guide.blend").is_file()
    pictures = [(shot.folder / "board.png").read_bytes() for shot in asleep]
    assert len(set(pictures)) == 4, "each from its own camera"
    assert (six.frame_current, six.camera) == (before, bpy.data.objects["Cam 1"])
    assert len({meta.shotpack.batch for meta in made(six)}) == 1
    drawn = Panel()
    part("panels.storyboard")._Storyboard.draw(types.SimpleNamespace(layout=drawn), bpy.context)
    assert "jumps at frame 22" in drawn.text
    assert "A panoramic camera" in drawn.text


def test_one_step_undoes_it_and_esc_leaves_nothing(six, asleep, tmp_path):
    previs = part("operators.previs")
    run = previs.Run(bpy.context, previs.shots_of(six))
    assert run.step(bpy.context)
    assert run.step(bpy.context)
    assert (run.done, run.of, run.capturing, metas_of(six)) == (2, 6, True, [])
    run.stop()
    assert not list((tmp_path / "shots").iterdir())
    bpy.ops.ed.undo_push(message="before")
    assert bpy.ops.shotpack.previs_all("EXEC_DEFAULT", True) == {"FINISHED"}
    assert len(metas_of(six)) == 4
    bpy.ops.ed.undo()
    assert metas_of(bpy.context.scene) == []


def test_again_it_makes_only_what_changed(six, asleep):
    bpy.ops.shotpack.previs_all()
    first = [meta.shotpack.shot for meta in made(six)]
    six.frame_set(33)
    bpy.ops.shotpack.previs_all()
    assert [meta.shotpack.shot for meta in made(six)] == first
    # Its first picture is the same, and it goes elsewhere.
    fourth = bpy.data.objects["Cam 4"]
    fourth.location.x = 1
    fourth.keyframe_insert("location", frame=35)
    bpy.ops.shotpack.previs_all()
    now = [meta.shotpack.shot for meta in made(six)]
    assert [one == other for one, other in zip(now, first, strict=True)] == [True, True, False, True]
    assert told(six)["Cam 4 (31)"] == "Its picture changed; the new shot is in the place of the one before."


def test_the_shot_at_the_playhead_alone(six, asleep):
    six.frame_set(12)
    assert bpy.ops.shotpack.previs() == {"FINISHED"}
    assert spans(six) == [(10, 14)]
    six.frame_set(40)
    bpy.ops.shotpack.previs()
    assert told(six) == {"Cam 5 (36)": "A panoramic camera cannot be followed."}
    six.frame_start = 12
    shots = part("operators.previs").shots_of(six)
    assert [(shot.frames[0], shot.frames[-1]) for shot in shots] == [(12, 14), *SPANS[2:]]


def test_markers_of_one_name_are_told_apart(six, asleep):
    for marker in six.timeline_markers:
        marker.name = "Cam"
    bpy.ops.shotpack.previs_all()
    assert len({meta.shotpack.marker for meta in metas_of(six)}) == 4
    first = [meta.shotpack.shot for meta in made(six)]
    bpy.ops.shotpack.previs_all()
    assert [meta.shotpack.shot for meta in made(six)] == first


def test_without_markers_it_says_what_to_do(six):
    six.timeline_markers.clear()
    assert not bpy.ops.shotpack.previs_all.poll()
    assert part("operators.previs").prevented(bpy.context, []).startswith("Bind markers to cameras first")


def test_markers_choose_the_camera_as_they_do_in_a_render(six):
    """Before the first marker its camera renders already; cameras that do not render are passed over, and so are all
    markers at a frame but the one that was made first.
    """
    motion, previs = part("operators.camera_motion"), part("operators.previs")
    six.timeline_markers.remove(six.timeline_markers["Cam 1"])
    six.timeline_markers.new("Twin", frame=15).camera = bpy.data.objects["Cam 6"]
    bpy.data.objects["Cam 4"].hide_render = True
    six.camera = bpy.data.objects["Cam 5"]
    for frame in range(1, 46):
        wanted = motion.camera_at(six, frame)
        six.frame_set(frame)
        assert six.camera == wanted, frame
    six.frame_set(1)
    assert [marker.name for marker in motion.switches(six)] == ["Cam 3", "Cam 5", "Cam 6"]
    assert [shot.title for shot in previs.shots_of(six)] == ["Cam 2", "Cam 3", "Cam 5", "Cam 6"]
    followed = part("operators.follow").of_camera(six, six, range(1, 2))
    assert part("operators.follow").prevented(six.shotpack, followed, 14) is None, "no cut at the first marker"


def test_the_camera_that_is_kept_is_the_one_that_rendered(six, asleep):
    """A render goes by the markers, whichever camera the scene was given at this frame."""
    wanted = six.shotpack
    wanted.source, wanted.length, wanted.frames, wanted.follow_camera = "CAMERA", "FRAMES", 5, True
    six.frame_set(2)
    six.camera = bpy.data.objects["Cam 6"]
    assert bpy.ops.shotpack.generate() == {"FINISHED"}
    kept = part("operators.seen_from").read_kept(metas_of(six)[-1].shotpack_board.seen_camera)
    assert kept["world"][3] == pytest.approx(bpy.data.objects["Cam 1"].matrix_world.translation.x)
