"""A press of a shot that has several pictures: one a tick, and until the last nothing of the file is changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.host.studio import add_board, bpy, metas_of, part
from tests.host.test_animate import asleep  # noqa: F401  (a fixture)


@pytest.fixture
def two_boards(saved, asleep, monkeypatch):  # noqa: F811
    """A press whose shot has two pictures, and which of them were taken."""
    first, second = add_board(saved, length=37), add_board(saved, start=60, name="Panel 2")
    first.select = second.select = True
    saved.sequence_editor.active_strip = first
    saved.shotpack.prompt = "w5"
    capture, taken = part("operators.capture"), []
    at_frame = capture.at_frame
    monkeypatch.setattr(capture, "at_frame", lambda **asked: taken.append(asked["strip"].name) or at_frame(**asked))
    generate = part("operators.generate")
    maker = generate.MakesShots()
    return generate.OneShot(bpy.context, maker, maker.found(bpy.context)), taken


def test_a_press_takes_one_picture_a_tick(saved, two_boards):
    run, taken = two_boards
    assert (run.of, run.done, run.capturing) == (2, 0, True)
    assert run.step(bpy.context)
    assert (taken, run.done, metas_of(saved)) == (["Panel 1"], 1, [])
    assert not run.step(bpy.context)
    assert (taken, run.capturing, run.refused) == (["Panel 1", "Panel 2"], False, False)
    [meta] = metas_of(saved)
    assert [frame for frame, _ in json.loads(meta.shotpack.request)["boards"]] == [1, 37]


def test_esc_between_two_pictures_leaves_nothing(saved, two_boards):
    run, _ = two_boards
    shots = Path(bpy.data.filepath).parent / "shots"
    assert run.step(bpy.context)
    assert len(list(shots.iterdir())) == 1
    run.stop()
    assert (list(shots.iterdir()), metas_of(saved)) == ([], [])


def test_what_changes_between_two_pictures_is_said(saved, two_boards):
    """A strip that goes meanwhile is touched no more, and the file is as it was."""
    run, taken = two_boards
    assert run.step(bpy.context)
    saved.sequence_editor.strips.remove(saved.sequence_editor.strips_all["Panel 2"])
    assert not run.step(bpy.context)
    assert (taken, run.refused, run.untouched) == (["Panel 1"], True, True)
    assert run.summary == "The timeline was changed while its pictures were being taken; press again."
    assert (list((Path(bpy.data.filepath).parent / "shots").iterdir()), metas_of(saved)) == ([], [])
