"""Runs inside Blender's window: sets the stage for the test, and keeps a file up to date with what can be seen.

Arguments after `--`: the storyboard, the status file, the engine's interpreter.
"""

import contextlib
import json
import sys
from pathlib import Path

import bpy

STORYBOARD, STATUS, PYTHON = sys.argv[sys.argv.index("--") + 1 :]
ADDON = "bl_ext.user_default.shotpack"


def set_stage() -> None:
    preferences = bpy.context.preferences.addons[ADDON].preferences
    preferences.python, preferences.device, preferences.model = PYTHON, "cpu", "tiny"
    window = bpy.context.window_manager.windows[0]
    area = max(window.screen.areas, key=lambda each: each.width * each.height)
    area.type = "SEQUENCE_EDITOR"
    area.spaces.active.view_type = "SEQUENCER"
    area.spaces.active.show_region_ui = True
    if hasattr(window.workspace, "sequencer_scene"):
        window.workspace.sequencer_scene = bpy.context.scene
    bpy.context.scene.shotpack.prompt = "w5 w2"
    bpy.app.timers.register(show_panel, first_interval=1.0)


def show_panel() -> None:
    window, area, sidebar = sequencer()
    sidebar.active_panel_category = "Shotpack"
    with bpy.context.temp_override(window=window, area=area, region=region_of(area, "WINDOW")):
        bpy.ops.sequencer.view_all()
    area.tag_redraw()
    bpy.app.timers.register(tell, first_interval=1.0)


def tell() -> float:
    _, _, sidebar = sequencer()
    scene = bpy.context.scene
    shots = [strip for strip in scene.sequence_editor.strips if strip.type == "META"]
    status = {
        "sidebar": [sidebar.x, sidebar.y, sidebar.width, sidebar.height],
        "category": sidebar.active_panel_category,
        "shots": [
            {
                "state": meta.shotpack.state,
                "channel": meta.channel,
                "span": [meta.left_handle, meta.right_handle],
                "roles": sorted(strip.shotpack.role for strip in meta.strips),
            }
            for meta in shots
        ],
    }
    passing = Path(f"{STATUS}.part")
    passing.write_text(json.dumps(status), encoding="utf-8")
    with contextlib.suppress(OSError):
        passing.replace(STATUS)
    return 0.2


def sequencer() -> tuple:
    window = bpy.context.window_manager.windows[0]
    area = next(each for each in window.screen.areas if each.type == "SEQUENCE_EDITOR")
    return window, area, region_of(area, "UI")


def region_of(area: bpy.types.Area, kind: str) -> bpy.types.Region:
    return next(each for each in area.regions if each.type == kind)


def begin() -> None:
    bpy.context.preferences.view.show_splash = False
    bpy.ops.wm.open_mainfile(filepath=STORYBOARD, load_ui=False)
    bpy.app.timers.register(set_stage, first_interval=1.0)


bpy.app.timers.register(begin, first_interval=0.5)
