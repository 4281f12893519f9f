"""Runs inside Blender's window: six drawings on the Storyboarding template's timeline, and Animate Storyboard.

Arguments after `--`: the status file, the engine's interpreter, the model. It tells how long each step of the run held
the main thread, and what is on the timeline.
"""

import contextlib
import importlib
import json
import sys
import time
from pathlib import Path

import bpy

STATUS, PYTHON, MODEL = sys.argv[sys.argv.index("--") + 1 :]
ADDON = "bl_ext.user_default.shotpack"
PANELS = Path(__file__).resolve().parents[2] / "samples" / "panels"
BOARDS = 6
steps: list[float] = []


def begin() -> None:
    bpy.context.preferences.view.show_splash = False
    bpy.ops.wm.read_homefile(app_template="Storyboarding")
    bpy.app.timers.register(prepare, first_interval=2.0)


def prepare() -> None:
    preferences = bpy.context.preferences.addons[ADDON].preferences
    preferences.python, preferences.device, preferences.model = PYTHON, "cpu", MODEL
    scene = edit()
    files = sorted(PANELS.glob("*.png"))
    for strip in list(scene.sequence_editor.strips):
        scene.sequence_editor.strips.remove(strip)
    for number in range(BOARDS):
        file = files[number % len(files)]
        strip = scene.sequence_editor.strips.new_image(
            f"Panel {number + 1}", str(file), 1, 1 + 24 * number, fit_method="FIT"
        )
        strip.right_handle = 25 + 24 * number
        scene.timeline_markers.new(f"w{number} w2", frame=1 + 24 * number)
    scene.sequence_editor.active_strip = scene.sequence_editor.strips["Panel 1"]
    for strip in scene.sequence_editor.strips:
        strip.select = strip.name in ("Panel 1", "Panel 2")
    area = viewport()
    area.spaces.active.show_region_ui = True
    bpy.app.timers.register(show, first_interval=1.0)


def show() -> None:
    region_of(viewport(), "UI").active_panel_category = "Shotpack"
    bpy.app.timers.register(lambda: tell(pair=True) and None, first_interval=2.0)
    bpy.app.timers.register(animate, first_interval=6.0)


def animate() -> None:
    module = importlib.import_module(f"{ADDON}.operators.animate")
    step = module.Run.step

    def timed(run: object, context: bpy.types.Context) -> bool:
        begun = time.perf_counter()
        try:
            return step(run, context)
        finally:
            steps.append(1000 * (time.perf_counter() - begun))

    module.Run.step = timed
    for strip in edit().sequence_editor.strips:
        strip.select = True
    area = viewport()
    with bpy.context.temp_override(window=window(), area=area, region=region_of(area, "WINDOW")):
        bpy.ops.shotpack.animate("INVOKE_DEFAULT", True)
    bpy.app.timers.register(lambda: tell(), first_interval=0.1)


def tell(*, pair: bool = False) -> float:
    timeline = importlib.import_module(f"{ADDON}.operators.timeline")
    shots = [
        {
            "board": meta.shotpack.board,
            "batch": meta.shotpack.batch,
            "state": meta.shotpack.state,
            "channel": meta.channel,
            "span": [meta.left_handle, meta.right_handle],
            "prompt": json.loads(meta.shotpack.request)["prompt"],
        }
        for _, meta in timeline.stamped()
    ]
    viewport().tag_redraw()
    passing = Path(f"{STATUS}.part")
    passing.write_text(json.dumps({"pair": pair, "shots": shots, "steps": steps}), encoding="utf-8")
    with contextlib.suppress(OSError):
        passing.replace(STATUS)
    return 0.2


def window() -> bpy.types.Window:
    return bpy.context.window_manager.windows[0]


def edit() -> bpy.types.Scene:
    return window().workspace.sequencer_scene


def viewport() -> bpy.types.Area:
    return max((area for area in window().screen.areas if area.type == "VIEW_3D"), key=lambda area: area.width)


def region_of(area: bpy.types.Area, kind: str) -> bpy.types.Region:
    return next(region for region in area.regions if region.type == kind)


bpy.app.timers.register(begin, first_interval=1.0)
