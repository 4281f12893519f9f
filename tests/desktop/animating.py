"""Runs inside Blender's window: drawings on the Storyboarding template's timeline, and Animate Storyboard.

Arguments after `--`: the status file, the engine's interpreter, the model, and how many drawings (six). It tells how
much of the main thread's own time each step of the run took, each board's render in it, each tick and each panel's
drawing since, and what is on the timeline. A run that Esc has stopped is begun once more.
"""

import json
import sys
from pathlib import Path
from typing import Any

import bpy

sys.path.append(str(Path(__file__).parent))
import inside

STATUS, PYTHON, MODEL, *more = sys.argv[sys.argv.index("--") + 1 :]
BOARDS = int(more[0]) if more else 6
steps: list[tuple[float, float]] = []
renders: list[tuple[float, float]] = []
ticks: list[tuple[float, float]] = []
drawn: dict[str, list[tuple[float, float]]] = {}
stopped: list[int] = []
"""How many boards had been looked at when Esc was pressed."""


def begin() -> None:
    bpy.context.preferences.view.show_splash = False
    bpy.ops.wm.read_homefile(app_template="Storyboarding")
    bpy.app.timers.register(prepare, first_interval=2.0)


def prepare() -> None:
    inside.use_engine(PYTHON, MODEL)
    scene = inside.edit()
    files = sorted(inside.PANELS.glob("*.png"))
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
    area = inside.viewport()
    area.spaces.active.show_region_ui = True
    bpy.app.timers.register(show, first_interval=1.0)


def show() -> None:
    inside.region_of(inside.viewport(), "UI").active_panel_category = "Shotpack"
    bpy.app.timers.register(lambda: tell(pair=True) and None, first_interval=2.0)
    bpy.app.timers.register(animate, first_interval=6.0)


def animate() -> None:
    if not drawn:
        measure()
    for spent in (steps, renders):
        spent.clear()
    for strip in inside.edit().sequence_editor.strips:
        strip.select = True
    area = inside.viewport()
    with inside.override(area):
        bpy.ops.shotpack.animate("INVOKE_DEFAULT", True)
    bpy.app.timers.register(lambda: tell(), first_interval=0.1)


def measure() -> None:
    """Time what holds the main thread from now on."""
    inside.timed(inside.part("operators.animate").Run, "step", steps)
    inside.timed(inside.part("operators.capture"), "at_frame", renders)
    inside.timed(inside.part("operators.runtime"), "step", ticks)
    for module, name in (("shot", "_Shot"), ("storyboard", "_Storyboard"), ("shots", "_Shots"), ("engine", "_Engine")):
        measure_panel(getattr(inside.part(f"panels.{module}"), name), drawn.setdefault(module, []))


def measure_panel(panel: Any, spent: list[tuple[float, float]]) -> None:
    """The same of a panel's drawing: Blender counts its arguments."""
    inside.timed(panel, "draw", spent)
    noted = panel.draw

    def draw(self: object, context: object) -> None:
        noted(self, context)

    panel.draw = draw


def tell(*, pair: bool = False) -> float:
    shot_strips, running = inside.part("operators.shot_strips"), inside.part("operators.board_run").running
    shots = [
        {
            "board": meta.shotpack.board,
            "batch": meta.shotpack.batch,
            "state": meta.shotpack.state,
            "channel": meta.channel,
            "span": [meta.left_handle, meta.right_handle],
            "prompt": json.loads(meta.shotpack.request)["prompt"],
        }
        for _, meta in shot_strips.stamped()
    ]
    inside.viewport().tag_redraw()
    said = {"pair": pair, "shots": shots, "steps": steps, "renders": renders, "ticks": ticks, "drawn": drawn}
    inside.tell(STATUS, said | {"stopped": stopped, "folders": folders()})
    if steps and running is None and not shots:
        stopped.append(len(steps))
        steps.clear()
        bpy.app.timers.register(animate, first_interval=1.0)
    return 0.2


def folders() -> list[str]:
    """What there is of shots on the disk; the file has no place yet."""
    place = inside.part("operators.settings").user_folder() / "shots"
    return sorted(each.name for each in place.iterdir()) if place.is_dir() else []


bpy.app.timers.register(begin, first_interval=1.0)
