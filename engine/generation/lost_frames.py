"""Frames of a finished take that got lost or damaged, decoded once more; only then is their model needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch

from ..events import Event, Progress
from ..inference.registry import Families
from ..media.boards import is_damaged, open_board
from ..media.files import disk_faults
from ..models.catalog import find_model
from .job import Memory, prepare, run
from .shot_folder import ShotFolder


def decode_lost(
    take: ShotFolder,
    frames: Sequence[Path],
    device: torch.device,
    *,
    families: Families,
    memory: Memory,
    asked: Callable[[], bool],
) -> Iterator[Event]:
    """Make whole the `frames` of `take`; whoever calls holds the folder's lock.

    A damaged one, which is of no use to anybody, goes once the model that makes it again is found. `families`, `memory`
    and `asked` as of `run`. Raises EngineError as `prepare` and `run` do, and `folder_unwritable` where a damaged frame
    may not be removed.
    """
    damaged = [path for path in frames if is_damaged(path)]
    lost = sum(not path.exists() for path in frames) + len(damaged)
    if not lost:
        return
    begun = take.stored_request()
    assert begun is not None, "it was there a moment ago"
    yield Progress(f"{lost} of the frames are gone or damaged; decoding them again")
    pictures = {sha256: open_board(take.boards / sha256) for sha256 in begun[0].pictures}
    again = prepare(begun[0], pictures, find_model(begun[0].model or None), str(device), take.root)
    for path in damaged:
        with disk_faults(path):
            path.unlink(missing_ok=True)
    making = run(
        *(again, pictures),
        resume=True,
        watched=False,
        families=families,
        memory=memory,
        asked=asked,
        locked=True,
    )
    for event in making:
        if isinstance(event, Progress):
            yield event
