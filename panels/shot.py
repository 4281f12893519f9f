"""The panel that makes a shot: board, prompt, length, Generate, in the Sequencer's and the 3D viewport's sidebar."""

from __future__ import annotations

from typing import Any

import bpy

from ..operators import generate, previews, sequencer, start_sources, view_transform
from .text import draw_text

_CATEGORY = "Shotpack"
_BOARD_SCALE = 5.0


class Sidebar:
    """Where all of Shotpack's panels are."""

    bl_region_type = "UI"
    bl_category = _CATEGORY


def _draw_shot(layout: Any, context: Any) -> None:
    scene = sequencer.scene_of(context)
    wanted = scene.shotpack
    layout.use_property_split = True
    layout.use_property_decorate = False
    layout.prop(wanted, "source")
    strip = start_sources.strip_of(scene)
    if strip is not None:
        _draw_board(layout.box(), scene, strip)
    column = layout.column()
    column.use_property_split = False
    column.prop(wanted, "prompt", text="", placeholder="What happens in the shot")
    layout.prop(wanted, "length")
    if wanted.length == "FRAMES":
        layout.prop(wanted, "frames")
    elif wanted.length == "SECONDS" or (wanted.length == "BOARD" and (strip is None or wanted.source != "STRIP")):
        layout.prop(wanted, "seconds")
    found = generate.intent(context)
    row = layout.column()
    row.scale_y = 1.4
    row.operator("shotpack.generate", icon="RENDER_ANIMATION", text=_button(found))
    if isinstance(found, str):
        draw_text(layout, found, "INFO")
    elif wanted.source == "CLIP":
        words = bpy.app.translations.pgettext_iface("Begins at frame {frame}").format(frame=found.spot.start)
        layout.label(text=words, icon="FORWARD", translate=False)
    elif found.end is not None:
        layout.label(text=f"Ends on {found.end.name}", icon="TRACKING_FORWARDS_SINGLE", translate=False)
    view = scene.view_settings.view_transform
    # A strip's picture is taken before the view transform, and goes through it with the shot; others show it already.
    if wanted.source not in ("STRIP", "CLIP") and view not in view_transform.PLAIN_VIEWS:
        box = layout.box()
        draw_text(box, f"{view} changes the colours of boards and shots.", "ERROR")
        box.operator("shotpack.standard_view")


def _draw_board(layout: Any, scene: Any, strip: Any) -> None:
    picture = sequencer.picture_of(scene, strip)
    if picture is not None and picture.is_file():
        layout.template_icon(previews.of_file(picture), scale=_BOARD_SCALE)
    layout.label(text=strip.name, icon="SEQUENCE", translate=False)


def _button(found: generate.Intent | str) -> str:
    if isinstance(found, str):
        return "Generate"
    return f"Generate {found.spot.length} Frames ({found.spot.length / found.fps:.1f} s)"


class _Shot(Sidebar):
    bl_label = "Shot"

    def draw(self, context: Any) -> None:
        _draw_shot(self.layout, context)


class SHOTPACK_PT_sequencer(_Shot, bpy.types.Panel):  # noqa: N801
    """Make a shot from a board."""

    bl_space_type = "SEQUENCE_EDITOR"


class SHOTPACK_PT_viewport(_Shot, bpy.types.Panel):  # noqa: N801
    """Make a shot from what is seen here."""

    bl_space_type = "VIEW_3D"


CLASSES = (SHOTPACK_PT_sequencer, SHOTPACK_PT_viewport)
