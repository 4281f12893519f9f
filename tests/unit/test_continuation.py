"""One job's finished work for another: files of its own, and none that an artist may have retouched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.server.jobs.continuation import carry_over

SETTLED = 1_700_000_000


def made(root: Path) -> Path:
    """A shot's folder as the engine leaves it: two final frames, a provisional one, and its checkpoint."""
    files = {
        "frames/0001.png": b"one",
        "frames/0002.png": b"two",
        "provisional/0000/0003.png": b"three",
        "boards/" + "a" * 64: b"board",
        "checkpoint/request.json": b"{}",
        "checkpoint/latents-0000.safetensors": b"latents",
        "checkpoint/encodings/0a.safetensors": b"prompt",
        "checkpoint/lock": b"",
        "frames/.0004.png.77.part.png": b"hal",
    }
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        os.utime(path, (SETTLED, SETTLED))
    return root


def held(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def old(tmp_path) -> Path:
    return made(tmp_path / "old")


def test_everything_whole_comes_along_and_nothing_else(old, tmp_path):
    carry_over(old, tmp_path / "new")
    left = {"checkpoint/lock", "frames/.0004.png.77.part.png"}
    assert held(tmp_path / "new") == {name: data for name, data in held(old).items() if name not in left}
    carry_over(tmp_path / "new", tmp_path / "third")  # and once more, as from one resumed twice
    assert held(tmp_path / "third") == held(tmp_path / "new")
    assert {path.name for path in tmp_path.iterdir()} == {"old", "new", "third"}


def test_frames_are_files_of_their_own(old, tmp_path):
    carry_over(old, tmp_path / "new")
    (old / "frames" / "0001.png").write_bytes(b"retouched")
    (old / "boards" / ("a" * 64)).write_bytes(b"retouched")
    assert held(tmp_path / "new")["frames/0001.png"] == b"one"
    assert held(tmp_path / "new")["boards/" + "a" * 64] == b"board"


def test_a_frame_that_others_share_is_left_out(old, tmp_path):
    """0.1.0 linked frames into the artist's folder, where they could be retouched through the link."""
    artist = tmp_path / "0001.png"
    os.link(old / "frames" / "0001.png", artist)
    artist.write_bytes(b"retouched")
    os.utime(artist, (SETTLED, SETTLED))
    carry_over(old, tmp_path / "new")
    assert "frames/0001.png" not in held(tmp_path / "new")
    assert held(tmp_path / "new")["frames/0002.png"] == b"two"


def test_a_frame_that_changed_after_its_section_was_settled_is_left_out(old, tmp_path):
    (old / "frames" / "0002.png").write_bytes(b"retouched, and the link is gone")
    carry_over(old, tmp_path / "new")
    assert "frames/0002.png" not in held(tmp_path / "new")
    assert held(tmp_path / "new")["frames/0001.png"] == b"one"


def test_a_link_in_a_shots_folder_leads_nowhere(old, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    (old / "frames" / "0005.png").symlink_to(secret)
    carry_over(old, tmp_path / "new")
    assert b"secret" not in held(tmp_path / "new").values()


def test_what_was_never_begun_gives_nothing(tmp_path):
    carry_over(tmp_path / "old", tmp_path / "new")
    assert list(tmp_path.iterdir()) == []
