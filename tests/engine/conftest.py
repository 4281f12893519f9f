"""Shared by the engine tier: tiny models, shots made in this process, and a warm engine for shots that are killed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from engine.events import Event
from engine.generation.job import prepare, run
from engine.inference.base import NetworkFamily
from engine.inference.helios.family import Helios
from engine.inference.hunyuan.family import HunyuanFramePack
from engine.media.boards import open_board
from engine.models.folder import open_folder
from engine.protocol import Board, Condition, ConditionFrame, PromptAt, ShotRequest
from tests.engine.checkpoints import BOARD, TINY, make_checkpoint
from tests.engine.making import Making
from tests.engine.warm_engine import WarmEngine
from tests.model_home import a_home, own_home

__all__ = ["a_home", "own_home"]


@pytest.fixture(scope="session", autouse=True)
def _two_threads() -> None:
    torch.set_num_threads(1 if "PYTEST_XDIST_WORKER" in os.environ else 2)  # two processes share two cores


_LONGEST_FIRST = (
    *("test_faults.py", "test_worker.py", "test_server.py", "test_client.py", "test_sketch_words.py"),
    *("test_sketch_evaluation.py", "test_sketch_training.py", "test_sketch_weights.py", "test_api_document.py"),
    *("test_resume.py", "test_boards.py", "test_helios.py", "test_helios_memory.py", "test_bad_input.py"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files come first, those that wait for processes before those that compute."""
    order = {name: place for place, name in enumerate(_LONGEST_FIRST)}
    items.sort(key=lambda item: order.get(item.path.name, len(order)))


@pytest.fixture(scope="session")
def random_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint nobody has seen before."""
    return make_checkpoint(tmp_path_factory.mktemp("models") / "random", seed=20260)


@pytest.fixture(scope="session")
def warm_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarmEngine]:
    engine = WarmEngine(tmp_path_factory.mktemp("home"))
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def making() -> Iterator[Making]:
    """Makes shots of a test board; its networks stay loaded for all of a file's tests."""
    made = Making(open_folder(TINY), open_board(BOARD))
    yield made
    made.families.close()


class MadeShot:
    """A finished shot: its events, its folder and its latents."""

    def __init__(self, folder: Path, events: list[Event]) -> None:
        self.folder = folder
        self.events = events
        self.latents = load_file(folder / "latents.safetensors")["latents"]

    @property
    def frames(self) -> list[Path]:
        return sorted((self.folder / "frames").glob("*.png"))


MakeShot = Callable[..., MadeShot]


@pytest.fixture
def latents_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames are grey: to decode them is half the work of a tiny shot whose latents alone are looked at."""

    def grey(_: object, latents: torch.Tensor) -> torch.Tensor:
        frames, height, width = latents.shape[2:]
        return torch.zeros(len(latents), 3, 4 * frames - 3, 8 * height, 8 * width)

    for family in (HunyuanFramePack, Helios):
        monkeypatch.setattr(family, "decode", grey)
        monkeypatch.setattr(family, "decode_in_time", NetworkFamily.decode_in_time)


@pytest.fixture
def make_shot(tmp_path: Path) -> MakeShot:
    """Make a shot through the path that command line and server share; boards are {frame: picture file}.

    `guide` is {frame: (picture, mask)}, `led` its strength and until. Without a `start` it comes out of the prompt, or
    goes on from the pictures of `clip`.
    """
    count = iter(range(1000))

    def make(
        frames: int = 37,
        *,
        model: Path = TINY,
        boards: dict[int, Path] | None = None,
        start: Path | None = BOARD,
        clip: Sequence[Path] = (),
        prompt: str = "w5 w2 w81",
        prompts: tuple[PromptAt, ...] = (),
        guide: dict[float, tuple[Path, Path | None]] | None = None,
        led: tuple[float, float] = (1.0, 1.0),
        size: tuple[int, int] = (64, 64),
        steps: int | None = 3,
        **settings: object,
    ) -> MadeShot:
        folder = tmp_path / f"shot{next(count)}"
        held = {
            frame: [open_board(path) if path is not None else None for path in paths]
            for frame, paths in (guide or {}).items()
        }
        frames_held = tuple(
            ConditionFrame(frame, *(each and each.sha256 for each in pair)) for frame, pair in held.items()
        )
        given = {1: start, **(boards or {})}
        pictures = {frame: open_board(path) for frame, path in given.items() if path is not None}
        before = [open_board(path) for path in clip]
        request = ShotRequest(
            model=str(model),
            prompt=prompt,
            boards=tuple(Board(frame, picture.sha256) for frame, picture in pictures.items()),
            frames=frames,
            width=size[0],
            height=size[1],
            steps=steps,
            prompts=prompts,
            clip=tuple(picture.sha256 for picture in before),
            conditions=(Condition("guide", frames_held, *led),) if frames_held else (),
            **settings,  # type: ignore[arg-type]
        )
        leading = [picture for pair in held.values() for picture in pair if picture is not None]
        by_hash = {picture.sha256: picture for picture in (*pictures.values(), *before, *leading)}
        job = prepare(request, by_hash, open_folder(model), "cpu", folder)
        return MadeShot(folder, list(run(job, by_hash, resume=False, save_latents=folder / "latents.safetensors")))

    return make
