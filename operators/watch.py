"""Watch: a shot that is being made, large, where the artist is; Back puts the editor as it was.

An editor of the window becomes the Sequencer's preview, at the shot's newest frames. While a section is being denoised,
its newest preview is drawn over the picture there: one latent frame of it, by the moment of the playhead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import bpy
import gpu
from gpu_extras.batch import batch_for_shader

from . import live_picture, runtime, sequencer, shot_strips
from .jobs import OnShot

watched = ""
"""The shot that is looked at; empty: none is."""
_turned: _Turned | None = None
_handler: Any = None


@dataclass(frozen=True)
class _Turned:
    """An editor that was turned into a preview, and what it was."""

    area: int
    kind: str
    view: str
    scene: str
    frame: int


def going_on() -> bool:
    """Whether an editor shows a shot instead of what it was."""
    return bool(watched)


class SHOTPACK_OT_watch(OnShot, bpy.types.Operator):  # noqa: N801
    """Show this shot large in this window, also while it is being made; Back puts everything as it was"""

    bl_idname = "shotpack.watch"
    bl_label = "Watch"

    def execute(self, context: Any) -> set[str]:
        global watched, _turned, _handler
        strip, scene = self.strip(context), sequencer.scene_of(context)
        if strip is None:
            return {"CANCELLED"}
        area = _place(context)
        if area is None:
            self.report({"ERROR"}, "This window has no editor that could show the shot; make it larger or open one.")
            return {"CANCELLED"}
        view = area.spaces.active.view_type if area.type == "SEQUENCE_EDITOR" else ""
        if _turned is None:
            _turned = _Turned(area.as_pointer(), area.ui_type, view, scene.name, scene.frame_current)
        area.type = "SEQUENCE_EDITOR"
        space = area.spaces.active
        if space.view_type == "SEQUENCER":
            space.view_type = "PREVIEW" if view == "" else "SEQUENCER_PREVIEW"
        elif view == "":
            space.view_type = "PREVIEW"
        if view == "" and hasattr(space.preview_overlay, "show_metadata"):
            space.preview_overlay.show_metadata = False  # below the picture it is a page of JSON
        space.show_region_ui = True
        bpy.app.timers.register(lambda: _open_tab(area), first_interval=0.2)  # its sidebar is there once it is drawn
        watched = self.shot or strip.shotpack.shot
        scene.frame_set(_newest(strip, watched))
        if _handler is None:
            _handler = bpy.types.SpaceSequenceEditor.draw_handler_add(_draw, (), "PREVIEW", "POST_PIXEL")
        area.tag_redraw()
        return {"FINISHED"}


class SHOTPACK_OT_watch_no_more(bpy.types.Operator):  # noqa: N801
    """Put the editor back as it was before Watch"""

    bl_idname = "shotpack.watch_no_more"
    bl_label = "Back"
    bl_options = {"INTERNAL"}  # noqa: RUF012

    def execute(self, _context: Any) -> set[str]:
        put_back()
        return {"FINISHED"}


def _open_tab(area: Any) -> None:
    """Show Shotpack's tab in an editor's sidebar: there is the way back."""
    try:
        sidebar = next((region for region in area.regions if region.type == "UI"), None)
        if sidebar is not None:
            sidebar.active_panel_category = "Shotpack"
    except (ReferenceError, TypeError, AttributeError):  # it was closed meanwhile, or has no such tab in this Blender
        return


def _newest(strip: Any, name: str) -> int:
    """The scene's frame where a shot changes now: the middle of its open section, the shot's beginning without one."""
    shot, shown = runtime.shot_of(name), sequencer.span(strip)
    job = runtime.client.job(shot) if runtime.client is not None and shot is not None else None
    if job is None or job.plan is None or job.step is None:
        return shown.start
    planned = next((plan for plan in job.plan.sections if plan.section == job.step.section), None)
    if planned is None:
        return shown.start
    middle = sequencer.content_start(strip) + (planned.first + planned.last) // 2 - 1
    return min(max(shown.start, middle), shown.stop - 1)


def _place(context: Any) -> Any | None:
    """The editor that shows the shot best: a preview that is there, else where the artist works, else the largest."""
    areas = list(context.window.screen.areas) if context.window else []
    for area in areas:
        if area.type == "SEQUENCE_EDITOR" and area.spaces.active.view_type != "SEQUENCER":
            return area
    fit = [area for area in areas if area.type in ("VIEW_3D", "IMAGE_EDITOR", "SEQUENCE_EDITOR", "CLIP_EDITOR")]
    pictures = [area for area in fit if area.type != "SEQUENCE_EDITOR"] or fit
    return max(pictures, key=lambda area: area.width * area.height, default=None)


def put_back() -> None:
    """End watching: the editor is what it was, if it is still there."""
    global watched, _turned, _handler
    turned, watched, _turned = _turned, "", None
    if _handler is not None:
        bpy.types.SpaceSequenceEditor.draw_handler_remove(_handler, "PREVIEW")
        _handler = None
    live_picture.forget()
    if turned is None:
        return
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.as_pointer() == turned.area and area.type == "SEQUENCE_EDITOR":
                if turned.view:
                    area.spaces.active.view_type = turned.view
                else:
                    area.ui_type = turned.kind
    scene = bpy.data.scenes.get(turned.scene)
    if scene is not None:
        scene.frame_set(turned.frame)


def _draw() -> None:
    """The newest preview of the section at the playhead, over the whole picture. Blender calls it at each drawing."""
    context = bpy.context
    shot = runtime.shot_of(watched)
    job = runtime.client.job(shot) if runtime.client is not None and shot is not None else None
    preview = job.preview if job is not None else None
    if preview is None or shot is None or job is None or job.plan is None:
        return
    planned = next((plan for plan in job.plan.sections if plan.section == preview.section), None)
    metas = shot_strips.listing(shot.id)
    if planned is None or not metas or preview.section in job.sections:
        return
    at = sequencer.scene_of(context).frame_current - sequencer.content_start(metas[0]) + 1
    if not planned.first <= at <= planned.last or at in shot.visible(job).get(planned.section, ()):
        return
    share = (at - planned.first) / max(1, planned.last - planned.first)
    texture = live_picture.texture(shot.id, share)
    if texture is not None:
        _draw_fitted(texture, context.region, job.plan.width / job.plan.height)


def _draw_fitted(texture: Any, region: Any, aspect: float) -> None:
    """A picture in the middle of a region, as large as it fits."""
    width = min(region.width, region.height * aspect)
    height = width / aspect
    left, low = (region.width - width) / 2, (region.height - height) / 2
    right, high = left + width, low + height
    shader = gpu.shader.from_builtin("IMAGE")
    corners = {
        "pos": ((left, low), (right, low), (right, high), (left, high)),
        "texCoord": ((0, 0), (1, 0), (1, 1), (0, 1)),
    }
    shader.uniform_sampler("image", texture)
    batch_for_shader(shader, "TRI_FAN", corners).draw(shader)


def attach() -> None:
    """Nothing to do before somebody watches."""


def detach() -> None:
    """Leave no handler behind."""
    live_picture.forget()
    global watched, _turned, _handler
    watched, _turned = "", None
    if _handler is not None:
        bpy.types.SpaceSequenceEditor.draw_handler_remove(_handler, "PREVIEW")
        _handler = None


CLASSES = (SHOTPACK_OT_watch, SHOTPACK_OT_watch_no_more)
