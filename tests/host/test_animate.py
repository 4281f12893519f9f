"""Animate Storyboard: a shot a strip, one batch, one undo step; run again it makes what changed and nothing else."""

from __future__ import annotations

import itertools
import json
import types

import pytest
from PIL import Image

from tests.host.studio import add_board, bpy, metas_of, part, step_until
from tests.host.test_panels import Panel

COUNT = 20


@pytest.fixture
def asleep(saved, monkeypatch):
    """Nothing starts an engine, and no shot is sent: a test of the timeline alone."""
    runtime, sent = part("operators.runtime"), []
    monkeypatch.setattr(runtime, "send", sent.append)
    monkeypatch.setattr(runtime, "wake", lambda: None)
    return sent


def panel(scene, folder, number: int, *, length: int = 10, channel: int = 1):
    """A panel of its own colour, after the one before."""
    path = folder / f"panel{number:02d}.png"
    Image.new("RGB", (48, 32), (12 * number, 255 - 12 * number, 90)).save(path)
    strip = scene.sequence_editor.strips.new_image(
        f"Panel {number}", str(path), channel, 1 + (number - 1) * length, fit_method="FIT"
    )
    strip.frame_final_duration = length
    strip.shotpack_board.prompt = f"w{number % 8} w2"
    return strip


def panels(scene, folder, count: int):
    found = [panel(scene, folder, number) for number in range(1, count + 1)]
    scene.sequence_editor.active_strip = found[0]
    return found


def told(scene):
    return dict(part("operators.batches").told(scene))


def made(scene):
    """The shots by the time at which they lie."""
    return sorted(metas_of(scene), key=lambda meta: meta.frame_final_start)


def test_a_batch_of_20_with_two_that_cannot_be_made(saved, asleep, tmp_path):
    scene, strips = saved, panels(saved, tmp_path, COUNT)
    (tmp_path / "panel04.png").unlink()
    strips[8].shotpack_board.prompt = "w" * 4001
    strips[2].shotpack_board.use_seed, strips[2].shotpack_board.seed = True, 7
    strips[3].select = strips[5].select = True
    assert bpy.ops.shotpack.animate() == {"FINISHED"}
    metas = made(scene)
    whole = [strip for number, strip in enumerate(strips) if number not in (3, 8)]
    assert [(meta.frame_final_start, meta.frame_final_end) for meta in metas] == [
        (strip.frame_final_start, strip.frame_final_end) for strip in whole
    ]
    assert {meta.channel for meta in metas} == {2}
    assert "is not there" in told(scene)["Panel 4"]
    assert "4001 characters" in told(scene)["Panel 9"]
    assert len(told(scene)) == 2
    assert [json.loads(shot.request)["prompt"] for shot in asleep] == [each.shotpack_board.prompt for each in whole]
    assert [json.loads(shot.request)["frames"] for shot in asleep] == [10] * 18
    assert [json.loads(shot.request).get("seed", 0) for shot in asleep] == [0, 0, 7] + [0] * 15
    assert len({meta.shotpack.batch for meta in metas}) == 1
    drawn = Panel()
    part("panels.storyboard")._Storyboard.draw(types.SimpleNamespace(layout=drawn), bpy.context)
    assert "4001 characters" in drawn.text
    # Opened again, it is still known, with all that was said; nothing was sent, and waits for a press.
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
    scene, batches = bpy.context.scene, part("operators.batches")
    assert len(batches.shots(scene)) == 18
    assert set(told(scene)) == {"Panel 4", "Panel 9"}
    assert {batches.state_of(meta.shotpack) for meta in batches.shots(scene)} == {"unsent"}
    assert len(part("operators.adoption").unsent(scene)) == 18


def test_one_step_undoes_it_all_and_esc_leaves_nothing(saved, asleep, tmp_path):
    animate = part("operators.animate")
    strips = panels(saved, tmp_path, 3)
    run = animate.Run(bpy.context, strips)
    assert run.step(bpy.context)
    assert run.step(bpy.context)
    assert (run.done, run.of, run.capturing, metas_of(saved)) == (2, 3, True, [])
    run.stop()
    assert not list((tmp_path / "shots").iterdir())
    bpy.ops.ed.undo_push(message="before")
    assert bpy.ops.shotpack.animate("EXEC_DEFAULT", True) == {"FINISHED"}
    assert len(metas_of(saved)) == 3
    bpy.ops.ed.undo()
    assert metas_of(bpy.context.scene) == []


def test_again_it_makes_only_what_changed(saved, asleep, tmp_path):
    strips = panels(saved, tmp_path, 5)
    bpy.ops.shotpack.animate()
    first = {meta.shotpack.board: meta.shotpack.shot for meta in made(saved)}
    asleep.clear()
    saved.frame_set(25)  # the playhead is on a board: that changes nothing
    bpy.ops.shotpack.animate()
    assert {meta.shotpack.board: meta.shotpack.shot for meta in made(saved)} == first
    # Those that were never sent are sent by the press.
    assert {shot.id for shot in asleep} == set(first.values())
    asleep.clear()
    Image.new("RGB", (48, 32), (1, 2, 3)).save(tmp_path / "panel02.png")
    strips[1].directory = strips[1].directory  # the Sequencer reads it anew
    strips[2].shotpack_board.prompt = "w7"
    strips[3].shotpack_board.prompt = "w6"
    moved = next(meta for meta in made(saved) if meta.shotpack.board == "Panel 4")
    moved.frame_start += 100
    bpy.ops.shotpack.animate()
    now = {meta.shotpack.board: [] for meta in made(saved)}
    for meta in made(saved):
        now[meta.shotpack.board].append(meta)
    assert [now[f"Panel {number}"][0].shotpack.shot == first[f"Panel {number}"] for number in (1, 5)] == [True, True]
    for number in (2, 3):
        (meta,) = now[f"Panel {number}"]
        assert (meta.shotpack.shot != first[f"Panel {number}"], meta.channel) == (True, 2)
    new, old = now["Panel 4"]
    assert (old, old.frame_final_start, new.frame_final_start) == (moved, 131, 31)
    said = told(saved)
    assert said["Panel 2"] == "Its picture changed; the new shot is in the place of the one before."
    assert said["Panel 3"].startswith("Its words or settings changed; the new shot is in the place")
    assert "which was moved" in said["Panel 4"]
    assert len(said) == 3


def test_each_ends_on_the_next_board_where_that_is_asked_for(saved, asleep, tmp_path):
    panels(saved, tmp_path, 3)
    saved.shotpack.to_next = True
    bpy.ops.shotpack.animate()
    boards = [json.loads(shot.request)["boards"] for shot in asleep]
    assert boards == [[[1, "board.png"], [10, "end.png"]]] * 2 + [[[1, "board.png"]]]
    for shot, after in itertools.pairwise(asleep):
        assert (shot.folder / "end.png").read_bytes() == (after.folder / "board.png").read_bytes()


def test_all_on_a_channel_but_no_shots_and_no_words(saved, asleep, tmp_path):
    strips_of = part("operators.animate").strips_of
    strips = panels(saved, tmp_path, 4)
    bpy.ops.shotpack.animate()
    text = saved.sequence_editor.strips.new_effect("words", "TEXT", 5, 1, **length_of(10))
    saved.shotpack.prompt_channel = 5
    for each in saved.sequence_editor.strips_all:
        each.select = True
    assert strips_of(saved) == strips
    for each in saved.sequence_editor.strips_all:
        each.select = each == strips[2]
    saved.sequence_editor.active_strip = strips[2]
    assert strips_of(saved) == strips
    saved.sequence_editor.active_strip = text


def length_of(frames: int) -> dict[str, int]:
    new_names = "length" in bpy.types.StripsTopLevel.bl_rna.functions["new_effect"].parameters
    return {"length": frames} if new_names else {"frame_end": 1 + frames}


def test_a_batch_is_made_reordered_and_cancelled(saved, tmp_path):
    """A real engine: the last of three is made before the second, and one press ends all that is left."""
    batches, runtime = part("operators.batches"), part("operators.runtime")
    strips = [panel(saved, tmp_path, number, length=73) for number in range(1, 5)]
    saved.sequence_editor.active_strip = strips[0]
    saved.shotpack.prompt = "w5"
    bpy.ops.shotpack.animate()
    step_until(lambda: len(batches.waiting(saved)) == 3 and batches.progress(saved).seconds_left is not None)
    last = made(saved)[-1].shotpack.shot
    assert bpy.ops.shotpack.advance(shot=last, first=True) == {"FINISHED"}
    client, done = runtime.the_client(), []
    client._calls.send(lambda: None, lambda _: done.append(True), lambda _: done.append(True))
    step_until(lambda: done)
    queued = [job["name"] for job in client._connection().jobs() if job["state"] == "queued"]
    assert queued == ["panel-4", "panel-2", "panel-3"]
    assert bpy.ops.shotpack.cancel_batch() == {"FINISHED"}
    progress = step_until(lambda: (found := batches.progress(saved)).ended and found)
    assert (progress.shots, progress.cancelled + progress.made, progress.failed) == (4, 4, 0)
    assert progress.cancelled >= 3


def test_what_is_cancelled_before_it_is_sent_is_not_sent(saved, tmp_path):
    batches, runtime = part("operators.batches"), part("operators.runtime")
    runtime.wake()
    client = runtime.the_client()
    step_until(lambda: client.state == "ready")
    before = {job["id"] for job in client._connection().jobs()}
    panels(saved, tmp_path, 2)
    bpy.ops.shotpack.animate()
    bpy.ops.shotpack.cancel_batch()
    step_until(lambda: {batches.state_of(meta.shotpack) for meta in made(saved)} <= {"failed", "cancelled"})
    new = [job for job in client._connection().jobs() if job["id"] not in before]
    assert all(job["state"] == "cancelled" for job in new)
    progress = batches.progress(saved)
    assert (progress.cancelled, progress.failed, list(batches.failures(saved))) == (2, 0, []), (
        "what is wanted so is no fault"
    )


def test_a_run_takes_no_shot_away_that_was_chosen_among_seeds(saved):
    boards = [add_board(saved, length=5), add_board(saved, start=6, length=5, name="Panel 2")]
    for each in boards:
        each.shotpack_board.prompt = "w5"
    assert bpy.ops.shotpack.animate() == {"FINISHED"}
    chosen = metas_of(saved)[0]
    chosen.shotpack.tried = (1, 5)
    saved.shotpack.to_next = True
    assert bpy.ops.shotpack.animate() == {"FINISHED"}
    said = dict(part("operators.batches").told(saved))
    assert said["Panel 1"] == (
        "It ends on the next board now; the new shot lies above the one before, which was chosen among seeds."
    )
    assert len([meta for meta in metas_of(saved) if meta.shotpack.board == "Panel 1"]) == 2
    assert bpy.ops.shotpack.dismiss() == {"FINISHED"}
    assert part("operators.batches").told(saved) == []
