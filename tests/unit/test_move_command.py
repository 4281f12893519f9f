"""`generate --move`: the first framing as board, the pictures that lead, and what does not go together with a move."""

# ruff: noqa: F811
from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.generation.resolve import resolve
from engine.generation.shot_folder import ShotFolder
from engine.inference.hunyuan.spec import RELEASED
from engine.media.boards import BoardPicture, open_board
from engine.models.checksums import fingerprint
from engine.models.folder import open_folder
from tests.unit.test_commands import Job, Say, home, job, say  # noqa: F401  (fixtures)

SIZE = (96, 64)
PUSH = "0.5,0.5,1 to 0.6,0.45,0.5"


@pytest.fixture
def board(tmp_path: Path) -> Path:
    """A smooth drawing of a wave, 320 by 180."""
    across, down = np.meshgrid(np.arange(320), np.arange(180))
    waves = [128 + 90 * np.sin(across / 23), 128 + 90 * np.cos(down / 17), 128 + 90 * np.sin((across + down) / 29)]
    Image.fromarray(np.dstack(waves).astype(np.uint8)).save(tmp_path / "board.png")
    return tmp_path / "board.png"


def pixels(picture: BoardPicture) -> np.ndarray:
    with Image.open(io.BytesIO(picture.data)) as image:
        return np.asarray(image.convert("RGB"), np.float64)


def test_a_move_leads_the_shot_and_its_first_framing_is_the_board(
    tmp_path: Path, board: Path, job: Job, say: Say
) -> None:
    options = ("--out", tmp_path / "new", "--image", board, "--frames", 9, "--size", "256x144", "--fps", 30)
    status, line = say("generate", *options, "--move", "0.4,0.5,0.6 to 1,0.5,0.5", "--guide-strength", 0.5)
    assert status == 0, line
    (asked,), (pictures,) = job.asked, job.pictures
    (guide,) = asked.conditions
    assert (guide.kind, guide.strength, guide.until) == ("guide", 0.5, 1.0)
    assert [held.frame for held in guide.frames] == [float(frame) for frame in range(2, 10)]
    assert set(asked.pictures) <= set(pictures)
    start, last = pictures[asked.boards[0].image], guide.frames[-1]
    assert (start.width, start.height) == (256, 144), "no smaller than what leads it"
    with Image.open(board) as whole:
        wanted = whole.resize((256, 144), Image.Resampling.LANCZOS, box=(32, 36, 224, 144))
    assert np.abs(pixels(start) - np.asarray(wanted)).max() <= 1
    assert guide.frames[0].seen is None
    mask = pixels(pictures[last.seen]) if last.seen else np.zeros(0)
    assert mask[:, :128].min() == 255
    assert mask[:, 128:].max() == 0


def test_the_whole_board_is_the_file_itself(tmp_path: Path, board: Path, job: Job, say: Say) -> None:
    say("generate", "--out", tmp_path / "new", "--image", board, "--frames", 9, "--size", "96x64", "--move", PUSH)
    say(
        "generate",
        "--out",
        tmp_path / "new",
        "--image",
        board,
        "--frames",
        9,
        "--size",
        "96x64",
        "--move",
        PUSH,
        "--move-easing",
        "ease",
    )
    even, eased = job.asked
    assert even.boards == eased.boards
    assert even.boards[0].image == open_board(board).sha256
    (one,), (other,) = even.conditions, eased.conditions
    assert [a.image == b.image for a, b in zip(one.frames, other.frames, strict=True)] == [
        *[False] * 3, True, *[False] * 3, True,
    ], "in the middle and at the end they meet"  # fmt: skip


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--move", PUSH, "--guide", "somewhere"], "--move is a guide of its own"),
        (["--move-easing", "ease"], "there is no --move"),
        (["--guide-until", "0.5"], "there is no --guide"),
        (["--move", "0.5,0.5,1"], "does not go from one framing to another"),
    ],
)
def test_what_does_not_go_with_a_move(
    tmp_path: Path, board: Path, job: Job, say: Say, options: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    status, line = say(
        "generate", "--out", tmp_path / "new", "--image", board, "--frames", 9, "--size", "96x64", *options
    )
    assert status == 2
    assert said in line
    assert not job.asked


def test_a_move_is_done_before_the_next_board(tmp_path: Path, board: Path, job: Job, say: Say) -> None:
    options = ("--out", tmp_path / "new", "--image", board, "--end-image", board, "--size", "96x64", "--fps", 30)
    status, line = say("generate", *options, "--frames", 91, "--move", PUSH)
    assert status == 0, line
    say("generate", *options, "--frames", 91, "--move", PUSH, "--board", f"31={board}")
    (alone, through), pictures = job.asked, job.pictures[0]
    (guide,) = alone.conditions
    assert guide.frames[-1].frame == 60.0, "a second earlier"
    with Image.open(board) as whole:  # 0.5 of its width about 0.6, 0.45 of it, in a picture of its shape
        last = pictures[guide.frames[-1].image]
        wanted = whole.resize((last.width, last.height), Image.Resampling.LANCZOS, box=(112, 36, 272, 126))
    assert np.abs(pixels(last) - np.asarray(wanted)).max() <= 1
    assert through.conditions[0].frames[-1].frame == 15.0, "half way to the next one"


def test_a_shot_of_a_move_goes_on_with_it_and_with_no_other(
    tmp_path: Path, home: Path, board: Path, job: Job, say: Say
) -> None:
    options = ("--image", board, "--frames", 9, "--size", "96x64", "--move", PUSH)
    say("generate", "--out", tmp_path / "new", *options)
    folder = ShotFolder(tmp_path / "shot")
    model = {"weights": fingerprint(open_folder(home / "models" / "mine")), "settings": "as released"}
    request = resolve(job.asked.pop(), replace(RELEASED, conditions=("guide",)), SIZE).request
    folder.begin(request, model, {name: picture.data for name, picture in job.pictures.pop().items()})
    for again in (options, (), options[:2]):
        status, line = say("generate", "--out", folder.root, "--resume", *again)
        assert status == 0, line
        assert job.asked.pop() == request
    status, line = say("generate", "--out", folder.root, "--resume", *options[:-1], "0.5,0.5,1 to 0.6,0.45,0.6")
    assert status == 2
    assert "was made with another guide (" in line
