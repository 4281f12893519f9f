"""Runs inside Blender's window: the Storyboarding template, a drawing on its first panel, and Generate in the viewport.

Arguments after `--`: the status file, the engine's interpreter, the model. The board is what the panel's camera sees:
an ellipse of three units' width in a picture of 8.64.
"""

import math
import sys
from pathlib import Path

import bpy

sys.path.append(str(Path(__file__).parent))
import inside

STATUS, PYTHON, MODEL = sys.argv[sys.argv.index("--") + 1 :]
PANEL, DRAWING = "Shot.001", "Stroke.001"


def begin() -> None:
    bpy.context.preferences.view.show_splash = False
    bpy.ops.wm.read_homefile(app_template="Storyboarding")
    bpy.app.timers.register(draw, first_interval=2.0)


def draw() -> None:
    pencil = bpy.data.scenes[PANEL].objects[DRAWING].data
    drawing = pencil.layers["Lines"].frames[0].drawing
    drawing.add_strokes([61])
    for number, point in enumerate(drawing.strokes[0].points):
        angle = 2 * math.pi * number / 60
        point.position = (1.5 * math.cos(angle), 0, math.sin(angle))
        point.radius, point.opacity = 0.03, 1.0
    pencil.update_tag()
    inside.use_engine(PYTHON, MODEL)
    area = inside.viewport()
    area.spaces.active.show_region_ui = True
    inside.edit().shotpack.prompt = "w5 w2"
    bpy.app.timers.register(generate, first_interval=2.0)


def generate() -> None:
    area = inside.viewport()
    inside.region_of(area, "UI").active_panel_category = "Shotpack"
    with inside.override(area):
        capture = inside.part("operators.capture")
        capture.from_viewport(bpy.context, Path(STATUS).with_name("viewport.png"))
        bpy.ops.shotpack.generate()
    bpy.app.timers.register(tell, first_interval=0.1)


def tell() -> float:
    shot_strips = inside.part("operators.shot_strips")
    shots = [
        {
            "scene": scene.name,
            "state": meta.shotpack.state,
            "channel": meta.channel,
            "span": [meta.left_handle, meta.right_handle],
            "folder": str(shot_strips.folder_of(meta)),
            "roles": sorted(strip.shotpack.role for strip in meta.strips),
        }
        for scene, meta in shot_strips.stamped()
    ]
    inside.viewport().tag_redraw()
    inside.tell(STATUS, {"shots": shots})
    return 0.2


bpy.app.timers.register(begin, first_interval=0.5)
