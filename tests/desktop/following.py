"""Runs inside Blender's window with the previs sample as an artist opens it; tells a file what is there.

Arguments after `--`: the status file, the engine's interpreter, a model's name, and the sample. It presses nothing. It
tells what each tick and each panel's drawing took of the main thread since the file was opened.
"""

import sys
from pathlib import Path

import bpy

sys.path.append(str(Path(__file__).parent))
import inside  # beside this script: Blender runs it by its path

STATUS, PYTHON, MODEL, SAMPLE = sys.argv[sys.argv.index("--") + 1 :]
ticks: list[tuple[float, float]] = []
captures: list[tuple[float, float]] = []


def begin() -> None:
    bpy.context.preferences.view.show_splash = False
    inside.use_engine(PYTHON, MODEL)
    inside.timed(inside.part("operators.runtime"), "step", ticks)
    inside.timed(inside.part("operators.capture"), "from_camera", captures)
    bpy.app.timers.register(tell, first_interval=2.0, persistent=True)
    bpy.ops.wm.open_mainfile(filepath=SAMPLE)


def tell() -> float:
    scene = inside.edit()
    for area in inside.areas("SEQUENCE_EDITOR"):
        area.tag_redraw()
    found = inside.part("operators.shot_intent").intent(bpy.context)
    shots = [strip for strip in scene.sequence_editor.strips if strip.type == "META"]
    said = {
        "scene": scene.name,
        "why": found if isinstance(found, str) else "",
        "sidebars": [
            [region.x, region.y, region.width, region.height, region.active_panel_category]
            for area in inside.areas("SEQUENCE_EDITOR")
            if area.spaces.active.show_region_ui
            for region in area.regions
            if region.type == "UI"
        ],
        "shots": [
            {
                "span": [shot.left_handle, shot.right_handle],
                "state": shot.shotpack.state,
                "placeholders": [len(strip.elements) for strip in shot.strips if strip.shotpack.role == "placeholder"],
            }
            for shot in shots
        ],
        "clipboard": bpy.context.window_manager.clipboard,
        "ticks": ticks,
        "captures": captures,
    }
    inside.tell(STATUS, said)
    return 0.2


bpy.app.timers.register(begin, first_interval=0.5)
