"""Runs inside Blender's window: two panels with a gap of 37 frames between them, and Bridge Gap.

Arguments after `--`: the status file, the engine's interpreter, the model.
"""

import sys
from pathlib import Path

import bpy

sys.path.append(str(Path(__file__).parent))
import inside

STATUS, PYTHON, MODEL = sys.argv[sys.argv.index("--") + 1 :]
GAP = 37


def begin() -> None:
    bpy.context.preferences.view.show_splash = False
    bpy.ops.wm.read_homefile(app_template="Video_Editing")
    bpy.app.timers.register(prepare, first_interval=2.0)


def prepare() -> None:
    inside.use_engine(PYTHON, MODEL)
    scene = bpy.context.window.scene
    scene.render.fps = 24
    editor = scene.sequence_editor or scene.sequence_editor_create()
    file = str(sorted(inside.PANELS.glob("*.png"))[0])
    for name, start, shift in (("Harbour", 1, 0), ("Harbour later", 25 + GAP, -60)):
        strip = editor.strips.new_image(name, file, 1, start, fit_method="FILL")
        strip.right_handle = start + 24
        strip.transform.offset_x = shift
        strip.transform.scale_x = strip.transform.scale_y = strip.transform.scale_x * 1.1
        strip.select = True
    editor.active_strip = strip
    scene.shotpack.prompt = "pan right, slowly"
    panel = inside.part("panels.joins").SHOTPACK_PT_sequencer_joins
    bpy.utils.unregister_class(panel)  # it is closed at first
    panel.bl_options = set()
    bpy.utils.register_class(panel)
    area = inside.timeline()
    with bpy.context.temp_override(window=inside.window(), area=area):
        bpy.ops.screen.screen_full_area()
    bpy.app.timers.register(show, first_interval=2.0)


def show() -> None:
    area = inside.timeline()
    area.spaces.active.show_region_ui = True
    bpy.app.timers.register(choose_tab, first_interval=1.0)


def choose_tab() -> None:
    area = inside.timeline()
    inside.region_of(area, "UI").active_panel_category = "Shotpack"
    with inside.override(area):
        bpy.ops.sequencer.view_all()
    bpy.app.timers.register(lambda: tell(ready=True) and None, first_interval=2.0)
    bpy.app.timers.register(bridge, first_interval=8.0)


def bridge() -> None:
    area = inside.timeline()
    with inside.override(area):
        bpy.ops.shotpack.bridge("INVOKE_DEFAULT", True)
    bpy.app.timers.register(lambda: tell(), first_interval=0.2)


def tell(*, ready: bool = False) -> float:
    strips = bpy.context.window.scene.sequence_editor.strips
    said = [
        {"name": strip.name, "span": [strip.left_handle, strip.right_handle], "channel": strip.channel,
         "state": strip.shotpack.state if strip.shotpack.shot else "", "starts": strip.content_start}
        for strip in strips
    ]  # fmt: skip
    inside.tell(STATUS, {"strips": said, "ready": ready})
    return 0.2


bpy.app.timers.register(begin, first_interval=1.0)
