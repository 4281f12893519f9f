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

from tests.host.killed_blender import FRAMES, LENGTH, PANELS
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


def wait_for_the_end_of(engine: int) -> None:
    """Its pipe has closed."""
    until = time.monotonic() + PATIENCE
    while not gone(engine):
        assert time.monotonic() < until, "the engine has outlived its Blender"
        time.sleep(0.05)


def test_a_killed_blenders_shot_waits_on_a_render_farm_and_completes_when_it_is_opened_again(tmp_path):
    with blender(tmp_path, "film") as first:
        begun = told(first)
        first.send_signal(signal.SIGKILL)
    wait_for_the_end_of(begun["engine"])
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


def test_a_batch_goes_on_whatever_was_killed_in_its_middle(tmp_path):
    """Blender while it captures boards, Blender while it sends shots, and the engine while it makes them."""
    with blender(tmp_path, "capture") as first:
        told(first)
        first.send_signal(signal.SIGKILL)
    assert len(list((tmp_path / "shots").iterdir())) == 3
    names = [f"panel-{number + 1}" for number in range(PANELS)]
    with blender(tmp_path, "batch") as second:
        begun = told(second)
        second.send_signal(signal.SIGKILL)
    # What was captured before makes way: no folder is there twice, and none is left as if it were on no timeline.
    assert (begun["folders"], begun["marks"]) == (names, [])
    wait_for_the_end_of(begun["engine"])
    with blender(tmp_path, "go_on") as third:
        ended = told(third)
        assert third.wait(PATIENCE) == 0
    # Of the fourth the engine knows and the file does not: it waits for the press like those that were never sent.
    assert ended["waiting"] == ["Panel 4", "Panel 5", "Panel 6"]
    assert ended["before"] == sorted(begun["jobs"])
    assert set(begun["jobs"]) < set(ended["jobs"])
    assert len(ended["jobs"]) == PANELS
    assert ended["shown"] == ended["jobs"]
    assert (ended["made"], ended["frames"], ended["folders"]) == ([PANELS, PANELS], PANELS * LENGTH, names)
