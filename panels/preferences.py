"""Shotpack's preferences: the engine's installation, where it runs, what it may use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import bpy

from ..operators import runtime
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
        column.prop(self, "keep_days")
        column.prop(self, "keep_gigabytes")
        for line in kept_lines(runtime.desk.about if runtime.desk else {}):
            column.label(text=line)
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


def kept_lines(about: Mapping[str, Any]) -> Iterator[str]:
    """What the engine's folder takes, and what goes from it by itself; nothing where the engine says nothing of it."""
    disk, keeps = about.get("disk"), about.get("keeps")
    if disk:
        frames, latents = _gigabytes(disk["frames"]), _gigabytes(disk["latents"])
        yield f"The engine's folder takes {_gigabytes(disk['total'])}: {frames} frames, {latents} to go on from"
    if keeps:
        limits = [f"that ended {keeps['days']:g} days ago"] if keeps["days"] else []
        limits += [f"while it takes more than {_gigabytes(keeps['bytes'])}"] if keeps["bytes"] else []
        yield f"Shots {' or '.join(limits)} go, the oldest first" if limits else "Shots are kept until you remove them"


def _gigabytes(size: float) -> str:
    return f"{size / 2**30:.1f} GB"


CLASSES = (ShotpackPreferences,)
