"""A shot made again by what a file says: what is believed of it, and where its pictures are looked for."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.client import remake
from engine.client.stored_request import read, write
from engine.errors import Code, EngineError
from engine.media.frames import png_bytes
from engine.media.provenance import COMPOSITE, Provenance
from engine.protocol import Board, Condition, ConditionFrame, ShotRequest, Take
from engine.serialization import without_defaults


def picture(number: int) -> bytes:
    return png_bytes(np.full((16, 16, 3), number, np.uint8), {})


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


BOARDS = {number: picture(number) for number in range(6)}
REQUEST = ShotRequest(
    "sketch",
    "A gull lands",
    (Board(1, sha256(BOARDS[0])), Board(40, sha256(BOARDS[1])), Board(73, sha256(BOARDS[2]))),
    frames=73,
    fps=24.0,
    seed=5,
)


def frame(folder: Path, shot: dict[str, Any], name: str = "0001.png") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(png_bytes(np.zeros((16, 16, 3), np.uint8), Provenance(COMPOSITE, "", shot, "Shotpack").texts()))
    return path


def asked(folder: Path, request: Any) -> ShotRequest:
    path = frame(folder, {"seed": 5, "request": request})
    return remake.asked_by(path, remake.said_by(path))


def test_the_request_comes_back(tmp_path: Path) -> None:
    assert asked(tmp_path, without_defaults(REQUEST)) == REQUEST
    take = replace(REQUEST, take=Take(2, job="0" * 16))
    assert asked(tmp_path, without_defaults(take)) == REQUEST, "as a shot of its own"


def test_its_pictures_are_found_by_what_is_in_them(tmp_path: Path) -> None:
    ours, theirs, store = tmp_path / "ours", tmp_path / "theirs/boards", tmp_path / "images"
    for folder in (ours, theirs, store):
        folder.mkdir(parents=True)
    (ours / "board.png").write_bytes(BOARDS[0])
    (ours / "0001.png").write_bytes(BOARDS[1])  # a frame, whatever is in it
    (theirs / sha256(BOARDS[1])).write_bytes(BOARDS[1])
    (store / sha256(BOARDS[2])).write_bytes(BOARDS[2])
    (store / sha256(BOARDS[0])).write_bytes(BOARDS[5])  # a name proves nothing
    found = remake.find_pictures(REQUEST.pictures, [tmp_path / "none", ours, theirs], [store])
    assert found == {
        sha256(BOARDS[0]): remake.Found(ours, "board.png"),
        sha256(BOARDS[1]): remake.Found(theirs, sha256(BOARDS[1])),
        sha256(BOARDS[2]): remake.Found(store, sha256(BOARDS[2])),
    }
    assert remake.missing(REQUEST, found, tmp_path / "x.png") is None


def test_no_link_is_followed_and_nothing_else_is_a_picture(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/board.png").write_bytes(BOARDS[0])
    (tmp_path / "here").mkdir()
    (tmp_path / "here/board.png").symlink_to(tmp_path / "real/board.png")
    (tmp_path / "here/text.png").write_text("plain")
    assert remake.find_pictures(REQUEST.pictures, [tmp_path / "here"]) == {}


def test_the_missing_board_is_named_in_one_sentence(tmp_path: Path) -> None:
    found = {sha256(BOARDS[0]): remake.Found(tmp_path, "board.png")}
    fault = remake.missing(REQUEST, found, tmp_path / "shot.mp4")
    assert fault is not None
    assert fault.code is Code.REMAKE_IMPOSSIBLE
    assert fault.sentence.startswith("shot.mp4 cannot be made again: the board at frame 40 (SHA-256 ")
    assert fault.line.count(". ") == 0


def test_pictures_get_names_of_a_shots_folder(tmp_path: Path) -> None:
    led = ConditionFrame(5.5, sha256(BOARDS[3]), sha256(BOARDS[4]))
    request = replace(REQUEST, conditions=(Condition("guide", (led,), 0.5),))
    named, names = remake.named(request, "board.png", "end.png")
    assert [board.image for board in named.boards] == ["board.png", "board-0040.png", "end.png"]
    assert names == {
        "board.png": sha256(BOARDS[0]),
        "board-0040.png": sha256(BOARDS[1]),
        "end.png": sha256(BOARDS[2]),
        "0005.50.png": sha256(BOARDS[3]),
        "0005.50-seen.png": sha256(BOARDS[4]),
    }
    stored = read(write(named, "gull"))
    assert set(stored.names) == set(names)
    assert stored.rest["seed"] == 5


@pytest.mark.parametrize(
    "request_",
    [
        None,
        [],
        {},
        {"frames": 0},
        {"frames": 10**9},
        {"frames": 5, "fps": 1e9},
        {"frames": 5, "boards": [{"frame": 1, "image": "../../etc/passwd"}]},
        {"frames": 5, "boards": [{"frame": 9, "image": "0" * 64}]},
        {"frames": 5, "boards": [{"frame": 1, "image": "0" * 64}, {"frame": 1, "image": "1" * 64}]},
        {"frames": 5, "clip": ["a" * 63]},
        {"frames": 5, "clip": [f"{number:064x}" for number in range(9000)]},
        {"frames": "5"},
        {"frames": 5, "prompt": ["x"]},
        {"frames": True},
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, request_: Any) -> None:
    with pytest.raises(EngineError) as caught:
        asked(tmp_path, request_)
    assert caught.value.code is Code.REMAKE_IMPOSSIBLE
    assert "\n" not in caught.value.line


def test_what_is_no_shots_is_refused(tmp_path: Path) -> None:
    (tmp_path / "plain.png").write_bytes(picture(3))
    (tmp_path / "text.mp4").write_text("plain")
    for name, said in (("plain.png", "says nothing of a shot"), ("text.mp4", "no MP4"), ("none.png", "no such file")):
        with pytest.raises(EngineError, match=said):
            remake.said_by(tmp_path / name)


def test_a_schedule_of_the_command_lines_own_cannot_be_asked_for_from_here(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="only the command line can ask for"):
        asked(tmp_path, without_defaults(replace(REQUEST, schedule="f1k1_x_g9_f1k1f2k2f16k4_td", window=9)))


def test_a_frame_without_its_request_says_where_that_is(tmp_path: Path) -> None:
    large = frame(tmp_path, {"seed": 5, "request_sha256": "0" * 64})
    with pytest.raises(EngineError, match="choose the shot's movie"):
        remake.asked_by(large, remake.said_by(large))
    old = frame(tmp_path, {"seed": 5})
    with pytest.raises(EngineError, match="an earlier release made it"):
        remake.asked_by(old, remake.said_by(old))
