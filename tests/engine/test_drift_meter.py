"""The drift meter in shots: it says what the files show, whoever was killed, and limits do what was asked for."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.drift import Drift, Measure, OnDrift
from engine.errors import Code, EngineError
from engine.events import Event, Finished, Section, Step, event_from_json
from engine.generation.job import _digest, prepare, run
from engine.inference.registry import Families, spec_of
from engine.media.boards import BoardPicture, open_board
from engine.media.take_files import TakeFiles
from engine.models.drift_limits import DriftLimits
from engine.models.folder import ModelFolder, open_folder
from engine.protocol import Board, SectionChange, ShotRequest, Take
from engine.serialization import to_json
from tests.engine.checkpoints import BOARD, TINY
from tests.engine.warm_engine import WarmEngine

FRAMES, SECTIONS, SIZE = 109, 3, (64, 64)
ORDERS = ("inverted", "forward", "endpoint")
NEVER = {field.name: None for field in dataclasses.fields(DriftLimits)}
ALWAYS = NEVER | {"colours": 0.0}
"""Limits that no section keeps: random weights show nothing like the board."""


class Making:
    """Shots of the tiny checkpoint under limits of its own; networks stay loaded from shot to shot."""

    def __init__(self) -> None:
        self.picture: BoardPicture = open_board(BOARD)
        self.families = Families()
        self._folder = open_folder(TINY)

    def model(self, limits: dict[str, float | None]) -> ModelFolder:
        return replace(self._folder, facts=replace(self._folder.facts, drift=limits))

    def request(self, order: str = "forward", **more: object) -> ShotRequest:
        blank = ShotRequest(str(TINY), "w5 w2", (Board(1, self.picture.sha256),), frames=FRAMES)
        return replace(blank, width=SIZE[0], height=SIZE[1], steps=2, order=order, **more)  # type: ignore[arg-type]

    def events(
        self, request: ShotRequest, folder: Path, limits: dict[str, float | None] = NEVER, resume: bool = False
    ) -> Iterator[Event]:
        pictures = {self.picture.sha256: self.picture}
        job = prepare(request, pictures, self.model(limits), "cpu", folder)
        return run(job, pictures, resume=resume, families=self.families, watched=False)


@pytest.fixture(scope="module")
def making() -> Iterator[Making]:
    made = Making()
    yield made
    made.families.close()


@pytest.fixture(scope="module")
def shots(making: Making, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, list[Event]]]:
    """A shot in each order that nobody disturbed, and what was told of it."""
    made = {order: tmp_path_factory.mktemp(order) / "shot" for order in ORDERS}
    return {order: (folder, list(making.events(making.request(order), folder))) for order, folder in made.items()}


def left(folder: Path, take: int = 1) -> list[bytes]:
    """What the meter leaves beside a take."""
    files = TakeFiles(folder, take)
    return [files.drift.read_bytes(), files.drift.with_suffix(".png").read_bytes()]


def drifts(events: list[Event]) -> list[Drift]:
    return [event for event in events if isinstance(event, Drift)]


def pictures(folder: Path) -> list[np.ndarray]:
    return [np.asarray(Image.open(path), np.float64) for path in sorted((folder / "frames").glob("*.png"))]


def crispness(picture: np.ndarray) -> float:
    """The mean absolute Laplacian of the brightness, by its definition."""
    grey = np.asarray(Image.fromarray(picture.astype(np.uint8)).convert("L"), np.float64)
    rows, columns = np.diff(grey, 2, axis=0)[:, 1:-1], np.diff(grey, 2, axis=1)[1:-1]
    return float(np.abs(rows + columns).mean())


@pytest.mark.parametrize("order", sorted(ORDERS))
def test_every_section_is_told_of_once_its_frames_are_there_and_as_its_files_show(
    order: str, shots: dict[str, tuple[Path, list[Event]]], making: Making
) -> None:
    folder, events = shots[order]
    told = drifts(events)
    assert sorted(drift.section for drift in told) == [*range(SECTIONS)]
    assert [(drift.index, drift.of) for drift in told] == [(index, SECTIONS) for index in range(1, SECTIONS + 1)]
    written: set[int] = set()
    sections = {section["section"]: section for section in json.loads((folder / "drift.json").read_text())["sections"]}
    for event in events:
        if isinstance(event, Section):
            written |= {int(Path(name).stem) for name in event.files}
        elif isinstance(event, Drift):
            said = sections[event.section + 1]
            assert {*range(said["first"], said["last"] + 1)} <= written
            assert [to_json(figure) for figure in event.figures] == said["figures"]

    frames = pictures(folder)
    board = np.asarray(Image.open(BOARD).convert("RGB").resize(SIZE, Image.Resampling.LANCZOS), np.float64)
    for drift in told:
        first, last = sections[drift.section + 1]["first"] - 1, sections[drift.section + 1]["last"]
        value = {figure.name: figure.value for figure in drift.figures}
        crisp = np.mean([crispness(frame) for frame in frames[first:last]]) / crispness(board)
        assert value["sharpness"] == pytest.approx(crisp, abs=1e-3)
        levels = np.sort(board.reshape(-1, 3), axis=0)
        apart = [np.abs(np.sort(frame.reshape(-1, 3), axis=0) - levels).mean() / 255 for frame in frames[first:last:10]]
        assert value["colours"] == pytest.approx(np.mean(apart), abs=1e-3)
        changes = [np.abs(frames[n] - frames[n - 1]).mean() for n in range(first + 1, last)]
        if drift.section == 0:
            assert "seam" not in value
            assert value["jump"] == pytest.approx(max(changes) / max(0.5, np.percentile(changes, 95)), abs=1e-3)
    with Image.open(folder / "drift.png") as curve:
        assert curve.size[0] > 500


@pytest.mark.parametrize("order", ["inverted", "forward"])
def test_a_shot_that_goes_on_says_the_same(
    order: str, shots: dict[str, tuple[Path, list[Event]]], making: Making, tmp_path: Path
) -> None:
    """Stopped after every section, and before it counts as done; what nobody measured is read from the files."""
    whole, events = shots[order]
    folder = tmp_path / "shot"
    told: list[Drift] = []
    for stop in (1, 2):
        with closing(making.events(making.request(order), folder, resume=True)) as begun:  # type: ignore[type-var]
            sections = 0
            for event in begun:
                sections += isinstance(event, Section)
                told += [event] if isinstance(event, Drift) and event not in told else []
                if sections == stop:
                    break
        if stop == 1:  # as if an earlier version had begun it
            for part in (folder / "checkpoint").glob("drift-*.json"):
                part.unlink()
        else:  # as if it had been killed between its two commits, or while it wrote
            for part in (folder / "checkpoint").glob("seam-*"):
                part.unlink()
            (folder / "checkpoint" / "drift-0000.json").write_text("{")
    rest = [*making.events(making.request(order), folder, resume=True)]
    assert left(folder) == left(whole)
    assert drifts(rest) == drifts(events), "it tells all of it again, in the same sequence"
    assert [*told, *(drift for drift in drifts(rest) if drift not in told)] == drifts(events)
    assert json.loads((folder / "shot.json").read_text())["drift"] == {
        "contrast": json.loads((whole / "drift.json").read_text())["contrast"],
        "over": [],
    }


@pytest.mark.parametrize("fps", [24, 60])
def test_at_another_rate_what_repeats_on_purpose_is_no_fault(fps: float, making: Making, tmp_path: Path) -> None:
    limits = NEVER | {"repeats": 0.0}
    frames = round(40 * fps / 30)
    request = replace(making.request(fps=float(fps)), frames=frames)
    events = [*making.events(request, tmp_path / "shot", limits)]
    assert len(drifts(events)) == 2
    assert not any(drift.over for drift in drifts(events))
    changes = json.loads((tmp_path / "shot" / "drift.json").read_text())["frames"]["changes"]
    assert len(changes) == (frames - 1 if fps < 30 else frames // 2)


def test_a_take_says_what_it_would_say_if_nothing_were_known_of_the_shot(
    shots: dict[str, tuple[Path, list[Event]]], making: Making, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(shots["inverted"][0], tmp_path / "shot"))
    before = left(folder)
    take = replace(making.request("inverted"), sections=(SectionChange(2, seed=7),), take=Take(2, again=(2,)))
    told = drifts([*making.events(take, folder)])
    assert left(folder) == before
    with_what_was_known = left(folder, 2)
    assert with_what_was_known != before
    for part in folder.glob("checkpoint/**/drift-*.json"):
        part.unlink()
    (folder / "takes" / "02.json").unlink()
    assert drifts([*making.events(take, folder, resume=True)]) == told
    assert left(folder, 2) == with_what_was_known


def test_limits_and_what_is_done_at_them_are_no_part_of_how_a_shot_is_made(
    shots: dict[str, tuple[Path, list[Event]]], making: Making, tmp_path: Path
) -> None:
    request = making.request("forward")
    assert len({_digest(spec_of(making.model(limits)), request) for limits in (NEVER, ALWAYS)}) == 1
    folder = tmp_path / "shot"
    with pytest.raises(EngineError):
        list(making.events(replace(request, on_drift="stop"), folder, ALWAYS))
    for asked in ("ask", "again", ""):
        told = [*making.events(replace(request, on_drift=asked), folder, ALWAYS, resume=True)]
    assert isinstance(told[-1], Finished)
    assert all(np.array_equal(*pair) for pair in zip(pictures(folder), pictures(shots["forward"][0]), strict=True))


def test_an_unknown_wish_is_refused(making: Making, tmp_path: Path) -> None:
    with pytest.raises(EngineError) as refused:
        making.events(making.request(on_drift="panic"), tmp_path / "shot")
    assert refused.value.code is Code.CHOICE_INVALID


def test_a_shot_stops_at_a_limit_keeps_what_is_made_and_goes_on_from_there(
    shots: dict[str, tuple[Path, list[Event]]], making: Making, tmp_path: Path
) -> None:
    folder, request, events = tmp_path / "shot", making.request(on_drift="stop"), list[Event]()
    with pytest.raises(EngineError) as stopped:
        events.extend(making.events(request, folder, ALWAYS))
    assert stopped.value.code is Code.DRIFTED
    assert "section 1: colours drift" in stopped.value.line
    (known,) = json.loads((folder / "drift.json").read_text())["sections"]
    assert known["section"] == 1
    assert not (folder / "shot.json").exists()
    events = [*making.events(request, folder, ALWAYS, resume=True)]
    assert len({event.section for event in events if isinstance(event, Step)}) == 1
    # The other two are told once the last one is made: there is nothing that a stop would keep from being made.
    assert [(bool(drift.over), drift.then) for drift in drifts(events)] == [(True, "")] * SECTIONS
    assert all(np.array_equal(*pair) for pair in zip(pictures(folder), pictures(shots["forward"][0]), strict=True))


@pytest.mark.parametrize("asked", ["ask", "stop"])
def test_nothing_is_asked_or_stopped_where_all_of_a_shot_is_made_before_its_first_section_is_told(
    asked: str, making: Making, tmp_path: Path
) -> None:
    """In inverted order a section fades into the two around it, so of three none is final before the last one."""
    events = [*making.events(making.request("inverted", on_drift=asked), tmp_path / "shot", ALWAYS)]
    assert isinstance(events[-1], Finished)
    assert [(bool(drift.over), drift.then) for drift in drifts(events)] == [(True, "")] * SECTIONS


def test_whoever_was_killed_before_taking_a_question_is_asked_again_and_whoever_took_it_is_not(
    making: Making, tmp_path: Path
) -> None:
    folder, request = tmp_path / "shot", making.request(on_drift="ask")
    with closing(making.events(request, folder, ALWAYS)) as begun:  # type: ignore[type-var]
        asked = next(event for event in begun if isinstance(event, Drift))
        killed = Path(shutil.copytree(folder, tmp_path / "killed"))
    assert asked.then == OnDrift.ASK
    assert next(iter(drifts([*making.events(request, killed, ALWAYS, resume=True)]))).then == OnDrift.ASK
    rest = drifts([*making.events(request, folder, ALWAYS, resume=True)])
    assert [drift.then for drift in rest] == [""] * SECTIONS, "nothing is left to make where the others are told"


def test_nobody_is_asked_once_everything_is_sampled(making: Making, tmp_path: Path) -> None:
    """As where a section is decoded while the last one is sampled, or a kill comes between sampling and frames."""
    folder, request = tmp_path / "shot", making.request(on_drift="ask")
    assert [drift.then for drift in drifts([*making.events(request, folder, ALWAYS)])] == [OnDrift.ASK, "", ""]
    (folder / "shot.json").unlink()
    (folder / "checkpoint" / "drift-answered.json").unlink()
    told = drifts([*making.events(request, folder, ALWAYS, resume=True)])
    assert [drift.then for drift in told] == [""] * SECTIONS


@pytest.fixture
def strict(tmp_path: Path) -> Path:
    """The tiny checkpoint's folder with limits that no section keeps."""
    folder = Path(shutil.copytree(TINY, tmp_path / "strict"))
    (folder / "shotpack.json").write_text(json.dumps({"drift": ALWAYS}))
    return folder


def arguments(model: Path, out: Path, *more: str) -> list[str]:
    size = ["--size", "64x64", "--steps", "2", "--frames", "73", "--order", "forward"]
    return ["generate", "--model", str(model), "--image", str(BOARD), "--prompt", "w5", "--out", str(out), *size, *more]


def test_the_command_line_says_so_and_asks_nobody_where_nobody_is(
    strict: Path, warm_engine: WarmEngine, tmp_path: Path
) -> None:
    out, log = tmp_path / "shot", tmp_path / "log"
    ended = warm_engine.run(arguments(strict, out, "--frames", str(FRAMES), "--on-drift", "ask"), log)
    assert ended.status == 5, ended.stderr
    last = ended.stderr.strip().splitlines()[-1]
    assert last.startswith("shotpack: The shot was stopped where it drifts: section 1: colours drift (")
    ended = warm_engine.run(["generate", "--out", str(out), "--resume", "--on-drift", "mark"], log)
    assert ended.status == 0, ended.stderr
    assert "section 2: colours drift (" in ended.stderr


def test_the_command_line_makes_a_section_again_as_takes_twice_at_most(
    strict: Path, warm_engine: WarmEngine, tmp_path: Path
) -> None:
    out, log = tmp_path / "shot", tmp_path / "log"
    ended = warm_engine.run(arguments(strict, out, "--on-drift", "again", "--json"), log)
    assert ended.status == 0, ended.stderr
    names = [event["event"] for event in ended.events]
    assert names.count("finished") == 3
    first = names.index("finished")
    once = [event_from_json(event) for event in ended.events[:first]]
    assert [drift.then for drift in drifts(once)] == ["again", "again"]
    takes = [json.loads(path.read_text()) for path in sorted((out / "takes").glob("*.json"))]
    assert [(take["take"], take["parent"], take["remade"]) for take in takes] == [(2, 1, [1, 2]), (3, 2, [1, 2])]
    seeds = [take["request"]["sections"][0]["seed"] for take in takes]
    assert seeds == [1, 2]
    assert [take["request"]["on_drift"] for take in takes] == ["again", ""]
    frames = [np.asarray(Image.open(TakeFiles(out, take).frame(20))) for take in (1, 2, 3)]
    assert not np.array_equal(frames[0], frames[1])
    assert not np.array_equal(frames[1], frames[2])
    assert set(Measure) > {figure.name for drift in drifts(once) for figure in drift.figures if figure.over}
