"""Where it was asked for, a finished shot with a section over a limit has that section made again, as a take.

A tick does it, once for each take: what it makes is a take as any other, which can be shown, starred and deleted.
"""

from __future__ import annotations

from typing import Any

from ..engine.client.kept_drift import to_make_again
from ..engine.client.shot import FIRST_TAKE, Shot
from ..engine.client.takes import Change, parent_of, value_of
from ..engine.drift import tries_left
from . import new_take, runtime, shot_strips, take_stamps


def attach() -> None:
    """Look at every shot that is made from now on."""
    runtime.finished.append(make_again)


def detach() -> None:
    """Look at none any more."""
    runtime.finished.remove(make_again)


def make_again(shot: Shot, job: Any | None) -> None:
    """Begin the take that a finished shot asks for, unless there is one that goes on from it already.

    Raises OSError and EngineError as `new_take.begin` does.
    """
    section = to_make_again(job.drift, job.plan) if job is not None else None
    strip = next(iter(shot_strips.find(shot.id)), None)
    if section is None or strip is None or new_take.prevented(strip) is not None:
        return
    stamp = strip.shotpack
    later = [*(take.request for take in stamp.takes), *(other.request for other in runtime.beside(shot))]
    if any(parent_of(request) == shot.take for request in later):
        return
    said = take_stamps.said_of(stamp, shot.id)
    wanted = tries_left(str(value_of(said.request, None, "on_drift") or ""), is_take=shot.take != FIRST_TAKE)
    take = new_take.begin(strip, said, shot, Change(section, on_drift=wanted), own_seed=False)
    for meta in shot_strips.listing(take.id):
        listed = take_stamps.entry(meta.shotpack, take.id)
        if listed is not None:
            listed.since_it_drifted = True
    runtime.send(take)
