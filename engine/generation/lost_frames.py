"""Frames of a finished take that got lost or damaged, decoded once more; only then is their model needed."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from pathlib import Path

import torch

from ..events import Event, Progress
from ..inference.registry import Families
from ..media.boards import is_damaged, open_board
from ..media.files import disk_faults
from ..models.catalog import find_model
from .job import Memory, prepare, run
from .shot_folder import ShotFolder

_LOOKING = "looking which frames are damaged"


def decode_lost(
    take: ShotFolder,
    frames: Sequence[Path],
    device: torch.device,
    families: Families,
    memory: Memory,
    asked: Callable[[], bool],
) -> Generator[Event, None, int]:
    """Make whole the `frames` of `take`, and return how many were not; whoever calls holds the folder's lock.

    All of them are read for that, which takes minutes for thousands. A damaged one, which is of no use to anybody, goes
    once the model that makes it again is found. `families`, `memory` and `asked` as of `run`. Raises EngineError as
    `prepare` and `run` do, and `folder_unwritable` where a damaged frame may not be removed.
    """
    damaged = yield from _damaged(frames, asked)
    lost = sum(not path.exists() for path in frames) + len(damaged)
    if not lost:
        return 0
    begun = take.stored_request()
    assert begun is not None, "it was there a moment ago"
    stage = f"{lost} of the frames are gone or damaged; decoding them again"
    yield Progress(stage)
    pictures = {sha256: open_board(take.boards / sha256) for sha256 in begun[0].pictures}
    again = prepare(begun[0], pictures, find_model(begun[0].model or None), str(device), take.root)
    for path in damaged:
        with disk_faults(path):
            path.unlink(missing_ok=True)
    for event in run(
        again, pictures, resume=True, watched=False, families=families, memory=memory, asked=asked, locked=True
    ):
        if isinstance(event, Progress):
            stage = event.stage
            yield event
        elif asked():
            yield Progress(stage)
    return lost


def _damaged(frames: Sequence[Path], asked: Callable[[], bool]) -> Generator[Event, None, list[Path]]:
    """Those of the frames that are no pictures to their end; between two of them whoever asks is heard."""
    yield Progress(_LOOKING)
    found = []
    for path in frames:
        if is_damaged(path):
            found.append(path)
        if asked():
            yield Progress(_LOOKING)
    return found
