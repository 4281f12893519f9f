"""Draw Framings: the first and the last framing of a camera's move are dragged over the board in the preview."""

from __future__ import annotations

from typing import Any

import bpy

from ..engine.client.framing_handles import Part, Point, dragged, grabbed, kept_within, outline
from ..engine.framings import CENTERS, Framing
from . import camera_moves, framing_overlay, runtime, sequencer

_SAYS = "Drag inside to move, a corner to size, the knob to turn. Enter: done. Esc: as before"
_NAVIGATION = ("MIDDLEMOUSE", "WHEELUPMOUSE", "WHEELDOWNMOUSE", "TRACKPADPAN", "TRACKPADZOOM", "HOME")
_KEPT = ("kind", "start_center", "start_width", "start_roll", "end_center", "end_width", "end_roll")


def prevented(context: Any) -> str | None:
    """The sentence that says why framings cannot be drawn now. Cheap: panels ask at every drawing."""
    scene = sequencer.scene_of(context)
    strip = framing_overlay.strip_of(scene)
    if strip is None:
        return "Select a strip whose Camera is Move."
    if not any(framing_overlay.is_preview(area) for area in _areas(context)):
        return "Let a Sequencer show its preview: framings are drawn over the picture."
    if framing_overlay.covered(scene, strip):
        return "The board is not seen at the playhead; go to its strip, and mute its shots."
    return None


def _areas(context: Any) -> list[Any]:
    screen = context.window.screen if context.window is not None else None
    return list(screen.areas) if screen is not None else []


class SHOTPACK_OT_draw_framings(bpy.types.Operator):  # noqa: N801
    """Drag where the camera begins and where it ends over the board in the Sequencer's preview"""

    bl_idname = "shotpack.draw_framings"
    bl_label = "Draw Framings"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    @classmethod
    def poll(cls, context: Any) -> bool:
        said = prevented(context)
        if said is not None:
            cls.poll_message_set(said)
        return said is None

    def invoke(self, context: Any, _event: Any) -> set[str]:
        """Show handles, and follow the mouse."""
        strip = framing_overlay.strip_of(sequencer.scene_of(context))
        settings = strip.shotpack_board.move
        # What lasts are values and names: nothing of Blender's outlives an event.
        self._before = {name: _value(getattr(settings, name)) for name in _KEPT}
        self._held: tuple[str, Part, Framing, Point, int] | None = None
        framing_overlay.drawing = strip.name
        context.workspace.status_text_set(bpy.app.translations.pgettext_iface(_SAYS))
        context.window_manager.modal_handler_add(self)
        runtime.redraw()
        return {"RUNNING_MODAL"}

    def modal(self, context: Any, event: Any) -> set[str]:
        scene = sequencer.scene_of(context)
        strip = framing_overlay.strip_of(scene)
        if strip is None:  # another file, or the strip is gone
            return self._ended(context, "CANCELLED")
        settings = strip.shotpack_board.move
        if event.type in _NAVIGATION:
            return {"PASS_THROUGH"}
        if event.type in ("ESC", "RIGHTMOUSE") and event.value == "PRESS":
            for name, value in self._before.items():
                setattr(settings, name, value)
            settings.kind = self._before["kind"]
            return self._ended(context, "CANCELLED")
        if event.type in ("RET", "NUMPAD_ENTER") and event.value == "PRESS":
            return self._ended(context, "FINISHED")
        if event.type == "LEFTMOUSE":
            self._held = self._taken(context, event, scene, settings) if event.value == "PRESS" else None
        elif event.type == "MOUSEMOVE" and self._held is not None:
            self._drag(context, event, scene, settings)
        return {"RUNNING_MODAL"}

    def cancel(self, context: Any) -> None:
        """Another file is opened, or Blender quits."""
        self._ended(context, "CANCELLED")

    def _taken(self, context: Any, event: Any, scene: Any, settings: Any) -> Any:
        """What of which framing is taken hold of: with the framing as it is, and where on the board."""
        found = _region_at(context, event.mouse_x, event.mouse_y)
        if found is None:
            return None
        number, region = found
        at = event.mouse_x - region.x, event.mouse_y - region.y
        placed, aspect = framing_overlay.to_screen(scene, region), camera_moves.aspect_of(scene)
        framings = {which: camera_moves.framing_of(settings, which) for which in framing_overlay.COLOURS}
        taken = grabbed({which: outline(each, aspect, placed) for which, each in framings.items()}, at)
        if taken is None:
            return None
        which, part = taken
        return which, part, framings[which], framing_overlay.to_board(scene, region, at), number

    def _drag(self, context: Any, event: Any, scene: Any, settings: Any) -> None:
        assert self._held is not None
        which, part, framing, start, number = self._held
        previews = _previews(context)
        if number >= len(previews):
            return  # its editor was closed
        region, aspect = previews[number], camera_moves.aspect_of(scene)
        now = framing_overlay.to_board(scene, region, (event.mouse_x - region.x, event.mouse_y - region.y))
        changed = dragged(framing, part, start, now, aspect)
        if which == "start":  # the shot begins with it, so the board should have it
            changed = kept_within(changed, aspect)
        least, most = CENTERS
        if least <= changed.x <= most and least <= changed.y <= most:
            camera_moves.set_framing(settings, which, changed)
        runtime.redraw()

    def _ended(self, context: Any, how: str) -> set[str]:
        framing_overlay.drawing = ""
        if context.workspace is not None:
            context.workspace.status_text_set(None)
        runtime.redraw()
        return {how}


def _value(value: Any) -> Any:
    return tuple(value) if hasattr(value, "__len__") and not isinstance(value, str) else value


def _previews(context: Any) -> list[Any]:
    """The regions of this window that show the Sequencer's picture."""
    return [
        region
        for area in _areas(context)
        if framing_overlay.is_preview(area)
        for region in area.regions
        if region.type == "PREVIEW"
    ]


def _region_at(context: Any, x: int, y: int) -> tuple[int, Any] | None:
    """The preview under a pixel of the window, and its number among them."""
    for number, region in enumerate(_previews(context)):
        if 0 <= x - region.x < region.width and 0 <= y - region.y < region.height:
            return number, region
    return None


CLASSES = (SHOTPACK_OT_draw_framings,)
