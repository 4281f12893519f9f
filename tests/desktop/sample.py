"""Runs inside Blender's window with the sample as an artist opens it; tells a file what is there.

Arguments after `--`: the status file, the engine's interpreter, a model's name, and the sample, which is opened as by
File, Open, with its own workspace. It presses nothing.
"""

import contextlib
import json
import sys
from pathlib import Path

import bpy

STATUS, PYTHON, MODEL, SAMPLE = sys.argv[sys.argv.index("--") + 1 :]
ADDON = "bl_ext.user_default.shotpack"


def begin() -> None:
    bpy.context.preferences.view.show_splash = False
    preferences = bpy.context.preferences.addons[ADDON].preferences
    preferences.python, preferences.device, preferences.model = PYTHON, "cpu", MODEL
    bpy.app.timers.register(tell, first_interval=2.0, persistent=True)
    bpy.ops.wm.open_mainfile(filepath=SAMPLE)


def tell() -> float:
    window = bpy.context.window_manager.windows[0]
    scene = getattr(window.workspace, "sequencer_scene", None) or window.scene
    areas = [area for area in window.screen.areas if area.type == "SEQUENCE_EDITOR"]
    for area in areas:
        area.tag_redraw()
    shots = [strip for strip in scene.sequence_editor.strips if strip.type == "META"]
    for strip in scene.sequence_editor.strips if shots else ():
        strip.select = strip in shots  # the sections of selected shots are drawn
    status = {
        "workspace": window.workspace.name,
        "scene": scene.name,
        "strips": sorted(strip.name for strip in scene.sequence_editor.strips),
        "active": scene.sequence_editor.active_strip.name,
        "views": sorted(area.spaces.active.view_type for area in areas),
        "sidebars": [
            [region.x, region.y, region.width, region.height, region.active_panel_category]
            for area in areas
            if area.spaces.active.show_region_ui
            for region in area.regions
            if region.type == "UI"
        ],
        "shots": [
            [strip.left_handle, strip.right_handle, strip.channel, strip.shotpack.state]
            for strip in sorted(shots, key=lambda strip: strip.left_handle)
        ],
        "clipboard": bpy.context.window_manager.clipboard,
    }
    passing = Path(f"{STATUS}.part")
    passing.write_text(json.dumps(status), encoding="utf-8")
    with contextlib.suppress(OSError):
        passing.replace(STATUS)
    return 0.2


bpy.app.timers.register(begin, first_interval=0.5)
