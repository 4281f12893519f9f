"""Takes as jobs: whether the job that one continues can be continued.

A take's job begins with all files of the job that it continues, in a folder of its own that appears whole
(`continuation.py`): from then on neither the other's removal nor what is made of it later matters to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...media.take_files import TakeFiles
from ...protocol import Take
from ..storage.records import StoreError
from ..storage.states import State
from ..storage.store import JobStore


def take_faults(take: Take, store: JobStore, folder: Path) -> Iterator[tuple[str, str]]:
    """What is wrong with a take, and in which of its fields; `folder` is that of the job that it continues."""
    if not take.job:
        yield "job", "say which job it continues"
        return
    try:
        state = store.job(take.job).state
    except StoreError:
        yield "job", "the engine does not have that job any more; make the shot again"
        return
    if state is not State.FINISHED:
        yield "job", f"that job is {state}: only a finished shot is continued"
    elif not TakeFiles(folder, take.parent).record.exists():
        yield "parent", f"that job has no finished take {take.parent}"
    if take.number <= take.parent or TakeFiles(folder, take.number).request.exists():
        yield "number", f"take {take.number} is there already, or no later one than {take.parent}"
