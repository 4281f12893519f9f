"""Which view transforms leave boards and shots as they are, and the button that chooses one."""

from __future__ import annotations

import contextlib
from typing import Any

import bpy

from . import sequencer

_AS_THEY_ARE = ("Standard", "Un-tone-mapped")
"""What colour configurations call a view that shows colours as they are."""
PLAIN_VIEWS = (*_AS_THEY_ARE, "Raw")
"""Views that need no warning."""


class SHOTPACK_OT_standard_view(bpy.types.Operator):  # noqa: N801
    """Show this timeline's pictures as they are: boards and shots are made for the Standard view transform"""

    bl_idname = "shotpack.standard_view"
    bl_label = "Use Standard View Transform"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    def execute(self, context: Any) -> set[str]:
        view = sequencer.scene_of(context).view_settings
        for name in _AS_THEY_ARE:
            with contextlib.suppress(TypeError):  # this colour configuration, or this display, has none of that name
                view.view_transform = name
                view.look = "None"
                return {"FINISHED"}
        self.report({"ERROR"}, "This display has no view that shows colours as they are; choose one in the scene.")
        return {"CANCELLED"}


CLASSES = (SHOTPACK_OT_standard_view,)
