"""One shot through all boards: at their strips' starts, with their words; all of them or no shot; again, nothing."""

from __future__ import annotations

import json
import types

import pytest
from PIL import Image

from tests.host.studio import bpy, metas_of, part, step_until
from tests.host.test_animate import asleep, made, panel, panels, told  # noqa: F401
from tests.host.test_panels import DETAILS, Panel


@pytest.fixture
def through(saved, asleep):  # noqa: F811
    """The choice is made, and nothing is sent."""
    saved.shotpack.storyboard_shots = "THROUGH"
    return asleep


def asked(shot):
    return json.loads(shot.request)


def drawn():
    layout = Panel()
    part("panels.storyboard")._Storyboard.draw(types.SimpleNamespace(layout=layout), bpy.context)
    return layout.text


def test_it_lies_above_all_boards_with_the_words_of_each(saved, through, tmp_path):
    strips = panels(saved, tmp_path, 4)
    strips[2].channel = 3
    strips[3].frame_start += 5  # a gap of five frames after Panel 3
    strips[0].shotpack_board.use_seed, strips[0].shotpack_board.seed = True, 7
    strips[1].shotpack_board.prompt = ""
    saved.timeline_markers.new("w6", frame=11)
    for strip in strips:
        strip.select = True
    assert "In the gap after Panel 3" in drawn()
    assert "45 frames (1.5 s)" in drawn()
    assert bpy.ops.shotpack.animate() == {"FINISHED"}
    [meta] = metas_of(saved)
    assert (meta.frame_final_start, meta.frame_final_end, meta.channel) == (1, 46, 4)
    [shot] = through
    said = asked(shot)
    assert [frame for frame, _ in said["boards"]] == [1, 11, 21, 36]
    assert (said["frames"], said["seed"], said["prompt"]) == (45, 7, "w1 w2")
    assert [(each["frame"], each["text"]) for each in said["prompts"]] == [(11, "w6"), (21, "w3 w2"), (36, "w4 w2")]
    for number, (_, file) in enumerate(said["boards"], 1):
        with Image.open(shot.folder / file) as picture:
            red, green, _ = picture.convert("RGB").getpixel((20, 20))
        assert (red, green) == pytest.approx((12 * number, 255 - 12 * number), abs=3)
    assert json.loads(meta.shotpack.through) == [strip.name for strip in strips]
    assert told(saved) == {}


def test_a_board_that_is_missing_is_named_and_nothing_is_made(saved, through, tmp_path):
    strips = panels(saved, tmp_path, 5)
    (tmp_path / "panel02.png").unlink()
    (tmp_path / "panel04.png").write_bytes(b"no picture")
    strips[2].shotpack_board.prompt = "w" * 4001
    bpy.ops.shotpack.animate()
    assert "is not there" in told(saved)["Panel 2"]
    assert "4001 characters" in told(saved)["Panel 3"]
    assert set(told(saved)) == {"Panel 2", "Panel 3"}
    assert (metas_of(saved), through, list((tmp_path / "shots").glob("*"))) == ([], [], [])
    Image.new("RGB", (48, 32)).save(tmp_path / "panel02.png")
    strips[2].shotpack_board.prompt = "w3"
    bpy.ops.shotpack.animate()  # what nobody knows before it is read is told as well
    assert "cannot read" in told(saved)["Panel 4"]
    assert (metas_of(saved), list((tmp_path / "shots").glob("*"))) == ([], [])


def test_one_board_a_step_and_esc_leaves_nothing_and_one_undo(saved, through, tmp_path):
    strips = panels(saved, tmp_path, 3)
    run = part("operators.through").Passage(bpy.context, strips)
    for done in (1, 2, 3):
        assert run.step(bpy.context)
        assert (run.done, run.of, run.capturing, metas_of(saved)) == (done, 3, done < 3, [])
    run.stop()
    assert not list((tmp_path / "shots").iterdir())
    bpy.ops.ed.undo_push(message="before")
    assert bpy.ops.shotpack.animate("EXEC_DEFAULT", True) == {"FINISHED"}
    assert len(metas_of(saved)) == 1
    bpy.ops.ed.undo()
    assert metas_of(bpy.context.scene) == []


def test_a_step_looks_at_its_own_board_and_one_that_goes_meanwhile_is_told(saved, through, tmp_path, monkeypatch):
    strips, missing, looked = panels(saved, tmp_path, 4), part("operators.missing_pictures"), []
    trouble = missing.trouble
    monkeypatch.setattr(missing, "trouble", lambda *asked: looked.append(asked[1].name) or trouble(*asked))
    run = part("operators.through").Passage(bpy.context, strips)
    assert run.step(bpy.context)
    assert looked == ["Panel 1", "Panel 2", "Panel 3", "Panel 4", "Panel 1"]
    del looked[:]
    saved.sequence_editor.strips.remove(strips[2])
    (tmp_path / "panel04.png").unlink()
    while run.step(bpy.context):
        pass
    assert looked == ["Panel 2", "Panel 4"]
    assert told(saved)["Panel 3"] == "Panel 3 is not on the timeline any more."
    assert "is not there" in told(saved)["Panel 4"]
    assert (run.refused, set(told(saved)), metas_of(saved)) == (True, {"Panel 3", "Panel 4"}, [])
    assert not list((tmp_path / "shots").iterdir())


def test_again_it_makes_nothing_unless_something_changed(saved, through, tmp_path):
    strips = panels(saved, tmp_path, 3)
    bpy.ops.shotpack.animate()
    first = made(saved)[0].shotpack.shot
    through.clear()
    bpy.ops.shotpack.animate()
    assert [meta.shotpack.shot for meta in made(saved)] == [first]
    assert [shot.id for shot in through] == [first], "it was never sent, so the press sends it"
    assert len(list((tmp_path / "shots").iterdir())) == 1
    strips[2].shotpack_board.prompt = "w7"
    bpy.ops.shotpack.animate()
    [meta] = made(saved)
    assert (meta.shotpack.shot == first, meta.channel) == (False, 2)
    assert list(told(saved).values()) == [
        "Its words or settings changed; the new shot is in the place of the one before."
    ]
    # A shot of the first strip alone is another shot: neither takes the other's place.
    saved.shotpack.storyboard_shots = "STRIPS"
    bpy.ops.shotpack.animate()
    assert [each.channel for each in made(saved)].count(3) == 3
    assert len(made(saved)) == 4


def test_what_cannot_be_is_said_before_the_press(saved, through, tmp_path, monkeypatch):
    animate, chosen = part("operators.animate"), part("operators.chosen")
    strips = panels(saved, tmp_path, 3)
    monkeypatch.setattr(chosen, "about", lambda: {"models": ["tiny"], "details": {"tiny": DETAILS}})
    assert animate.prevented(saved) is None
    strips[2].channel, strips[2].frame_start = 2, strips[1].frame_start + 2
    assert "Panel 2 and Panel 3 begin less than 4 frames apart" in animate.prevented(saved)
    assert not bpy.ops.shotpack.animate.poll()
    assert "too near" in drawn()
    strips[2].frame_start += 2
    assert animate.prevented(saved) is None
    start_only = {"models": ["tiny"], "details": {"tiny": DETAILS | {"boards_within": False}}}
    monkeypatch.setattr(chosen, "about", lambda: start_only)
    assert "at a shot's start only" in animate.prevented(saved)
    monkeypatch.setattr(chosen, "about", dict)
    monkeypatch.setattr(part("operators.through"), "BOARDS_MAXIMUM", 2)
    assert "3 boards are too many for one shot; 2 is the most" in animate.prevented(saved)
    for strip in strips[1:]:
        saved.sequence_editor.strips.remove(strip)
    assert "two strips or more" in animate.prevented(saved)


def test_an_edit_marks_the_sections_of_its_stretch_alone(saved, tmp_path):
    """A real engine: sections as it has planned them, and words given back to the strips that they came from."""
    lines, marks = part("operators.section_lines"), part("engine.client.section_marks")
    saved.shotpack.storyboard_shots = "THROUGH"
    strips = [panel(saved, tmp_path, number, length=40) for number in (1, 2, 3)]
    saved.sequence_editor.active_strip = strips[0]
    bpy.ops.shotpack.animate()
    runtime = part("operators.runtime")
    [meta] = metas_of(saved)
    shot = runtime.shot_of(meta.shotpack.shot)
    job = step_until(lambda: (found := runtime.client.job(shot)) is not None and found.plan is not None and found)
    assert [(each.first, each.prompt) for each in sorted(job.plan.sections, key=lambda each: each.section)] == [
        (1, "w1 w2"), (6, "w1 w2"), (41, "w2 w2"), (46, "w2 w2"), (81, "w3 w2"), (118, "w3 w2"),
    ]  # fmt: skip
    for strip in saved.sequence_editor.strips:
        strip.select = strip == meta

    def changed():
        return [
            round(left)
            for mark in lines.shown(bpy.context)
            for (left, *_), colour in mark.bars
            if colour == marks.CHANGED
        ]

    assert changed() == []
    strips[1].shotpack_board.prompt = "w7"
    assert changed() == [41, 46]
    strips[1].shotpack_board.prompt, strips[2].shotpack_board.prompt = "w2 w2", "w6"
    assert changed() == [81, 118]
    assert bpy.ops.shotpack.use_again(shot=shot.id) == {"FINISHED"}
    assert [strip.shotpack_board.prompt for strip in strips] == ["w1 w2", "w2 w2", "w3 w2"]
    assert changed() == []
    runtime.the_client().act(shot, "cancel")
