"""The panel for what lies beside strips: the gap between two, what comes after or before one, a shot made longer."""

from __future__ import annotations

from typing import Any

import bpy

from ..operators import extend, joins, sequencer, start_sources
from .shot import Sidebar
from .text import draw_text


class _Joins(Sidebar):
    bl_label = "Extend and Bridge"
    bl_order = 3

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether there is a strip to do that with."""
        scene = sequencer.scene_of(context)
        return scene is not None and bool(sequencer.chosen(scene))

    def draw(self, context: Any) -> None:
        scene, layout = sequencer.scene_of(context), self.layout
        layout.use_property_split, layout.use_property_decorate = True, False
        draw_text(layout, "Empty words and all other settings: as in the panel Shot.", "INFO")
        for said in joins.remarks(scene):
            draw_text(layout, said, "INFO")
        two = len(sequencer.chosen(scene)) == 2
        if two:
            _draw_bridge(layout, scene)
        if (strip := joins.neighbour(scene)) is None:
            return
        if two:  # then it is the gap that matters
            header, layout = layout.panel("shotpack_beside", default_closed=True)
            words = bpy.app.translations.pgettext_iface("After and Before {name}").format(name=strip.name)
            header.label(text=words, translate=False)
        if layout is not None:
            _draw_beside(layout, context, strip)


def _draw_bridge(layout: Any, scene: Any) -> None:
    between, found = joins.gap(scene), joins.bridge(scene)
    if not isinstance(between, str):
        _draw_words(layout, between[0], "after", "Between", found)
    _draw_button(layout, "shotpack.bridge", "Bridge {frames} Frames ({seconds} s)", found)


def _draw_beside(layout: Any, context: Any, strip: Any) -> None:
    """What can be made right beside one strip."""
    scene = sequencer.scene_of(context)
    layout.prop(scene.shotpack, "more")
    if strip.type == "META" and strip.shotpack.shot:
        _draw_extend(layout, scene)
    after, before = joins.after(scene), joins.before(context)
    _draw_words(layout, strip, "after", "After", after)
    _draw_button(layout, "shotpack.make_after", "Make {frames} Frames After ({seconds} s)", after)
    _draw_words(layout, strip, "before", "Before", before)
    _draw_button(layout, "shotpack.make_before", "Make {frames} Frames Before ({seconds} s)", before)


def _draw_extend(layout: Any, scene: Any) -> None:
    found, translated = extend.extension(scene), bpy.app.translations.pgettext_iface
    text = "Extend Shot"
    if not isinstance(found, str):
        text = translated("Extend by {frames} Frames ({seconds} s)").format(
            frames=found.by, seconds=f"{found.by * scene.render.fps_base / scene.render.fps:.1f}"
        )
    layout.operator("shotpack.extend", icon="TRACKING_FORWARDS_SINGLE", text=text)
    draw_text(layout, found if isinstance(found, str) else "It keeps the shot's own words and settings.", "INFO")


def _draw_words(layout: Any, strip: Any, name: str, label: str, found: joins.Intent | str) -> None:
    """The join's own words; as long as it has none, those that it would be made with."""
    words = found.words if not isinstance(found, str) else None
    said = words.text if words is not None and words.source is not start_sources.WordSource.STRIP else ""
    layout.prop(strip.shotpack_board, name, text=label, placeholder=said or "What happens there")


def _draw_button(layout: Any, operator: str, text: str, found: joins.Intent | str) -> None:
    """The button, with what it makes; where it makes nothing, why."""
    if isinstance(found, str):
        layout.operator(operator)
        draw_text(layout, found, "INFO")
        return
    length = found.spot.length
    words = bpy.app.translations.pgettext_iface(text).format(frames=length, seconds=f"{length / found.fps:.1f}")
    layout.operator(operator, text=words)


class SHOTPACK_PT_sequencer_joins(_Joins, bpy.types.Panel):  # noqa: N801
    """What lies beside the selected strips."""

    bl_space_type = "SEQUENCE_EDITOR"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012


class SHOTPACK_PT_viewport_joins(_Joins, bpy.types.Panel):  # noqa: N801
    """The same where the artist draws."""

    bl_space_type = "VIEW_3D"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012


CLASSES = (SHOTPACK_PT_sequencer_joins, SHOTPACK_PT_viewport_joins)
