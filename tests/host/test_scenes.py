"""Shots in several scenes, and in scenes that come from another file."""

from __future__ import annotations

import types

import pytest

from tests.host.studio import FIXTURES, bpy, metas_of, part
from tests.host.test_tick import Drawn
from tests.host.test_trust import JOB, stamped, strip


def bring_in(file, *, link: bool) -> None:
    bpy.ops.wm.append(directory=f"{file}/Scene/", filename="Other", link=link)


@pytest.fixture
def other(saved, tmp_path):
    """A file beside ours whose scene has one shot that is being made, and one in a folder that nobody has agreed to."""
    scene = bpy.data.scenes.new("Other")
    scene.sequence_editor_create()
    near = stamped(scene, tmp_path / "shots" / "panel-1", job=JOB)
    far = stamped(scene, tmp_path.with_name(f"{tmp_path.name}-elsewhere") / "panel-2", job=JOB, name="panel-2")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "other.blend"), copy=True)
    bpy.data.scenes.remove(scene)
    return tmp_path / "other.blend", near, far


def test_the_shots_of_a_scene_that_is_appended_are_followed_where_their_folders_may_be_used(other):
    file, near, far = other
    bring_in(file, link=False)
    client = part("operators.runtime").the_client()
    assert set(client.shots) == {near}
    assert set(part("operators.adoption").left_alone) == {far}
    assert strip(far).shotpack.job == JOB


def test_those_of_a_scene_that_is_linked_are_that_files(other):
    file, _, _ = other
    bring_in(file, link=True)
    assert any(scene.library for scene in bpy.data.scenes)
    assert not part("operators.runtime").the_client().shots


def test_a_shot_that_is_in_two_scenes_is_selected_in_the_one_that_is_shown(saved, tmp_path):
    shot = stamped(saved, tmp_path / "shots" / "panel-1")
    bpy.ops.scene.new(type="FULL_COPY")
    for scene in list(bpy.data.scenes):
        bpy.context.window.scene = scene
        (meta,) = metas_of(scene)
        meta.select, scene.sequence_editor.active_strip = False, None
        assert bpy.ops.shotpack.select(shot=shot) == {"FINISHED"}
        assert scene.sequence_editor.active_strip == meta
        assert meta.select
    scene.sequence_editor.strips.remove(meta)
    assert bpy.ops.shotpack.select(shot=shot) == {"CANCELLED"}  # it is in the other scene alone
    assert scene.sequence_editor.active_strip is None


def test_one_shot_that_cannot_be_drawn_hides_no_other(saved, tmp_path, monkeypatch):
    shots, stuck = part("panels.shots"), stamped(saved, tmp_path / "shots" / "one", name="one")
    stamped(saved, tmp_path / "shots" / "two", name="two")
    is_unsent = part("operators.adoption").is_unsent

    def broken(stamp):
        if stamp.shot == stuck:
            raise OverflowError("cannot convert float infinity to integer")
        return is_unsent(stamp)

    monkeypatch.setattr(shots.adoption, "unsent", lambda _scene=None: [])
    monkeypatch.setattr(shots.adoption, "is_unsent", broken)
    drawn = Drawn()
    shots._Shots.draw(types.SimpleNamespace(layout=drawn), bpy.context)
    assert "float infinity" in drawn.text
    assert drawn.buttons.count("shotpack.send_unsent") == 1


def test_strips_that_bear_a_copy_of_our_stamp_and_are_no_pictures_are_nobodys(saved, tmp_path):
    timeline, shot_type = part("operators.timeline"), part("engine.client.shot").Shot
    name = stamped(saved, tmp_path / "shots" / "one", name="one")
    meta = strip(name)
    inside = {role: meta.strips.new_meta(role, channel, 1) for channel, role in enumerate(("final", "section"), 5)}
    for role, each in inside.items():
        each.shotpack.role = role
    assert part("operators.shot_strips").pictures(meta) == []
    shot = shot_type(name, "one", tmp_path / "shots" / "one", 2, complete=True)
    for frame in (1, 2):
        shot.pictures[frame] = f"000{frame}.png"
        (shot.folder / shot.pictures[frame]).write_bytes((FIXTURES / "board.png").read_bytes())
    while timeline.reconcile(shot, None):
        pass
    assert [path.name for path in part("operators.shot_strips").pictures(meta)] == ["0001.png", "0002.png"]
    timeline.begin_again(shot, shot.folder / "board.png")
    assert {each.name for each in meta.strips} >= set(inside)
