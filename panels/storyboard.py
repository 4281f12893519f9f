"""The panel for many shots at once: Animate Storyboard, how its batch stands, and what it had to say."""

from __future__ import annotations

from typing import Any

import bpy

from ..operators import animate, batches, previs, sequencer, through
from .choices import draw_running, time_of
from .shot import Sidebar
from .text import draw_text


class _Storyboard(Sidebar):
    bl_label = "Storyboard"
    bl_order = 5

    def draw(self, context: Any) -> None:
        scene, layout = sequencer.scene_of(context), self.layout
        if draw_running(layout):
            return
        _draw_animate(layout, scene)
        _draw_previs(layout, context)
        _draw_batch(layout, scene)


def _draw_animate(layout: Any, scene: Any) -> None:
    strips, translated = animate.strips_of(scene), bpy.app.translations.pgettext_iface
    layout.prop(scene.shotpack, "storyboard_shots", text="")
    one = animate.is_through(scene)
    if not one:
        layout.prop(scene.shotpack, "to_next")
    said = translated("Animate {count} Strips in One Shot" if one else "Animate {count} Strips")
    row = layout.column()
    row.scale_y = 1.4
    words = said.format(count=len(strips)) if len(strips) > 1 else "Animate Storyboard"
    row.operator("shotpack.animate", icon="SEQ_STRIP_META", text=words)
    if (why := animate.prevented(scene)) is not None:
        draw_text(layout, why, "INFO")
    elif one:
        frames = len(through.frames_of(strips))
        seconds = frames * scene.render.fps_base / scene.render.fps
        said = translated("{frames} frames ({seconds} s); each stretch has its own strip's words")
        draw_text(layout, said.format(frames=frames, seconds=f"{seconds:.1f}"), "TIME")
        for said in through.remarks(scene, strips):
            draw_text(layout, said, "INFO")
        for name in through.gaps(strips):
            draw_text(layout, translated("In the gap after {name} it is on its way to the next.").format(name=name))


def _draw_previs(layout: Any, context: Any) -> None:
    """Shots of the scene's camera markers, where it has any."""
    shots, translated = previs.shots_of(context.scene), bpy.app.translations.pgettext_iface
    if not shots:
        return
    column = layout.column(align=True)
    column.scale_y = 1.2
    said = translated("Previs All {count} Camera Markers").format(count=len(shots))
    column.operator("shotpack.previs_all", icon="VIEW_CAMERA", text=said, translate=False)
    here = previs.shot_at(context.scene)
    said = translated("Previs {name}").format(name=here.title if here is not None else "")
    column.operator("shotpack.previs", icon="CAMERA_DATA", text=said if here is not None else "", translate=False)
    if (why := previs.prevented(context, shots)) is not None:
        draw_text(layout, why, "INFO")


def _draw_batch(layout: Any, scene: Any) -> None:
    """How the latest batch stands: time left in all, what failed and why, what is made next."""
    found, translated = batches.progress(scene), bpy.app.translations.pgettext_iface
    if found is not None:
        said = translated("{made} of {shots} made").format(made=found.made, shots=found.shots)
        if found.failed:
            said += f", {translated('{count} failed').format(count=found.failed)}"
        if found.cancelled:
            said += f", {translated('{count} cancelled').format(count=found.cancelled)}"
        if not found.ended and found.seconds_left is not None:
            said += f", {translated('{time} left').format(time=time_of(found.seconds_left))}"
        if found.ended:
            icon = "ERROR" if found.failed else "CANCEL" if found.cancelled else "CHECKMARK"
            layout.label(text=said, icon=icon, translate=False)
        else:
            row = layout.row(align=True)
            row.progress(factor=found.done, text=said, translate=False)
            row.operator("shotpack.cancel_batch", text="", icon="CANCEL")
            _draw_order(layout, scene)
    told = batches.told(scene)
    for number, (name, sentence) in enumerate((*told, *batches.failures(scene))):
        box = layout.box()
        row = box.row()
        row.label(text=name, icon="SEQUENCE", translate=False)
        if told and not number:  # all that was told goes with one press; what failed stays
            row.operator("shotpack.dismiss", text="", icon="X", emboss=False)
        draw_text(box, sentence)


def _draw_order(layout: Any, scene: Any) -> None:
    """The shots that wait, each with a way to the front."""
    header, body = layout.panel("shotpack_order", default_closed=True)
    header.label(text="Waiting Shots")
    for meta in batches.waiting(scene) if body is not None else ():
        row = body.row(align=True)
        row.label(text=meta.shotpack.board or meta.name, translate=False)
        for first, icon in ((False, "TRIA_UP"), (True, "TRIA_UP_BAR")):
            button = row.operator("shotpack.advance", text="", icon=icon)
            button.shot, button.first = meta.shotpack.shot, first


class SHOTPACK_PT_sequencer_storyboard(_Storyboard, bpy.types.Panel):  # noqa: N801
    """Shots of many strips at once."""

    bl_space_type = "SEQUENCE_EDITOR"


class SHOTPACK_PT_viewport_storyboard(_Storyboard, bpy.types.Panel):  # noqa: N801
    """The same where the artist draws: the Storyboarding workspace has its sidebar in the viewport."""

    bl_space_type = "VIEW_3D"


CLASSES = (SHOTPACK_PT_sequencer_storyboard, SHOTPACK_PT_viewport_storyboard)
