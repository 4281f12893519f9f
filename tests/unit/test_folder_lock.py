"""One process to a folder: who is told what, and who lets go. The other holder is the system's own call, as 0.1.0's."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.errors import Code, EngineError
from engine.media.lock import folder_lock

fcntl = pytest.importorskip("fcntl", reason="this system's locks are not flock")

_HOLD = """
import fcntl, os, sys
handle = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o600)
fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
print("held", flush=True)
sys.stdin.read()
"""


def refused(path: Path, folder: Path) -> EngineError:
    with pytest.raises(EngineError) as caught, folder_lock(path, folder):
        pass
    return caught.value


def test_another_process_is_seen_and_its_death_lets_go(tmp_path):
    path = tmp_path / "lock"
    command = [sys.executable, "-c", _HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        error = refused(path, tmp_path / "shot")
        assert error.code is Code.FOLDER_BUSY
        assert str(tmp_path / "shot") in error.line
        holder.kill()
    with folder_lock(path, tmp_path / "shot"):
        assert refused(path, tmp_path / "shot").code is Code.FOLDER_BUSY
        handle = os.open(path, os.O_RDWR)
        with pytest.raises(BlockingIOError):  # an engine of an earlier release sees ours, too
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(handle)
    assert path.stat().st_mode & 0o777 == 0o600  # it stays: whoever waits for it waits for the same file


def test_a_disk_without_locks_is_not_said_to_be_busy(tmp_path, monkeypatch):
    def flock(handle: int, how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    error = refused(tmp_path / "lock", tmp_path)
    assert error.code is Code.FOLDER_UNWRITABLE
    assert "no locks" in error.line.lower()


def test_nothing_is_made_where_the_folder_is_missing(tmp_path):
    assert refused(tmp_path / "missing" / "lock", tmp_path).code is Code.FOLDER_UNWRITABLE
    assert list(tmp_path.iterdir()) == []
