"""Takes and longer shots: what is kept keeps its bytes, what is made again is made as from nothing, killed or not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from engine.errors import Code, EngineError
from engine.events import Finished, Section, Started, Step
from engine.generation.shot_folder import ShotFolder
from engine.media import frames as frame_files
from engine.media.boards import open_board
from engine.media.take_files import TakeFiles, takes_of
from engine.models.folder import open_folder
from engine.protocol import Board, SectionChange, ShotRequest, Take
from tests.engine.checkpoints import FIXTURES, TINY
from tests.engine.making import Making

FRAMES, SECTIONS, REMADE = 181, 5, 3
ORDERS = {"inverted": [4, 3, 2, 1, 0], "forward": [0, 1, 2, 3, 4], "endpoint": [0, 4, 1, 3, 2]}
"""In each order the sections by their places in time, in the sequence of making."""
SEAMS = {"inverted": range(113, 145), "forward": range(41, 73), "endpoint": None}
"""Frames, from 1, of the kept neighbour that the seam to the third section covers; in endpoint order two of them."""


@pytest.fixture(scope="module")
def shots(making: Making, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A finished shot of five sections in each order."""
    made = {order: tmp_path_factory.mktemp(order) / "shot" for order in ORDERS}
    for order, folder in made.items():
        making.make(making.request(order), folder)
    return made


@pytest.fixture
def shot(shots: dict[str, Path], tmp_path: Path) -> Callable[[str], Path]:
    return lambda order: Path(shutil.copytree(shots[order], tmp_path / "shot"))


def third(request: ShotRequest, **change: object) -> ShotRequest:
    change = change or {"seed": 7}
    return replace(request, sections=(SectionChange(REMADE, **change),), take=Take(2, again=(REMADE,)))  # type: ignore[arg-type]


def held(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file of a shot that lasts, with its time."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "lock"]
    return {path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def pixels(folder: Path, take: int = 1) -> list[bytes]:
    files = TakeFiles(folder, take)
    return [Image.open(files.frame(frame)).tobytes() for frame in range(1, files.begun.frames + 1)]


def latents(folder: Path, take: int = 1) -> list[torch.Tensor]:
    """By number of making."""
    shot = ShotFolder(folder, take)
    return [load_file(shot.latents_file(number))["latents"] for number in range(SECTIONS)]


@pytest.mark.parametrize("order", sorted(ORDERS))
def test_a_take_of_the_third_of_five(order: str, making: Making, shot: Callable[[str], Path], tmp_path: Path) -> None:
    folder = shot(order)
    before, first = held(folder), pixels(folder)
    events = making.make(third(making.request(order)), folder)
    number = ORDERS[order].index(REMADE - 1)
    assert {event.section for event in events if isinstance(event, Step)} == set(ORDERS[order][number:])

    after = held(folder)
    assert {name: after[name] for name in before} == before, "the first take is there to the bit, and was not written"
    assert pixels(folder) == first
    ours, theirs = latents(folder, 2), latents(folder)
    assert [one.equal(other) for one, other in zip(ours, theirs, strict=True)] == [True] * number + [False] * (
        5 - number
    )

    # The oracle: the same shot, made at once with that seed.
    alone = tmp_path / "alone"
    making.make(replace(third(making.request(order)), take=None), alone)
    assert all(one.equal(other) for one, other in zip(ours, latents(alone), strict=True))
    assert pixels(folder, 2) == pixels(alone)

    record = json.loads((folder / "takes" / "02.json").read_text())
    assert (record["take"], record["parent"], record["movie"]) == (2, 1, "shot-t02.mp4")
    assert record["remade"] == sorted(section + 1 for section in ORDERS[order][number:])
    assert record["frames"] == [TakeFiles(folder, 2).frame(frame).name for frame in range(1, FRAMES + 1)]
    assert (folder / "shot-t02.mp4").exists()
    changed = [frame for frame, name in enumerate(record["frames"], 1) if name.endswith("-t02.png")]
    if order == "forward":
        assert changed == list(range(41, FRAMES + 1)), "the second section's own seam, and all that follows"
    elif order == "inverted":
        assert changed == list(range(1, 146)), "all that precedes, and the fourth section's seam"
    else:
        assert changed == list(range(41, 146)), "both neighbours' seams"
    assert not [path for path in folder.rglob("*") if ".part" in path.name or path.name == "provisional"]

    told = [event for event in events if isinstance(event, Section)]
    assert [event.section for event in told] == ORDERS[order], "a client hears of every section and every frame"
    assert sorted(name for event in told for name in event.files) == sorted(
        f"frames/{name}" for name in record["frames"]
    )
    assert isinstance(events[-1], Finished)
    assert events[-1].movie == "shot-t02.mp4"


def test_a_section_is_made_again_whatever_is_equal(making: Making, shot: Callable[[str], Path]) -> None:
    folder = shot("forward")
    events = making.make(replace(making.request(), take=Take(2, again=(5,))), folder)
    assert {event.section for event in events if isinstance(event, Step)} == {4}
    assert pixels(folder, 2) == pixels(folder), "by the same seed it is the same"


def test_nothing_is_made_where_nothing_differs(making: Making, shot: Callable[[str], Path]) -> None:
    folder = shot("inverted")
    events = making.make(replace(making.request("inverted"), take=Take(2)), folder)
    assert not [event for event in events if isinstance(event, Step)]
    assert not list((folder / "frames").glob("*-t02.png"))
    assert not list((folder / "checkpoint" / "takes" / "02").glob("latents-*"))


def test_a_take_of_a_take(making: Making, shot: Callable[[str], Path], tmp_path: Path) -> None:
    folder = shot("forward")
    making.make(third(making.request()), folder)
    both = (SectionChange(REMADE, seed=7), SectionChange(5, prompt="w9", steps=3))
    events = making.make(replace(making.request(), sections=both, take=Take(4, parent=2)), folder)
    assert {event.section for event in events if isinstance(event, Step)} == {4}
    assert takes_of(folder) == [1, 2, 4]
    making.make(replace(making.request(), sections=both), tmp_path / "alone")
    assert pixels(folder, 4) == pixels(tmp_path / "alone")
    names = {TakeFiles(folder, 4).frame(frame).name for frame in range(1, FRAMES + 1)}
    assert {name.partition(".")[0].partition("-")[2] for name in names} == {"", "t02", "t04"}


def test_through_boards_only_one_stretch_is_made_again(making: Making, tmp_path: Path) -> None:
    """The one in the middle: what follows it in the sequence of making is kept, with the noise that it had."""
    boards = tuple(Board(frame, making.picture.sha256) for frame in (1, 31, 61))
    blank = replace(making.request("inverted", frames=80), boards=boards)
    change = (SectionChange(2, seed=7),)
    folder, alone = tmp_path / "shot", tmp_path / "alone"
    making.make(blank, folder)
    before = held(folder)
    events = making.make(replace(blank, sections=change, take=Take(2)), folder)
    assert {event.section for event in events if isinstance(event, Step)} == {1}
    after = held(folder)
    assert {name: after[name] for name in before} == before
    making.make(replace(blank, sections=change), alone)
    assert pixels(folder, 2) == pixels(alone)
    new = {path.name for path in folder.glob("frames/*-t02.png")}
    assert new == {f"{frame:04d}-t02.png" for frame in range(31, 61)}


@pytest.mark.parametrize(("frames", "longer"), [(73, 145), (60, 100), (37, 38)])
def test_a_longer_shot_equals_one_asked_for_at_once(frames: int, longer: int, making: Making, tmp_path: Path) -> None:
    """Also where the shot is cut short within its last section, and where the longer one is."""
    folder, alone = tmp_path / "shot", tmp_path / "alone"
    making.make(making.request(frames=frames), folder)
    before = held(folder)
    events = making.make(making.request(frames=longer, take=Take(2)), folder)
    after = held(folder)
    assert {name: after[name] for name in before} == before
    making.make(making.request(frames=longer), alone)
    assert pixels(folder, 2) == pixels(alone)
    sections = -(-(longer - 1) // 36)
    for number in range(sections):
        ours = load_file(ShotFolder(folder, 2).latents_file(number))
        theirs = load_file(ShotFolder(alone).latents_file(number))
        assert ours.keys() == theirs.keys()
        assert all(ours[name].equal(theirs[name]) for name in ours), "latents, and the noise that comes next"
    begun = [event for event in events if isinstance(event, Step)]
    assert {event.section for event in begun} == set(range(-(-(frames - 1) // 36), sections))


@pytest.mark.parametrize("order", ["inverted", "endpoint"])
def test_where_the_last_section_is_made_early_no_longer_one_is_made(
    order: str, making: Making, shot: Callable[[str], Path]
) -> None:
    folder = shot(order)
    before = held(folder)
    with pytest.raises(EngineError, match=f"in {order} order") as caught:
        making.make(making.request(order, frames=FRAMES + 1, take=Take(2)), folder)
    assert caught.value.code is Code.TAKE_IMPOSSIBLE
    assert held(folder) == before


class Killed(BaseException):
    """What a kill is to the code that it hits: nothing runs after it but what the next run does."""


@pytest.mark.parametrize(("order", "commits"), [("endpoint", ""), ("inverted", "latents-")])
def test_killed_before_every_commit_and_resumed(
    order: str, commits: str, making: Making, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is on disk before a file gets its name is gone on from, to the bit."""
    folder, undisturbed = tmp_path / "shot", tmp_path / "undisturbed"
    blank = replace(making.request(order, frames=37, fps=10.0), steps=1)  # of three sections all the same
    making.make(blank, folder)
    request = replace(blank, sections=(SectionChange(2, seed=7),), take=Take(2))
    shutil.copytree(folder, undisturbed)
    writes = count_writes(monkeypatch, lambda: making.make(request, undisturbed))
    wanted, names = pixels(undisturbed, 2), set(held(undisturbed))
    frames = [place for place, name in enumerate(writes) if name.endswith(".png")]
    points = {place for place in range(len(writes)) if place not in frames} | {*frames[::25]}
    for place in sorted(place for place in points if commits in writes[place]):
        out = tmp_path / f"killed-{place}"
        shutil.copytree(folder, out)
        with monkeypatch.context() as patch:
            kill_at(patch, place)
            with pytest.raises(Killed):
                making.make(request, out)
        committed = {path: path.read_bytes() for path in out.glob("checkpoint/takes/02/latents-*")}
        making.make(request, out, resume=True)
        assert pixels(out, 2) == wanted, writes[place]
        assert {path: path.read_bytes() for path in committed} == committed
        assert set(held(out)) == names
        shutil.rmtree(out)


def count_writes(monkeypatch: pytest.MonkeyPatch, make: Callable[[], object]) -> list[str]:
    written: list[str] = []
    replaced = Path.replace

    def watch(self: Path, target: Path) -> Path:
        written.append(f"{Path(target).parent.name}/{Path(target).name}")
        return replaced(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", watch)
        patch.setattr(frame_files, "_WRITERS", 1)
        make()
    return written


def kill_at(patch: pytest.MonkeyPatch, place: int) -> None:
    """Kill before the file that is to get its name as number `place`."""
    count = iter(range(1_000_000))
    replaced = Path.replace

    def watch(self: Path, target: Path) -> Path:
        if next(count) >= place:
            raise Killed
        return replaced(self, target)

    patch.setattr(Path, "replace", watch)
    patch.setattr(frame_files, "_WRITERS", 1)


def test_a_kept_frame_that_got_lost_is_decoded_again(making: Making, shot: Callable[[str], Path]) -> None:
    folder = shot("forward")
    lost = folder / "frames" / "0010.png"
    was = Image.open(lost).tobytes()
    lost.unlink()
    making.make(third(making.request()), folder)
    assert Image.open(lost).tobytes() == was
    assert TakeFiles(folder, 2).frame(10) == lost


@pytest.mark.parametrize("gone", ["all", "unfinished", "parent"])
def test_a_shot_that_cannot_be_continued_says_so(gone: str, making: Making, shot: Callable[[str], Path]) -> None:
    folder = shot("forward")
    if gone == "all":
        shutil.rmtree(folder)
    elif gone == "unfinished":
        (folder / "shot.json").unlink()
    take = Take(3, parent=2) if gone == "parent" else Take(2)
    with pytest.raises(EngineError) as caught:
        making.make(replace(making.request(), take=take), folder)
    assert caught.value.code is Code.TAKE_IMPOSSIBLE
    assert ("not finished" if gone == "unfinished" else "not there") in caught.value.line


def test_other_weights_make_no_take(making: Making, shot: Callable[[str], Path], random_model: Path) -> None:
    folder = shot("forward")
    other = replace(making, model=open_folder(random_model))
    with pytest.raises(EngineError, match="another model") as caught:
        other.make(third(making.request()), folder)
    assert caught.value.code is Code.RESUME_MISMATCH
    with pytest.raises(EngineError, match="another solver"):
        making.make(replace(third(making.request()), solver="euler"), folder)


def test_a_finished_shot_of_0_1_0(tmp_path: Path) -> None:
    """Its pending pixels are decoded again from its latents; its decoder convolves as it did."""
    with ZipFile(FIXTURES / "stored-by-0.1.0.zip") as archive:
        archive.extractall(tmp_path)
    folder = tmp_path / "engine" / "jobs" / "8e971e1d99689f6b"
    weights = tmp_path / "model"
    weights.mkdir()
    for path in TINY.iterdir():
        (weights / path.name).symlink_to(path, target_is_directory=path.is_dir())
    (weights / "shotpack.json").write_text(json.dumps({"sizes": [[64, 64], [96, 64], [112, 64]], "steps": 4}))
    stored = ShotFolder(folder).stored_request()
    assert stored is not None
    before = held(folder)
    picture = open_board(next((folder / "boards").iterdir()))
    made = Making(open_folder(weights), picture)
    changed = replace(stored[0], sections=(SectionChange(1, seed=3),), take=Take(2))
    events = made.make(changed, folder)
    assert isinstance(next(event for event in events if isinstance(event, Started)), Started)
    after = held(folder)
    assert {name: after[name] for name in before} == before
    assert pixels(folder, 2) != pixels(folder)
    same = made.make(replace(stored[0], take=Take(3, again=(1,))), folder)
    assert [event for event in same if isinstance(event, Step)]
    ours = [np.frombuffer(one, np.uint8).astype(int) for one in pixels(folder, 3)]
    theirs = [np.frombuffer(one, np.uint8).astype(int) for one in pixels(folder)]
    assert max(np.abs(one - other).max() for one, other in zip(ours, theirs, strict=True)) <= 2  # another processor
