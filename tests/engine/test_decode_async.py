"""A section decoded while the next one is sampled: the same frames, told later, and nothing lost on the way.

The policy allows it on graphics cards alone; here it is told to, and everything else is real.
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from engine.errors import Code, EngineError
from engine.events import Event, Section, Step
from engine.generation import open_family
from engine.generation.job import prepare, run
from engine.inference.base import NetworkFamily
from engine.inference.helios.family import Helios
from engine.inference.hunyuan.family import HunyuanFramePack
from engine.inference.memory.placement import Placed, Placement
from engine.inference.registry import Families
from engine.media.boards import open_board
from engine.models.folder import open_folder
from engine.protocol import Board, ShotRequest
from tests.engine.checkpoints import BOARD, TINY
from tests.engine.helios_checkpoints import make_helios
from tests.patience import PATIENCE

SECTIONS = 3
FRAMES = {"hunyuan": 109, "helios": 90}
Alone = tuple[list[Event], list[bytes]]


@pytest.fixture(scope="module", params=["hunyuan", "helios"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if request.param == "hunyuan":
        return TINY
    return make_helios(tmp_path_factory.mktemp("models") / "helios", seed=5, kind="distilled")


def begin(
    model: Path, folder: Path, *, aside: bool = True, families: Families | None = None, stop_after: int = 0
) -> Generator[Event]:
    """A shot of three sections in `folder`, decoded aside or not; out of memory once, it is not tried aside again."""

    def place(*_: object, retry: int = 0, **__: object) -> Placed:
        return Placed(Placement(async_decode=aside and not retry), 0, fits=True)

    board = open_board(BOARD)
    frames = FRAMES["hunyuan" if model == TINY else "helios"]
    request = ShotRequest(
        str(model), "w5 w2 w81", (Board(1, board.sha256),), frames=frames, width=64, height=64, steps=3, seed=4
    )
    pictures = {board.sha256: board}
    prepared = prepare(request, pictures, open_folder(model), "cpu", folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(open_family, "place_model", place)
        yield from run(prepared, pictures, resume=True, families=families, stop_after=stop_after)


@pytest.fixture(scope="module")
def alone(model: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Event], list[bytes]]:
    """The shot's events and frames where every section is decoded before the next one is begun."""
    folder = tmp_path_factory.mktemp("alone") / "shot"
    return list(begin(model, folder, aside=False)), frames_of(folder)


def frames_of(folder: Path) -> list[bytes]:
    return [np.asarray(Image.open(path)).tobytes() for path in sorted((folder / "frames").glob("*.png"))]


def kinds(events: list[Event]) -> list[tuple[str, int]]:
    """Which sections were sampled to a step, and published, in the sequence of the events."""
    named = {Step: "step", Section: "section"}
    return [(named[type(each)], each.section) for each in events if isinstance(each, (Step, Section))]


def test_the_next_section_is_sampled_meanwhile(
    model: Path, alone: Alone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each decode but the last waits here until the next section has made a step: were it not aside, it never would."""
    stepped, aside_for = threading.Event(), []
    kind = HunyuanFramePack if model == TINY else Helios
    decode, decode_async = kind.decode, kind.decode_async

    def waiting(family: NetworkFamily, latents: torch.Tensor) -> torch.Tensor:
        if threading.current_thread() is not threading.main_thread():
            assert stepped.wait(PATIENCE), "nothing was sampled meanwhile"
            aside_for.append(latents.shape)
        return decode(family, latents)

    def begun(family: NetworkFamily, latents: torch.Tensor) -> Future[torch.Tensor]:
        stepped.clear()
        return decode_async(family, latents)

    monkeypatch.setattr(kind, "decode", waiting)
    monkeypatch.setattr(kind, "decode_async", begun)
    aside: list[Event] = []
    for event in begin(model, tmp_path / "aside"):
        aside.append(event)
        if isinstance(event, Step):
            stepped.set()
    assert frames_of(tmp_path / "aside") == alone[1]
    assert len(aside_for) == SECTIONS - 1
    ours, theirs = kinds(aside), kinds(alone[0])
    assert [each for each in ours if each[0] == "step"] == [each for each in theirs if each[0] == "step"]
    told = [each for each in ours if each[0] == "section"]
    assert told == [each for each in theirs if each[0] == "section"], "in the same sequence"
    assert ours.index(told[0]) > theirs.index(told[0]), "and later"


def test_closed_at_any_event_nothing_is_lost(model: Path, alone: Alone, tmp_path: Path) -> None:
    first = next(number for number, event in enumerate(alone[0]) if isinstance(event, Section))
    for last in (first + 2, len(alone[0]) - 2):
        folder = tmp_path / f"closed {last}"
        with closing(begin(model, folder)) as events:
            seen = [event for event, _ in zip(events, range(last), strict=False)]
        sampled = {each.section for each in seen if isinstance(each, Step) and each.step == each.of}
        again = list(begin(model, folder))
        steps = {each.section for each in again if isinstance(each, Step)}
        finished = sampled - {seen[-1].section if isinstance(seen[-1], Step) else -1}
        assert not steps & finished, "a section was sampled twice"
        assert frames_of(folder) == alone[1]


def test_the_section_after_which_one_stops_is_told_before_the_next_begins(
    model: Path, alone: Alone, tmp_path: Path
) -> None:
    with closing(begin(model, tmp_path / "shot", stop_after=1)) as events:
        made = []
        for event in events:
            made.append(event)
            if isinstance(event, Section):
                break
    assert kinds(made) == kinds(alone[0])[: len(kinds(made))]
    assert list(begin(model, tmp_path / "shot"))[-1].frames == FRAMES["hunyuan" if model == TINY else "helios"]
    assert frames_of(tmp_path / "shot") == alone[1]


def test_out_of_memory_aside_is_tried_once_more(
    model: Path, alone: Alone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def starved(family: NetworkFamily, _: torch.Tensor) -> Future[torch.Tensor]:
        def full() -> torch.Tensor:
            raise torch.OutOfMemoryError("CUDA out of memory.")

        return family._decoding.submit(full)

    monkeypatch.setattr(NetworkFamily, "decode_async", starved)
    events = list(begin(model, tmp_path / "shot"))
    assert frames_of(tmp_path / "shot") == alone[1]
    sampled = [each.section for each in events if isinstance(each, Step) and each.step == each.of]
    assert len(sampled) == SECTIONS, "none was sampled twice"


def test_what_goes_wrong_aside_is_said(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def starved(*_: object) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    for kind in (HunyuanFramePack, Helios):
        monkeypatch.setattr(kind, "decode", starved)
        monkeypatch.setattr(kind, "decode_in_time", starved)  # where it is not aside
    with pytest.raises(EngineError) as caught:
        list(begin(model, tmp_path / "shot"))
    assert caught.value.code is Code.OUT_OF_MEMORY
    assert caught.value.params["stage"] == "decoding"


def test_parking_waits_for_it(model: Path, tmp_path: Path) -> None:
    """Weights must not leave the device beneath a decode."""
    families = Families()
    with closing(begin(model, tmp_path / "shot", families=families)) as events:
        for event in events:
            if isinstance(event, Step) and event.step == event.of:
                break
        family = families.last
        assert isinstance(family, NetworkFamily)
        go, parked = threading.Event(), threading.Event()
        family._decoding.submit(go.wait)
        parking = threading.Thread(target=lambda: (family.park(), parked.set()))
        parking.start()
        assert not parked.wait(0.2)
        go.set()
        parking.join(PATIENCE)
        assert parked.is_set()
