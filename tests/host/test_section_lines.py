"""What the timeline's section lines are made of in a real Blender: a real shot, and text strips over it."""

from __future__ import annotations

from types import SimpleNamespace

from tests.host.studio import add_board, bpy, part, step_until


def bars(module):
    return [bar for marks in module.shown(bpy.context) for bar in marks.bars]


def test_a_made_shots_sections_are_final_where_it_lies(saved):
    lines, marks = part("operators.section_lines"), part("engine.client.section_marks")
    assert bars(lines) == []
    add_board(saved)
    saved.shotpack.prompt = "w5 w2"
    assert bpy.ops.shotpack.generate() == {"FINISHED"}
    timeline = part("operators.timeline")
    [shot] = [meta.shotpack.shot for _, meta in timeline.stamped()]
    meta = step_until(lambda: next((m for m in timeline.find(shot) if m.shotpack.state == "finished"), None))
    for strip in saved.sequence_editor.strips:
        strip.select = strip == meta
    found = bars(lines)
    shown = part("operators.sequencer").span(meta)
    assert found[0][0][0] == shown.start
    assert found[-1][0][2] == shown.stop
    assert {colour for _, colour in found} == {marks.COLOURS["final"]}
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
