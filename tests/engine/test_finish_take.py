"""Finishing takes: what the model made stays as it is, and what is made of it comes out the same whoever was killed."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import imageio.v3 as iio
import numpy as np
import pytest
from PIL import Image

from engine.errors import Code, EngineError
from engine.events import Event, Finished, Progress, Section, Started, Step
from engine.finishing import optical_flow
from engine.generation import finish_take, lost_frames
from engine.generation.finish_take import prepare_finish, run_finish
from engine.generation.job import Memory
from engine.generation.shot_folder import ShotFolder
from engine.inference.registry import Families
from engine.media.frames import png_bytes
from engine.media.lock import folder_lock
from engine.media.provenance import read
from engine.media.shot_digests import compare
from engine.media.take_files import TakeFiles, takes_of
from engine.protocol import Finish, ShotRequest, Take
from engine.serialization import to_json
from tests.engine.making import Making
from tests.engine.permissions import without_root_s_override
from tests.engine.test_takes import Killed, count_writes, held, kill_at, pixels, third

FRAMES = 58
LARGER = Finish(upscale="2", fps=48, between="flow")


@pytest.fixture(scope="module")
def made_once(making: Making, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished shot of two sections at 24 frames a second."""
    folder = tmp_path_factory.mktemp("made") / "shot"
    making.make(making.request(frames=FRAMES, fps=24.0), folder)
    return folder


@pytest.fixture
def shot(made_once: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made_once, tmp_path / "shot"))


def request_of(making: Making, finish: Finish = LARGER, take: int = 2, parent: int = 1) -> ShotRequest:
    """As a client sends it: with the fields of the shot."""
    return replace(making.request(frames=FRAMES, fps=24.0), take=Take(take, parent=parent), finish=finish)


def finish(request: ShotRequest, folder: Path, resume: bool = False, **more: object) -> list[Event]:
    return list(run_finish(prepare_finish(request, "cpu", folder), resume=resume, **more))  # type: ignore[arg-type]


def files(folder: Path, take: int = 2) -> list[bytes]:
    found = TakeFiles(folder, take)
    return [found.frame(frame).read_bytes() for frame in range(1, found.frames + 1)]


def picture_size(path: Path) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size


def test_a_take_beside_the_one_that_it_finishes(making: Making, shot: Path) -> None:
    before = held(shot)
    events = finish(request_of(making), shot)
    after = held(shot)
    assert {name: after[name] for name in before} == before, "what the model made is there to the bit, and not written"

    started = next(event for event in events if isinstance(event, Started))
    assert (started.frames, started.width, started.height, started.fps, started.steps) == (116, 128, 128, 48, 0)
    assert [(each.first, each.last) for each in started.sections] == [(1, 60), (61, 116)]
    told = [event for event in events if isinstance(event, Section)]
    assert [(event.section, event.index, event.of, event.first, event.count) for event in told] == [
        (0, 1, 2, 1, 60),
        (1, 2, 2, 61, 56),
    ]
    names = [f"frames/{frame:04d}-t02.png" for frame in range(1, 117)]
    assert [name for event in told for name in event.files] == names
    assert isinstance(events[-1], Finished)
    assert (events[-1].frames, events[-1].movie) == (116, "shot-t02.mp4")

    # Half of the frames lie between two; of those that the tiny model's noise calls cuts one of the two is held.
    shown = [pictures.tobytes() for pictures in (iio.imread(shot / name, plugin="pillow") for name in names)]
    made = [n for n in range(2, 116, 2) if shown[n - 1] not in (shown[n - 2], shown[n])]
    assert 0 < len(made) < 57
    record = json.loads((shot / "takes" / "02.json").read_text())
    assert (record["take"], record["parent"], record["remade"], record["movie"]) == (2, 1, [], "shot-t02.mp4")
    assert [f"frames/{name}" for name in record["frames"]] == names
    assert record["finished"] == {
        "source": {"take": 1, "frames": 58, "fps": 24.0, "width": 64, "height": 64},
        "fps": 48.0,
        "width": 128,
        "height": 128,
        "between": " ".join(map(str, made)),
    }
    assert record["model"] == json.loads((shot / "shot.json").read_text())["model"]
    assert record["request"]["finish"] == to_json(replace(LARGER, upscaler="waifu2x", steady=True)), (
        "nothing is left open"
    )
    assert record["memory"]["predicted_bytes"] > 0
    with av.open(shot / "shot-t02.mp4") as movie:
        stream = movie.streams.video[0]
        assert (stream.width, stream.height, stream.average_rate) == (128, 128, Fraction(48))
        assert sum(1 for _ in movie.decode(stream)) == 116
    assert {picture_size(shot / name) for name in names} == {(128, 128)}
    assert not [path for path in shot.rglob("*") if ".part" in path.name or path.name == "provisional"]


def test_a_frame_says_what_made_it_and_what_was_done(making: Making, shot: Path) -> None:
    finish(request_of(making), shot)
    larger = {"upscale": "2", "upscaler": "waifu2x", "fps": 48, "steady": True}
    for frame, done in ((1, larger), (2, {**larger, "between": "flow"})):
        said = read(shot / f"frames/{frame:04d}-t02.png")
        was = read(shot / "frames/0001.png")
        assert said is not None
        assert was is not None
        assert said.shot == {**was.shot, "finishing": [done]}
        assert (said.source, said.description) == (was.source, "w5 w2")
    movie = read(shot / "shot-t02.mp4")
    assert movie is not None
    assert movie.shot["finishing"] == [{**larger, "between": "flow"}]
    record = json.loads((shot / "takes" / "02.json").read_text())
    assert len(record["sha256"]) == 117
    assert not [*compare(shot, record["sha256"])]


def test_a_frame_of_which_nothing_can_be_read_but_its_picture_is_finished(making: Making, shot: Path) -> None:
    """Another program has written it once more, and what it says in a way that is none."""
    path = shot / "frames/0001.png"
    pixels = iio.imread(path, plugin="pillow")
    path.write_bytes(png_bytes(pixels, {"XML:com.adobe.xmp": "<!DOCTYPE x>"}))
    (shot / "shot.mp4").write_bytes(b"no movie")
    finish(request_of(making, Finish(fps=48, between="flow")), shot)
    assert np.array_equal(iio.imread(shot / "frames/0001-t02.png", plugin="pillow"), pixels)


def test_made_again_it_is_the_same_to_the_bit(making: Making, shot: Path) -> None:
    finish(request_of(making), shot)
    finish(request_of(making, take=3), shot)
    assert files(shot, 3) == files(shot, 2)
    assert (shot / "shot-t03.mp4").read_bytes() == (shot / "shot-t02.mp4").read_bytes()


def test_what_continues_it_continues_what_it_finishes(making: Making, shot: Path) -> None:
    """A retake is sampled and so of the model's size; a finish is never of a finished frame."""
    finish(request_of(making), shot)
    anew = third(making.request(frames=FRAMES, fps=24.0))
    anew = replace(anew, sections=(replace(anew.sections[0], section=2),))
    making.make(replace(anew, take=Take(3, parent=2, again=(2,))), shot)
    making.make(replace(anew, take=Take(4, parent=1, again=(2,))), shot)
    assert pixels(shot, 3) == pixels(shot, 4) != pixels(shot, 1)
    assert json.loads((shot / "takes" / "03.json").read_text())["parent"] == 1
    finish(request_of(making, take=5, parent=2), shot)
    assert files(shot, 5) == files(shot, 2)
    assert takes_of(shot) == [1, 2, 3, 4, 5]


def test_killed_before_every_commit_and_resumed(
    making: Making, shot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = request_of(making, Finish(slow=1.5, between="flow"))
    undisturbed = Path(shutil.copytree(shot, tmp_path / "undisturbed"))
    writes = count_writes(monkeypatch, lambda: finish(request, undisturbed))
    assert writes[0] == "02/request.json"
    frames = [place for place, name in enumerate(writes) if name.endswith(".png")]
    assert len(frames) == 87
    for place in sorted({*range(len(writes))} - {*frames} | {*frames[::29]}):
        out = Path(shutil.copytree(shot, tmp_path / f"killed-{place}"))
        with monkeypatch.context() as patch:
            kill_at(patch, place)
            with pytest.raises(Killed):
                finish(request, out)
        made = {path: path.stat().st_mtime_ns for path in out.glob("frames/*-t02.png")}
        events = finish(request, out, resume=True)
        assert files(out) == files(undisturbed), writes[place]
        assert {path: path.stat().st_mtime_ns for path in made} == made, "what is there is not made again"
        assert set(held(out)) == set(held(undisturbed))
        told = [event for event in events if isinstance(event, Section)]
        assert [event.index for event in told] == [1, 2], "all that was made is told, whoever heard of it before"
        started = next(event for event in events if isinstance(event, Started))
        assert started.done == (len(made) >= 45) + (len(made) == 87)


def test_it_goes_on_as_it_began_though_more_is_installed_since(
    making: Making, shot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = request_of(making, Finish(upscale="2", slow=1.2))
    whole, other = (Path(shutil.copytree(shot, tmp_path / name)) for name in ("whole", "other"))
    with monkeypatch.context() as patch:
        patch.setattr(optical_flow, "has", lambda _module: False)
        finish(request, whole)
        begun = run_finish(prepare_finish(request, "cpu", shot), resume=False)
        while not (isinstance(event := next(begun), Step) and event.step > 20):
            pass
        begun.close()
    finish(request, shot, resume=True)
    assert files(shot) == files(whole)
    finish(request, other)
    assert files(other) != files(whole), "with optical flow it comes out otherwise"


def test_one_of_a_release_that_wrote_less_down_is_gone_on_with(making: Making, shot: Path) -> None:
    request = request_of(making)
    finish(request, shot)
    whole = files(shot)
    stored = TakeFiles(shot, 2).request
    data = json.loads(stored.read_text())
    del data["request"]["finish"]["steady"]
    stored.write_text(json.dumps(data))
    TakeFiles(shot, 2).record.unlink()
    TakeFiles(shot, 2).frame(9).unlink()
    finish(request, shot, resume=True)
    assert files(shot) == whole


def test_finished_it_is_left_as_it_is(making: Making, shot: Path) -> None:
    finish(request_of(making), shot)
    before = held(shot)
    assert [type(event) for event in finish(request_of(making), shot, resume=True)] == [Finished]
    assert held(shot) == before
    with pytest.raises(EngineError) as caught:
        finish(request_of(making), shot)
    assert caught.value.code is Code.FOLDER_TAKEN
    with pytest.raises(EngineError, match="another finish") as caught:
        finish(request_of(making, replace(LARGER, upscale="4")), shot, resume=True)
    assert caught.value.code is Code.RESUME_MISMATCH


@pytest.mark.parametrize(("gone", "damaged"), [((7,), (40,)), ((), (40, 58))])
def test_a_frame_that_got_lost_or_damaged_is_decoded_again(
    gone: tuple[int, ...], damaged: tuple[int, ...], making: Making, shot: Path
) -> None:
    """Then, and only then, their model is needed. That one is damaged shows where it is read, and all are looked at."""
    lost = {frame: shot / "frames" / f"{frame:04d}.png" for frame in (*gone, *damaged)}
    was = {frame: path.read_bytes() for frame, path in lost.items()}
    for frame, path in lost.items():
        path.unlink()
        if frame in damaged:
            path.write_bytes(was[frame][: len(was[frame]) // 2])
    events = finish(request_of(making, Finish(fps=48, between="nearest")), shot, families=making.families)
    assert {frame: path.read_bytes() for frame, path in lost.items()} == was
    for frame, path in lost.items():
        shown = shot / "frames" / f"{2 * frame - 1:04d}-t02.png"
        assert np.array_equal(iio.imread(shown, plugin="pillow"), iio.imread(path, plugin="pillow"))
    assert len([event for event in events if isinstance(event, Started)]) == 1
    told = [event.stage for event in events if isinstance(event, Progress)]
    assert told.count("2 of the frames are gone or damaged; decoding them again") == 1
    assert told.count("looking which frames are damaged") == 1


def test_frames_that_are_all_there_are_not_looked_at_before_they_are_finished(
    making: Making, shot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of an hour's take that would take as long as to finish many of them, at every start."""
    looked: list[Path] = []
    is_damaged = lost_frames.is_damaged
    monkeypatch.setattr(lost_frames, "is_damaged", lambda path: looked.append(path) or is_damaged(path))
    events = finish(request_of(making, Finish(fps=48, between="nearest")), shot)
    assert isinstance(events[0], Started)
    assert looked == []


def test_whoever_asks_is_heard_between_two_frames_that_are_looked_at(making: Making, shot: Path) -> None:
    damaged = shot / "frames" / "0001.png"
    damaged.write_bytes(damaged.read_bytes()[:200])
    events = run_finish(prepare_finish(request_of(making), "cpu", shot), resume=False, asked=lambda: True)
    told: list[str] = []
    while not told or "decoding" not in told[-1]:
        event = next(events)
        told += [event.stage] if isinstance(event, Progress) else []
    events.close()
    assert told.count("looking which frames are damaged") == 1 + FRAMES


def test_a_frame_that_cannot_be_read_though_none_is_damaged_is_told(
    making: Making, shot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as one that this user may not read, or on a disk that answers now and then: it is no reason to go round."""

    def unread(*_args: object, **_more: object) -> Iterator[int]:
        yield 1
        raise EngineError(Code.IMAGE_UNREADABLE, path="0002.png", detail="permission denied")

    monkeypatch.setattr(finish_take, "finish_frames", unread)
    events: list[Event] = []
    with pytest.raises(EngineError, match="permission denied"):
        events.extend(run_finish(prepare_finish(request_of(making), "cpu", shot), resume=False))
    told = [event.stage for event in events if isinstance(event, Progress)]
    assert told == ["finishing", "looking which frames are damaged"]


def test_a_damaged_frame_stays_while_another_process_works_on_the_folder(making: Making, shot: Path) -> None:
    """That one may just have decoded it again."""
    damaged = shot / "frames" / "0007.png"
    damaged.write_bytes(damaged.read_bytes()[:200])
    lock = ShotFolder(shot).lock
    with folder_lock(lock, shot), pytest.raises(EngineError) as caught:
        finish(request_of(making), shot, families=making.families)
    assert caught.value.code is Code.FOLDER_BUSY
    assert damaged.stat().st_size == 200


@pytest.mark.skipif(sys.platform != "linux", reason="root's rights are given up as Linux has it")
def test_a_damaged_frame_that_may_not_be_removed_is_told(making: Making, shot: Path) -> None:
    damaged = shot / "frames" / "0007.png"
    damaged.write_bytes(damaged.read_bytes()[:200])
    damaged.parent.chmod(0o555)
    try:
        with without_root_s_override(), pytest.raises(EngineError) as caught:
            finish(request_of(making), shot, families=making.families)
    finally:
        damaged.parent.chmod(0o755)
    assert caught.value.code is Code.FOLDER_UNWRITABLE
    assert caught.value.params["path"] == str(damaged.parent)
    assert damaged.exists()


def test_whoever_asks_is_heard_between_two_frames(making: Making, shot: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is held of the device meanwhile: what finishes is closed, and begun anew."""
    begun: list[int] = []
    finishing = finish_take.finish_frames

    def watched(*args: object, **more: object) -> Iterator[int]:
        begun.append(len(begun))
        try:
            yield from finishing(*args, **more)  # type: ignore[arg-type]
        finally:
            begun.remove(begun[-1])

    monkeypatch.setattr(finish_take, "finish_frames", watched)
    answers = iter([False] * 10 + [True, False, True] + [False] * 1000)
    heard = []
    for event in run_finish(prepare_finish(request_of(making), "cpu", shot), resume=False, asked=lambda: next(answers)):
        if isinstance(event, Step) and not begun:
            heard.append(event)
    assert [event.step for event in heard[:1]] == [11]
    assert len(heard) == 2
    assert len(files(shot)) == 116


def test_given_up_it_keeps_what_is_made(making: Making, shot: Path) -> None:
    before = held(shot)
    events = run_finish(prepare_finish(request_of(making), "cpu", shot), resume=False, asked=lambda: True)
    while not isinstance(next(events), Step):
        pass
    events.close()
    after = held(shot)
    assert {name: after[name] for name in before} == before
    assert [name for name in after if name.endswith("-t02.png")] == ["frames/0001-t02.png"]
    assert not [name for name in after if ".part" in name]
    making.make(replace(third(making.request(frames=FRAMES, fps=24.0)), sections=(), take=Take(3, again=(2,))), shot)
    finish(request_of(making), shot, resume=True)
    assert len(files(shot)) == 116


def test_out_of_memory_is_tried_once_more_with_less(
    making: Making, shot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rooms: list[int] = []
    finishing = finish_take.finish_frames

    def short(*args: object, memory: int, **more: object) -> Iterator[int]:
        rooms.append(memory)
        if len(rooms) == 1:
            raise MemoryError("unable to allocate 4 GiB")
        yield from finishing(*args, memory=memory, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(finish_take, "finish_frames", short)
    families = Families()
    finish(request_of(making), shot, families=families, memory=Memory(limit=2**33))
    assert len(rooms) == 2
    assert 0 < rooms[1] <= rooms[0] < 2**33, "what the process holds already counts"
    assert len(files(shot)) == 116


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (Finish(), "changes nothing"),
        (Finish(upscaler="waifu2x"), "changes nothing"),
        (Finish(upscale="9000x9000"), "9000x9000"),
        (Finish(slow=16, fps=240), None),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_written(
    asked: Finish, said: str | None, making: Making, shot: Path
) -> None:
    before = held(shot)
    if said is None:  # only much
        assert prepare_finish(request_of(making, asked), "cpu", shot).plan.frames == FRAMES * 160
        return
    with pytest.raises(EngineError, match=said):
        finish(request_of(making, asked), shot)
    assert held(shot) == before


def test_only_a_finished_take_is_finished(making: Making, shot: Path, tmp_path: Path) -> None:
    for request in (replace(request_of(making), take=None), request_of(making, parent=1)):
        with pytest.raises(EngineError) as caught:
            finish(request, tmp_path / "nothing")
        assert caught.value.exit_code == 2
    (shot / "shot.json").unlink()
    with pytest.raises(EngineError, match="not finished") as caught:
        finish(request_of(making), shot)
    assert caught.value.code is Code.TAKE_IMPOSSIBLE
    assert ShotFolder(shot, 2).stored_request() is None
