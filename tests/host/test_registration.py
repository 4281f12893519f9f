"""The extension comes and goes without a trace, and says why a button is grey."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.host.studio import ADDON, ROOT, add_board, bpy, configure, part
from tests.patience import PATIENCE


def ours() -> list[str]:
    """The classes of ours that Blender knows."""
    return [name for name in dir(bpy.types) if name.upper().startswith("SHOTPACK")]


def test_disabled_and_enabled_twice(extension):
    for _ in range(2):
        bpy.ops.preferences.addon_disable(module=ADDON)
        assert not hasattr(bpy.types.Scene, "shotpack")
        assert not hasattr(bpy.types.Strip, "shotpack")
        assert not ours()
        assert not [each for each in bpy.app.handlers.load_post if ADDON in each.__module__]
        bpy.ops.preferences.addon_enable(module=ADDON)
        assert hasattr(bpy.types.Scene, "shotpack")
        assert {"SHOTPACK_PT_sequencer", "SHOTPACK_OT_generate"} <= set(ours())
    configure()


def test_one_class_that_cannot_be_registered_leaves_nothing(extension, monkeypatch):
    addon = part("operators").__package__.rpartition(".")[0]
    assert addon == ADDON
    bpy.ops.preferences.addon_disable(module=ADDON)
    panels = part("panels")
    monkeypatch.setattr(panels, "CLASSES", (*panels.CLASSES, int))
    with pytest.raises((RuntimeError, ValueError, TypeError)):
        __import__(ADDON, fromlist=["register"]).register()
    assert not ours()
    assert not hasattr(bpy.types.Scene, "shotpack")
    monkeypatch.undo()
    bpy.ops.preferences.addon_enable(module=ADDON)
    configure()


def test_registered_once_more_it_refuses_and_goes_on_as_it_was(extension):
    client = part("operators.runtime").the_client()
    with pytest.raises((RuntimeError, ValueError)):
        __import__(ADDON, fromlist=["register"]).register()
    assert hasattr(bpy.types.Scene, "shotpack")
    assert "SHOTPACK_OT_generate" in ours()
    assert len([each for each in bpy.app.handlers.load_post if ADDON in each.__module__]) == 1
    assert part("operators.runtime").client is client


def test_a_name_that_windows_keeps_for_a_device_is_no_folders(scene, monkeypatch, tmp_path):
    folders = part("operators.shot_folders")
    monkeypatch.setattr(folders, "_base", lambda: tmp_path)
    assert [folders.new_folder(wish)[0] for wish in ("Aux", "com1", "...", "Con fetti")] == [
        "shot-aux",
        "shot-com1",
        "shot",
        "con-fetti",
    ]


def test_another_extensions_broken_requests_is_told_and_nothing_else_suffers(tmp_path):
    (tmp_path / "requests.py").write_text("import urllib4")
    environ = os.environ | {"PYTHONPATH": str(tmp_path), "SHOTPACK_TEST_PLACE": str(tmp_path)}
    command = [sys.executable, "-m", "tests.host.broken_requests", str(tmp_path / "requests.py")]
    ended = subprocess.run(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True, timeout=PATIENCE)
    told = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("{")]
    assert ended.returncode == 0
    assert told[0] == {"registered": True}
    for sentence, advice in told[1]["problems"]:
        assert sentence.startswith("The engine cannot be called because Python's library 'requests' does not load here")
        assert "urllib4" in sentence
        assert "restart Blender" in advice
    assert told[1]["engine"] is None
    assert told[2] == {"problems": [], "job": True}


def test_generate_says_why_it_cannot(scene):
    intent = part("operators.generate").intent
    assert not bpy.ops.shotpack.generate.poll()
    assert "Select a strip" in intent(bpy.context)
    add_board(scene)
    assert "Write what happens" in intent(bpy.context)
    scene.shotpack.prompt = "the camera pans left"
    assert bpy.ops.shotpack.generate.poll()
    scene.shotpack.length = "NEXT"
    assert intent(bpy.context).spot.length == 250, "as far as the scene goes"
    scene.frame_start = scene.frame_end = 0
    assert "marker" in intent(bpy.context)
    scene.timeline_markers.new("next", frame=51)
    assert intent(bpy.context).spot.length == 50
    scene.shotpack.source = "CAMERA"
    assert "no camera" in intent(bpy.context)


def test_the_channel_is_the_first_that_is_free_above_the_board(scene):
    scene.shotpack.prompt = "pan left"
    board = add_board(scene, start=1, length=40)
    add_board(scene, start=30, length=40, channel=2, name="in the way")
    scene.sequence_editor.channels[3].lock = True
    scene.sequence_editor.active_strip = board
    assert part("operators.generate").intent(bpy.context).spot.channel == 4


def test_without_an_engine_nothing_is_begun(scene):
    scene.shotpack.prompt = "pan left"
    add_board(scene)
    preferences = bpy.context.preferences.addons[ADDON].preferences
    preferences.python = ""
    try:
        with pytest.raises(RuntimeError, match="not installed yet"):
            bpy.ops.shotpack.generate()
        assert part("operators.engine").missing
    finally:
        configure()
    assert len(scene.sequence_editor.strips) == 1
    assert not part("operators.engine").needs_install()


def test_a_full_disk_is_said_before_anything_is_begun(scene, monkeypatch):
    add_board(scene)
    scene.shotpack.prompt = "the camera pans left"
    usage = type("Usage", (), {"free": 5_000_000})
    monkeypatch.setattr(part("operators.shot_folders").shutil, "disk_usage", lambda _folder: usage)
    with pytest.raises(RuntimeError, match="5 MB free"):
        bpy.ops.shotpack.generate()
    assert not [strip for strip in scene.sequence_editor.strips if strip.type == "META"]


def test_the_engine_is_told_how_long_shots_are_kept(extension):
    preferences = bpy.context.preferences.addons[ADDON].preferences
    location = part("operators.runtime").engine_location
    assert location().options == ()  # an engine of 0.1.0 knows no such option
    preferences.keep_days, preferences.keep_gigabytes = 30, 200
    assert location().options == ("--keep-days", "30", "--keep-gb", "200")
    preferences.keep_days = preferences.keep_gigabytes = 0
