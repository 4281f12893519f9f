"""What the samples are made from: the Video Editing template's workspace with nothing of its own in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import bpy


def opened() -> bpy.types.Scene:
    """Open the template, with nothing but its workspace: the picture with the sidebar above, the timeline below."""
    bpy.ops.wm.read_homefile(use_factory_startup=True, app_template="Video_Editing")
    scene = bpy.context.scene
    for workspace in list(bpy.data.workspaces):
        if workspace != bpy.context.workspace:
            bpy.data.batch_remove([workspace])
    for area in bpy.context.screen.areas:
        if area.type == "SEQUENCE_EDITOR":
            # The timeline's own sidebar would be too low for the panel.
            area.spaces.active.show_region_ui = area.spaces.active.view_type == "PREVIEW"
            area.spaces.active.show_region_toolbar = False
    scene.sequence_editor_clear()
    for thing in [*bpy.data.objects, *bpy.data.lights, *bpy.data.cameras, *bpy.data.worlds]:
        if thing.users == 0:
            bpy.data.batch_remove([thing])
    return scene


def save(film: Path) -> None:
    """Write the .blend, and leave no backup of it. What a picture's file says of itself is not written over it."""
    for screen in bpy.data.screens:
        for area in screen.areas:
            if area.type == "SEQUENCE_EDITOR":
                area.spaces.active.preview_overlay.show_metadata = False
    bpy.ops.wm.save_as_mainfile(filepath=str(film), compress=True)
    film.with_suffix(".blend1").unlink(missing_ok=True)


def save_again(film: Path, lay: Callable[[bpy.types.Scene], None]) -> None:
    """Write the .blend, which a newer Blender has arranged, as this one's; `lay` puts its strips there anew.

    A strip that a newer Blender has saved is freed once too often here, which an older one complains of.
    """
    bpy.ops.wm.open_mainfile(filepath=str(film))
    scene = bpy.context.scene
    for strip in list(scene.sequence_editor.strips):
        scene.sequence_editor.strips.remove(strip)
    lay(scene)
    save(film)
