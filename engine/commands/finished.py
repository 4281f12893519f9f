"""What is done to a shot once `generate` has made it: a finishing take in the same folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from ..events import Event
from ..finishing.open_choices import is_begun_so
from ..media.take_files import TakeFiles, takes_of
from ..protocol import Finish, ShotRequest, Take
from ..serialization import from_json

if TYPE_CHECKING:
    from ..generation.job import Job
    from ..generation.shot_folder import ShotFolder


def require_finishable(job: Job, finish: Finish) -> None:
    """Raise EngineError where the shot of `job`, once it is made, could not be finished so."""
    from ..generation.finish_take import plan_of

    resolved = job.resolved
    plan_of(resolved.request.frames, (resolved.width, resolved.height), resolved.exact_fps, finish)


def finishing(folder: ShotFolder, finish: Finish | None, device: str, limit: int | None) -> Iterator[Event]:
    """Finish the take in `folder`, which is made: as was begun, else as is asked for; nothing where neither is."""
    request = finishing_take(folder, finish)
    if request is None:
        return
    from ..generation.finish_take import prepare_finish, run_finish
    from ..generation.job import Memory

    yield from run_finish(prepare_finish(request, device, folder.root), resume=True, memory=Memory(limit))


def finishing_take(folder: ShotFolder, finish: Finish | None) -> ShotRequest | None:
    """What is asked of the finishing take of the one in `folder`; None: nothing.

    One that was begun so is gone on with, without a `finish` the newest that is not finished yet; else it is a new one.
    """
    stored, parent, takes = folder.stored_request(), folder.files.take, takes_of(folder.root)
    if stored is None:
        return None
    for number in reversed(takes):
        files = TakeFiles(folder.root, number)
        if not files.finishes or files.begun.parent != parent:
            continue
        begun = from_json(Finish, files.begun.data["request"]["finish"])
        if not files.record.exists() if finish is None else is_begun_so(finish, begun):
            return replace(stored[0], take=Take(number, parent=parent), finish=begun)
    return None if finish is None else replace(stored[0], take=Take(max(takes) + 1, parent=parent), finish=finish)
