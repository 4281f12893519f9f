"""Frames on their way: several at once, in turns, over a line that breaks, into folders that move."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from engine.client.frame_fetcher import FrameFetcher, Source, place
from engine.client.shot import remote_frame
from engine.errors import Code, EngineError
from tests.unit.scripted_engine import BREAK, PATIENCE, PICTURE, ScriptedConnection, wait_for

REFUSED = EngineError(Code.REFUSED, detail="There is no such file yet", status=404, problem="file_unknown")


def frames(first: int, last: int):
    return [remote_frame(f"frames/{frame:04d}.png") for frame in range(first, last + 1)]


@pytest.fixture
def connection() -> ScriptedConnection:
    return ScriptedConnection()


@pytest.fixture
def fetcher(monkeypatch):
    monkeypatch.setattr("engine.client.frame_fetcher._WAITS", (0.0, 0.0, 0.0, 0.0))
    fetcher = FrameFetcher()
    yield fetcher
    fetcher.close()


def gather(fetcher, connection, folder: Path, wanted_frames, shot: str = "shot"):
    fetcher.fetch(Source(connection, None), shot, "job", folder, wanted_frames)


def test_a_dead_line_costs_a_shot_a_few_calls_and_not_a_few_for_each_frame(fetcher, connection, tmp_path):
    def broken(_job, _path):
        raise BREAK

    connection.pictures = broken
    gather(fetcher, connection, tmp_path, frames(1, 30))
    (arrival,) = wait_for(fetcher.drain)
    assert [each.frame for each in arrival.failed] == list(range(1, 31))
    assert arrival.fault is BREAK
    assert len(connection.asked) < 10


def test_a_line_that_breaks_once_loses_no_frame(fetcher, connection, tmp_path):
    broken = iter([True] * 3)

    def now_and_then(_job, _path):
        if next(broken, False):
            raise BREAK
        return PICTURE

    connection.pictures = now_and_then
    gather(fetcher, connection, tmp_path, frames(1, 8))
    (arrival,) = wait_for(fetcher.drain)
    assert (len(arrival.frames), arrival.failed, arrival.fault) == (8, (), None)


def test_several_frames_are_under_way_at_once(fetcher, connection, tmp_path):
    both = threading.Barrier(2, timeout=PATIENCE / 2)

    def together(_job, _path):
        both.wait()
        return PICTURE

    connection.pictures = together
    gather(fetcher, connection, tmp_path, frames(1, 2))
    (arrival,) = wait_for(fetcher.drain)
    assert arrival.fault is None
    assert len(arrival.frames) == 2


def test_a_shot_whose_frames_hang_holds_up_no_other(fetcher, connection, tmp_path):
    go_on = threading.Event()

    def hangs(job, _path):
        if job == "job":
            go_on.wait(2 * PATIENCE)
        return PICTURE

    connection.pictures = hangs
    gather(fetcher, connection, tmp_path / "a", frames(1, 9), "a")
    wait_for(lambda: connection.asked)
    fetcher.fetch(Source(connection, None), "b", "another", tmp_path / "b", frames(1, 3))
    try:
        (arrival,) = wait_for(fetcher.drain)
    finally:
        go_on.set()
    assert (arrival.shot, len(arrival.frames)) == ("b", 3)


def test_what_nobody_foresaw_is_that_shots_fault_and_the_threads_live(fetcher, connection, tmp_path):
    def surprise(job, _path):
        if job == "job":
            raise ZeroDivisionError("surprise")
        return PICTURE

    connection.pictures = surprise
    gather(fetcher, connection, tmp_path / "a", frames(1, 20), "a")
    fetcher.fetch(Source(connection, None), "b", "another", tmp_path / "b", frames(1, 1))
    told = {}
    wait_for(lambda: told.update({each.shot: each for each in fetcher.drain()}) or len(told) == 2)
    assert told["a"].fault.code is Code.INTERNAL
    assert (len(told["a"].failed), len(told["b"].frames)) == (20, 1)


def test_a_frame_that_the_engine_does_not_have_keeps_no_other_away(fetcher, connection, tmp_path):
    def one_is_missing(_job, path):
        if path.endswith("0002.png"):
            raise REFUSED
        return PICTURE

    connection.pictures = one_is_missing
    gather(fetcher, connection, tmp_path, frames(1, 3))
    (arrival,) = wait_for(fetcher.drain)
    assert ([each.frame for each in arrival.frames], arrival.fault) == ([1, 3], REFUSED)
    assert connection.asked.count("frames/0002.png") == 1


def test_a_provisional_frame_that_is_gone_is_no_fault(fetcher, connection, tmp_path):
    def gone(_job, _path):
        raise REFUSED

    connection.pictures = gone
    gather(fetcher, connection, tmp_path, [remote_frame("provisional/0001/0002.png")])
    (arrival,) = wait_for(fetcher.drain)
    assert (len(arrival.failed), arrival.fault) == (1, None)


def test_a_job_that_is_unknown_is_asked_for_once(fetcher, connection, tmp_path):
    def unknown(_job, _path):
        raise EngineError(Code.REFUSED, detail="There is no job", status=404, problem="job_unknown")

    connection.pictures = unknown
    gather(fetcher, connection, tmp_path, frames(1, 30))
    (arrival,) = wait_for(fetcher.drain)
    assert (len(arrival.failed), len(connection.asked) < 5) == (30, True)


@pytest.mark.parametrize("part", [PICTURE[:-6], b"", b"<html>log in first</html>"])
def test_a_frame_that_comes_in_part_is_not_shown(fetcher, connection, tmp_path, part):
    answers = iter([part])
    connection.pictures = lambda _job, _path: next(answers, PICTURE)
    gather(fetcher, connection, tmp_path, frames(1, 1))
    wait_for(fetcher.drain)
    assert (tmp_path / "0001.png").read_bytes() == PICTURE


def test_nothing_is_written_through_a_link(fetcher, connection, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "linked").symlink_to(elsewhere, target_is_directory=True)
    (tmp_path / "shot").mkdir()
    (tmp_path / "shot" / "0001.png").symlink_to(elsewhere / "passwords")
    gather(fetcher, connection, tmp_path / "linked", frames(1, 1), "a")
    gather(fetcher, connection, tmp_path / "shot", frames(1, 1), "b")
    told = {}
    wait_for(lambda: told.update({each.shot: each for each in fetcher.drain()}) or len(told) == 2)
    assert [told[shot].fault and told[shot].fault.code for shot in "ab"] == [Code.FOLDER_UNWRITABLE] * 2
    assert list(elsewhere.iterdir()) == []
    assert (tmp_path / "shot" / "0001.png").is_symlink()


def test_a_jobs_name_from_a_file_reads_nothing_outside_of_the_home(fetcher, connection, tmp_path):
    secret = tmp_path / "secret" / "frames"
    secret.mkdir(parents=True)
    (secret / "0001.png").write_bytes(b"secret")
    home = tmp_path / "home"
    (home / "jobs").mkdir(parents=True)
    fetcher.fetch(Source(connection, home), "shot", "../../secret", tmp_path / "shot", frames(1, 1))
    wait_for(fetcher.drain)
    assert (tmp_path / "shot" / "0001.png").read_bytes() != b"secret"


def test_a_frame_that_is_retouched_leaves_the_engines_own_as_it_is(connection, tmp_path):
    frame = tmp_path / "home" / "jobs" / "job" / "frames" / "0001.png"
    frame.parent.mkdir(parents=True)
    frame.write_bytes(b"as it was made")
    target = tmp_path / "shot" / "0001.png"
    target.parent.mkdir()
    place(Source(connection, tmp_path / "home"), "job", remote_frame("frames/0001.png"), target)
    with target.open("r+b") as retouched:
        retouched.write(b"retouched")
    assert frame.read_bytes() == b"as it was made"


def test_what_a_frame_costs_does_not_grow_with_its_batch(fetcher, connection, tmp_path, monkeypatch):
    compared = []
    monkeypatch.setattr(
        "engine.client.shot.RemoteFrame.__eq__", lambda mine, other: compared.append(1) or mine.path == other.path
    )
    gather(fetcher, connection, tmp_path, frames(1, 200))
    arrived = []
    wait_for(lambda: arrived.extend(p for each in fetcher.drain() for p in each.frames) or len(arrived) == 200)
    assert len(compared) < 1000


def test_while_the_line_is_down_nothing_is_tried_and_then_at_once(connection, tmp_path):
    fetcher = FrameFetcher(waits=(1e6,))  # whoever waits for that waits in vain
    broken = iter([True])

    def once(_job, _path):
        if next(broken, False):
            raise BREAK
        return PICTURE

    connection.pictures = once
    fetcher.line(False)
    gather(fetcher, connection, tmp_path, frames(1, 3))
    assert fetcher.drain() == []
    assert connection.asked == []
    (arrival,) = wait_for(lambda: fetcher.line(True) or fetcher.drain())
    fetcher.close()
    assert (len(arrival.frames), arrival.fault) == (3, None)


def test_another_blender_was_quicker(fetcher, connection, tmp_path):
    def quicker(_job, _path):
        (tmp_path / "0001.png").write_bytes(b"theirs")
        return PICTURE

    connection.pictures = quicker
    gather(fetcher, connection, tmp_path, frames(1, 1))
    (arrival,) = wait_for(fetcher.drain)
    assert (len(arrival.frames), arrival.fault) == (1, None)
    assert (tmp_path / "0001.png").read_bytes() == b"theirs"
    assert [path.name for path in tmp_path.iterdir()] == ["0001.png"]
