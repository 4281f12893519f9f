"""Blender killed in the midst of a shot: the file is opened again, and the shot completes."""

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


def test_a_killed_blenders_shot_completes_when_its_file_is_opened_again(tmp_path):
    with blender(tmp_path, "film") as first:
        begun = told(first)
        first.send_signal(signal.SIGKILL)
    until = time.monotonic() + 30
    while not gone(begun["engine"]):  # its pipe has closed
        assert time.monotonic() < until, "the engine has outlived its Blender"
        time.sleep(0.05)
    with blender(tmp_path, "reopen") as second:
        ended = told(second)
        assert second.wait(60) == 0
    assert ended == {
        "job": begun["job"],
        "roles": ["final"],
        "frames": FRAMES,
        "missing": [],
        "span": [1, FRAMES + 1],
    }
