"""Two panels with a gap between them are bridged in a real window: exactly the missing frames."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.desktop.window import BLENDER, ShotpackWindow

pytestmark = pytest.mark.skipif(not BLENDER, reason="BLENDER names no Blender with a window")


def test_a_gap_is_bridged(tmp_path: Path) -> None:
    window = ShotpackWindow(tmp_path, Path(__file__).with_name("joining.py"))
    try:
        window.wait_for(lambda status: status.get("ready"))
        window.screenshot("9-gap.png")
        made = window.wait_for(lambda status: [strip for strip in status["strips"] if strip["state"] == "finished"])
        window.screenshot("10-bridge.png")
    finally:
        window.close()
    assert [(strip["span"], strip["starts"], strip["channel"]) for strip in made] == [([25, 62], 24, 1)]
    panels = [strip for strip in window.status()["strips"] if not strip["state"]]
    assert sorted(strip["span"] for strip in panels) == [[1, 25], [62, 86]]
