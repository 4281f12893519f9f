"""Seeds are tried in a real window: their contact sheet beside the preview, and one press goes on with one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.desktop.window import BLENDER, ShotpackWindow

pytestmark = pytest.mark.skipif(not BLENDER, reason="BLENDER names no Blender with a window")


def test_seeds_are_seen_beside_each_other_and_one_is_gone_on_with(tmp_path: Path) -> None:
    window = ShotpackWindow(tmp_path, Path(__file__).with_name("seeds.py"), 4)
    try:
        window.wait_for(lambda status: status.get("stage") == "trying")
        window.click(*window.status()["header"])  # the Shot panel closes, and the seeds are in sight
        window.wait_for(lambda status: [seed["pictures"] for seed in status["seeds"]] == [3] * 4 and status["sheet"])
        window.screenshot("9-seeds.png")
        window.status_file.with_name("status.json.go").touch()
        window.wait_for(lambda status: [seed["muted"] for seed in status["seeds"]] == [True, False, True, True])
        window.wait_for(lambda status: status["seeds"][1]["state"] == "finished")
        window.screenshot("10-seed-chosen.png")
        window.status_file.with_name("status.json.window").touch()
        window.wait_for(lambda status: status["stage"] == "window" and status["sheet"])
        window.screenshot("11-seeds-window.png")
        assert [seed["state"] for seed in window.status()["seeds"]] == ["paused", "finished", "paused", "paused"]
    finally:
        window.close()
