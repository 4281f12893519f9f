"""What most shots leave as it is: model, seed, steps, LoRAs; a panel of its own below the shot's."""

from __future__ import annotations

from typing import Any

import bpy

from ..operators import loras, sequencer
from .shot import Sidebar


def _draw_advanced(layout: Any, context: Any) -> None:
    wanted = sequencer.scene_of(context).shotpack
    layout.use_property_split = True
    layout.use_property_decorate = False
    for name in ("seed", "speed", "steps", "guidance", "order", "rate", "use_end", "prompt_channel", "engine", "model"):
        layout.prop(wanted, name)
    _draw_loras(layout, wanted)


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


CLASSES = (SHOTPACK_MT_loras, SHOTPACK_PT_sequencer_advanced, SHOTPACK_PT_viewport_advanced)
