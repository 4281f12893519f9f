"""What the timeline's section lines are made of in a real Blender: a real shot, and text strips over it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tests.host.studio import add_board, bpy, part, step_until


def bars(module):
    return [bar for marks in module.shown(bpy.context) for bar in marks.bars]


def test_a_made_shots_sections_are_final_where_it_lies(saved):
    lines, marks = part("operators.section_lines"), part("engine.client.section_marks")
    assert bars(lines) == []
    add_board(saved)
    saved.shotpack.prompt = "w5 w2"
    assert bpy.ops.shotpack.generate() == {"FINISHED"}
    shot_strips = part("operators.shot_strips")
    [shot] = [meta.shotpack.shot for _, meta in shot_strips.stamped()]
    meta = step_until(lambda: next((m for m in shot_strips.find(shot) if m.shotpack.state == "finished"), None))
    for strip in saved.sequence_editor.strips:
        strip.select = strip == meta
    found = bars(lines)
    shown = part("operators.sequencer").span(meta)
    assert found[0][0][0] == shown.start
    assert found[-1][0][2] == shown.stop
    # the tiny checkpoint makes noise, which drifts
    assert {colour for _, colour in found} - {marks.DRIFTED} == {marks.COLOURS["final"]}
    batches = dict(lines._kept)
    assert bars(lines) == found
    assert all(lines._kept[name] is kept for name, kept in batches.items()), "nothing is made anew"
    meta.select = False
    assert lines._kept
    bars(lines)
    assert shot not in " ".join(lines._kept)


def test_text_strips_of_the_channel_for_words_are_found(scene):
    editor = scene.sequence_editor_create()
    text_strips = part("operators.text_strips")
    for channel, start, words in ((5, 30, "zoom in"), (6, 40, "a title")):
        _text(editor, channel, start, 20).text = words
    wanted = SimpleNamespace(shotpack=SimpleNamespace(prompt_channel=5), sequence_editor=editor)
    assert text_strips.timed_texts(wanted) == [(range(30, 50), "zoom in")]
    wanted.shotpack.prompt_channel = 0
    assert text_strips.timed_texts(wanted) == []


def _text(editor, channel, start, frames):
    told = "length" if "length" in bpy.types.StripsTopLevel.bl_rna.functions["new_effect"].parameters else "frame_end"
    last = {told: frames if told == "length" else start + frames}
    return editor.strips.new_effect("Words", "TEXT", channel, start, **last)


def test_an_edit_of_whatever_says_the_words_marks_the_sections_that_it_changes(saved, shot_of_three):
    """Its strip's own words, a marker, the scene's: each alone, and as they were it is marked no more."""
    lines, marks = part("operators.section_lines"), part("engine.client.section_marks")
    board, meta = shot_of_three

    def changed():
        return sum(colour == marks.CHANGED for _, colour in bars(lines))

    assert changed() == 0
    saved.shotpack.prompt = "w7"
    assert changed() == 3
    marker = saved.timeline_markers.new("w5 w2", frame=meta.frame_final_start)
    assert changed() == 0
    marker.name = "w6"
    assert changed() == 3
    board.shotpack_board.prompt = "w5 w2"
    assert changed() == 0
    board.shotpack_board.prompt = "w5"
    assert changed() == 3
    meta.frame_start += 40  # it lies over its board no more
    assert changed() == 0
    meta.frame_start -= 40
    saved.shotpack.prompt_channel = 5
    board.shotpack_board.prompt = "w5 w2"
    _text(saved.sequence_editor, 5, meta.frame_final_start + 74, 40).text = "w3"
    meta.select = True
    assert changed() == 1


def test_a_shot_that_nobody_has_planned_shows_where_its_sections_will_lie(saved, shot_of_three):
    lines, marks = part("operators.section_lines"), part("engine.client.section_marks")
    _, meta = shot_of_three
    planned = [bar for bar, _ in bars(lines)]
    meta.shotpack.job = meta.shotpack.key = ""
    meta.shotpack.state = "sending"
    part("operators.runtime").forget()
    assert [bar for bar, _ in bars(lines)] == planned
    assert {colour for _, colour in bars(lines)} == {marks.COLOURS["waiting"]}


@pytest.fixture
def shot_of_three(saved):
    """A board, and a selected shot of three sections made of it with the scene's words, whose plan is known."""
    runtime = part("operators.runtime")
    board = add_board(saved, length=100)
    saved.shotpack.prompt = "w5 w2"
    assert bpy.ops.shotpack.generate() == {"FINISHED"}
    [meta] = [meta for _, meta in part("operators.shot_strips").stamped()]
    shot = runtime.shot_of(meta.shotpack.shot)
    step_until(lambda: (job := runtime.client.job(shot)) is not None and job.plan is not None)
    for strip in saved.sequence_editor.strips:
        strip.select = strip == meta
    return board, meta
