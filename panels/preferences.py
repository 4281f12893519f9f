"""Shotpack's preferences: the engine's installation, where it runs, what it may use."""

from __future__ import annotations

from typing import Any

import bpy

from ..operators.settings import ADDON, PreferenceProperties
from .install import draw_install
from .models import draw_models


class ShotpackPreferences(PreferenceProperties, bpy.types.AddonPreferences):
    """Where the engine is and what it may use."""

    bl_idname = ADDON

    def draw(self, context: Any) -> None:
        layout = self.layout
        layout.use_property_split = True
        draw_install(layout)
        draw_models(layout)
        column = layout.column()
        column.prop(self, "device")
        column.prop(self, "memory")
        column.prop(self, "model")
        column.prop(self, "home")
        header, body = layout.panel("shotpack_remote", default_closed=True)
        header.label(text="Engine on Another Machine")
        if body:
            body.prop(self, "remote")
            body.prop(self, "token")
        header, body = layout.panel("shotpack_developer", default_closed=True)
        header.label(text="Engine of Your Own")
        if body:
            body.prop(self, "python")
            body.prop(self, "engine_folder")


CLASSES = (ShotpackPreferences,)
