"""A guide's film runs the Python of a file where the artist's session does, and nowhere else."""

from __future__ import annotations

import json

import pytest

from tests.host.studio import bpy, part


@pytest.fixture
def driven(saved, tmp_path):
    """A file with a scene that nobody looks at, in which Python drives a cube: it leaves a note where it runs."""
    note, shown = tmp_path / "note", bpy.data.scenes.new("shown")
    cube = bpy.data.objects.new("cube", bpy.data.meshes.new("cube"))
    shown.collection.objects.link(cube)
    shown.camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    shown.collection.objects.link(shown.camera)
    write = f"__import__('pathlib').Path({str(note)!r}).write_text('run') and 1.0"
    cube.driver_add("location", 0).driver.expression = write
    bpy.ops.wm.save_mainfile()
    return note


def reopen(use_scripts):
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath, use_scripts=use_scripts)


def film_of(shown, folder):
    """What the film of a scene says."""
    follow, seen_from, guide_film = (part(f"operators.{name}") for name in ("follow", "seen_from", "guide_film"))
    followed = follow.Followed(seen_from.SeenFrom(shown, 1.0, seen_from.Tie.STRIP))
    guide_film._write(followed, (64, 36), [("", followed.begin)], {"0005.00": 5.0}, folder / "guide.blend")
    bpy.ops.wm.open_mainfile(filepath=str(folder / "guide.blend"), use_scripts=False)
    wanted = part("operators.render_guide").WANTED
    (said,) = (json.loads(scene[wanted]) for scene in bpy.data.scenes if wanted in scene)
    return said


@pytest.mark.parametrize("use_scripts", [False, True])
def test_scripts_run_where_they_run_here(driven, tmp_path, use_scripts):
    """Blender has refused nothing yet in a file with a scene that was not evaluated: that says nothing."""
    reopen(use_scripts)
    assert not bpy.app.autoexec_fail
    names = [[each.name for each in kind] for kind in (bpy.data.scenes, bpy.data.objects)]
    assert part("operators.scripts_allowed").python_runs() is use_scripts
    assert [[each.name for each in kind] for kind in (bpy.data.scenes, bpy.data.objects)] == names
    reopen(use_scripts)
    assert film_of(bpy.data.scenes["shown"], tmp_path)["trusted"] is use_scripts
    assert driven.exists() is False


def test_a_file_without_python_warns_of_nothing(driven):
    bpy.data.objects["cube"].animation_data.drivers[0].driver.expression = "frame * 2"
    bpy.ops.wm.save_mainfile()
    reopen(use_scripts=False)
    assert not part("operators.scripts_allowed").python_runs()
    assert not bpy.app.autoexec_fail


def test_a_scene_that_comes_along_says_nothing(driven, tmp_path):
    wanted, shown = part("operators.render_guide").WANTED, bpy.data.scenes["shown"]
    other = bpy.data.scenes.new("another")
    other[wanted] = json.dumps({"size": [64, 64], "boards": [["", 1]], "frames": {}, "trusted": True})
    shown.background_set = other
    assert film_of(shown, tmp_path)["trusted"] is False


def test_two_scenes_that_ask_are_refused(driven, tmp_path):
    program = part("operators.render_guide")
    for scene in bpy.data.scenes:
        scene[program.WANTED] = json.dumps({"size": [64, 64], "boards": [["", 1]], "frames": {}})
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "two.blend"))
    with pytest.raises(ValueError, match="too many values"):
        program._opened(str(tmp_path / "two.blend"), use_scripts=False)


@pytest.mark.parametrize("use_scripts", [False, True])
def test_what_drivers_call_is_there(driven, tmp_path, use_scripts):
    """A script of the file's makes it when that is opened, where it may run."""
    text = bpy.data.texts.new("functions")
    text.use_module = True
    text.write("import bpy\nbpy.app.driver_namespace['twice'] = lambda value: 2 * value\n")
    bpy.data.objects["cube"].animation_data.drivers[0].driver.expression = "twice(frame)"
    bpy.ops.wm.save_mainfile()
    reopen(use_scripts)
    film_of(bpy.data.scenes["shown"], tmp_path)
    bpy.app.driver_namespace.pop("twice", None)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "guide.blend"), use_scripts=use_scripts)
    bpy.data.scenes["shown"].frame_set(3)
    moved = bpy.data.objects["cube"].evaluated_get(bpy.data.scenes["shown"].view_layers[0].depsgraph).location.x
    assert moved == (6 if use_scripts else 0)
    assert bool(bpy.data.texts) is use_scripts
