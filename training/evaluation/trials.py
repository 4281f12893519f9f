"""Held-out trials: a drawn scene that training never saw, a sentence, and the shot that the engine makes of them.

Shots run through the engine's own path, request to PNG; one that was made before is read back, so an evaluation that
was stopped goes on.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from engine.media.boards import BoardPicture
from engine.media.measures import Picture
from engine.models.folder import ModelFolder
from engine.protocol import Board, ShotRequest

from ..scenes.clips import Clip, random_clip
from ..scenes.moves import FRAMES_PER_SECTION, Motion, Move, Speed
from ..scenes.prompts import describe

HELD_OUT = 900_001
"""Seed of everything that is measured; training uses small ones."""
SIZE = (256, 144)


@dataclass(frozen=True)
class Trial:
    """One shot to make: `name` is its folder, `clip` the truth it is measured against."""

    name: str
    clip: Clip
    prompt: str
    sections: int
    seed: int
    settings: tuple[tuple[str, object], ...] = ()
    """Fields of the request that differ from the model's defaults."""


def draw_trials(
    kind: str, moves: tuple[Move, ...], count: int, sections: int, speeds: tuple[Speed, ...] = tuple(Speed)
) -> Iterator[Trial]:
    """`count` trials over `moves` and `speeds` in turn, `sections` sections long, on scenes of their own."""
    for number in range(count):
        rng = np.random.default_rng([HELD_OUT, sections, number])
        motion = Motion(moves[number % len(moves)], speeds[number // len(moves) % len(speeds)])
        clip = random_clip(rng, SIZE, sections, motion)
        prompt = describe(rng, motion, clip.scene.thing, clip.scene.place)
        yield Trial(f"{kind}-{sections}-{number:03d}", clip, prompt, sections, number)


def shoot(trial: Trial, model: ModelFolder, folder: Path, device: str) -> list[Picture]:
    """The frames of the trial's shot, each (H, W, 3) uint8, made by the engine or read back."""
    from engine.generation.job import prepare, run  # seconds of libraries, which those who only draw trials do without

    board = as_board(trial.clip.first, trial.name)
    request = ShotRequest(
        model=str(model.path),
        prompt=trial.prompt,
        boards=(Board(1, board.sha256),),
        frames=trial.sections * FRAMES_PER_SECTION + 1,
        width=trial.clip.size[0],
        height=trial.clip.size[1],
        seed=trial.seed,
        **dict(trial.settings),  # type: ignore[arg-type]
    )
    out = folder / trial.name
    pictures = {board.sha256: board}
    for _ in run(prepare(request, pictures, model, device, out), pictures, resume=True, watched=False):
        pass
    return read_frames(out)


def read_frames(shot: Path) -> list[Picture]:
    """The frames in a shot's folder, in time order."""
    return [np.asarray(Image.open(path).convert("RGB")) for path in sorted((shot / "frames").glob("*.png"))]


def as_board(picture: Picture, name: str) -> BoardPicture:
    """A picture (H, W, 3) uint8 as an artist would hand it in: a PNG."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    data = buffer.getvalue()
    return BoardPicture(data, hashlib.sha256(data).hexdigest(), picture.shape[1], picture.shape[0], name)
