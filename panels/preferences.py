"""Shotpack's preferences: the engine's installation, where it runs, what it may use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import bpy

from ..operators import runtime, settings
from ..operators.settings import ADDON, PreferenceProperties
from .install import draw_install
from .models import draw_models
from .text import draw_text

_ABOUT = (
    "The engine is the program beside Blender that makes shots. It is installed once, with a Python and PyTorch of its "
    "own, which are gigabytes to download; Blender's own Python is not touched."
)


class ShotpackPreferences(PreferenceProperties, bpy.types.AddonPreferences):
    """Where the engine is and what it may use."""

    bl_idname = ADDON

    def draw(self, context: Any) -> None:
        layout = self.layout
        layout.use_property_split = True
        draw_text(layout, _ABOUT)
        draw_install(layout)
        draw_models(layout)
        column = layout.column()
        column.prop(self, "device")
        column.prop(self, "memory", text="Memory Limit (GB)")
        if not self.memory:
            draw_text(column, "With 0, shots take what the device has free.")
        column.prop(self, "home", placeholder=str(settings.home()))
        column.prop(self, "keep_days")
        column.prop(self, "keep_gigabytes")
        own = "An engine on another machine has a rule of its own."
        draw_text(column, own if self.remote else "With 0 in both, shots are kept for ever.")
        client = runtime.client
        for line in kept_lines(client.about if client and client.state in ("ready", "away") else {}, self):
            draw_text(column, line)
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


def kept_lines(about: Mapping[str, Any], chosen: Any) -> Iterator[str]:
    """What the engine's shots take, what goes from them by itself, and what will from its next start on.

    `about` is what the running engine says of itself, empty without one; `chosen` are the preferences, which are no
    matter of an engine on another machine.
    """
    disk, keeps = about.get("disk"), about.get("keeps")
    if disk:
        frames, latents = _size(disk["frames"]), _size(disk["latents"])
        yield f"The engine's data takes {_size(disk['total'])}: {frames} frames, {latents} to go on from."
    now = (keeps["days"] or 0, keeps["bytes"] or 0) if keeps else None
    soon = (chosen.keep_days, chosen.keep_gigabytes * 2**30)
    if now is not None:
        yield f"Now: {_rule(*now)}."
    if not chosen.remote and soon != (now or (0, 0)):
        yield f"From the engine's next start on: {_rule(*soon)}."


def _rule(days: float, size: float) -> str:
    """Which shots the engine removes by itself."""
    limits = [f"shots that ended more than {days:g} {'day' if days == 1 else 'days'} ago go"] if days else []
    limits += [f"the oldest go while its data takes more than {_size(size)}"] if size else []
    return "; ".join(limits) or "shots are kept for ever"


def _size(size: float) -> str:
    """Bytes as an artist reads them, in the units of the limit."""
    megabytes = round(size / 2**20)
    if megabytes >= 2**10:
        return f"{size / 2**30:.1f} GB"
    return f"{megabytes} MB" if megabytes or not size else "under 1 MB"


CLASSES = (ShotpackPreferences,)
