"""The engine is started before the first press: libraries take it seconds to import, and nobody should wait for that.

It is once an artist sees the button, and where a next shot is to be led by pictures, for Generate must know then what
the models can.
"""

from __future__ import annotations

from typing import Any

import bpy

from . import engine, runtime, timers

_SECONDS = 1.0
_seen = False
"""Whether Generate has been drawn."""


def button_seen() -> None:
    """The panel with Generate is being drawn: whoever opens it is about to press."""
    global _seen
    _seen = True


def look() -> float:
    """Start it if nobody has yet, neither the artist nor a shot; one that was stopped stays so. Calls for the next."""
    if not runtime.woken and (_seen or any(map(_is_led, bpy.data.scenes))) and not engine.needs_install():
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
    global _seen
    timers.end(look)
    _seen = False
