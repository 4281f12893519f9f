"""How far sections drift, in Blender with the real engine: said, drawn, kept in the file, and limits obeyed."""

from __future__ import annotations

import json
import re
import types

import numpy as np
import pytest

from tests.host.studio import add_board, bpy, metas_of, part, step_until
from tests.host.test_panels import Panel
from tests.host.test_shot import generate
from tests.host.test_takes import digests, finished, folder_of

FRAMES = 73
"""Two sections. Random weights show nothing like the board: each is over a limit."""
LONGER = 109
"""Three: of the first one is told while the last is still to be made, so there is something to ask about."""


def begin(scene, at_limit: str, length: int = FRAMES):
    """A shot that is to do so at a limit; its strip, active."""
    add_board(scene, length=length)
    scene.shotpack.at_limit, scene.shotpack.order = at_limit, "forward"
    generate(scene)
    (meta,) = metas_of(scene)
    part("operators.sequencer").select(scene, meta)
    return meta


def strip(scene):
    return metas_of(scene)[0]


def record(scene):
    return part("operators.runtime").shot_of(strip(scene).shotpack.shot)


def job_of(scene):
    return part("operators.runtime").client.job(record(scene))


def stands(scene):
    """The state of its job, and the section that it asks about; nothing before the engine has told of it."""
    job = job_of(scene)
    return (job.state, job.asks) if job is not None else ("", None)


def drawn() -> Panel:
    panel = Panel()
    part("panels.shots")._Shots.draw(types.SimpleNamespace(layout=panel), bpy.context)
    return panel


def marks():
    """The colours of what is drawn over the timeline."""
    return [colour for found in part("operators.section_lines").shown(bpy.context) for _, colour in found.bars]


def test_a_shot_says_how_far_its_sections_drift_and_its_file_knows_it(streamed, tmp_path):
    begin(streamed, "MARK")
    assert "on_drift" not in json.loads(strip(streamed).shotpack.request)
    step_until(lambda: finished(strip(streamed)))
    drift = job_of(streamed).drift
    assert sorted(drift) == [0, 1]
    worst = drift[0].over[0]
    said = f"Section 1: {part('engine.drift').words_of(worst)} ({worst.value:.3g}, limit "
    assert said in " ".join(drawn().said)
    assert marks().count(part("engine.client.section_marks").DRIFTED) == 2

    kept = strip(streamed).shotpack.drift
    known = part("engine.client.kept_drift").drift_of(kept)
    assert {place: {*told.figures} for place, told in known.items()} == {
        place: {*told.figures} for place, told in drift.items()
    }
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
    scene = bpy.context.scene
    assert record(scene) is None  # it is made: nobody asks the engine of it
    assert said in " ".join(drawn().said)
    assert marks().count(part("engine.client.section_marks").DRIFTED) == 2


def test_the_curves_are_drawn_of_the_active_strip_and_once(streamed, monkeypatch):
    begin(streamed, "MARK")
    step_until(lambda: finished(strip(streamed)))
    curves, icons = part("operators.drift_curves"), []
    monkeypatch.setattr(Panel, "template_icon", lambda _self, icon, scale: icons.append((icon, scale)))
    pictures = []
    picture = curves.picture
    monkeypatch.setattr(curves, "picture", lambda *how: pictures.append(picture(*how)) or pictures[-1])
    said = " ".join(drawn().said)
    assert drawn().said
    assert len(icons) == 2
    assert len(pictures) == 1
    for name in ("Sharpness", "Colours", "Likeness", "Seams"):
        assert name in said
    red = (pictures[0][..., 0] > 0.5) & (pictures[0][..., 2] < 0.2)
    third_row = red[::-1][2 * len(red) // 4 : 3 * len(red) // 4]
    assert third_row.mean() > 0.5, "both sections are unlike the board"
    shown = part("operators.previews").picture(f"drift {strip(streamed).shotpack.shot}")
    pixels = np.empty(pictures[0].size, np.float32)
    shown.image_pixels_float.foreach_get(pixels)
    assert np.abs(pixels - pictures[0].ravel()).max() < 0.01
    streamed.sequence_editor.active_strip = None
    icons.clear()
    assert "2 sections drift; select the shot to see how." in " ".join(drawn().said)
    assert not icons


def test_it_pauses_and_asks_and_goes_on_when_told(streamed):
    begin(streamed, "ASK", LONGER)
    step_until(lambda: stands(streamed) == ("paused", 0))
    panel = drawn()
    said = " ".join(panel.said)
    assert said.index("The shot waits for you: ") > said.index("Section 1: ")
    assert said.count("Section 1: ") == 1
    assert panel.buttons.index("shotpack.watch") > max(
        place for place, name in enumerate(panel.buttons) if name == "shotpack.cancel"
    ), "the question and its answers stand above the preview"
    assert bpy.ops.shotpack.resume(shot=strip(streamed).shotpack.shot) == {"FINISHED"}
    step_until(lambda: finished(strip(streamed)))  # of the others it is told where nothing is left to make
    said = " ".join(drawn().said)
    assert "waits for you" not in said
    assert all(f"Section {section}: " in said for section in (1, 2, 3))


def test_it_stops_with_a_sentence_keeps_what_is_made_and_goes_on_when_told(streamed):
    begin(streamed, "STOP", LONGER)
    step_until(lambda: stands(streamed)[0] == "failed")
    panel = drawn()
    said = " ".join(panel.said)
    assert "The shot was stopped where it drifts: section 1: " in said
    assert "Section 1: " not in said, "it is said once"
    assert "shotpack.resume" in panel.buttons
    # Neighbours fade into each other: the first is final once the second is made.
    assert len(job_of(streamed).sections) == 2
    assert bpy.ops.shotpack.resume(shot=strip(streamed).shotpack.shot) == {"FINISHED"}
    step_until(lambda: finished(strip(streamed)))


@pytest.mark.parametrize(("at_limit", "does"), [("ASK", "pauses"), ("STOP", "ends")])
def test_a_short_shot_is_made_to_its_end_as_its_choice_says(streamed, at_limit, does):
    """Of neighbours that fade into each other one is told once the other is made: of two nobody is asked."""
    told = {name: said for name, _, said in part("operators.drift_words").AT_LIMIT}[at_limit]
    assert does in told
    assert re.search(r"unless all( sections)? are made by then", told)
    begin(streamed, at_limit)
    step_until(lambda: stands(streamed)[0] in ("paused", "failed") or finished(strip(streamed)))
    assert finished(strip(streamed))
    assert len(job_of(streamed).drift) == 2, "both are over a limit all the same"


def test_a_section_is_made_again_as_takes_by_itself_twice_at_most(streamed):
    begin(streamed, "AGAIN")
    step_until(lambda: strip(streamed).shotpack.take > 1)
    before = {name: digest for name, digest in digests(folder_of(strip(streamed))).items() if "-t" not in name}
    assert len(before) == FRAMES
    step_until(lambda: finished(strip(streamed)) and strip(streamed).shotpack.take == 3)
    part("operators.runtime").step()
    stamp = strip(streamed).shotpack
    assert [(take.number, take.parent, take.state) for take in stamp.takes] == [
        (1, 0, "finished"),
        (2, 1, "finished"),
        (3, 2, "finished"),
    ]
    asked = [json.loads(take.request) for take in stamp.takes]
    assert [each.get("on_drift") for each in asked] == ["again", "again", ""]
    assert [each["take"]["again"] for each in asked[1:]] == [[1], [1]]
    assert len({each["sections"][0]["seed"] for each in asked[1:]}) == 2
    after = digests(folder_of(strip(streamed)))
    assert {name: after[name] for name in before} == before
    assert all(take.drift for take in stamp.takes)
    told = [part("operators.takes").difference(stamp, take) for take in stamp.takes]
    assert ["Made again: it drifted." in words for words in told] == [False, True, True]
    bpy.ops.shotpack.show_take(take=1)
    assert strip(streamed).shotpack.drift == strip(streamed).shotpack.takes[0].drift


def test_an_engine_of_before_is_asked_for_nothing_that_it_does_not_know(scene, monkeypatch):
    chosen = part("operators.chosen")
    scene.shotpack.at_limit = "STOP"
    assert chosen.asked(scene.shotpack)["on_drift"] == "stop"
    monkeypatch.setattr(chosen, "is_earlier", lambda: True)
    assert chosen.asked(scene.shotpack)["on_drift"] == ""


@pytest.mark.parametrize("kept", ["{", "[]", '{"kinds": [["colours", 1]], "sections": {}}', "nonsense", '{"kinds": 3}'])
def test_what_makes_no_sense_in_a_file_is_nothing(scene, kept):
    assert not part("operators.drift_words").known(types.SimpleNamespace(drift=kept), None)
