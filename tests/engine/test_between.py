"""Frames in between, inside a shot: the model's frames stay its own, the others are made of the two around them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from fractions import Fraction
from math import floor
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from engine.events import Section, Step
from engine.finishing.in_between import InBetween
from engine.finishing.optical_flow import SourceFrame
from engine.media.provenance import read
from engine.media.take_files import TakeFiles
from engine.protocol import Board, SectionChange, Take
from tests.engine.making import Making
from tests.engine.test_takes import ORDERS, Killed, count_writes, held, kill_at, pixels

FRAMES, MADE = 58, 73
"""At 24 frames a second, and of the model's 30: two sections."""


@pytest.fixture(scope="module")
def models_own(making: Making, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[np.ndarray]]:
    """All that the model makes for such a shot in each order, frame for frame."""
    made = {}
    for order in ORDERS:
        folder = tmp_path_factory.mktemp(order) / "shot"
        making.make(making.request(order, frames=MADE), folder)
        made[order] = pictures(folder)
    return made


def pictures(folder: Path, take: int = 1) -> list[np.ndarray]:
    files = TakeFiles(folder, take)
    return [iio.imread(files.frame(frame), plugin="pillow") for frame in range(1, files.frames + 1)]


def expected(own: list[np.ndarray]) -> list[np.ndarray]:
    """Each frame at its moment, by what finishing makes between two frames, asked for one at a time."""
    frames = []
    for frame in range(FRAMES):
        at = Fraction(frame * 30, 24)
        first, part = floor(at), at - floor(at)
        pair = own[first : first + 2]
        between = InBetween(*(SourceFrame(each) for each in pair), "flow") if part else None
        frames.append(own[first] if between is None else between.frame(*pair, part))
    return frames


@pytest.mark.parametrize("order", sorted(ORDERS))
def test_frames_lie_between_the_models(
    order: str, making: Making, models_own: dict[str, list[np.ndarray]], tmp_path: Path
) -> None:
    events = making.make(making.request(order, frames=FRAMES, fps=24.0, between="flow"), tmp_path / "shot")
    frames, wanted = pictures(tmp_path / "shot"), expected(models_own[order])
    assert len(frames) == FRAMES
    assert [n for n in range(FRAMES) if not np.array_equal(frames[n], wanted[n])] == []

    shown: set[int] = set()
    for event in events:
        if isinstance(event, Section):
            for name in (*event.files, *event.provisional):
                assert (tmp_path / "shot" / name).exists() or name.startswith("provisional")
                shown.add(int(Path(name).stem))
            run = sorted(shown)
            places = [n for n in range(1, FRAMES + 1) if n not in shown]
            assert not places or places == list(range(places[0], places[-1] + 1)), f"{run}: no hole beside a border"
    finals = [name for event in events if isinstance(event, Section) for name in event.files]
    assert sorted(finals) == [f"frames/{frame:04d}.png" for frame in range(1, FRAMES + 1)]

    record = json.loads((tmp_path / "shot" / "shot.json").read_text())
    between = [frame for frame in range(1, FRAMES + 1) if frame % 4 != 1]
    assert record["between"]["by"] == "flow"
    assert record["between"]["frames"].split() == [*(f"{frame}-{frame + 2}" for frame in between[:-1:3]), "58"]
    said = [read(tmp_path / "shot" / "frames" / f"{frame:04d}.png") for frame in (5, 6)]
    assert [each.shot.get("between") for each in said if each is not None] == [None, "flow"]


def test_a_board_is_shown_as_ever(making: Making, tmp_path: Path) -> None:
    """At its own frame as it is, and nothing is made of the frames on both sides of it."""
    boards = tuple(Board(frame, making.picture.sha256) for frame in (1, 32, 58))
    request = replace(making.request("inverted", frames=FRAMES, fps=24.0), boards=boards)
    making.make(request, tmp_path / "usual")
    making.make(replace(request, between="flow"), tmp_path / "between")
    usual, between = pictures(tmp_path / "usual"), pictures(tmp_path / "between")
    for board in boards:
        assert np.array_equal(usual[board.frame - 1], between[board.frame - 1])
    assert any(not np.array_equal(one, other) for one, other in zip(usual, between, strict=True))


@pytest.mark.parametrize("order", ["inverted", "endpoint"])
def test_killed_before_every_commit_and_resumed(
    order: str, making: Making, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = replace(making.request(order, frames=46, fps=13.0, between="flow"), steps=1)  # of three sections
    undisturbed = tmp_path / "undisturbed"
    making.make(request, tmp_path / "warm")  # what is encoded then is written nowhere after
    writes = count_writes(monkeypatch, lambda: making.make(request, undisturbed))
    wanted, names = pixels(undisturbed), set(held(undisturbed))
    frames = [place for place, name in enumerate(writes) if name.endswith(".png")]
    for place in sorted({place for place in range(len(writes)) if place not in frames} | {*frames[::40]}):
        if "encodings" in writes[place] or "boards" in writes[place]:
            continue
        out = tmp_path / f"killed-{place}"
        with monkeypatch.context() as patch:
            kill_at(patch, place)
            with pytest.raises(Killed):
                making.make(request, out)
        making.make(request, out, resume=True)
        assert pixels(out) == wanted, writes[place]
        assert set(held(out)) == names
        shutil.rmtree(out)


def test_what_waited_and_is_gone_is_decoded_again(
    making: Making, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = making.request("forward", frames=FRAMES, fps=24.0, between="flow")
    making.make(request, tmp_path / "undisturbed")
    out = tmp_path / "shot"
    events = making.events(request, out)
    while not isinstance(event := next(events), Step) or event.section == 0:
        pass
    events.close()
    (seam,) = out.glob("checkpoint/seam-*")
    seam.unlink()
    told = making.make(request, out, resume=True)
    assert not [event for event in told if isinstance(event, Step) and event.section == 0]
    assert pixels(out) == pixels(tmp_path / "undisturbed")


@pytest.mark.parametrize("order", sorted(ORDERS))
def test_a_take_keeps_what_both_its_neighbours_keep(order: str, making: Making, tmp_path: Path) -> None:
    request = making.request(order, frames=116, fps=24.0, between="flow")  # of four sections
    folder, alone = tmp_path / "shot", tmp_path / "alone"
    making.make(request, folder)
    before = held(folder)
    changed = replace(request, sections=(SectionChange(2, seed=7),))
    making.make(replace(changed, take=Take(2, again=(2,))), folder)
    after = held(folder)
    assert {name: after[name] for name in before} == before
    making.make(changed, alone)
    assert pixels(folder, 2) == pixels(alone)
    new = sorted(int(path.name[:4]) for path in folder.glob("frames/*-t02.png"))
    assert new == list(range(new[0], new[-1] + 1))
    assert 0 < len(new) < 116
