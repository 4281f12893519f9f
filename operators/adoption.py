"""The shots of a file that was opened: which are followed, which wait for a press, and which are left alone.

Opening sends and moves nothing, and starts an engine only for a job that is in its store on this machine. What a strip
remembers of its shot is read with care: anybody may have written the file.
"""

from __future__ import annotations

from typing import Any

from ..engine.client import local_store
from ..engine.client.safe_names import is_id
from ..engine.client.shot import FIRST_TAKE, Shot
from ..engine.errors import Code, EngineError
from ..engine.protocol import FRAMES_MAXIMUM, TAKE_MAXIMUM
from . import runtime, settings, shot_strips, take_stamps, timers, trust, unexpected

left_alone: dict[str, EngineError] = {}
"""Shots of the open file that are shown and nothing else, and why."""
_unsure: dict[str, Shot] = {}
"""Followed shots for whose jobs an engine is started once they are found in the store of this machine."""
_AGAIN_SECONDS = 2.0
"""Until the store is looked into again that somebody held."""


def adopt() -> None:
    """Follow the unfinished shots of the file that is open, and no others."""
    runtime.forget()
    left_alone.clear()
    _unsure.clear()
    adopt_again()


def adopt_again() -> None:
    """The same for those that are not followed yet: a folder may be used now."""
    for _, meta in list(shot_strips.stamped()):
        try:
            for said in list(take_stamps.unfinished(meta.shotpack)):
                if runtime.shot_of(said.shot) is None:
                    _adopt(meta, said)
        except Exception as fault:
            unexpected.report(fault)  # the others are adopted
    if _look() is not None:
        timers.begin(_look, _AGAIN_SECONDS)


def adopt_soon() -> None:
    """The same in a moment; panels may call it while they draw. An undo may bring back what was taken off the list."""
    timers.begin(adopt_again, 0.05)


def record(meta: Any, said: Any | None = None) -> Shot | None:
    """A shot's record from what its strip remembers; None where it must be left alone: `left_alone` says why.

    `said` is what the strip remembers of another take than the one that it shows (`take_stamps.said_of`).
    """
    said = meta.shotpack if said is None else said
    name = said.shot
    try:
        shot = _read(meta, said)
    except EngineError as fault:
        left_alone[name] = fault
        return None
    left_alone.pop(name, None)
    return shot


def unsent(scene: Any | None = None) -> list[Any]:
    """A strip of each shot, in one scene or in all, that no engine was ever asked for: Blender was closed too early."""
    found: dict[str, Any] = {}
    for owner, meta in shot_strips.stamped():
        if scene in (None, owner) and is_unsent(meta.shotpack):
            found.setdefault(meta.shotpack.shot, meta)
    return list(found.values())


def is_unsent(stamp: Any) -> bool:
    """Whether a shot waits for a press to be sent."""
    if stamp.job or stamp.state == "finished" or stamp.shot in left_alone:
        return False
    return runtime.shot_of(stamp.shot) is None


def _adopt(meta: Any, said: Any) -> None:
    """Follow one strip's shot, or a take of it, if an engine was ever asked for it; else it waits for a press."""
    shot = record(meta, said)
    if shot is not None and shot.job:
        runtime.follow(shot, from_file=True)
        if said.state not in ("failed", "cancelled"):
            _unsure[shot.id] = shot


def _read(meta: Any, said: Any) -> Shot:
    """The shot that a strip tells of; the engine is yet to say whether the job is really its own.

    Raises EngineError: `bad_request` where the strip tells nonsense, `job_unknown` where its pictures lie nowhere any
    more, `folder_untrusted` where they lie somewhere that the artist has not agreed to.
    """
    stamp = meta.shotpack
    number = take_stamps.number_of(stamp, said)
    if not all(map(is_id, (said.shot, *filter(None, (said.job, said.key))))) or not (
        1 <= stamp.frames <= FRAMES_MAXIMUM and FIRST_TAKE <= number <= TAKE_MAXIMUM
    ):
        raise EngineError(Code.BAD_REQUEST, detail="the file says nothing of use about it")
    folder = shot_strips.folder_of(meta)
    if folder is None:
        raise EngineError(Code.JOB_UNKNOWN, name=stamp.name)
    usable = trust.usable(folder)
    if usable is None:
        raise EngineError(Code.FOLDER_UNTRUSTED, path=str(folder))
    shot = Shot(said.shot, stamp.name, usable, stamp.frames, said.job, said.request, said.key)
    shot.confirmed = not said.job
    shot.hidden = max(0, min(stamp.hidden, stamp.frames - 1))
    if number != FIRST_TAKE:
        shot.take, shot.under = number, take_stamps.pictures(stamp, number)
    runtime.share_folder(shot)
    return shot


def _look() -> float | None:
    """Start or find the engine if it has one of the jobs that the file names; say so of those that it has not.

    Returns seconds where the store is to be looked into again, because somebody holds it just now.
    """
    if _unsure and not settings.preferences().remote:
        found = local_store.known(settings.home(), {shot.job for shot in _unsure.values()})
        if found is None:
            return _AGAIN_SECONDS
        for name in [name for name, shot in _unsure.items() if shot.job not in found]:
            shot = _unsure.pop(name)
            runtime.the_client().refuse(shot, EngineError(Code.JOB_UNKNOWN, name=shot.name))
    if _unsure:
        runtime.wake()
    _unsure.clear()
    return None


def attach() -> None:
    """See to the file that is open already: register() must not look at it, a moment later one may."""
    timers.begin(_first, 0.2)


def detach() -> None:
    """Forget it all."""
    timers.end(_first, adopt_again, _look)
    left_alone.clear()
    _unsure.clear()


def _first() -> None:
    adopt()
