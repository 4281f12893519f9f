"""Shotpack's preferences: the engine's installation, where it runs, what it may use."""

from __future__ import annotations

from typing import Any

import bpy

from ..operators import engine, problems
from ..operators.settings import ADDON, PreferenceProperties
from .shot import draw_text


class ShotpackPreferences(PreferenceProperties, bpy.types.AddonPreferences):
    """Where the engine is and what it may use."""

    bl_idname = ADDON

    def draw(self, context: Any) -> None:
        layout = self.layout
        layout.use_property_split = True
        draw_install(layout)
        column = layout.column()
        column.prop(self, "device")
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


def draw_install(layout: Any) -> None:
    """The engine's installation: its button, or how far it is, or what went wrong."""
    job = engine.installation
    if job is not None and job.result is None:
        told = job.progress
        layout.progress(factor=told.fraction or 0.0, text=f"{told.stage}: {told.detail}" if told.detail else told.stage)
        layout.operator("shotpack.cancel_install", icon="CANCEL")
        return
    if job is not None and job.result is not None and job.result.error is not None:
        problem = problems.of_error(job.result.error)
        draw_text(layout, problem.sentence, "ERROR")
        draw_text(layout, problem.advice)
        layout.operator("shotpack.copy_report", icon="COPYDOWN")
    layout.operator("shotpack.install_engine", icon="IMPORT")


CLASSES = (ShotpackPreferences,)
