"""Whether this session runs the Python in its file's drivers, which anybody may have written.

Blender does not say so: it says that it has refused some, and of a scene that nobody has looked at it has not yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import bpy

_PYTHON = "float(__import__('bpy') is not None)"
"""What Blender refuses to run where it does not run a file's Python; 1.0 where it does."""


def python_runs() -> bool:
    """Whether the file has such drivers and they run here.

    One of our own is tried, but only in a file that has any: to refuse one makes Blender warn the artist.
    """
    return not bpy.app.autoexec_fail and any(map(_is_python, _drivers())) and _tried()


def _tried() -> bool:
    scene = bpy.data.scenes.new("shotpack")
    tried = bpy.data.objects.new("shotpack", None)
    try:
        scene.collection.objects.link(tried)
        tried.location.x = 0.0
        tried.driver_add("location", 0).driver.expression = _PYTHON
        layer = scene.view_layers[0]
        layer.update()
        return bool(tried.evaluated_get(layer.depsgraph).location.x == 1.0)
    finally:
        bpy.data.objects.remove(tried)
        bpy.data.scenes.remove(scene)


def _is_python(driver: Any) -> bool:
    return driver.type == "SCRIPTED" and not driver.is_simple_expression


def _drivers() -> Iterator[Any]:
    """All drivers of the file, and of what it links."""
    for kind in bpy.data.bl_rna.properties:
        if kind.type != "COLLECTION":
            continue
        for each in getattr(bpy.data, kind.identifier):
            for owner in (each, getattr(each, "node_tree", None)):
                data = getattr(owner, "animation_data", None)
                if data is not None:
                    yield from (curve.driver for curve in data.drivers)
