"""Blender killed in the midst of a shot: a render farm leaves it as it is, opened again by the artist it completes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.host.killed_blender import FRAMES
from tests.host.studio import ROOT
from tests.patience import PATIENCE


def blender(place: Path, what: str) -> subprocess.Popen[str]:
    """Another Blender, with the settings and the engine's home of `place`."""
    environ = os.environ | {"SHOTPACK_TEST_PLACE": str(place)}
    command = [sys.executable, "-m", "tests.host.killed_blender", what, str(place / "film.blend")]
    return subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True)


def told(process: subprocess.Popen[str]) -> dict[str, Any]:
    """The JSON line among what Blender prints of its own."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("{"):
            return json.loads(line)
    raise AssertionError(f"it ended with exit code {process.wait()} and told nothing")


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_killed_blenders_shot_waits_on_a_render_farm_and_completes_when_it_is_opened_again(tmp_path):
    with blender(tmp_path, "film") as first:
        begun = told(first)
        first.send_signal(signal.SIGKILL)
    until = time.monotonic() + PATIENCE
    while not gone(begun["engine"]):  # its pipe has closed
        assert time.monotonic() < until, "the engine has outlived its Blender"
        time.sleep(0.05)
    kept = sorted(path.name for path in (tmp_path / "shots" / "panel-1").iterdir())
    with blender(tmp_path, "farm") as farm:
        found = told(farm)
        assert farm.wait(PATIENCE) == 0
    # A Blender without a window has opened and rendered the file: it has started, sent, fetched and moved nothing.
    assert (found["client"], found["engine"], found["timers"]) == (False, False, [])
    assert {name for name in found["new"] if "rendered" not in name} <= {"film.blend1"}
    assert (found["state"], found["directories"]) == ("running", ["//shots/panel-1/"])
    assert set(found["roles"]) == {"placeholder", "section"}
    assert sorted(path.name for path in (tmp_path / "shots" / "panel-1").iterdir()) == kept
    with blender(tmp_path, "reopen") as second:
        ended = told(second)
        assert second.wait(PATIENCE) == 0
    assert ended == {
        "job": begun["job"],
        "roles": ["final"],
        "frames": FRAMES,
        "missing": [],
        "span": [1, FRAMES + 1],
    }
