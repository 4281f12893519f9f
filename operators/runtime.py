"""The one timer: it lets the client take in what has happened, and the timeline follow. Nothing else calls them.

Strips are left alone while Blender renders or plays ahead; what was to be done then is done afterwards. What goes wrong
with one shot's strips is shown as that shot's problem and tried again, less and less often; the others go on.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any

import bpy

from ..engine.client.engine_client import EngineClient, EngineLocation, EngineState
from ..engine.client.session import Job
from ..engine.client.shot import Shot
from ..engine.errors import EngineError
from . import contact_sheets, moving_previews, previews, settings, shot_strips, timeline, timers, trust, unexpected

BUDGET = 0.004
"""Seconds of a tick, of which the client may take half; a single shot's strips may take longer."""
_BUSY, _IDLE, _SLEEPING = 0.1, 0.5, 1.0

_HEAR_SECONDS = 5.0
_ALIVE = ("queued", "running", "paused")
_TRY_AGAIN = (0.5, 60.0)
"""Seconds until strips that went wrong are tried again: at first, each time twice as many, and at most."""

finished: list[Callable[[Shot, Job | None], None]] = []
"""Who is told of every shot whose strips have come to show all of its frames."""
_heard = 0.0
client: EngineClient | None = None
"""There while the extension is registered; made on first use."""
troubles: dict[str, EngineError] = {}
"""Why a shot's strips are not as they should be; they are tried again."""
_waiting: dict[str, Shot] = {}
"""Shots whose strips may be out of date."""
_shown: dict[str, int] = {}
"""Which revision of a shot its strips show; nothing else of it is looked at before that has risen."""
_finishing: set[str] = set()
"""Complete shots whose strips are being exchanged for the one of all frames."""
_in_file: set[str] = set()
"""Shots whose provisional frames the file on disk may show: they stay until it is saved without them."""
_renders = 0
"""How many renders run, each within the one before (a strip's scene is rendered on its own): strips are left alone."""
_pauses: dict[str, float] = {}
_due: dict[str, float] = {}
"""Shots in trouble: how long the last wait was, and when they are tried again."""
others = 0
"""How many shots the engine makes, or will make, that are none of this file's, as it said last."""
_counted: object = None
"""What it had said of itself then."""
_parked = False
"""Whether the engine makes room for a render of Blender's."""
woken = False
"""Whether anybody has asked for an engine yet."""


def the_client() -> EngineClient:
    """The client, made on first use."""
    global client
    if client is None:
        client = EngineClient(trust.film_renderer())
    return client


def attended() -> bool:
    """Whether anything may be done by itself: in a Blender without a window, only once a script has asked for it."""
    return not bpy.app.background or client is not None


def engine_location() -> EngineLocation:
    """The engine that the preferences name."""
    chosen = settings.preferences()
    return EngineLocation(
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
    global woken
    woken = True
    the_client().wake(engine_location())


def new_id() -> str:
    """A name for a shot, or for one sending of it, that no other has."""
    return uuid.uuid4().hex


def send(shot: Shot) -> None:
    """Have a shot made by the engine that the preferences name."""
    wake()
    the_client().send(shot)
    follow(shot)


def follow(shot: Shot, *, from_file: bool = False) -> None:
    """Let the timeline follow a shot, from the next tick on; with `from_file` the file on disk shows it, too."""
    the_client().follow(shot)
    if from_file:
        _in_file.add(shot.id)
    _look_at(shot)


def saved() -> None:
    """The file on disk shows shots as they stand now: of complete ones it needs no provisional frame any more."""
    if client is None:
        return
    for shot in client.shots.values():
        if not shot.complete or _shown.get(shot.id) != shot.revision:
            _in_file.add(shot.id)
        elif shot.id in _in_file:
            _in_file.discard(shot.id)
            client.tidy(shot)


def shot_of(shot: str) -> Shot | None:
    """The record of a shot that is followed."""
    return client.shots.get(shot) if client else None


def beside(shot: Shot) -> list[Shot]:
    """The other followed shots whose pictures lie in the same folder: other takes of it."""
    return (
        [other for other in client.shots.values() if other is not shot and other.folder == shot.folder]
        if client
        else []
    )


def share_folder(shot: Shot) -> None:
    """Let a new record place its pictures by turns with those of other takes in its folder."""
    for other in beside(shot):
        shot.placing = other.placing


def forget() -> None:
    """Follow no shot any more: another file is open."""
    the_client().forget()
    _clear()
    previews.forget()


def step() -> float:
    """One tick; returns the seconds until the next. Tests call it where Blender's timers do not run."""
    if client is None:
        return _SLEEPING
    if _renders:
        _look_for_render()
    _hear_from_engine()
    for shot in _told(client):
        _waiting[shot.id] = shot
    _count_others(client)
    if _renders:  # its thread reads strips; panels say what goes on, and that the engine is parked
        if client.news:
            redraw()
        return _BUSY
    until = time.perf_counter() + BUDGET / 2
    changed = False
    for name in [name for name, due in _due.items() if due <= time.monotonic() and name in client.shots]:
        del _due[name]
        _waiting[name] = client.shots[name]
    for name in _waiting.keys() & _due.keys():
        del _waiting[name]  # it is looked at when it is due
    metas = shot_strips.by_shot() if _waiting and _may_touch_strips() else None
    while _waiting and metas is not None:
        name = next(iter(_waiting))
        _catch_up(client, _waiting.pop(name), metas.get(name, []))
        changed = True
        if time.perf_counter() > until:
            break
    if _may_touch_strips():
        contact_sheets.step()
    if changed or client.news or client.state is EngineState.STARTING:
        redraw()
    unfinished = bool(_waiting) or any(not shot.complete for shot in client.shots.values())
    return _BUSY if unfinished or client.state is EngineState.STARTING else _IDLE


def redraw() -> None:
    """Draw again what shows shots."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in ("SEQUENCE_EDITOR", "VIEW_3D", "PREFERENCES"):
                area.tag_redraw()


def render_begins(*, ours: bool) -> None:
    """Leave strips alone, which the render's thread reads, and make room on the device unless the render is ours."""
    global _parked, _renders
    _renders += 1
    if client is not None and not ours:
        _parked = True
        client.park(True)


def render_ends() -> None:
    """Once the outermost has ended, strips may change again, and the device is free."""
    global _parked, _renders
    _renders = max(0, _renders - 1)
    if _renders:
        return
    parked, _parked = _parked, False
    if client is not None and parked:
        client.park(False)


def look_again() -> None:
    """The file has changed under us (undo, redo): every shot's strips may be out of date."""
    _due.clear()
    _shown.clear()
    contact_sheets.look_again()
    if client is not None:
        _waiting.update(client.shots)


def attach() -> None:
    """Start the timer."""
    timers.begin(_tick, 0.5, persistent=True)


def detach() -> None:
    """Stop the timer and let go of the engine: it ends when its pipe closes."""
    global client, woken, _parked, _renders
    timers.end(_tick)
    if client is not None:
        client.close()
        client = None
    woken, _parked, _renders = False, False, 0
    _clear()
    previews.clear()


def _clear() -> None:
    """Let go of all that is known of shots."""
    global others, _counted
    for kept in (_waiting, _shown, _finishing, _in_file, troubles, _pauses, _due):
        kept.clear()
    contact_sheets.forget()
    moving_previews.forget()
    others, _counted = 0, client.about if client is not None else None


def _count_others(client: EngineClient) -> None:
    """Only when the engine has just told how many there are: a moment later these shots stand otherwise."""
    global others, _counted
    if client.about is _counted:
        return
    told = client.about.get("jobs")
    alive = [count for state, count in told.items() if state in _ALIVE] if isinstance(told, dict) else []
    jobs = (client.job(shot) for shot in client.shots.values())
    own = sum(job is None or not job.ended for job in jobs)
    others, _counted = max(0, sum(count for count in alive if type(count) is int) - own), client.about


def _told(client: EngineClient) -> list[Shot]:
    """The shots that look different now. A client that goes wrong is asked again at the next tick; the rest goes on."""
    try:
        return client.poll(BUDGET / 2)
    except Exception as fault:
        unexpected.report(fault)
        return []


def _look_at(shot: Shot) -> None:
    _due.pop(shot.id, None)
    _shown.pop(shot.id, None)
    _waiting[shot.id] = shot


def _catch_up(client: EngineClient, shot: Shot, metas: list[Any]) -> None:
    """Bring what shows one shot up to date; what goes wrong with its strips is its own trouble."""
    try:
        moving_previews.take_in(shot, client.job(shot))
        if _shown.get(shot.id) != shot.revision:
            _bring_strips_up(client, shot, metas)
        troubles.pop(shot.id, None)
        _pauses.pop(shot.id, None)
    except Exception as fault:
        unexpected.report(fault)
        troubles[shot.id] = unexpected.error_of(fault)
        first, most = _TRY_AGAIN
        _pauses[shot.id] = min(most, 2 * _pauses.get(shot.id, first / 2))
        _due[shot.id] = time.monotonic() + _pauses[shot.id]
    try:
        previews.show(shot.id, client.job(shot))
    except Exception as fault:
        unexpected.report(fault)  # a shot without a small picture is still a shot


def _bring_strips_up(client: EngineClient, shot: Shot, metas: list[Any]) -> None:
    revision = shot.revision
    differed = timeline.reconcile(shot, client.job(shot), metas)
    if differed:
        contact_sheets.look()
    if shot.complete and differed:
        _waiting[shot.id] = shot  # until there is nothing left to do
        _finishing.add(shot.id)
        return
    _shown[shot.id] = revision
    if shot.id in _finishing:
        _finishing.discard(shot.id)
        if shot.id not in _in_file:
            client.tidy(shot)
        for hear in finished:
            hear(shot, client.job(shot))


def _may_touch_strips() -> bool:
    """Not while Blender plays with frames rendered ahead: it reads strips from another thread then."""
    screens = [window.screen for window in bpy.context.window_manager.windows]
    playing = any(screen.is_animation_playing for screen in screens)
    editors = [scene.sequence_editor for scene in bpy.data.scenes if scene.sequence_editor]
    return not (playing and any(editor.use_prefetch for editor in editors))


def _look_for_render() -> None:
    """End what has ended unheard: Blender tells of no end where a render could not begin, with a full disk say."""
    global _renders
    if not bpy.app.is_job_running("RENDER"):  # one that blocks Blender would block this tick as well
        _renders = 1
        render_ends()


def _hear_from_engine() -> None:
    """What the engine says of its memory is shown, and changes."""
    global _heard
    if client is not None and client.state is EngineState.READY and time.monotonic() > _heard + _HEAR_SECONDS:
        _heard = time.monotonic()
        client.ask()


@unexpected.outlived(_SLEEPING)
def _tick() -> float:
    return step()
