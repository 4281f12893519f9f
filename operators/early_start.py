"""The engine is started before the first press where Generate needs to know what its models can: to follow a camera."""

from __future__ import annotations

import bpy

from . import engine, runtime, timers

_SECONDS = 1.0


def look() -> float:
    """Start it if nobody has yet, neither the artist nor a shot; one that was stopped stays so. Calls for the next."""
    asked = not runtime.woken and any(
        scene.shotpack.follow_camera and scene.shotpack.source in ("CAMERA", "STRIP") for scene in bpy.data.scenes
    )
    if asked and not engine.needs_install():
        runtime.wake()
    return _SECONDS


def attach() -> None:
    """Look from now on."""
    timers.begin(look, _SECONDS, persistent=True)


def detach() -> None:
    """Look no more."""
    timers.end(look)
