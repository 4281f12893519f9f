"""What most shots leave as it is: model, size, seed, steps, LoRAs; a panel of its own below the shot's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import bpy

from ..operators import chosen, loras, sequencer
from .choices import draw_model
from .install import draw_addition
from .shot import Sidebar
from .text import draw_text


def _draw_advanced(layout: Any, context: Any) -> None:
    scene = sequencer.scene_of(context)
    wanted = scene.shotpack
    layout.use_property_split = True
    layout.use_property_decorate = False
    details = chosen.details_of(chosen.model_in_use(wanted))
    draw_model(layout, wanted)
    _draw_size(layout, scene)
    row = layout.row(align=True)
    row.prop(wanted, "seed")
    row.operator("shotpack.roll_seed", text="", icon="FILE_REFRESH")
    row = _labelled(layout, "Try")
    row.prop(wanted, "seed_count", text="")
    row.operator("shotpack.try_seeds", icon="RENDERLAYERS")
    layout.prop(wanted, "speed")
    layout.prop(wanted, "at_limit")
    for name in ("steps", "guidance"):
        _draw_own(layout, wanted, name, details)
    if details is None or len(details["orders"]) > 1:
        layout.prop(wanted, "order")
    _draw_packing(layout, wanted, chosen.packings_of(details))
    layout.prop(wanted, "rate")
    _draw_between(layout, wanted)
    if details is not None and details["negative"]:
        layout.prop(wanted, "negative")
    layout.prop(wanted, "use_end")
    layout.prop(wanted, "prompt_channel")
    if wanted.source == "CAMERA":
        layout.prop(wanted, "engine")
    _draw_loras(layout, wanted)


def _draw_size(layout: Any, scene: Any) -> None:
    size = chosen.chosen_size(scene.shotpack)
    own = chosen.own_size(scene)
    row = _labelled(layout, "Size")
    if own is None:
        row.label(text="Known once the engine runs")
        return
    width, height = size or own
    row.menu("SHOTPACK_MT_sizes", text=f"{width} x {height}", translate=False)


def _draw_own(layout: Any, wanted: Any, name: str, details: Any) -> None:
    """A number that is the model's own until the artist sets another."""
    row = layout.row(align=True)
    if getattr(wanted, name):
        row.prop(wanted, name)
        row.operator("shotpack.own_value", text="", icon="LOOP_BACK").name = name
        return
    own = bpy.app.translations.pgettext_iface("Model's Own")
    text = f"{own}: {details[name]:g}" if details is not None else own
    row = _labelled(layout, name.capitalize())
    row.operator("shotpack.own_value", text=text, translate=False).name = name


def _draw_packing(layout: Any, wanted: Any, packings: Sequence[str]) -> None:
    """By what history is packed, of what the model was trained for; nothing where there is no choice."""
    if not packings:
        return
    column = _labelled(layout, "Remembers").column(align=True)
    column.use_property_split = False  # each choice is its own button, and has no label beside it
    for packing in ("AUTO", *packings):
        column.prop_enum(wanted, "packing", packing)


def _draw_between(layout: Any, wanted: Any) -> None:
    """What is shown between two of the model's frames; grey, with the reason, where nothing lies between them."""
    why = chosen.why_no_between(wanted)
    row = layout.row()
    row.active = why is None
    row.enabled = why in (None, chosen.NO_FLOW)
    row.prop(wanted, "between")
    if why is not None:
        draw_text(layout, why, "INFO")
    if why == chosen.NO_FLOW:
        layout.operator("shotpack.install_finishing", icon="IMPORT")
        draw_addition(layout)


def _labelled(layout: Any, text: str) -> Any:
    """A row for what is no property, with its name where names of properties are."""
    split = layout.row().split(factor=0.4)
    split.alignment = "RIGHT"
    split.label(text=text)
    return split.row(align=True)


def _draw_loras(layout: Any, wanted: Any) -> None:
    here = loras.here()
    column = layout.column(align=True)
    for index, choice in enumerate(wanted.lora_choices):
        row = column.row(align=True)
        row.alert = here is not None and choice.name not in here
        row.prop(choice, "weight", text=choice.name, translate=False)
        row.operator("shotpack.remove_lora", text="", icon="X").index = index
    if wanted.loras:
        layout.prop(wanted, "loras")
    layout.menu("SHOTPACK_MT_loras", icon="ADD")


class SHOTPACK_MT_loras(bpy.types.Menu):  # noqa: N801
    """The LoRAs that the engine has"""

    bl_label = "Add LoRA"

    def draw(self, _context: Any) -> None:
        here = loras.here()
        if here is None:
            self.layout.label(text="The engine has not been heard yet.")
        elif not here:
            self.layout.label(text="No LoRA lies in the engine's folder.")
        for name in here or ():
            self.layout.operator("shotpack.add_lora", text=name, translate=False).name = name
        self.layout.separator()
        self.layout.operator("shotpack.look_for_loras", icon="FILE_REFRESH")


class SHOTPACK_MT_sizes(bpy.types.Menu):  # noqa: N801
    """The sizes that the model was trained at"""

    bl_label = "Size"

    def draw(self, context: Any) -> None:
        scene = sequencer.scene_of(context)
        details, own = chosen.details_of(chosen.model_in_use(scene.shotpack)), chosen.own_size(scene)
        if details is None or own is None:
            return
        now = chosen.chosen_size(scene.shotpack)
        words = bpy.app.translations.pgettext_iface("The Board's Shape")
        icon = "BLANK1" if now else "CHECKMARK"
        self.layout.operator("shotpack.choose_size", text=f"{words}: {own[0]} x {own[1]}", icon=icon, translate=False)
        self.layout.separator()
        for width, height in details["sizes"]:
            icon = "CHECKMARK" if now == (width, height) else "BLANK1"
            text = f"{width} x {height}"
            entry = self.layout.operator("shotpack.choose_size", text=text, icon=icon, translate=False)
            entry.size = f"{width}x{height}"


class _Advanced(Sidebar):
    bl_label = "Advanced"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012

    def draw(self, context: Any) -> None:
        _draw_advanced(self.layout, context)


class SHOTPACK_PT_sequencer_advanced(_Advanced, bpy.types.Panel):  # noqa: N801
    """What most shots leave as it is."""

    bl_space_type = "SEQUENCE_EDITOR"
    bl_parent_id = "SHOTPACK_PT_sequencer"


class SHOTPACK_PT_viewport_advanced(_Advanced, bpy.types.Panel):  # noqa: N801
    """What most shots leave as it is."""

    bl_space_type = "VIEW_3D"
    bl_parent_id = "SHOTPACK_PT_viewport"


CLASSES = (SHOTPACK_MT_loras, SHOTPACK_MT_sizes, SHOTPACK_PT_sequencer_advanced, SHOTPACK_PT_viewport_advanced)
