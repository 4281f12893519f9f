"""The buttons beside Generate: what they do, and what they say where they can do nothing."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from tests.host.studio import ADDON, add_board, bpy, configure, metas_of, part, step_until
from tests.patience import PATIENCE
from tests.prompt_path import MARK, listed, traced


def generate(scene) -> str:
    """Press Generate; returns the shot's id."""
    scene.shotpack.prompt = "w5 w2"
    assert bpy.ops.shotpack.generate() == {"FINISHED"}
    return metas_of(scene)[-1].shotpack.shot


def finished(shot: str):
    """The shot's meta strip once it is made."""
    found = part("operators.shot_strips").find
    return step_until(lambda: next((meta for meta in found(shot) if meta.shotpack.state == "finished"), None))


def problem(shot: str):
    """What the panel shows of a shot, once there is something."""
    runtime, problems = part("operators.runtime"), part("operators.problems")
    record = runtime.shot_of(shot)
    return step_until(lambda: problems.of_shot(record, runtime.client.job(record)))


def test_a_shot_taken_off_is_put_back_at_the_playhead(saved):
    add_board(saved, length=73)
    shot = generate(saved)
    saved.sequence_editor.strips.remove(part("operators.shot_strips").find(shot)[0])
    step_until(lambda: part("operators.runtime").shot_of(shot).complete)
    saved.frame_current = 301
    assert bpy.ops.shotpack.put_back(shot=shot) == {"FINISHED"}
    meta = finished(shot)
    assert (meta.frame_final_start, meta.frame_final_end) == (301, 374)
    assert [strip.shotpack.role for strip in meta.strips] == ["final"]
    # It is there: there is nothing to put back.
    assert bpy.ops.shotpack.put_back(shot=shot) == {"CANCELLED"}


def test_an_engine_that_does_not_know_the_shot_any_more_is_asked_again(saved):
    add_board(saved, length=37)
    shot = generate(saved)
    first = finished(shot).shotpack.job
    record = part("operators.runtime").shot_of(shot)
    old = part("operators.shot_strips").pictures(part("operators.shot_strips").find(shot)[0])
    record.fault = part("engine.errors").EngineError(part("engine.errors").Code.JOB_UNKNOWN, name=record.name)
    assert problem(shot).fix.operator == "shotpack.send_again"
    assert bpy.ops.shotpack.send_again(shot=shot) == {"FINISHED"}
    (meta,) = part("operators.shot_strips").find(shot)
    assert [strip.shotpack.role for strip in meta.strips] == ["placeholder"]
    step_until(lambda: meta.shotpack.job not in ("", first) and meta.shotpack.state == "finished")
    new = part("operators.shot_strips").pictures(meta)
    assert len(new) == 37
    assert all(path.is_file() for path in (*old, *new))
    assert not set(old) & set(new)
    assert (meta.frame_final_start, meta.frame_final_end) == (1, 38)


def test_frames_that_could_not_be_written_are_fetched_again(saved):
    add_board(saved, length=37)
    shot = generate(saved)
    record = part("operators.runtime").shot_of(shot)
    step_until(lambda: record.job)  # its board has been read
    kept = record.folder.with_name("kept")
    record.folder.rename(kept)
    record.folder.write_text("in the way")
    found = problem(shot)
    assert found.fix.operator == "shotpack.fetch_again"
    record.folder.unlink()
    kept.rename(record.folder)
    assert bpy.ops.shotpack.fetch_again(shot=shot) == {"FINISHED"}
    assert len(finished(shot).strips[0].elements) == 37


def test_a_second_selected_strip_is_what_the_shot_ends_on(saved):
    board = add_board(saved, length=73)
    end = add_board(saved, start=101, length=30, name="Panel 2")
    saved.sequence_editor.active_strip = board
    saved.shotpack.prompt = "w5 w2"
    assert part("operators.generate").intent(bpy.context).end == end
    shot = generate(saved)
    record = part("operators.runtime").shot_of(shot)
    assert json.loads(record.request)["boards"] == [[1, "board.png"], [73, "end.png"]]
    assert (record.folder / "end.png").is_file()
    assert len(finished(shot).strips[0].elements) == 73
    saved.shotpack.use_end = False
    board.select = end.select = True
    saved.sequence_editor.active_strip = board
    assert part("operators.generate").intent(bpy.context).end is None


def test_a_press_hands_the_prompt_to_few_files(saved):
    """The rest of its way is followed in `tests/engine/test_prompt_path.py`."""
    saved.sequence_editor.active_strip = add_board(saved, length=37)
    saved.shotpack.prompt = MARK
    with traced(Path(part("operators.generate").__file__).parents[1]) as files:
        assert bpy.ops.shotpack.generate() == {"FINISHED"}
    assert files <= set(listed()), "as ARCHITECTURE.md shows"
    assert "operators/generate.py" in files


def loras_asked_for(scene):
    shot = generate(scene)
    return json.loads(part("operators.runtime").shot_of(shot).request)["loras"], shot


def test_loras_are_chosen_by_their_whole_names(saved, monkeypatch):
    saved.sequence_editor.active_strip = add_board(saved, length=37)
    monkeypatch.setitem(part("operators.runtime").client.about, "loras", ["ink", "ink 2", "my, haze"])
    assert bpy.ops.shotpack.add_lora(name="ink 2") == {"FINISHED"}
    assert bpy.ops.shotpack.add_lora(name="my, haze") == {"FINISHED"}
    bpy.ops.shotpack.add_lora(name="my, haze")  # it is there already
    bpy.ops.shotpack.add_lora(name="ink")
    bpy.ops.shotpack.remove_lora(index=2)
    with pytest.raises(RuntimeError, match="no LoRA named 'tea'"):
        bpy.ops.shotpack.add_lora(name="tea")
    saved.shotpack.lora_choices[1].weight = -0.5
    asked, _ = loras_asked_for(saved)
    assert asked == [{"name": "ink 2", "weight": 1.0}, {"name": "my, haze", "weight": -0.5}]
    saved.shotpack.lora_choices.clear()


def test_a_file_of_an_earlier_version_keeps_its_loras(saved, monkeypatch):
    """It has them in words; what is a name as it stands is that name."""
    saved.sequence_editor.active_strip = add_board(saved, length=37)
    monkeypatch.setitem(part("operators.runtime").client.about, "loras", ["ink", "ink 2", "my haze", "8"])
    saved.shotpack.speed, saved.shotpack.loras = "balanced", "ink 2, my haze:-0.5 ,8, tea 0.8"
    asked, shot = loras_asked_for(saved)
    assert [(each["name"], round(each["weight"], 3)) for each in asked] == [
        ("ink 2", 1.0),
        ("my haze", -0.5),
        ("8", 1.0),
        ("tea", 0.8),
    ]
    assert json.loads(part("operators.runtime").shot_of(shot).request)["speed"] == "balanced"
    assert "'ink 2' is not here" in problem(shot).sentence
    before = part("operators.shot_strips").find(shot)[0].shotpack.key
    saved.shotpack.speed, saved.shotpack.loras = "exact", ""
    odd = part("operators.loras").in_words("ink nan, haze 1e999", ["ink"])
    assert odd == [("ink nan", 1.0), ("haze 1e999", 1.0)]  # neither is how much of anything
    if "lora_choices" in saved.shotpack.bl_rna.properties:
        saved.shotpack.lora_choices.clear()
    # They are taken out of the panel, and so Send Again asks for none of them.
    assert bpy.ops.shotpack.send_again(shot=shot) == {"FINISHED"}
    meta = finished(shot)
    assert meta.shotpack.key != before
    assert "loras" not in json.loads(meta.shotpack.request)


def test_select_and_reveal(saved):
    board = add_board(saved, length=37)
    shot = generate(saved)
    assert bpy.ops.shotpack.select(shot=shot) == {"FINISHED"}
    assert saved.sequence_editor.active_strip.shotpack.shot == shot
    assert not board.select
    folder = part("operators.runtime").shot_of(shot).folder
    finished(shot)
    shutil.move(folder, folder.with_name("elsewhere"))
    with pytest.raises(RuntimeError, match="not there any more"):
        bpy.ops.shotpack.reveal(shot=shot)


def test_the_engine_is_stopped_and_started(saved):
    add_board(saved, length=37)
    finished(generate(saved))
    client = part("operators.runtime").client
    process = client._engine.process
    assert bpy.ops.shotpack.stop_engine() == {"FINISHED"}
    step_until(lambda: process.poll() is not None)
    assert client.state == "off"
    assert part("operators.problems").of_engine() is None
    assert bpy.ops.shotpack.start_engine() == {"FINISHED"}
    step_until(lambda: client.state == "ready")


def everything_in_the_file():
    return {repr(each) for each in bpy.data.user_map()}


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="a program stands for the system's viewer")
def test_the_engines_log_is_shown_and_not_put_into_the_file(saved, tmp_path, monkeypatch, capfd):
    preferences = bpy.context.preferences.addons[ADDON].preferences
    log, shown = tmp_path / "home" / "logs" / "server.log", tmp_path / "shown"
    viewer = tmp_path / "programs" / "xdg-open"
    viewer.parent.mkdir()
    viewer.write_text(f'#!/bin/sh\necho "$1" > "{shown}"\n')
    viewer.chmod(0o755)
    monkeypatch.setenv("PATH", str(viewer.parent))
    preferences.home = str(tmp_path / "home")
    try:
        assert bpy.ops.shotpack.open_log() == {"CANCELLED"}
        assert "no log yet" in capfd.readouterr().out
        log.parent.mkdir(parents=True)
        log.write_text("a folder: /home/somebody")
        before = everything_in_the_file()
        assert bpy.ops.shotpack.open_log() == {"FINISHED"}
        assert everything_in_the_file() == before
        assert shown.read_text().strip() == str(log)
        assert str(log) in capfd.readouterr().out
        viewer.unlink()
        assert bpy.ops.shotpack.open_log() == {"CANCELLED"}
        assert f"names no program for it; the engine's log is {log}" in capfd.readouterr().out
    finally:
        preferences.home = ""


def test_nothing_is_installed_without_leave_to_go_online(scene, tmp_path):
    preferences, system = bpy.context.preferences.addons[ADDON].preferences, bpy.context.preferences.system
    engine = part("operators.engine")
    before = system.use_online_access
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "engine.txt").write_text("six==1.17.0\n")
    try:
        preferences.engine_folder, preferences.python = str(tmp_path), ""
        system.use_online_access = False
        bpy.ops.shotpack.install_engine()
        result = engine.installation.wait(PATIENCE)
        assert result.error.code == "install_offline"
        assert "requirements" in engine.installation.report().lower()
        assert bpy.ops.shotpack.copy_report.poll()
        problem = part("operators.problems").of_error(engine.install_fault())
        assert problem.fix.operator == "shotpack.allow_online"
        preferences.python = "/an/engine/of/my/own"
        assert engine.install_fault() is None
        preferences.python = ""
        assert bpy.ops.shotpack.allow_online() == {"FINISHED"}
        assert system.use_online_access
        bpy.ops.shotpack.install_engine()
        bpy.ops.shotpack.cancel_install()
        assert engine.installation.wait(PATIENCE).cancelled
        assert engine.needs_install()
        scene.shotpack.prompt = "w5 w2"
        add_board(scene)
        with pytest.raises(RuntimeError, match="not installed yet"):
            bpy.ops.shotpack.generate()
    finally:
        system.use_online_access = before
        preferences.engine_folder = ""
        configure()
        engine.needs_install()


def test_the_view_transform_that_shots_are_made_for(scene):
    scene.view_settings.view_transform = "AgX"
    assert bpy.ops.shotpack.standard_view() == {"FINISHED"}
    assert scene.view_settings.view_transform == "Standard"
