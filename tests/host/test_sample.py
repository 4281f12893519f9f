"""The samples as they open: panels under markers with their words; a blocked-out scene with cameras on markers."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.host.studio import ENGINE_PYTHON, ROOT, bpy, part

SAMPLE, PREVIS = (ROOT / "samples" / f"{name}.blend" for name in ("storyboard", "previs"))


def test_the_sample_holds_its_panels_their_words_and_a_workspace(extension):
    with bpy.data.libraries.load(str(SAMPLE)) as (held, _):
        assert list(held.workspaces) == ["Video Editing"]
        assert list(held.scenes) == ["Storyboard"]
    bpy.ops.wm.open_mainfile(filepath=str(SAMPLE), load_ui=False)
    scene, sequencer = bpy.data.scenes["Storyboard"], part("operators.sequencer")
    bpy.context.window.scene = scene
    strips = sorted(scene.sequence_editor.strips, key=lambda strip: sequencer.span(strip).start)
    assert [strip.name for strip in strips] == ["Panel 1", "Panel 2", "Panel 3"]
    assert [len(sequencer.span(strip)) for strip in strips] == [120] * 3
    assert all(sequencer.picture_of(scene, strip).is_file() for strip in strips)
    starts = {marker.frame: marker.name for marker in scene.timeline_markers}
    assert list(starts) == [sequencer.span(strip).start for strip in strips]
    assert (scene.render.fps, scene.view_settings.view_transform) == (24, "Standard")
    scene.shotpack.prompt = starts[1]
    found = part("operators.generate").intent(bpy.context)
    assert (found.strip.name, found.spot.start, found.spot.length, found.spot.channel) == ("Panel 1", 1, 120, 2)


@pytest.mark.parametrize(("sample", "name"), [(SAMPLE, "Storyboard"), (PREVIS, "Harbour")])
def test_it_opens_and_is_copied_without_a_complaint(extension, capfd, sample, name):
    """One that a newer Blender has saved names an engine that older ones lack, and they free its strips twice."""
    bpy.ops.wm.open_mainfile(filepath=str(sample), load_ui=False)
    bpy.data.scenes.remove(bpy.data.scenes[name].copy())
    printed = capfd.readouterr()
    assert "rror" not in printed.out + printed.err


@pytest.mark.parametrize("sample", [SAMPLE, PREVIS])
def test_nothing_is_written_over_the_picture(sample):
    """What a render and a model note in their pictures covers them in the preview where that is switched on."""
    bpy.ops.wm.read_homefile()  # of the open file nothing can be loaded
    with bpy.data.libraries.load(str(sample)) as (held, loaded):
        loaded.workspaces = list(held.workspaces)
    spaces = [
        area.spaces.active
        for workspace in loaded.workspaces
        for screen in workspace.screens
        for area in screen.areas
        if area.type == "SEQUENCE_EDITOR"
    ]
    assert [space.view_type for space in spaces if space.view_type == "PREVIEW"]
    assert not any(space.preview_overlay.show_metadata for space in spaces)
    bpy.data.batch_remove([screen for workspace in loaded.workspaces for screen in workspace.screens])
    bpy.data.batch_remove(loaded.workspaces)


def test_the_previs_sample_is_one_press_a_shot(extension):
    """Each of its cameras can be followed to the next one's marker or the end, in words of a strip over it."""
    bpy.ops.wm.open_mainfile(filepath=str(PREVIS), load_ui=False)
    scene = bpy.context.scene
    wanted = scene.shotpack
    assert (wanted.source, wanted.length, wanted.other_length, wanted.follow_camera) == ("CAMERA", "NEXT", "NEXT", True)
    shot_intent = part("operators.shot_intent")
    wanted.follow_camera = False  # no engine is there to say whether it can
    markers = sorted(scene.timeline_markers, key=lambda marker: marker.frame)
    for marker, words in zip(markers, ("moves right", "zoom in", "moves forward"), strict=True):
        scene.frame_set(marker.frame)
        assert scene.camera == marker.camera
        found = shot_intent.intent(bpy.context)
        assert (found.spot.start, found.spot.length) == (marker.frame, 72)
        assert words in found.words.text
        now = range(scene.frame_current, scene.frame_current + 1)
        shown = part("operators.follow").of_camera(scene, scene, now).shown(found.spot.length)
        assert (shown.start, shown.stop) == (marker.frame, marker.frame + 72)
    assert all(strip.mute for strip in scene.sequence_editor.strips), "words are not shown"


def test_the_demo_comes_to_its_end(extension, tmp_path):
    """As `dev.py demo` runs it, with the tiny checkpoint instead of Sketch."""
    command = [sys.executable, "-m", "samples.demo", ENGINE_PYTHON, str(tmp_path / "out"), "--model", "tiny"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "made 120 frames" in ran.stderr
    assert (tmp_path / "out" / "shot.mp4").read_bytes()[4:8] == b"ftyp"
    assert len(list((tmp_path / "out" / "shots").glob("*/0*.png"))) >= 120
