"""Lets a scene's dependency graph, which a viewport is drawn from, show what would render: now and at every frame.

The program `render_guide.py` loads it from beside itself: it is no part of a package there, and the file is its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import bpy

_RENDERED = {"hide_render": "hide_viewport", "show_render": "show_viewport"}
"""What says that something renders, and what says that a viewport shows it."""


def show_what_renders(scene: Any) -> None:
    """Show what renders of a scene, and of all that is linked or instanced there, and nothing else."""
    for curves, curve in list(_curves()):
        owner, dot, name = curve.data_path.rpartition(".")
        if name in _RENDERED.values():
            curves.remove(curve)
    for _, curve in list(_curves()):
        owner, dot, name = curve.data_path.rpartition(".")
        if name in _RENDERED:
            curve.data_path = f"{owner}{dot}{_RENDERED[name]}"
    # Only what differs is set: each time Blender looks through all that there is.
    for each in (*bpy.data.objects, *bpy.data.collections):
        if each.hide_viewport != each.hide_render:
            each.hide_viewport = each.hide_render
    for each in bpy.data.objects:
        if each.show_instancer_for_viewport != each.show_instancer_for_render:
            each.show_instancer_for_viewport = each.show_instancer_for_render
        for modifier in each.modifiers:
            if modifier.show_viewport != modifier.show_render:
                modifier.show_viewport = modifier.show_render
    for particles in bpy.data.particles:
        particles.display_percentage = 100
    for layer in scene.view_layers:
        for each in layer.objects:
            if each.hide_get(view_layer=layer):
                each.hide_set(False, view_layer=layer)  # the eye in the Outliner is about viewports alone


def _curves() -> Iterator[tuple[Any, Any]]:
    """Every curve of keys or drivers that says what is shown, with the list it is in."""
    for action in bpy.data.actions:
        for layer in action.layers:
            for strip in layer.strips:
                for bag in strip.channelbags:
                    yield from ((bag.fcurves, curve) for curve in bag.fcurves)
    for each in bpy.data.objects:
        if each.animation_data is not None:
            yield from ((each.animation_data.drivers, curve) for curve in each.animation_data.drivers)
