"""The one timer: it lets the desk take in what has happened, and the timeline follow. Nothing else calls them.

Strips are left alone while Blender renders, saves or plays ahead; what was to be done then is done afterwards.
"""

from __future__ import annotations

import time
import uuid
from typing import Any

import bpy

from ..engine.client.desk import Desk, EngineState, Where
from ..engine.client.shot import Shot
from . import clip, previews, settings, timeline, timers

BUDGET = 0.004
"""Seconds of a tick, of which the desk may take half; a single shot's strips may take longer."""
_BUSY, _IDLE, _SLEEPING = 0.1, 0.5, 1.0

_HEAR_SECONDS = 5.0

_heard = 0.0
desk: Desk | None = None
"""There while the extension is registered; made on first use."""
_waiting: dict[str, Shot] = {}
"""Shots whose strips may be out of date."""
_finishing: set[str] = set()
"""Complete shots whose strips are being exchanged for the one of all frames."""
_held: set[str] = set()
"""Why strips must be left alone now."""


def the_desk() -> Desk:
    """The desk, made on first use."""
    global desk
    if desk is None:
        desk = Desk(clip.filming())
    return desk


def where() -> Where:
    """The engine that the preferences name."""
    chosen = settings.preferences()
    return Where(
        python=settings.python(),
        folder=settings.engine_folder(),
        home=settings.home(),
        device=chosen.device,
        remote=chosen.remote,
        token=chosen.token,
        online=bpy.app.online_access,
        models=settings.models_home(),
        memory=chosen.memory,
        options=settings.kept(),
    )


def wake() -> None:
    """See to it that there is the engine that the preferences name."""
    the_desk().wake(where())


def new_id() -> str:
    """A name for a shot that no other has."""
    return uuid.uuid4().hex


def send(shot: Shot) -> None:
    """Have a shot made by the engine that the preferences name."""
    wake()
    the_desk().send(shot)
    follow(shot)


def follow(shot: Shot) -> None:
    """Let the timeline follow a shot, from the next tick on."""
    the_desk().follow(shot)
    _waiting[shot.id] = shot


def shot_of(shot: str) -> Shot | None:
    """The record of a shot that is followed."""
    return desk.shots.get(shot) if desk else None


def adopt() -> None:
    """Follow the unfinished shots of the file that is open, and no others; wake the engine if one of them needs it."""
    the_desk().forget()
    _waiting.clear()
    _finishing.clear()
    needed = False
    for _, meta in list(timeline.stamped()):
        stamp = meta.shotpack
        if stamp.state == "finished" or shot_of(stamp.shot):
            continue
        shot = shot_from(meta)
        if shot is None:
            continue
        if not stamp.job:
            send(shot)  # the file was closed before the engine had answered
        else:
            follow(shot)
        needed |= stamp.state not in ("failed", "cancelled")
    if needed:
        wake()


def shot_from(meta: Any) -> Shot | None:
    """A shot's record from what its strip remembers; None where its pictures' folder is not to be found any more."""
    stamp, folder = meta.shotpack, timeline.folder_of(meta)
    return Shot(stamp.shot, stamp.name, folder, stamp.frames, stamp.job, stamp.request) if folder else None


def step() -> float:
    """One tick; returns the seconds until the next. Tests call it where Blender's timers do not run."""
    if desk is None:
        return _SLEEPING
    if _held:
        return _BUSY
    _hear_from_engine()
    for shot in desk.poll(BUDGET / 2):
        _waiting[shot.id] = shot
    until = time.perf_counter() + BUDGET / 2
    changed = False
    while _waiting and _may_touch_strips():
        name = next(iter(_waiting))
        shot = _waiting.pop(name)
        differed = timeline.reconcile(shot, desk.job(shot))
        if shot.complete and differed:
            _waiting[name] = shot  # until there is nothing left to do
            _finishing.add(name)
        elif name in _finishing:
            _finishing.discard(name)
            desk.tidy(shot)
        previews.show(shot.id, desk.job(shot))
        changed = True
        if time.perf_counter() > until:
            break
    if changed or desk.news or desk.state is EngineState.STARTING:
        redraw()
    unfinished = bool(_waiting) or any(not shot.complete for shot in desk.shots.values())
    return _BUSY if unfinished or desk.state is EngineState.STARTING else _IDLE


def redraw() -> None:
    """Draw again what shows shots."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in ("SEQUENCE_EDITOR", "VIEW_3D", "PREFERENCES"):
                area.tag_redraw()


def hold(why: str) -> None:
    """Leave strips alone until `let_go(why)`."""
    _held.add(why)


def let_go(why: str) -> None:
    """Go on with what was held for this reason."""
    _held.discard(why)


def look_again() -> None:
    """The file has changed under us (undo, redo): every shot's strips may be out of date."""
    if desk is not None:
        _waiting.update(desk.shots)


def attach() -> None:
    """Start the timer."""
    # A file may be open already, and register() must not look at it: the first tick does.
    timers.begin(_first, 0.2)
    timers.begin(_tick, 0.5, persistent=True)


def detach() -> None:
    """Stop the timer and let go of the engine: it ends when its pipe closes."""
    global desk
    timers.end(_first, _tick)
    if desk is not None:
        desk.close()
        desk = None
    _waiting.clear()
    _finishing.clear()
    _held.clear()
    previews.clear()


def _may_touch_strips() -> bool:
    """Not while Blender plays with frames rendered ahead: it reads strips from another thread then."""
    screens = [window.screen for window in bpy.context.window_manager.windows]
    playing = any(screen.is_animation_playing for screen in screens)
    editors = [scene.sequence_editor for scene in bpy.data.scenes if scene.sequence_editor]
    return not (playing and any(editor.use_prefetch for editor in editors))


def _hear_from_engine() -> None:
    """What the engine says of its memory is shown, and changes."""
    global _heard
    if desk is not None and desk.state is EngineState.READY and time.monotonic() > _heard + _HEAR_SECONDS:
        _heard = time.monotonic()
        desk.ask()


def _first() -> None:
    adopt()


def _tick() -> float:
    return step()
