"""The list of shots: how each stands, what can be done with it, what is being denoised."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import bpy

from ..operators import (
    adoption,
    finish,
    previews,
    problems,
    remake_sources,
    runtime,
    sequencer,
    shot_folders,
    shot_strips,
    take_stamps,
    timeline,
    unexpected,
    watch,
)
from .choices import time_of
from .drift import draw_drift, draw_question
from .follow import draw_coverage
from .problem import draw_problem
from .shot import Sidebar
from .text import draw_text

# None of these is the icon of a button: what is, and what can be done, do not look alike.
_ICONS = {
    "sending": "NETWORK_DRIVE",
    "queued": "SORTTIME",
    "running": "RECORD_ON",
    "paused": "RECORD_OFF",
    "finished": "CHECKMARK",
    "failed": "ERROR",
    "cancelled": "CANCEL",
}
_PREVIEW_SCALE = 7.0


class _Shots(Sidebar):
    bl_label = "Shots"
    bl_order = 10

    def draw(self, context: Any) -> None:
        layout, drawn = self.layout, set()
        scene = sequencer.scene_of(context)
        if watch.going_on():
            layout.operator("shotpack.watch_no_more", text="Back from Watching", icon="LOOP_BACK")
        _draw_unsent(layout, len(adoption.unsent(scene)))
        for stamp in _stamps(scene):
            for said in (stamp, *_makes(stamp)):
                if said.shot not in drawn:
                    drawn.add(said.shot)
                    _draw_guarded(layout, said, stamp)
        for shot in list(runtime.client.shots.values()) if runtime.client else ():
            if shot.id not in drawn and not shot_strips.listing(shot.id):
                _draw_homeless(layout, shot)
                drawn.add(shot.id)
        if not drawn:
            layout.label(text="No shots yet.")
        elif not shot_folders.beside_file():
            draw_text(layout, "Until this file is saved, its shots lie in Shotpack's own folder.", "INFO")
        row = layout.row(align=True)
        if remake_sources.strip_of(context) is not None:
            row.operator("shotpack.remake", icon="DUPLICATE")
        row.operator("shotpack.remake_file", icon="FILEBROWSER")


class SHOTPACK_PT_sequencer_shots(_Shots, bpy.types.Panel):  # noqa: N801
    """The shots of this timeline."""

    bl_space_type = "SEQUENCE_EDITOR"


class SHOTPACK_PT_viewport_shots(_Shots, bpy.types.Panel):  # noqa: N801
    """The shots of the timeline that goes with this viewport."""

    bl_space_type = "VIEW_3D"


class SHOTPACK_MT_shot(bpy.types.Menu):  # noqa: N801
    """What can be done with the shot besides pausing and cancelling it"""

    bl_label = "Shot"

    def draw(self, context: Any) -> None:
        name = context.shotpack_shot.shot
        layout = self.layout
        layout.operator("shotpack.watch", icon="HIDE_OFF").shot = name
        layout.operator("shotpack.select", icon="RESTRICT_SELECT_OFF").shot = name
        layout.operator("shotpack.reveal", icon="FILE_FOLDER").shot = name
        layout.separator()
        layout.operator("shotpack.finish", text="Finish …", icon="FULLSCREEN_ENTER").shot = name
        layout.operator("shotpack.use_again", icon="TEXT").shot = name
        layout.operator("shotpack.make_again", icon="DUPLICATE").shot = name
        if not any(len(meta.shotpack.takes) for meta in shot_strips.listing(name)):  # takes go on from it where it is
            layout.operator("shotpack.send_again", icon="FILE_REFRESH").shot = name
            anew = layout.operator("shotpack.send_again", text="Send Again as Chosen Now", icon="OPTIONS")
            anew.shot, anew.chosen_now = name, True
        layout.separator()
        layout.operator("shotpack.remove_shot", icon="TRASH").shot = name


def _stamps(scene: Any) -> Iterator[Any]:
    for owner, meta in shot_strips.stamped():
        if owner == scene and not meta.shotpack.trying:  # those are in a list of their own (`panels/seeds.py`)
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


def _makes(stamp: Any) -> Iterator[Any]:
    """The takes that are being made, or could not be, of a strip that shows another one."""
    for take in stamp.takes:
        if take.shot != stamp.shot and take.state != "finished" and runtime.shot_of(take.shot) is not None:
            yield take


def _title(said: Any, stamp: Any) -> str:
    """A shot's name, and of one that has takes which of them it is."""
    number = take_stamps.number_of(stamp, said)
    if number == 1 and not len(stamp.takes):
        return str(stamp.name)
    return str(bpy.app.translations.pgettext_iface("{name}, take {number}")).format(name=stamp.name, number=number)


def _draw_guarded(layout: Any, said: Any, stamp: Any) -> None:
    """One shot's box, or a take's that its strip does not show; what goes wrong with it hides no other."""
    try:
        strip = shot_strips.active(stamp.id_data)
        active = strip is not None and strip.shotpack.shot == said.shot
        _draw_stamped(layout, stamp, said, _title(said, stamp), active=active)
    except Exception as fault:
        unexpected.report(fault)
        draw_problem(layout, problems.of_error(unexpected.error_of(fault)), said.shot)


def _draw_stamped(layout: Any, stamp: Any, said: Any, title: str, *, active: bool) -> None:
    """The box of a shot, or of one of its takes, by what is `said` of it; there is more to see of the active one."""
    shot = runtime.shot_of(said.shot)
    job = runtime.client.job(shot) if runtime.client and shot else None
    state = job.state if job else timeline.state_without_job(shot) or said.state
    box = layout.box()
    row = box.row(align=True)
    icon = _ICONS.get(state, "SEQUENCE")
    row.operator("shotpack.select", text=title, icon=icon, emboss=False, translate=False).shot = said.shot
    problem = problems.of_shot(shot, job) if shot else None
    if said.shot not in adoption.left_alone:
        # What would fail again as it is gets no button for that beside the one that helps.
        again = problem is not None and problem.fix is not None and problem.fix.operator == "shotpack.send_again"
        unsent = shot is None and adoption.is_unsent(said)  # it has a button of its own
        _draw_orders(row, shot, said.shot, "" if again or unsent else state)
        row.context_pointer_set("shotpack_shot", said)
        row.menu("SHOTPACK_MT_shot", text="", icon="DOWNARROW_HLT")
    if shot is None:
        if said.shot in adoption.left_alone:
            draw_problem(box, problems.of_error(adoption.left_alone[said.shot]), said.shot)
        elif adoption.is_unsent(said):
            row = box.row()
            row.label(text="Never sent.")
            row.operator("shotpack.send_unsent").shot = said.shot
        elif said.state != "finished":
            adoption.adopt_soon()
        else:
            draw_drift(box, stamp, said, None, active=active)
        return
    if state in ("running", "queued") and not _is_engine_there():
        draw_text(box, "Stands still: the engine is off. Start it, and the shot goes on at its open section.", "INFO")
        box.operator("shotpack.start_engine", icon="PLAY")
    elif state in ("running", "paused") and job is not None:
        _draw_making(box, shot, job)
    elif state == "sending" and shot.fault is None:
        draw_text(box, _ordered(shot) or (_followed(shot.guide) if shot.guide.of else "Waiting for the engine …"))
    elif state == "queued":
        draw_text(box, _ordered(shot) or _waiting())
    for notice in job.notices if job is not None else ():
        draw_text(box, f"{notice[:1].upper()}{notice[1:]}.", "INFO")
    if problem is not None:
        draw_problem(box, problem, said.shot)  # above the curves, under which a low sidebar would hide it
    draw_drift(box, stamp, said, job, active=active)
    draw_coverage(box, shot.guide)


def _followed(guide: Any) -> str:
    """How far the pictures are that a shot's camera will see, or that its move shows."""
    words = (
        "Moving over the board: {made} of {of} pictures"
        if guide.flat
        else "Following the camera: {made} of {of} pictures"
    )
    words = bpy.app.translations.pgettext_iface(words)
    return str(words.format(made=guide.made, of=guide.of))


def _draw_making(box: Any, shot: Any, job: Any) -> None:
    """How far a shot is, and what it looks like."""
    box.progress(factor=job.done, text=_ordered(shot) or _progress(shot, job))
    draw_question(box, shot, job)  # above the picture, under which a low sidebar would hide it
    if watch.watched == shot.id or finish.is_finish(shot):
        return  # it is seen large already, or in its strip, frame by frame
    box.operator("shotpack.watch", icon="HIDE_OFF").shot = shot.id
    icon_id = previews.icon(shot.id)
    if icon_id:
        box.template_icon(icon_id, scale=_PREVIEW_SCALE)


def _draw_orders(row: Any, shot: Any, name: str, state: str) -> None:
    """Two places that never change: pausing or going on, and cancelling; what cannot be ordered now is grey."""
    ordered = shot.ordered if shot is not None else ""
    coming = _is_coming(shot)
    alive = coming or state in ("queued", "running", "paused")
    if not (alive or state in ("failed", "cancelled")) or (shot is not None and not shot.job and not coming):
        return
    first = row.row(align=True)
    goes_on = state in ("paused", "failed", "cancelled")
    first.enabled = ordered == "" and not coming and (goes_on or _is_engine_there())
    action, icon = ("resume", "PLAY") if goes_on else ("pause", "PAUSE")
    first.operator(f"shotpack.{action}", text="", icon=icon).shot = name
    second = row.row(align=True)
    second.enabled = alive and ordered in ("", "pause")
    second.operator("shotpack.cancel", text="", icon="X").shot = name


def _is_coming(shot: Any) -> bool:
    """Whether a shot is on its way to the engine, be it that its pictures are being made first."""
    return shot is not None and not shot.job and shot.fault is None


def _is_engine_there() -> bool:
    return runtime.client is not None and runtime.client.state not in ("off", "ended")


def _ordered(shot: Any) -> str:
    """What was ordered and is not so yet: the engine makes the present step first."""
    words = {"cancel": "Stopping after this step …", "pause": "Pausing after this step …"}
    return str(bpy.app.translations.pgettext_iface(words[shot.ordered])) if shot.ordered in words else ""


def _waiting() -> str:
    """Why a shot that is queued is not made yet."""
    about = runtime.client.about if runtime.client is not None else {}
    jobs = about.get("jobs") or {}
    if any(jobs.get(state) for state in ("running", "paused")):
        return "Waiting for its turn."
    return "Begins in a moment: the engine is loading."


def _draw_homeless(layout: Any, shot: Any) -> None:
    """A shot without a strip: an undo or a delete takes it off the timeline, and nothing else."""
    box = layout.box()
    job = runtime.client.job(shot) if runtime.client else None
    going_on = job is not None and not job.ended
    translated = bpy.app.translations.pgettext_iface
    told = "{name} is not on the timeline any more, but it is still being made."
    words = translated(told if going_on or _is_coming(shot) else "{name} is not on the timeline.").format(
        name=shot.name
    )
    draw_text(box, words, "QUESTION")
    if going_on and job.state == "queued":
        draw_text(box, _ordered(shot) or _waiting())
    elif going_on:
        box.progress(factor=job.done, text=_ordered(shot) or _progress(shot, job))
    elif _is_coming(shot) and (said := _ordered(shot)):
        draw_text(box, said)
    row = box.row(align=True)
    row.operator("shotpack.put_back", text="Put Back", icon="LOOP_BACK").shot = shot.id
    if going_on or _is_coming(shot):
        part = row.row(align=True)
        part.enabled = shot.ordered in ("", "pause")
        part.operator("shotpack.cancel", text="Stop It", icon="X").shot = shot.id
    else:
        row.operator("shotpack.forget", text="Take off List", icon="REMOVE").shot = shot.id
        box.operator("shotpack.remove_shot", icon="TRASH").shot = shot.id


def _progress(shot: Any, job: Any) -> str:
    if job.stage:
        return f"{job.stage[:1].upper()}{job.stage[1:]}"
    made, of = len(job.sections), len(job.plan.sections) if job.plan else 0
    translated = bpy.app.translations.pgettext_iface
    words = str(translated("Section {made} of {of}").format(made=min(made + 1, of), of=of))
    if finish.is_finish(shot):
        words = str(translated("Finishing"))  # frame by frame: what the model made it of does not matter to it
    left = job.step.seconds_left if job.step else None
    return words if left is None else f"{words}, {translated('{time} left').format(time=time_of(left))}"


CLASSES = (SHOTPACK_MT_shot, SHOTPACK_PT_sequencer_shots, SHOTPACK_PT_viewport_shots)
