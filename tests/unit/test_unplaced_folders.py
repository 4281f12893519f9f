"""A folder whose shot was never placed is taken over once who took its pictures is gone, and no other folder is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.client import unplaced_folders
from engine.client.unplaced_folders import clear_away, mark, placed

pytestmark = pytest.mark.skipif(os.name != "posix", reason="elsewhere only age tells")


def left_behind(folder: Path) -> Path:
    """As a process leaves it that has ended."""
    folder.mkdir()
    code = f"from pathlib import Path; from engine.client.unplaced_folders import mark; mark(Path({str(folder)!r}))"
    subprocess.run([sys.executable, "-c", code], check=True)
    (folder / "board.png").write_bytes(b"picture")
    (folder / ".frame-x").mkdir()
    return folder


def test_what_a_process_that_is_gone_has_left_is_cleared_away(tmp_path):
    folder = left_behind(tmp_path / "panel-1")
    assert clear_away(folder)
    assert not folder.exists()


def test_who_still_takes_pictures_keeps_the_folder(tmp_path):
    mark(tmp_path)
    assert not clear_away(tmp_path)
    assert list(tmp_path.iterdir())


def test_a_placed_shots_folder_is_never_cleared_away(tmp_path):
    folder = left_behind(tmp_path / "panel-1")
    placed(folder)
    placed(folder)  # a shot of another release has no mark
    assert not clear_away(folder)
    assert (folder / "board.png").is_file()


def test_frames_keep_a_folder(tmp_path):
    folder = left_behind(tmp_path / "panel-1")
    (folder / "0001.png").write_bytes(b"frame")
    assert not clear_away(folder)


def test_a_link_is_not_followed(tmp_path):
    folder = left_behind(tmp_path / "elsewhere")
    (tmp_path / "panel-1").symlink_to(folder)
    assert not clear_away(tmp_path / "panel-1")
    assert folder.exists()


@pytest.mark.parametrize("said", [json.dumps({"host": "another", "pid": 1}), "{", "[]", '{"host": 1}'])
def test_where_nobody_can_be_asked_age_tells(tmp_path, monkeypatch, said):
    folder = tmp_path / "panel-1"
    folder.mkdir()
    mark(folder)
    (file,) = folder.iterdir()
    file.write_text(said, encoding="utf-8")
    assert not clear_away(folder)
    monkeypatch.setattr(unplaced_folders, "_AGE_SECONDS", -1.0)
    assert clear_away(folder)
