"""`generate --upscale`: the shot as ever, then its finishing take; killed in either, `--resume` goes on to the bit."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.media.take_files import TakeFiles, takes_of
from tests.engine.checkpoints import BOARD, TINY
from tests.engine.warm_engine import Ended, WarmEngine

FINISH = ["--upscale", "2", "--slow", "2", "--finish-between", "flow"]
SIGKILLED = -9


def arguments(out: Path, *more: str) -> list[str]:
    shot = ["--model", str(TINY), "--image", str(BOARD), "--prompt", "w5 w2", "--frames", "37", "--size", "64x64"]
    return ["generate", *shot, "--steps", "2", "--out", str(out), "--json", *more]


def files(folder: Path, take: int) -> list[bytes]:
    found = TakeFiles(folder, take)
    return [found.frame(frame).read_bytes() for frame in range(1, found.frames + 1)]


def names(ended: Ended) -> list[object]:
    passing = ("step", "preview", "progress", "frames", "drift")
    return [event["event"] for event in ended.events if event["event"] not in passing]


@pytest.fixture(scope="module")
def undisturbed(warm_engine: WarmEngine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    ended = warm_engine.run(arguments(folder / "shot", *FINISH), folder / "log")
    assert ended.status == 0, ended.stderr
    assert names(ended) == ["started", "section", "finished"] * 2
    shot, finish = (event for event in ended.events if event["event"] == "started")
    assert (shot["frames"], shot["width"], shot["steps"]) == (37, 64, 2)
    assert (finish["frames"], finish["width"], finish["steps"]) == (74, 128, 0)
    return folder / "shot"


@pytest.mark.parametrize("kill_at", ['"event": "step"', '"stage": "finishing"'])
def test_killed_in_either_it_goes_on(kill_at: str, undisturbed: Path, warm_engine: WarmEngine, tmp_path: Path) -> None:
    out = tmp_path / "shot"
    ended = warm_engine.run(arguments(out, *FINISH), tmp_path / "log", kill_at=kill_at)
    assert ended.status == SIGKILLED
    again = FINISH if not (out / "shot.json").exists() else []  # what was begun is known
    ended = warm_engine.run(["generate", "--out", str(out), "--resume", "--json", *again], tmp_path / "log")
    assert ended.status == 0, ended.stderr
    assert names(ended)[-3:] == ["started", "section", "finished"]
    for take in (1, 2):
        assert files(out, take) == files(undisturbed, take)
    assert takes_of(out) == [1, 2]


def test_a_shot_of_yesterday_is_finished_and_again_otherwise(undisturbed: Path, warm_engine: WarmEngine) -> None:
    before = files(undisturbed, 1) + files(undisturbed, 2)
    more = ["generate", "--out", str(undisturbed), "--resume", "--json"]
    for asked, takes in ((FINISH, [1, 2]), (["--finish-fps", "15"], [1, 2, 3]), ([], [1, 2, 3])):
        ended = warm_engine.run([*more, *asked], undisturbed.parent / "log")
        assert ended.status == 0, ended.stderr
        assert takes_of(undisturbed) == takes
    assert files(undisturbed, 1) + files(undisturbed, 2) == before
    assert len(files(undisturbed, 3)) == 18, "at 15 instead of 30, half of 37, and halves to the even one"


def test_what_cannot_be_made_of_the_shot_is_said_before_it_is_made(warm_engine: WarmEngine, tmp_path: Path) -> None:
    ended = warm_engine.run(arguments(tmp_path / "shot", "--upscale", "9000x9000"), tmp_path / "log")
    assert ended.status == 2
    assert "9000x9000" in ended.stderr
    assert not (tmp_path / "shot").exists()


def test_a_person_sees_frames_being_finished(warm_engine: WarmEngine, tmp_path: Path) -> None:
    shown = [argument for argument in arguments(tmp_path / "shot", "--slow", "4") if argument != "--json"]
    ended = warm_engine.run(shown, tmp_path / "log")
    assert ended.status == 0, ended.stderr
    assert "148 frames at 30 fps, 64x64, finishing" in ended.stderr
    assert "/148" in ended.stderr
    assert "shot-t02.mp4" in ended.stderr
