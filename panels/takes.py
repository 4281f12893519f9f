"""The takes of the active strip's shot: each with a picture and what differs, one click shows it; and a new one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from ..operators import new_take, previews, runtime, shot_strips, takes, trust
from .choices import time_of
from .install import draw_addition
from .shot import Sidebar
from .text import draw_text, letters

_SCALE = 3.0
_ICONS = {
    "sending": "NETWORK_DRIVE",
    "queued": "SORTTIME",
    "paused": "RECORD_OFF",
    "failed": "ERROR",
    "cancelled": "CANCEL",
}
_STATES = {
    "sending": "On its way to the engine",
    "queued": "Waits for its turn",
    "paused": "Paused",
    "failed": "Failed",
    "cancelled": "Cancelled",
}


class _Takes(Sidebar):
    bl_label = "Takes"
    bl_order = 1

    @classmethod
    def poll(cls, context: Any) -> bool:
        """There is a shot's strip to tell of."""
        return takes.strip_of(context) is not None

    def draw(self, context: Any) -> None:
        layout, strip = self.layout, takes.strip_of(context)
        stamp = strip.shotpack
        layout.label(text=stamp.name, icon="SEQ_STRIP_META", translate=False)
        folder = shot_strips.folder_of(strip) if len(stamp.takes) else None
        folder = folder if folder is not None and trust.trusted(folder) else None
        for take in stamp.takes:
            _draw_take(layout.box(), stamp, take, folder)
        _draw_new(layout, strip)


def _draw_take(box: Any, stamp: Any, take: Any, folder: Path | None) -> None:
    """One take: its picture, what differs in it, and what can be done with it; `folder` may be looked at."""
    translated = bpy.app.translations.pgettext_iface
    row = box.row()
    picture = _picture(stamp, take, folder)
    if picture:
        row.template_icon(picture, scale=_SCALE)
    column = row.column(align=True)
    top = column.row(align=True)
    name = translated("Take {number}").format(number=take.number)
    shown = stamp.shot == take.shot
    top.operator("shotpack.show_take", text=name, translate=False, depress=shown).take = take.number
    part = top.row(align=True)
    part.enabled = take.state == "finished"
    part.operator("shotpack.star_take", text="", icon="SOLO_ON" if take.starred else "SOLO_OFF").take = take.number
    part = top.row(align=True)
    part.enabled = takes.undeletable(stamp, take) is None
    part.operator("shotpack.delete_take", text="", icon="TRASH").take = take.number
    for words in takes.difference(stamp, take):
        column.label(text=words if len(words) <= letters() else f"{words[: letters() - 1]}…", translate=False)
    _draw_state(column, take)


def _picture(stamp: Any, take: Any, folder: Path | None) -> int:
    """The icon of a frame that only this take shows, or of what is being made of it."""
    name = takes.telling_picture(stamp, take)
    if folder is None or not name:
        return previews.icon(take.shot)
    return previews.of_file(folder / name)


def _draw_state(layout: Any, take: Any) -> None:
    """How a take stands that is not made yet."""
    shot = runtime.shot_of(take.shot)
    job = runtime.client.job(shot) if runtime.client is not None and shot is not None else None
    state = job.state if job is not None else take.state
    if take.state == "finished":
        return
    if shot is None and not take.job:
        layout.label(text="Never sent.", icon="INFO")
        return
    if state in ("running", "finished"):
        left = job.step.seconds_left if job is not None and job.step is not None else None
        words = bpy.app.translations.pgettext_iface("{time} left").format(time=time_of(left)) if left else ""
        layout.progress(factor=job.done if job is not None else 0.0, text=words, translate=False)
    elif state in _STATES:
        layout.label(text=_STATES[state], icon=_ICONS[state])


def _draw_new(layout: Any, strip: Any) -> None:
    """New Take of the shot, and of the section under the playhead with what is made again with it."""
    stamp, translated = strip.shotpack, bpy.app.translations.pgettext_iface
    said = new_take.source_of(stamp)
    plan = new_take.plan_of(stamp, said) if said is not None else None
    layout.operator("shotpack.new_take", text="New Take of the Shot …", icon="ADD").of = "SHOT"
    section = new_take.section_under_playhead(strip, plan) if plan is not None else 0
    words = translated("New Take of Section {section} …") if section else translated("New Take of One Section …")
    button = layout.operator(
        "shotpack.new_take", text=words.format(section=section), icon="SEQ_SPLITVIEW", translate=False
    )
    button.of, button.section = "SECTION", section
    if (why := new_take.prevented(strip)) is not None:
        draw_text(layout, why, "INFO")
        if said is not None:
            layout.operator("shotpack.make_again", icon="FILE_REFRESH").shot = said.shot
    elif said is not None and section:
        draw_text(layout, " ".join(new_take.foretold(said, plan, section)), "INFO", translate=False)
    layout.operator("shotpack.finish", text="Finish …", icon="FULLSCREEN_ENTER")
    draw_addition(layout)


class SHOTPACK_PT_sequencer_takes(_Takes, bpy.types.Panel):  # noqa: N801
    """The takes of the active strip's shot."""

    bl_space_type = "SEQUENCE_EDITOR"


class SHOTPACK_PT_viewport_takes(_Takes, bpy.types.Panel):  # noqa: N801
    """The same where the artist draws."""

    bl_space_type = "VIEW_3D"


CLASSES = (SHOTPACK_PT_sequencer_takes, SHOTPACK_PT_viewport_takes)
