"""A board becomes a shot on the timeline: placed at once, filled section by section, one strip in the end."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.host.studio import add_board, bpy, metas_of, of_role, part, step_until


def generate(scene, prompt: str = "w5 w2"):
    scene.shotpack.prompt = prompt
    assert bpy.ops.shotpack.generate() == {"FINISHED"}
    return metas_of(scene)[-1]


def frames_of(strip) -> list[Path]:
    folder = Path(bpy.path.abspath(strip.directory))
    return [folder / element.filename for element in strip.elements]


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size


def test_a_shot_takes_its_place_at_once(saved):
    board = add_board(saved, start=11, length=73)
    meta = generate(saved)
    assert (meta.frame_final_start, meta.frame_final_end) == (board.frame_final_start, board.frame_final_end)
    assert meta.channel == 2
    assert meta.name == "panel-1"
    (placeholder,) = of_role(meta, "placeholder")
    (picture,) = frames_of(placeholder)
    assert size_of(picture) == (192, 128)
    # The board stays what it is: pressing Generate again makes another take of it, above.
    assert saved.sequence_editor.active_strip == board
    assert generate(saved).channel == 3


def test_it_fills_section_by_section_and_ends_as_one_strip(streamed):
    add_board(streamed, start=11, length=73)
    meta = generate(streamed)
    shot = meta.shotpack.shot
    seen = []

    def finished():
        (meta,) = part("operators.shot_strips").find(shot)
        seen.append(tuple(strip.shotpack.section for strip in of_role(meta, "section")))
        return meta.shotpack.state == "finished" and meta

    meta = step_until(finished)
    assert (1,) in seen  # the last section first
    assert (1, 0) in seen or (0, 1) in seen or of_role(meta, "final")
    (strip,) = meta.strips
    assert strip.shotpack.role == "final"
    assert (strip.frame_final_start, strip.frame_final_end) == (11, 84)
    assert (meta.frame_final_start, meta.frame_final_end) == (11, 84)
    paths = frames_of(strip)
    assert [path.name for path in paths] == [f"{frame:04d}.png" for frame in range(1, 74)]
    assert all(path.is_file() for path in paths)
    assert strip.directory.startswith("//shots/panel-1")
    assert strip.colorspace_settings.name == "sRGB"
    step_until(lambda: not list(paths[0].parent.glob("*draft*")))  # provisional frames are cleared away


@pytest.mark.parametrize("order", ["forward", "endpoint"])
def test_other_orders_fill_too(streamed, order):
    add_board(streamed, length=109)
    streamed.shotpack.order = order
    meta = generate(streamed)
    shot = meta.shotpack.shot
    meta = step_until(
        lambda: next((m for m in part("operators.shot_strips").find(shot) if m.shotpack.state == "finished"), None)
    )
    (strip,) = meta.strips
    assert len(strip.elements) == 109


def test_moved_trimmed_and_cut_while_it_fills(streamed):
    add_board(streamed, start=11, length=109)
    meta = generate(streamed)
    shot = meta.shotpack.shot
    step_until(lambda: of_role(meta, "section"))
    meta.frame_start += 200
    meta.frame_offset_start = 5
    right = meta.split(260, "SOFT")
    right.channel = 7
    right.frame_start += 300

    def finished():
        found = part("operators.shot_strips").find(shot)
        return all(each.shotpack.state == "finished" for each in found) and found

    left, right = sorted(step_until(finished), key=lambda each: each.frame_final_start)
    assert (left.frame_final_start, left.frame_final_end) == (216, 260)
    assert (right.frame_final_start, right.frame_final_end) == (560, 620)
    for half, start in ((left, 211), (right, 511)):
        (strip,) = half.strips
        assert strip.frame_start == start
        assert len(strip.elements) == 109


def test_undo_takes_a_shot_off_in_one_step_and_redo_brings_it_back(streamed):
    add_board(streamed)
    bpy.ops.ed.undo_push(message="board")
    shot = generate(streamed).shotpack.shot
    # Called as a function, an operator leaves no undo step of its own.
    bpy.ops.ed.undo_push(message="Generate Shot")
    shot_strips = part("operators.shot_strips")
    step_until(lambda: of_role(shot_strips.find(shot)[0], "section"))
    bpy.ops.ed.undo()
    assert shot_strips.find(shot) == []
    bpy.ops.ed.redo()
    (meta,) = shot_strips.find(shot)
    meta = step_until(lambda: next((m for m in shot_strips.find(shot) if m.shotpack.state == "finished"), None))
    assert len(meta.strips[0].elements) == 73


def test_two_shots_at_once(streamed):
    add_board(streamed, start=1, length=37)
    one = generate(streamed).shotpack.shot
    add_board(streamed, start=1, length=37, channel=5, name="Panel 2")
    two = generate(streamed).shotpack.shot
    shot_strips = part("operators.shot_strips")
    assert [strip.channel for strip in metas_of(streamed)] == [2, 6]
    step_until(lambda: all(shot_strips.find(shot)[0].shotpack.state == "finished" for shot in (one, two)))
    folders = {Path(shot_strips.folder_of(shot_strips.find(shot)[0])).name for shot in (one, two)}
    assert folders == {"panel-1", "panel-2"}


@pytest.mark.parametrize(("fps", "base"), [(24, 1.0), (25, 1.0), (30, 1.001)])
def test_exactly_as_many_frames_as_asked_at_the_scenes_rate(saved, fps, base):
    saved.render.fps, saved.render.fps_base = fps, base
    add_board(saved, length=50)
    shot = generate(saved).shotpack.shot
    shot_strips = part("operators.shot_strips")
    meta = step_until(lambda: next((m for m in shot_strips.find(shot) if m.shotpack.state == "finished"), None))
    assert len(meta.strips[0].elements) == 50


def test_the_first_frame_is_the_board(saved):
    """Of the tiny random model only the size can be asked; Sketch's frame is compared in the demo's test."""
    add_board(saved, length=37)
    shot = generate(saved).shotpack.shot
    shot_strips = part("operators.shot_strips")
    meta = step_until(lambda: next((m for m in shot_strips.find(shot) if m.shotpack.state == "finished"), None))
    assert size_of(frames_of(meta.strips[0])[0]) == (96, 64)


def test_cancelled_it_keeps_what_is_finished_and_goes_on_when_asked(streamed):
    add_board(streamed, length=145)
    shot = generate(streamed).shotpack.shot
    shot_strips = part("operators.shot_strips")
    step_until(lambda: of_role(shot_strips.find(shot)[0], "section"))
    assert bpy.ops.shotpack.cancel(shot=shot) == {"FINISHED"}
    step_until(lambda: shot_strips.find(shot)[0].shotpack.state == "cancelled")
    (meta,) = shot_strips.find(shot)
    assert of_role(meta, "section")
    assert of_role(meta, "placeholder")
    assert bpy.ops.shotpack.resume(shot=shot) == {"FINISHED"}
    meta = step_until(lambda: next((m for m in shot_strips.find(shot) if m.shotpack.state == "finished"), None))
    assert len(meta.strips[0].elements) == 145


def test_paused_and_resumed(streamed):
    add_board(streamed, length=109)
    shot = generate(streamed).shotpack.shot
    shot_strips, client = part("operators.shot_strips"), part("operators.runtime").the_client()
    step_until(lambda: shot_strips.find(shot)[0].shotpack.state == "running")
    bpy.ops.shotpack.pause(shot=shot)
    step_until(lambda: shot_strips.find(shot)[0].shotpack.state == "paused")
    bpy.ops.shotpack.resume(shot=shot)
    step_until(lambda: shot_strips.find(shot)[0].shotpack.state == "finished")
    assert client.shots[shot].complete


def test_a_killed_engine_is_one_sentence_and_one_click(saved):
    add_board(saved, length=109)
    shot = generate(saved).shotpack.shot
    shot_strips, runtime, problems = (part(f"operators.{name}") for name in ("shot_strips", "runtime", "problems"))
    step_until(lambda: of_role(shot_strips.find(shot)[0], "section"))
    runtime.client._engine.process.kill()
    problem = step_until(problems.of_engine)
    assert problem.fix.operator == "shotpack.start_engine"
    assert bpy.ops.shotpack.start_engine() == {"FINISHED"}
    meta = step_until(lambda: next((m for m in shot_strips.find(shot) if m.shotpack.state == "finished"), None))
    assert len(meta.strips[0].elements) == 109
    assert problems.of_engine() is None
