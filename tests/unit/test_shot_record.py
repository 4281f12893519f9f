"""The record of a shot: which pictures to fetch, which to show; and the thread that fetches them."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.client.background_calls import BackgroundCalls
from engine.client.connection import Connection
from engine.client.frame_fetcher import FrameFetcher, Source, place
from engine.client.safe_names import plain_name
from engine.client.session import Job
from engine.client.shot import Shot, remote_frame, remove_drafts
from engine.errors import Code, EngineError
from engine.events import Section, SectionPlan, Started
from engine.file_copies import copy_whole
from engine.media.take_files import frame_name
from tests.patience import PATIENCE

NOWHERE = Connection("http://127.0.0.1:9", "token")


def shot_of(frames: int, folder: Path = Path("shots/panel")) -> Shot:
    return Shot("id", "panel", folder, frames, job="job")


def started(*borders: tuple[int, int]) -> Started:
    plans = tuple(SectionPlan(number, first, last, "") for number, (first, last) in enumerate(borders))
    return Started("inverted", plans, borders[-1][1], 64, 64, 30.0, 4, 0)


def section(number: int, files: range, drafts: range) -> Section:
    names = tuple(f"frames/{frame:04d}.png" for frame in files)
    provisional = tuple(f"provisional/{number:04d}/{frame:04d}.png" for frame in drafts)
    return Section(number, 1, 2, 1, len(names), names, provisional)


@given(st.integers(1, 99_999))
def test_a_final_frame_keeps_its_name(frame):
    found = remote_frame(f"frames/{frame:04d}.png")
    assert (found.frame, found.name, found.final) == (frame, f"{frame:04d}.png", True)


@given(st.integers(0, 9999), st.integers(1, 9999))
def test_a_provisional_frame_has_a_name_of_its_own(number, frame):
    found = remote_frame(f"provisional/{number:04d}/{frame:04d}.png")
    assert found.frame == frame
    assert not found.final
    assert found.name not in {
        remote_frame(f"frames/{frame:04d}.png").name,
        remote_frame(f"provisional/9998/{frame:05d}.png").name,
    }


@given(st.text(max_size=40) | st.sampled_from(["frames/../0001.png", "/frames/0001.png", "frames/0001.png/../x.png"]))
def test_no_other_path_is_followed(path):
    try:
        found = remote_frame(path)
    except EngineError as refused:
        assert refused.code is Code.BAD_REQUEST
    else:
        assert "/" not in found.name
        assert ".." not in found.name


def test_frames_are_asked_for_once_and_finals_replace_drafts():
    shot, job = shot_of(73), Job("job")
    job.plan = started((1, 37), (38, 73))
    job.sections[1] = section(1, range(0), range(41, 74))
    drafts = shot.missing(job)
    assert [each.frame for each in drafts] == list(range(41, 74))
    assert shot.missing(job) == []
    for picture in drafts:
        shot.arrived(picture)
    # The four frames that the two sections make together are not there yet.
    assert shot.visible(job) == {1: range(41, 74)}
    job.sections[0] = section(0, range(1, 74), range(0))
    for picture in reversed(shot.missing(job)):
        shot.arrived(picture)
    shot.arrived(drafts[0])  # one that comes late shows nothing old
    assert shot.visible(job) == {0: range(1, 38), 1: range(38, 74)}
    assert shot.pictures[41] == "0041.png"
    assert shot.finals == set(range(1, 74))


def test_a_frame_that_could_not_be_had_is_asked_for_again():
    shot, job = shot_of(3), Job("job", state="finished")
    first = shot.missing(job)[0]
    shot.not_arrived(first)
    assert shot.missing(job) == [first]


def make_home(folder: Path) -> Path:
    frames = folder / "home" / "jobs" / "job" / "frames"
    frames.mkdir(parents=True)
    for frame in (1, 2):
        (frames / f"{frame:04d}.png").write_bytes(b"picture %d" % frame)
    return folder / "home"


def test_frames_come_whole_and_are_never_written_again(tmp_path):
    source = Source(NOWHERE, make_home(tmp_path))
    target = tmp_path / "shots" / "0001.png"
    target.parent.mkdir()
    place(source, "job", remote_frame("frames/0001.png"), target)
    assert target.read_bytes() == b"picture 1"
    assert [path.name for path in target.parent.iterdir()] == ["0001.png"]
    before = target.stat().st_ino
    fetcher = FrameFetcher()
    fetcher.fetch(
        source, "id", "job", target.parent, [remote_frame("frames/0001.png"), remote_frame("frames/0002.png")]
    )
    (arrival,) = wait_for(fetcher.drain)
    fetcher.close()
    assert [each.frame for each in arrival.frames] == [1, 2]
    assert arrival.fault is None
    assert target.stat().st_ino == before


def test_frames_that_cannot_be_placed_say_why(tmp_path):
    source = Source(NOWHERE, make_home(tmp_path))
    (tmp_path / "shots").write_text("a file where the folder should be")
    fetcher = FrameFetcher()
    fetcher.fetch(source, "id", "job", tmp_path / "shots", [remote_frame("frames/0001.png")])
    (arrival,) = wait_for(fetcher.drain)
    fetcher.close()
    assert arrival.frames == ()
    assert [each.frame for each in arrival.failed] == [1]
    assert arrival.fault is not None
    assert arrival.fault.code is Code.FOLDER_UNWRITABLE


def test_drafts_go_and_finals_stay(tmp_path):
    old = [".0002.png.1-2.part", ".0003-draft0002.png.part", ".mine.png.part"]
    for name in ("0001.png", "0001-draft0002.png", "board.png", "my-draft.png", ".0001.png.3-4.part", *old):
        (tmp_path / name).touch()
    for name in old:
        os.utime(tmp_path / name, (0, 0))
    remove_drafts(tmp_path)
    # A part that is young may be another Blender's, which has the same file open.
    left = [".0001.png.3-4.part", ".mine.png.part", "0001.png", "board.png", "my-draft.png"]
    assert sorted(path.name for path in tmp_path.iterdir()) == left


@pytest.mark.parametrize("name", ["panel-1", "0001.png", "Bild 7 ü.png", "a" * 255, "com", "nulls.png", "日本.png"])
def test_a_plain_name(name):
    assert plain_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "",
            ".",
            "..",
            ".hidden",
            "a/b",
            "../a",
            "a\\b",
            "c:a",
            "a:stream",
            "a.",
            "a ",
            "a\0",
            "a\nb",
            "a*",
            "a?",
            "a|b",
        ),
        *("nul", "NUL.png", "nul .txt", "com1.tar.gz", "conin$", "a" * 256, "ü" * 128, "\ud800", "\x7f"),
    ],
)
def test_no_other_name_is(name):
    assert not plain_name(name)


def test_a_copy_is_a_file_of_its_own_and_whole_or_not_there(tmp_path, monkeypatch):
    (tmp_path / "picture").write_bytes(b"picture" * 1000)
    copy_whole(tmp_path / "picture", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"picture" * 1000
    assert (tmp_path / "copy").stat().st_ino != (tmp_path / "picture").stat().st_ino
    with pytest.raises(FileNotFoundError):
        copy_whole(tmp_path / "nothing", tmp_path / "copy")

    def breaks(_source, target, _length):
        target.write(b"pict")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("engine.file_copies._cloned", lambda *_: False)
    monkeypatch.setattr("shutil.copyfileobj", breaks)
    for target in ("copy", "another"):
        with pytest.raises(OSError, match="No space"):
            copy_whole(tmp_path / "picture", tmp_path / target)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "picture"]
    assert (tmp_path / "copy").read_bytes() == b"picture" * 1000


def wait_for(found):
    until = time.monotonic() + PATIENCE
    while not (result := found()):
        assert time.monotonic() < until
        time.sleep(0.01)
    return result


def test_background_calls_are_done_in_turn_and_handed_over_where_they_are_drained():
    background_calls, heard, here = BackgroundCalls(), [], threading.get_ident()
    background_calls.send(threading.get_ident, lambda there: heard.append(there != here), heard.append)
    background_calls.send(lambda: 1 / 0, heard.append, lambda fault: heard.append(fault.code))
    for _ in range(2):
        assert wait_for(background_calls.drain) in (1, 2)
        if len(heard) == 2:
            break
    background_calls.close()
    assert heard == [True, Code.INTERNAL]


@pytest.mark.parametrize("code", [Code.REFUSED])
def test_a_background_calls_refusal_comes_as_it_is(code):
    background_calls, heard = BackgroundCalls(), []

    def refuse() -> None:
        raise EngineError(code, detail="no")

    background_calls.send(refuse, heard.append, lambda fault: heard.append(fault.code))
    wait_for(background_calls.drain)
    background_calls.close()
    assert heard == [code]


@pytest.mark.parametrize("frames", [37, 9999, 10_000, 36_000])
def test_it_asks_for_the_frames_by_the_names_that_the_engine_gives(frames):
    job = Job("job", "finished")
    asked = shot_of(frames).missing(job)
    assert [Path(each.path).name for each in asked] == [frame_name(frame, frames) for frame in range(1, frames + 1)]
