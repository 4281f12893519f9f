"""Takes in Blender with the real engine: made in the strip, kept, switched to the bit, deleted, gone on with."""

from __future__ import annotations

import hashlib
import json
import types
from pathlib import Path

import pytest

from tests.host.studio import add_board, bpy, of_role, part, step_until
from tests.host.test_panels import Panel
from tests.host.test_shot import frames_of, generate

FRAMES = 109
"""Three sections: 1 to 37, 38 to 73, 74 to 109."""


def finished(meta) -> bool:
    return meta.shotpack.state == "finished" and len(meta.strips) == 1


def made(scene, **asked):
    """The strip of a finished shot of three sections, active and selected."""
    add_board(scene, length=FRAMES)
    for name, value in asked.items():
        setattr(scene.shotpack, name, value)
    generate(scene)
    meta = newest(scene)
    step_until(lambda: finished(newest(scene)))
    part("operators.sequencer").select(scene, meta)
    return newest(scene)


def newest(scene):
    return [strip for strip in scene.sequence_editor.strips if strip.type == "META" and strip.shotpack.shot][-1]


def names_of(meta) -> list[str]:
    (final,) = of_role(meta, "final")
    return [element.filename for element in final.elements]


def digests(folder: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.glob("[0-9]*.png")
        if "draft" not in path.name
    }


def folder_of(meta) -> Path:
    return frames_of(of_role(meta, "final")[0])[0].parent


def drawn(context=None) -> Panel:
    panel = Panel()
    part("panels.takes")._Takes.draw(types.SimpleNamespace(layout=panel), context or bpy.context)
    return panel


def new_take(**how) -> None:
    assert bpy.ops.shotpack.new_take(**how) == {"FINISHED"}


def test_a_take_of_a_section_in_the_same_strip(streamed):
    scene = streamed
    meta = made(scene, order="forward")
    first, before = names_of(meta), digests(folder_of(meta))
    shot, span = meta.shotpack.shot, (meta.frame_final_start, meta.frame_final_end)
    scene.frame_current = meta.frame_final_start + 80
    said = " ".join(drawn().said)
    assert "Section 3: frames 74 to 109." in said
    assert "1 of 3 sections is made again: 3." in said

    new_take(of="SECTION")
    meta = newest(scene)
    assert (meta.shotpack.take, [take.number for take in meta.shotpack.takes]) == (2, [1, 2])
    assert names_of(meta) == first  # what it has none of yet is the take's that it continues
    asked = json.loads(meta.shotpack.request)
    assert asked["sections"] == [{"section": 3, "seed": 1}]
    assert (asked["take"]["parent"], asked["take"]["again"]) == (1, [3])
    step_until(lambda: finished(newest(scene)))
    meta = newest(scene)
    second = names_of(meta)
    # What the last section alone shows is new, and what fades into it; the rest are the first take's own files.
    assert second == first[:40] + [f"{frame:04d}-t02.png" for frame in range(41, FRAMES + 1)]
    assert all(path.is_file() for path in frames_of(meta.strips[0]))
    assert (meta.frame_final_start, meta.frame_final_end) == span
    after = digests(folder_of(meta))
    assert {name: after[name] for name in before} == before
    assert any(after[f"{frame:04d}-t02.png"] != after[f"{frame:04d}.png"] for frame in range(74, 110))

    # Switching back is the first take to the bit.
    bpy.ops.shotpack.show_take(take=1)
    meta = newest(scene)
    assert (names_of(meta), meta.shotpack.shot, meta.shotpack.take) == (first, shot, 1)
    assert digests(folder_of(meta)) == after
    bpy.ops.shotpack.show_take(take=2)
    assert names_of(newest(scene)) == second

    # Nothing is taken for another's: every number is used once, whatever is deleted.
    assert bpy.ops.shotpack.star_take(take=2) == {"FINISHED"}
    client = part("operators.runtime").the_client()
    job = newest(scene).shotpack.job
    step_until(lambda: client._connection().job(job)["starred"])
    with pytest.raises(RuntimeError, match="starred take is kept"):
        bpy.ops.shotpack.delete_take(take=2)
    with pytest.raises(RuntimeError, match="goes on from this one"):
        bpy.ops.shotpack.delete_take(take=1)
    bpy.ops.shotpack.star_take(take=2)
    step_until(lambda: not client._connection().job(job)["starred"])
    assert bpy.ops.shotpack.delete_take(take=2) == {"FINISHED"}
    meta = newest(scene)
    assert (meta.shotpack.take, [take.number for take in meta.shotpack.takes]) == (1, [1])
    assert names_of(meta) == first
    assert digests(folder_of(meta)) == before
    step_until(lambda: job not in {each["id"] for each in client._connection().jobs()})
    new_take(of="SHOT", use_seed=True, seed=7, prompt="w3")
    assert newest(scene).shotpack.take == 3
    asked = json.loads(newest(scene).shotpack.request)
    assert (asked["seed"], asked["prompt"]) == (7, "w3")
    step_until(lambda: finished(newest(scene)))
    assert names_of(newest(scene)) == [f"{frame:04d}-t03.png" for frame in range(1, FRAMES + 1)]


def test_a_copy_shows_its_own_take_and_lists_all(scene, tmp_path):
    meta = made(scene)
    first = names_of(meta)
    bpy.ops.ed.undo_push(message="made")
    meta.split(60, "SOFT")
    part("operators.sequencer").select(scene, newest(scene))
    new_take(of="SECTION", section=1)
    left, right = sorted(
        (strip for strip in scene.sequence_editor.strips if strip.type == "META"),
        key=lambda each: each.frame_final_start,
    )
    shown = next(strip for strip in (left, right) if strip.shotpack.take == 2)
    other = right if shown == left else left
    assert [take.number for take in other.shotpack.takes] == [1, 2]
    # Another one at once goes on from what is made; all of it moves beside the file that is saved meanwhile.
    part("operators.sequencer").select(scene, other)
    new_take(of="SECTION", section=1)
    assert json.loads(other.shotpack.request)["take"]["parent"] == 1
    part("operators.sequencer").select(scene, other)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "film.blend"))
    step_until(lambda: finished(shown) and finished(other))
    for strip in (shown, other):
        assert {take.state for take in strip.shotpack.takes} == {"finished"}  # also those that are not shown
        assert all(path.is_file() and path.parent.parent == tmp_path / "shots" for path in frames_of(strip.strips[0]))
    (folder,) = (tmp_path / "shots").iterdir()  # by whichever name was free in the user folder
    assert folder.name.startswith("panel-1")
    assert (shown.shotpack.take, other.shotpack.take) == (2, 3)
    assert bpy.ops.shotpack.show_take(take=1) == {"FINISHED"}
    assert names_of(other) == first != names_of(shown)
    assert bpy.ops.shotpack.show_take(take=2) == {"FINISHED"}
    assert names_of(other) == names_of(shown)
    # A shot is removed with all that its takes are.
    folder = folder_of(other)
    assert bpy.ops.shotpack.remove_shot(shot=other.shotpack.shot) == {"FINISHED"}
    assert not [strip for strip in scene.sequence_editor.strips if strip.type == "META"]
    assert not folder.exists()


def test_undo_takes_a_take_off_and_redo_brings_it_back(saved):
    scene = saved
    meta = made(scene)
    first, shot = names_of(meta), meta.shotpack.shot
    bpy.ops.ed.undo_push(message="made")
    new_take(of="SHOT")
    take = newest(scene).shotpack.shot
    bpy.ops.ed.undo_push(message="New Take")
    shot_strips = part("operators.shot_strips")
    step_until(lambda: any("t02" in name for name in names_of(shot_strips.find(take)[0])))
    bpy.ops.ed.undo()
    (meta,) = shot_strips.find(shot)
    assert (len(meta.shotpack.takes), names_of(meta)) == (0, first)
    assert shot_strips.listing(take) == []
    bpy.ops.ed.redo()
    step_until(lambda: shot_strips.find(take) and finished(shot_strips.find(take)[0]))
    assert names_of(shot_strips.find(take)[0]) == [f"{frame:04d}-t02.png" for frame in range(1, FRAMES + 1)]
    bpy.ops.ed.undo()
    step_until(lambda: names_of(shot_strips.find(shot)[0]) == first)
    part("operators.sequencer").select(bpy.context.scene, shot_strips.find(shot)[0])
    assert bpy.ops.shotpack.put_back(shot=take) == {"FINISHED"}
    step_until(lambda: shot_strips.find(take) and finished(shot_strips.find(take)[0]))


def test_a_take_goes_on_in_a_file_that_was_closed(saved):
    scene = saved
    meta = made(scene)
    first, before = names_of(meta), digests(folder_of(meta))
    runtime, shot_strips = part("operators.runtime"), part("operators.shot_strips")
    new_take(of="SECTION", section=2, prompt="w3")
    take = newest(scene).shotpack.shot
    step_until(lambda: newest(scene).shotpack.job)
    assert bpy.ops.shotpack.pause(shot=take) == {"FINISHED"}
    step_until(lambda: newest(scene).shotpack.state in ("paused", "finished"))
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
    scene = bpy.context.scene
    client = runtime.the_client()
    step_until(lambda: client.job(client.shots[take]) is not None)
    part("operators.sequencer").select(scene, newest(scene))
    # What is shown meanwhile is another matter: the take is made all the same.
    assert bpy.ops.shotpack.show_take(take=1) == {"FINISHED"}
    assert names_of(newest(scene)) == first
    assert shot_strips.find(take) == []
    assert len(shot_strips.listing(take)) == 1
    assert bpy.ops.shotpack.resume(shot=take) == {"FINISHED"}
    step_until(lambda: newest(scene).shotpack.takes[1].state == "finished")
    assert names_of(newest(scene)) == first
    # A take of that one, while its strip shows it; the first take's files are what they were.
    assert bpy.ops.shotpack.show_take(take=2) == {"FINISHED"}
    second = names_of(newest(scene))
    assert second != first
    new_take(of="SECTION", section=1)
    assert json.loads(newest(scene).shotpack.request)["take"]["parent"] == 2
    step_until(lambda: finished(newest(scene)))
    with pytest.raises(RuntimeError, match="goes on from this one"):
        bpy.ops.shotpack.delete_take(take=2)
    after = digests(folder_of(newest(scene)))
    assert {name: after[name] for name in before} == before
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
    part("operators.sequencer").select(bpy.context.scene, newest(bpy.context.scene))
    assert bpy.ops.shotpack.show_take(take=2) == {"FINISHED"}
    assert names_of(newest(bpy.context.scene)) == second


def failed(shot, code, **detail):
    """The engine says that a shot has failed so."""
    job = part("operators.runtime").the_client().job(shot)
    job.state, job.failure = "failed", part("engine.events").Failed(code, detail)


def test_what_cannot_be_gone_on_from_says_so_and_is_made_again(saved):
    meta = made(saved)
    name, shot = meta.shotpack.name, meta.shotpack.shot
    client = part("operators.runtime").the_client()
    there = client.about
    client.about = {**there, "models": ["other"]}
    assert not bpy.ops.shotpack.new_take.poll()
    panel = drawn()
    assert "'tiny', which is not installed any more" in " ".join(panel.said)
    assert "shotpack.make_again" in panel.buttons
    client.about = there
    client._connection().remove(meta.shotpack.job)  # by a limit of the engine's, say
    with pytest.raises(RuntimeError, match="The engine does not have this shot any more"):
        bpy.ops.shotpack.new_take()
    assert len(meta.shotpack.takes) == 0
    assert bpy.ops.shotpack.make_again(shot=shot) == {"FINISHED"}
    again = newest(saved)
    assert (again.shotpack.name, again.frame_final_start) == (f"{name}-2", meta.frame_final_start)
    assert again.channel > meta.channel
    assert names_of(meta)[0] == "0001.png"
    step_until(lambda: finished(newest(saved)))
    assert digests(folder_of(newest(saved))) == digests(folder_of(meta))  # the same request, the same frames
    part("operators.sequencer").select(saved, newest(saved))
    new_take()
    take = client.shots[newest(saved).shotpack.shot]
    step_until(lambda: client.job(take) is not None)
    failed(take, "resume_mismatch", path="somewhere", name="model", was="a", now="b")
    problem = part("operators.problems").of_shot(take, client.job(take))
    assert problem.sentence == "It was made with another model than the engine has now."
    assert problem.fix.operator == "shotpack.make_again"
    with pytest.raises(RuntimeError, match="use Make Again"):
        bpy.ops.shotpack.send_again(shot=take.id)
