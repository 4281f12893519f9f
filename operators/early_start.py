"""The engine is started before the first press where Generate must know what its models can: to be led by pictures."""

from __future__ import annotations

from typing import Any

import bpy

from . import engine, runtime, timers

_SECONDS = 1.0


def look() -> float:
    """Start it if nobody has yet, neither the artist nor a shot; one that was stopped stays so. Calls for the next."""
    if not runtime.woken and any(map(_is_led, bpy.data.scenes)) and not engine.needs_install():
        runtime.wake()
    return _SECONDS


def _is_led(scene: Any) -> bool:
    """Whether a next shot of the scene is to follow a camera, or a move over its board."""
    source, editor = scene.shotpack.source, scene.sequence_editor
    if scene.shotpack.follow_camera and source in ("CAMERA", "STRIP"):
        return True
    strips = editor.strips_all if editor is not None and source == "STRIP" else ()
    return any(strip.shotpack_board.camera == "MOVE" for strip in strips)


def attach() -> None:
    """Look from now on."""
    timers.begin(look, _SECONDS, persistent=True)


def detach() -> None:
    """Look no more."""
    timers.end(look)
