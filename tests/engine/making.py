"""How tests of takes, of frames in between and of finishing make shots: by the tiny checkpoint, loaded once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from engine.events import Event
from engine.generation.job import prepare, run
from engine.inference.registry import Families
from engine.media.boards import BoardPicture
from engine.models.folder import ModelFolder
from engine.protocol import Board, ShotRequest
from tests.engine.checkpoints import TINY


@dataclass
class Making:
    """How shots are made here: by the tiny checkpoint, as the command line and the server make them."""

    model: ModelFolder
    picture: BoardPicture
    families: Families = field(default_factory=Families)
    """Networks stay loaded from shot to shot, as in a worker."""

    def request(self, order: str = "forward", frames: int = 181, **more: object) -> ShotRequest:
        blank = ShotRequest(str(TINY), "w5 w2", (Board(1, self.picture.sha256),), frames=frames)
        return replace(blank, width=64, height=64, steps=2, order=order, **more)  # type: ignore[arg-type]

    def events(self, request: ShotRequest, folder: Path, resume: bool = False) -> Iterator[Event]:
        pictures = {self.picture.sha256: self.picture}
        return run(
            prepare(request, pictures, self.model, "cpu", folder), pictures, resume=resume, families=self.families
        )

    def make(self, request: ShotRequest, folder: Path, resume: bool = False) -> list[Event]:
        return list(self.events(request, folder, resume))
