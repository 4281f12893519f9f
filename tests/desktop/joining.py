"""Runs inside Blender's window: two panels with a gap of 37 frames between them, and Bridge Gap.

Arguments after `--`: the status file, the engine's interpreter, the model.
"""

import importlib
import json
import sys
from pathlib import Path

import bpy

STATUS, PYTHON, MODEL = sys.argv[sys.argv.index("--") + 1 :]
ADDON = "bl_ext.user_default.shotpack"
PANELS = Path(__file__).resolve().parents[2] / "samples" / "panels"
GAP = 37


def begin() -> None:
    bpy.context.preferences.view.show_splash = False
    bpy.ops.wm.read_homefile(app_template="Video_Editing")
    bpy.app.timers.register(prepare, first_interval=2.0)


def prepare() -> None:
    preferences = bpy.context.preferences.addons[ADDON].preferences
    preferences.python, preferences.device, preferences.model = PYTHON, "cpu", MODEL
    scene = bpy.context.window.scene
    scene.render.fps = 24
    editor = scene.sequence_editor or scene.sequence_editor_create()
    file = str(sorted(PANELS.glob("*.png"))[0])
    for name, start, shift in (("Harbour", 1, 0), ("Harbour later", 25 + GAP, -60)):
        strip = editor.strips.new_image(name, file, 1, start, fit_method="FILL")
        strip.right_handle = start + 24
        strip.transform.offset_x = shift
        strip.transform.scale_x = strip.transform.scale_y = strip.transform.scale_x * 1.1
        strip.select = True
    editor.active_strip = strip
    scene.shotpack.prompt = "pan right, slowly"
    panel = importlib.import_module(f"{ADDON}.panels.joins").SHOTPACK_PT_sequencer_joins
    bpy.utils.unregister_class(panel)  # it is closed at first
    panel.bl_options = set()
    bpy.utils.register_class(panel)
    area = timeline()
    with bpy.context.temp_override(window=window(), area=area):
        bpy.ops.screen.screen_full_area()
    bpy.app.timers.register(show, first_interval=2.0)


def show() -> None:
    area = timeline()
    area.spaces.active.show_region_ui = True
    bpy.app.timers.register(choose_tab, first_interval=1.0)


def choose_tab() -> None:
    area = timeline()
    region_of(area, "UI").active_panel_category = "Shotpack"
    with bpy.context.temp_override(window=window(), area=area, region=region_of(area, "WINDOW")):
        bpy.ops.sequencer.view_all()
    bpy.app.timers.register(lambda: tell(ready=True) and None, first_interval=2.0)
    bpy.app.timers.register(bridge, first_interval=8.0)


def bridge() -> None:
    area = timeline()
    with bpy.context.temp_override(window=window(), area=area, region=region_of(area, "WINDOW")):
        bpy.ops.shotpack.bridge("INVOKE_DEFAULT", True)
    bpy.app.timers.register(lambda: tell(), first_interval=0.2)


def tell(*, ready: bool = False) -> float:
    strips = bpy.context.window.scene.sequence_editor.strips
    said = [
        {"name": strip.name, "span": [strip.left_handle, strip.right_handle], "channel": strip.channel,
         "state": strip.shotpack.state if strip.shotpack.shot else "", "starts": strip.content_start}
        for strip in strips
    ]  # fmt: skip
    passing = Path(f"{STATUS}.part")
    passing.write_text(json.dumps({"strips": said, "ready": ready}), encoding="utf-8")
    passing.replace(STATUS)
    return 0.2


def window() -> bpy.types.Window:
    return bpy.context.window_manager.windows[0]


def timeline() -> bpy.types.Area:
    areas = [each for each in window().screen.areas if each.type == "SEQUENCE_EDITOR"]
    return next(each for each in areas if each.spaces.active.view_type == "SEQUENCER")


def region_of(area: bpy.types.Area, kind: str) -> bpy.types.Region:
    return next(each for each in area.regions if each.type == kind)


bpy.app.timers.register(begin, first_interval=1.0)
