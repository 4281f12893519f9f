"""Files saved, opened, saved elsewhere: a shot's frames lie beside its file, and an unfinished shot completes."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

import pytest

from tests.host.studio import add_board, bpy, of_role, part, step_until
from tests.host.test_shot import frames_of, generate
from tests.host.test_trust import stamped


def finished(shot: str):
    found = part("operators.shot_strips").find(shot)
    return found and all(meta.shotpack.state == "finished" for meta in found) and found[0]


def test_an_unsaved_files_shots_move_beside_it_when_it_is_saved(scene, tmp_path):
    add_board(scene, length=37)
    shot = generate(scene).shotpack.shot
    step_until(lambda: finished(shot))
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "film.blend"))
    (strip,) = part("operators.shot_strips").find(shot)[0].strips
    assert Path(frames_of(strip)[0]).parent == tmp_path / "shots" / "panel-1"
    assert len(list((tmp_path / "shots" / "panel-1").glob("00*.png"))) == 37
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "film.blend"))
    (strip,) = part("operators.shot_strips").find(shot)[0].strips
    assert strip.directory == "//shots/panel-1/"
    assert all(path.is_file() for path in frames_of(strip))


def test_saved_while_it_fills_and_opened_again_it_completes(streamed, tmp_path):
    add_board(streamed, length=109)
    shot = generate(streamed).shotpack.shot
    step_until(lambda: of_role(part("operators.shot_strips").find(shot)[0], "section"))
    bpy.ops.wm.save_mainfile()
    in_file = [path for strip in part("operators.shot_strips").find(shot)[0].strips for path in frames_of(strip)]
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
    meta = step_until(lambda: finished(shot))
    assert len(meta.strips[0].elements) == 109
    assert all(path.is_file() for path in frames_of(meta.strips[0]))
    for _ in range(20):
        part("operators.runtime").step()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "copy.blend"), copy=True)
    part("operators.runtime").step()
    assert any("draft" in path.name for path in in_file)
    assert all(path.is_file() for path in in_file), "the file on disk shows them still, on a render farm say"
    bpy.ops.wm.save_mainfile()
    step_until(lambda: not list(in_file[0].parent.glob("*draft*")))


def test_finished_while_the_file_was_closed_it_is_filled_in(streamed):
    add_board(streamed, length=37)
    shot = generate(streamed).shotpack.shot
    client = part("operators.runtime").the_client()
    step_until(lambda: client.shots[shot].job)
    step_until(lambda: part("operators.shot_strips").find(shot)[0].shotpack.job)
    job = client.shots[shot].job
    path = bpy.data.filepath
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    step_until(lambda: {each["id"]: each["state"] for each in client._connection().jobs()}[job] == "finished")
    bpy.ops.wm.open_mainfile(filepath=path)
    meta = step_until(lambda: finished(shot))
    assert len(meta.strips[0].elements) == 37


def test_saved_elsewhere_it_still_shows_its_frames(saved, tmp_path):
    add_board(saved, length=37)
    shot = generate(saved).shotpack.shot
    step_until(lambda: finished(shot))
    (tmp_path / "copies").mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "copies" / "film.blend"))
    (strip,) = part("operators.shot_strips").find(shot)[0].strips
    assert all(path.is_file() for path in frames_of(strip))


def test_saved_for_the_first_time_while_frames_are_on_their_way_none_is_lost(scene, tmp_path, monkeypatch):
    fetcher, shot_strips = part("engine.client.frame_fetcher").FrameFetcher, part("operators.shot_strips")
    fetch, held = fetcher.fetch, []
    monkeypatch.setattr(fetcher, "fetch", lambda *batch: held.append(batch))
    add_board(scene, length=37)
    bpy.ops.ed.undo_push(message="board")
    shot = generate(scene).shotpack.shot
    bpy.ops.ed.undo_push(message="Generate Shot")
    step_until(lambda: held)
    name = part("operators.runtime").shot_of(shot).folder.name
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "film.blend"))
    bpy.ops.ed.undo_push(message="saved")
    monkeypatch.undo()
    for batch in held:
        fetch(*batch)
    for go in (lambda: None, bpy.ops.ed.undo, bpy.ops.ed.redo):  # an undo brings back where they were before
        go()
        meta = step_until(lambda: finished(shot))
        (strip,) = meta.strips
        assert len(strip.elements) == 37
        assert {path.parent for path in frames_of(strip)} == {tmp_path / "shots" / name}
        assert all(path.is_file() for path in frames_of(strip))
    (tmp_path / "copies").mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "copies" / "film.blend"), copy=True)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "copies" / "film.blend"))
    assert part("operators.trust").trusted(shot_strips.folder_of(shot_strips.find(shot)[0]))


@pytest.mark.parametrize("name", ["film_4711_autosave.blend", "4711_autosave.blend", "quit.blend"])
def test_the_shots_of_a_file_that_was_recovered_lie_where_nobody_clears_away(scene, tmp_path, name):
    folders, shot_strips = part("operators.shot_folders"), part("operators.shot_strips")
    shot = stamped(scene, folders.new_folder("panel")[1])
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / name), copy=True)
    bpy.ops.wm.recover_auto_save(filepath=str(tmp_path / name))
    assert [meta.shotpack.shot for meta in part("operators.adoption").unsent()] == [shot]
    new = stamped(bpy.context.scene, folders.new_folder("panel")[1], name="panel-2")
    bpy.ops.wm.save_mainfile()  # to where it was recovered from
    assert not (tmp_path / "shots").exists()
    (tmp_path / "film").mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "film" / "film.blend"))
    for each in (shot, new):
        folder = shot_strips.folder_of(shot_strips.find(each)[0])
        assert folder.parent == tmp_path / "film" / "shots"
        assert (folder / "board.png").is_file()


def test_a_disk_that_refuses_leaves_the_shot_where_it_is_whole(scene, tmp_path, monkeypatch):
    folders, shot_strips = part("operators.shot_folders"), part("operators.shot_strips")
    _, folder = folders.new_folder("panel")
    shot = stamped(scene, folder)
    (folder / "0001.png").write_bytes(b"a frame")
    for copy in ("copy_whole", "link_or_copy"):
        monkeypatch.setattr(folders, copy, full_after(1), raising=False)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "film.blend"), copy=True)
    assert shot_strips.folder_of(shot_strips.find(shot)[0]) == folder
    assert [path.name for path in tmp_path.rglob("*.png")] == []
    monkeypatch.undo()
    (tmp_path / "in the way").mkdir()
    with pytest.raises(RuntimeError):
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "in the way"))
    for place in ("one", "two"):  # a save that failed, and a copy of a file that has no place itself yet
        (tmp_path / place).mkdir()
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / place / "film.blend"), copy=place == "one")
        there = shot_strips.folder_of(shot_strips.find(shot)[0])
        assert there.parent == tmp_path / place / "shots"
        assert sorted(path.name for path in there.iterdir()) == ["0001.png", "board.png"]
    for place in ("one", "two"):
        bpy.ops.wm.open_mainfile(filepath=str(tmp_path / place / "film.blend"))
        assert [meta.shotpack.shot for meta in part("operators.adoption").unsent()] == [shot]


def full_after(files: int):
    """Copies so many files, and then the disk is full."""
    left = [files]

    def copy(source: Path, target: Path) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        shutil.copyfile(source, target)

    return copy


def test_one_file_open_in_two_blenders_fills_one_folder(saved):
    add_board(saved, length=73)
    shot = generate(saved).shotpack.shot
    runtime, client_module = part("operators.runtime"), part("engine.client.engine_client")
    first = runtime.shot_of(shot)
    step_until(lambda: first.job)
    other = client_module.EngineClient()
    try:
        # The file was saved before its job had a name: opened and sent by another, it is no second job.
        second = type(first)(first.id, first.name, first.folder, first.frames, "", first.request)
        second.key = getattr(first, "key", "")
        other.wake(runtime.engine_location())
        other.send(second)
        step_until(lambda: other.poll(0.01) is not None and second.job)
        assert second.job == first.job
        step_until(lambda: other.poll(0.01) is not None and second.complete)
        meta = step_until(lambda: finished(shot))
    finally:
        other.close()
    assert second.pictures == first.pictures == {frame: f"{frame:04d}.png" for frame in range(1, 74)}
    assert all(path.is_file() for path in frames_of(meta.strips[0]))
    step_until(lambda: not list(first.folder.glob("*draft*")))
    assert not [path.name for path in first.folder.iterdir() if path.name.startswith(".")]
