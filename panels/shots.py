"""The list of shots: how each stands, what can be done with it, what is being denoised."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import bpy

from ..operators import adoption, previews, problems, runtime, sequencer, timeline, unexpected
from .problem import draw_problem
from .shot import Sidebar
from .text import draw_text

_ICONS = {
    "sending": "EXPORT",
    "queued": "SORTTIME",
    "running": "PLAY",
    "paused": "PAUSE",
    "finished": "CHECKMARK",
    "failed": "ERROR",
    "cancelled": "X",
}


class _Shots(Sidebar):
    bl_label = "Shots"
    bl_order = 10

    def draw(self, context: Any) -> None:
        layout, drawn = self.layout, set()
        scene = sequencer.scene_of(context)
        _draw_unsent(layout, len(adoption.unsent(scene)))
        for stamp in _stamps(scene):
            if stamp.shot not in drawn:
                drawn.add(stamp.shot)
                _draw_guarded(layout, stamp)
        for shot in list(runtime.client.shots.values()) if runtime.client else ():
            if shot.id not in drawn and not timeline.find(shot.id):
                _draw_homeless(layout, shot)
                drawn.add(shot.id)
        if not drawn:
            layout.label(text="No shots yet.")


class SHOTPACK_PT_sequencer_shots(_Shots, bpy.types.Panel):  # noqa: N801
    """The shots of this timeline."""

    bl_space_type = "SEQUENCE_EDITOR"


class SHOTPACK_PT_viewport_shots(_Shots, bpy.types.Panel):  # noqa: N801
    """The shots of the timeline that goes with this viewport."""

    bl_space_type = "VIEW_3D"


def _stamps(scene: Any) -> Iterator[Any]:
    for owner, meta in timeline.stamped():
        if owner == scene:
            yield meta.shotpack


def _draw_unsent(layout: Any, count: int) -> None:
    """Opening a file sends nothing: what was never sent waits for a press."""
    if not count:
        return
    translated = bpy.app.translations.pgettext_iface
    one, more = "1 shot was never sent.", "{count} shots were never sent."
    box = layout.box()
    draw_text(box, translated(one) if count == 1 else translated(more).format(count=count), "INFO")
    box.operator("shotpack.send_unsent", icon="EXPORT", text="Send It" if count == 1 else "Send Them")


def _draw_guarded(layout: Any, stamp: Any) -> None:
    """One shot's box; what goes wrong with it hides no other."""
    try:
        _draw_stamped(layout, stamp)
    except Exception as fault:
        unexpected.report(fault)
        draw_problem(layout, problems.of_error(unexpected.error_of(fault)), stamp.shot)


def _draw_stamped(layout: Any, stamp: Any) -> None:
    shot = runtime.shot_of(stamp.shot)
    job = runtime.client.job(shot) if runtime.client and shot else None
    state = job.state if job else stamp.state
    box = layout.box()
    row = box.row(align=True)
    row.operator("shotpack.select", text=stamp.name, icon=_ICONS.get(state, "SEQUENCE"), emboss=False).shot = stamp.shot
    problem = problems.of_shot(shot, job) if shot else None
    if stamp.shot not in adoption.left_alone:
        # What would fail again as it is gets no button for that beside the one that helps.
        again = problem is not None and problem.fix is not None and problem.fix.operator == "shotpack.send_again"
        _draw_actions(row, shot, stamp.shot, () if again else _actions(state))
        row.operator("shotpack.use_again", text="", icon="TEXT").shot = stamp.shot
        row.operator("shotpack.reveal", text="", icon="FILE_FOLDER").shot = stamp.shot
    if shot is None:
        if stamp.shot in adoption.left_alone:
            draw_problem(box, problems.of_error(adoption.left_alone[stamp.shot]), stamp.shot)
        elif adoption.is_unsent(stamp):
            row = box.row()
            row.label(text="Never sent.")
            row.operator("shotpack.send_unsent").shot = stamp.shot
        elif stamp.state != "finished":
            adoption.adopt_soon()
        return
    _draw_ordered(box, shot)
    if state in ("running", "paused") and job is not None:
        box.progress(factor=job.done, text=_progress(job))
        icon_id = previews.icon(shot.id)
        if icon_id:
            box.template_icon(icon_id, scale=7.0)
    elif state == "sending" and shot.fault is None:
        box.label(text="Waiting for the engine …")
    elif state == "queued":
        box.label(text="Waiting for its turn.")
    for notice in job.notices if job is not None else ():
        draw_text(box, f"{notice[:1].upper()}{notice[1:]}.", "INFO")
    if problem is not None:
        draw_problem(box, problem, stamp.shot)


def _draw_actions(row: Any, shot: Any, name: str, actions: Iterable[tuple[str, str]]) -> None:
    """Buttons for orders; those that an order on its way leaves nothing to do for are grey."""
    ordered = shot.ordered if shot is not None else ""
    for action, icon in actions:
        part = row.row(align=True)
        part.enabled = ordered == "" or (ordered, action) == ("pause", "cancel")
        part.operator(f"shotpack.{action}", text="", icon=icon).shot = name


def _draw_ordered(layout: Any, shot: Any) -> None:
    """What was ordered and is not so yet: the engine makes the present step first."""
    if shot.ordered == "cancel":
        layout.label(text="Being cancelled …")
    elif shot.ordered == "pause":
        layout.label(text="Being paused …")


def _draw_homeless(layout: Any, shot: Any) -> None:
    box = layout.box()
    row = box.row(align=True)
    row.label(text=f"{shot.name} is not on the timeline", icon="QUESTION", translate=False)
    row.operator("shotpack.put_back", text="", icon="LOOP_BACK").shot = shot.id
    job = runtime.client.job(shot) if runtime.client else None
    if job is not None and not job.ended:
        _draw_actions(row, shot, shot.id, (("cancel", "X"),))
    elif shot.job or shot.fault is not None:  # not while it is on its way to the engine
        row.operator("shotpack.forget", text="", icon="REMOVE").shot = shot.id
    _draw_ordered(box, shot)


def _actions(state: str) -> tuple[tuple[str, str], ...]:
    if state in ("queued", "running"):
        return (("pause", "PAUSE"), ("cancel", "X"))
    if state == "paused":
        return (("resume", "PLAY"), ("cancel", "X"))
    return (("resume", "PLAY"),) if state in ("failed", "cancelled") else ()


def _progress(job: Any) -> str:
    if job.stage:
        return f"{job.stage[:1].upper()}{job.stage[1:]}"
    made, of = len(job.sections), len(job.plan.sections) if job.plan else 0
    words = f"Section {min(made + 1, of)} of {of}"
    left = job.step.seconds_left if job.step else None
    return words if left is None else f"{words}, {time_left(left)} left"


def time_left(seconds: float) -> str:
    """Seconds as an artist reads them."""
    whole = round(seconds)
    return f"{whole} s" if whole < 90 else f"{whole // 60}:{whole % 60:02d} min"


CLASSES = (SHOTPACK_PT_sequencer_shots, SHOTPACK_PT_viewport_shots)
