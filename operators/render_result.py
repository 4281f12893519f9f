"""The artist's Render Result, which a picture of ours must not replace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import bpy

_FIRST = " "
"""A name before all others."""


@contextmanager
def kept() -> Iterator[None]:
    """Renders inside, of a scene of our own, leave the Render Result and its slots as they are.

    What was rendered is its scene's, so a scene of our own has its own. But the slots, and which of them was rendered
    last, are an image's: Blender takes the first of that kind by name, and here that is one of ours.
    """
    theirs = [image.name for image in bpy.data.images if image.type == "RENDER_RESULT"]
    if theirs:
        bpy.data.images[theirs[0]].copy().name = _FIRST
    try:
        yield
    finally:
        for image in [each for each in bpy.data.images if each.type == "RENDER_RESULT" and each.name not in theirs]:
            bpy.data.images.remove(image)


def image() -> Any | None:
    """The Render Result, if there is one."""
    return next((image for image in bpy.data.images if image.type == "RENDER_RESULT"), None)
