"""At which frames a model wants a guide, and what plays meanwhile."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.client import guide_frames as guide_frames_module
from engine.client.guide_frames import GuideProgress, guide_frames, mask_name, picture_name, playing_of
from engine.protocol import CLIP_MAXIMUM, FRAMES_MAXIMUM

PROGRAM = Path(__file__).resolve().parents[2] / "operators" / "render_guide.py"

SKETCH = {"native_fps": 30.0, "guide_frames": 4}


def test_one_picture_a_latent_lies_at_every_fourth_native_frame():
    assert guide_frames(SKETCH, 13, 30.0, conform=True) == [5.0, 9.0, 13.0]
    assert guide_frames(SKETCH | {"guide_frames": 1}, 4, 30.0, conform=True) == [2.0, 3.0, 4.0]


def test_at_another_rate_they_lie_between_frames():
    """Native frame 4 of 30 a second is at 4/30 of a second: frame 1 + 3.2 at 24."""
    assert guide_frames(SKETCH, 10, 24.0, conform=True) == [4.2, 7.4]
    assert guide_frames(SKETCH, 10, 24.0, conform=False) == [5.0, 9.0]


def test_no_more_than_a_request_holds():
    frames = guide_frames(SKETCH | {"guide_frames": 1}, 5000, 30.0, conform=True)
    assert len(frames) <= 1200
    assert frames[0] == 6.0


@pytest.mark.parametrize("details", [{}, {"guide_frames": 0, "native_fps": 24.0}])
def test_who_takes_no_guide_wants_none(details):
    assert guide_frames(details, 73, 24.0, conform=True) == []


def test_names_are_those_of_the_command_line():
    assert (picture_name(5.0), mask_name(4.2)) == ("0005.00.png", "0004.20-seen.png")


def test_the_nearest_picture_plays():
    led = [{"frame": frame, "image": picture_name(frame)} for frame in (4.2, 7.4)]
    request = json.dumps({"boards": [[1, "board.png"]], "conditions": [{"kind": "guide", "frames": led}], "frames": 8})
    shown = playing_of(request, 8)
    assert shown == ("0004.20.png",) * 5 + ("0007.40.png",) * 3, "a board has another size"


@pytest.mark.parametrize(
    "request_",
    ["", "7", '{"boards": []}', '{"boards": [[1, "a.png"]], "conditions": [{"frames": [{"image": "a.png"}]}]}'],
)
def test_a_file_may_hold_anything(request_):
    assert playing_of(request_, 8) == ()


def test_what_the_program_says_is_heard():
    heard = GuideProgress()
    for line in ("shotpack-guide 1 2 0.8750", "Saved: 'x'", "shotpack-guide x 2 0.1", "shotpack-guide 2 2 0.4100"):
        heard.hear(line)
    for line in ("shotpack-match 1 0.4500", "shotpack-match 2 -0.0310", "shotpack-match 3", "shotpack-match 4 nothing"):
        heard.hear(line)
    heard.hear("shotpack-left-out locks (Curves)")
    assert heard == GuideProgress(2, 2, 0.41, left_out=("locks (Curves)",), mismatched=(2,))
    heard.hear("shotpack-move 1 2 0.5000")
    assert (heard.made, heard.seen, heard.flat) == (1, 0.5, True)


def test_the_program_says_it_in_these_words():
    said = {node.value for node in ast.walk(ast.parse(PROGRAM.read_text())) if isinstance(node, ast.Constant)}
    assert {guide_frames_module._PROGRESS, guide_frames_module._LEFT_OUT, guide_frames_module._MATCH} <= said
    moving = ast.walk(ast.parse(PROGRAM.with_name("render_move.py").read_text()))
    assert guide_frames_module._MOVED in {node.value for node in moving if isinstance(node, ast.Constant)}


@given(
    details=st.fixed_dictionaries(
        {"guide_frames": st.sampled_from([1, 4]), "native_fps": st.sampled_from([1, 8, 24, 30, 240])}
    ),
    frames=st.sampled_from([1, 2, 13, 1201, 36_000]) | st.integers(1, 36_000),
    fps=st.sampled_from([1.0, 12.0, 23.976, 24.0, 30.0, 59.94, 240.0]),
    conform=st.booleans(),
    past_end=st.booleans(),
)
def test_they_are_what_a_request_takes(details, frames, fps, conform, past_end):
    found = guide_frames(details, frames, fps, conform=conform, past_end=past_end)
    assert len(found) <= CLIP_MAXIMUM
    assert found == sorted(set(found))
    assert all(1 <= frame <= FRAMES_MAXIMUM for frame in found)


def test_what_is_shown_last_may_be_led_by_a_frame_past_the_end():
    """Frames 98 to 100 of a shot of 100 are made together with one more: that latent ends on frame 101."""
    assert guide_frames(SKETCH, 100, 30.0, conform=True, past_end=True)[-2:] == [97.0, 101.0]
    assert guide_frames(SKETCH, 13, 30.0, conform=True, past_end=True) == [5.0, 9.0, 13.0], "it ends on one"
    assert guide_frames(SKETCH, 10, 24.0, conform=True, past_end=True) == [4.2, 7.4, 10.6]
    every = SKETCH | {"guide_frames": 1}
    assert guide_frames(every, 10, 24.0, conform=True, past_end=True)[-1] == 9.8, "frame 10 shows native frame 11"
    assert len(guide_frames(every, 50_000, 30.0, conform=True, past_end=True)) <= 1200
