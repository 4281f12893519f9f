"""Blender's timers, begun once and ended without complaint."""

from __future__ import annotations

from collections.abc import Callable

import bpy

Timer = Callable[[], float | None]


def begin(timer: Timer, first_interval: float, *, persistent: bool = False) -> None:
    """Have Blender call `timer` in so many seconds; one that waits already is left alone."""
    if not bpy.app.timers.is_registered(timer):
        bpy.app.timers.register(timer, first_interval=first_interval, persistent=persistent)


def end(*timers: Timer) -> None:
    """Call them no more; they may have ended by themselves."""
    for timer in timers:
        if bpy.app.timers.is_registered(timer):
            bpy.app.timers.unregister(timer)
