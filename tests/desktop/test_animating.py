"""Six boards on Blender's Storyboarding template become an animatic with one press, in a real window."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.desktop.window import BLENDER, ShotpackWindow

pytestmark = pytest.mark.skipif(not BLENDER, reason="BLENDER names no Blender with a window")


def test_a_press_makes_a_shot_of_each_board(tmp_path: Path) -> None:
    window = ShotpackWindow(tmp_path, Path(__file__).with_name("animating.py"))
    try:
        window.wait_for(lambda status: status.get("pair"))
        window.screenshot("6-two-boards.png")
        shots = window.wait_for(lambda status: len(status["shots"]) == 6 and status["shots"])
        window.screenshot("7-animating.png")
        assert [shot["span"] for shot in sorted(shots, key=lambda shot: shot["span"])] == [
            [1 + 24 * number, 25 + 24 * number] for number in range(6)
        ]
        assert {shot["channel"] for shot in shots} == {2}
        assert len({shot["batch"] for shot in shots}) == 1
        assert {(shot["board"], shot["prompt"]) for shot in shots} == {
            (f"Panel {number + 1}", f"w{number} w2") for number in range(6)
        }
        status = window.wait_for(lambda status: {shot["state"] for shot in status["shots"]} == {"finished"} and status)
        window.screenshot("8-animatic.png")
    finally:
        window.close()
    # Six boards and six places, one a step: a board's render is the longest that holds the main thread.
    assert len(status["steps"]) == 12
    print("milliseconds a step:", [round(wall) for wall, _ in status["steps"]])
