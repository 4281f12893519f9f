"""Blender's timers, begun once, kept alive and ended without complaint.

In a Blender without a window nothing is begun: nobody is there to see to what a timer would do by itself.
"""

from __future__ import annotations

from collections.abc import Callable

import bpy

from . import unexpected

Timer = Callable[[], float | None]
_AGAIN = 1.0
"""Seconds until a lasting timer that went wrong is called again."""
_kept: dict[Timer, Timer] = {}
"""What Blender calls for each timer: it drops one that raises."""


def begin(timer: Timer, first_interval: float, *, persistent: bool = False) -> None:
    """Have Blender call `timer` in so many seconds; one that waits already is left alone."""
    if bpy.app.background:
        return
    if timer not in _kept:
        _kept[timer] = unexpected.outlived(_AGAIN if persistent else None)(timer)
    if not bpy.app.timers.is_registered(_kept[timer]):
        bpy.app.timers.register(_kept[timer], first_interval=first_interval, persistent=persistent)


def end(*timers: Timer) -> None:
    """Call them no more; they may have ended by themselves."""
    for timer in timers:
        kept = _kept.pop(timer, None)
        if kept is not None and bpy.app.timers.is_registered(kept):
            bpy.app.timers.unregister(kept)
