"""What strips remember of a shot's takes: each take is a shot of its own in the same folder, and a strip shows one.

A strip's stamp says what the shown take is; beside it `takes` lists them all. Copies and halves of a strip list the
same takes, and each shows its own. Nothing here touches what a strip shows: that is `timeline.reconcile`'s.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..engine.client.finishes import finish_of
from ..engine.client.shot import FIRST_TAKE, Shot
from ..engine.client.takes import names_of, parent_of, plan_text, runs_of
from ..engine.events import Started

_SHOWN = ("shot", "job", "key", "request", "state", "plan", "drift")
"""What a stamp says of the take that its strip shows."""


def lists(stamp: Any, shot: str) -> bool:
    """Whether a strip shows or lists a take."""
    return shot in listed(stamp)


def listed(stamp: Any) -> set[str]:
    """The ids of all takes that a strip shows or lists."""
    return {stamp.shot, *(each.shot for each in stamp.takes)}


def said_of(stamp: Any, shot: str) -> Any:
    """What a strip remembers of one of its takes, by its id; of the shown one, the stamp itself."""
    return stamp if shot == stamp.shot else entry(stamp, shot) or stamp


def take_of(stamp: Any, number: int) -> Any | None:
    """A take that a strip lists, by its number."""
    return next((each for each in stamp.takes if each.number == number), None)


def entry(stamp: Any, shot: str) -> Any | None:
    """A take that a strip lists, by its id."""
    return next((each for each in stamp.takes if each.shot == shot), None)


def number_of(stamp: Any, said: Any) -> int:
    """The number of the take that `said` is about, be it the stamp or one of its list."""
    return int(said.take if said == stamp else said.number)


def measured(stamp: Any, said: Any) -> Any:
    """The take whose drift tells that of `said`, the stamp or one of its list: of a finish the take that it finishes.

    Nothing is sampled for a finish, so nothing of it is measured. Any other take's is its own.
    """
    for _ in range(len(stamp.takes)):  # a file may hold anything, a circle too
        before = take_of(stamp, parent_of(said.request)) if finish_of(said.request) is not None else None
        if before is None:
            break
        said = before
    return said


def unfinished(stamp: Any) -> Iterator[Any]:
    """What a strip remembers of its takes that are not made yet, the shown one first."""
    if stamp.state != "finished":
        yield stamp
    yield from (each for each in stamp.takes if each.shot != stamp.shot and each.state != "finished")


def begin_list(stamp: Any) -> None:
    """List the take that a strip shows, where none is listed yet: the first, or what was put back or made longer."""
    if not len(stamp.takes):
        first = stamp.takes.add()
        first.number = stamp.take
        for name in _SHOWN:
            setattr(first, name, getattr(stamp, name))
        if stamp.take == FIRST_TAKE:
            first.files = f"1-{stamp.frames}:{FIRST_TAKE}"


def list_take(stamp: Any, shot: Shot, parent: int) -> None:
    """List a take that is to be made; one of the same id is listed once."""
    begin_list(stamp)
    if entry(stamp, shot.id) is not None:
        return
    take = stamp.takes.add()
    take.number, take.parent, take.shot = shot.take, parent, shot.id
    take.job, take.key, take.request = shot.job, shot.key, shot.request


def unlist(stamp: Any, shot: str) -> None:
    """List a take no more."""
    for place, each in enumerate(stamp.takes):
        if each.shot == shot:
            stamp.takes.remove(place)
            return


def show(stamp: Any, take: Any) -> None:
    """Let the stamp be the one of another listed take."""
    stamp.take = take.number
    for name in _SHOWN:
        setattr(stamp, name, getattr(take, name))


def note(stamp: Any, shot: Shot, state: str | None, plan: Started | None, drift: str = "") -> bool:
    """Bring a listed take up to date; `state` None: as it was, `drift` empty too. Returns whether anything was new."""
    take = entry(stamp, shot.id)
    if take is None:
        return False
    new = {name: value for name in ("job", "key", "request") if (value := getattr(shot, name))}
    if state is not None:
        new["state"] = state
    if plan is not None and not take.plan:
        new["plan"] = plan_text(plan)
    if drift:
        new["drift"] = drift
    if shot.complete and not take.files:
        new["files"] = runs_of([shot.pictures[frame] for frame in range(1, shot.frames + 1)])
    changed = {name: value for name, value in new.items() if getattr(take, name) != value}
    for name, value in changed.items():
        setattr(take, name, value)
    return bool(changed)


def pictures(stamp: Any, number: int) -> dict[int, str]:
    """The file of each frame of a listed take; of one that is not made yet, those of the take that it continues."""
    take = take_of(stamp, number)
    for _ in range(len(stamp.takes)):  # a file may hold anything, a circle too
        if take is None or take.files:
            break
        take = take_of(stamp, take.parent)
    names = names_of(take.files, stamp.frames) if take is not None else []
    return dict(enumerate(names, 1))


def made(stamp: Any, take: Any, folder: Path) -> Shot:
    """The record of a listed take that is made: what its strips show is known without the engine."""
    names = pictures(stamp, take.number)
    shot = Shot(take.shot, stamp.name, folder, stamp.frames, take.job, take.request, take.key, confirmed=not take.job)
    shot.take, shot.pictures, shot.finals, shot.complete = take.number, names, set(names), bool(names)
    return shot
