"""Files saved, opened, saved elsewhere: a shot's frames lie beside its file, and an unfinished shot completes."""

from __future__ import annotations

from pathlib import Path

from tests.host.studio import add_board, bpy, of_role, part, shot_strips, step_until
from tests.host.test_shot import frames_of, generate


def finished(shot: str):
    found = part("operators.timeline").find(shot)
    return found and all(meta.shotpack.state == "finished" for meta in found) and found[0]


def test_an_unsaved_files_shots_move_beside_it_when_it_is_saved(scene, tmp_path):
    add_board(scene, length=37)
    shot = generate(scene).shotpack.shot
    step_until(lambda: finished(shot))
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "film.blend"))
    (strip,) = part("operators.timeline").find(shot)[0].strips
    assert Path(frames_of(strip)[0]).parent == tmp_path / "shots" / "panel-1"
    assert len(list((tmp_path / "shots" / "panel-1").glob("00*.png"))) == 37
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "film.blend"))
    (strip,) = part("operators.timeline").find(shot)[0].strips
    assert strip.directory == "//shots/panel-1/"
    assert all(path.is_file() for path in frames_of(strip))


def test_saved_while_it_fills_and_opened_again_it_completes(saved):
    add_board(saved, length=109)
    shot = generate(saved).shotpack.shot
    step_until(lambda: of_role(part("operators.timeline").find(shot)[0], "section"))
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
    meta = step_until(lambda: finished(shot))
    assert len(meta.strips[0].elements) == 109
    assert all(path.is_file() for path in frames_of(meta.strips[0]))


def test_finished_while_the_file_was_closed_it_is_filled_in(saved):
    add_board(saved, length=37)
    shot = generate(saved).shotpack.shot
    desk = part("operators.runtime").the_desk()
    step_until(lambda: desk.shots[shot].job)
    step_until(lambda: part("operators.timeline").find(shot)[0].shotpack.job)
    job = desk.shots[shot].job
    path = bpy.data.filepath
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    step_until(lambda: desk._session.jobs[job].state == "finished")
    bpy.ops.wm.open_mainfile(filepath=path)
    meta = step_until(lambda: finished(shot))
    assert len(meta.strips[0].elements) == 37


def test_saved_elsewhere_it_still_shows_its_frames(saved, tmp_path):
    add_board(saved, length=37)
    shot = generate(saved).shotpack.shot
    step_until(lambda: finished(shot))
    (tmp_path / "copies").mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "copies" / "film.blend"))
    (strip,) = part("operators.timeline").find(shot)[0].strips
    assert all(path.is_file() for path in frames_of(strip))


def test_blender_was_gone_before_the_engine_had_answered(saved):
    """The strip has no job then; its request is in the file, and is sent."""
    add_board(saved, length=37)
    shot = generate(saved).shotpack.shot
    bpy.ops.wm.save_mainfile()  # before any tick
    assert not shot_strips(bpy.context.scene)[0].shotpack.job
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
    meta = step_until(lambda: finished(shot))
    assert len(meta.strips[0].elements) == 37
