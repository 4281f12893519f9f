"""Runs inside a Blender window: opens the storyboard beside Shotpack's panel, and tells a file what can be seen.

Arguments after `--`: the status file, the engine's interpreter, a model's name or "", the storyboard, and `generate`
where Generate is to be pressed as well. `samples.demo --ui` and the desktop tests run it.
"""

import contextlib
import importlib
import json
import sys
from pathlib import Path

import bpy

STATUS, PYTHON, MODEL, STORYBOARD, *WANTED = sys.argv[sys.argv.index("--") + 1 :]
ADDON = "bl_ext.user_default.shotpack"


def begin() -> None:
    bpy.context.preferences.view.show_splash = False
    bpy.ops.wm.open_mainfile(filepath=STORYBOARD, load_ui=False)
    bpy.app.timers.register(set_stage, first_interval=1.0)


def set_stage() -> None:
    preferences = bpy.context.preferences.addons[ADDON].preferences
    preferences.python, preferences.device, preferences.model = PYTHON, "cpu", MODEL
    window = bpy.context.window_manager.windows[0]
    area = max(window.screen.areas, key=lambda each: each.width * each.height)
    area.type = "SEQUENCE_EDITOR"
    area.spaces.active.view_type = "SEQUENCER_PREVIEW"
    area.spaces.active.show_region_ui = True
    scene = bpy.context.scene
    if hasattr(window.workspace, "sequencer_scene"):
        window.workspace.sequencer_scene = scene
    scene.shotpack.prompt = scene.timeline_markers[0].name
    bpy.app.timers.register(show_panel, first_interval=1.0)


def show_panel() -> None:
    window, area, sidebar = sequencer()
    sidebar.active_panel_category = "Shotpack"
    with bpy.context.temp_override(window=window, area=area, region=region_of(area, "WINDOW")):
        bpy.ops.sequencer.view_all()
    area.tag_redraw()
    bpy.app.timers.register(tell, first_interval=1.0)
    if "generate" in WANTED:
        bpy.app.timers.register(generate, first_interval=1.5)


def generate() -> None:
    window, area, _ = sequencer()
    with bpy.context.temp_override(window=window, area=area, region=region_of(area, "WINDOW")):
        bpy.ops.shotpack.generate()


def tell() -> float:
    _, _, sidebar = sequencer()
    scene = bpy.context.scene
    status = {
        "sidebar": [sidebar.x, sidebar.y, sidebar.width, sidebar.height],
        "clipboard": bpy.context.window_manager.clipboard,
        "category": sidebar.active_panel_category,
        "shots": [told(strip) for strip in scene.sequence_editor.strips if strip.type == "META"],
    }
    passing = Path(f"{STATUS}.part")
    passing.write_text(json.dumps(status), encoding="utf-8")
    with contextlib.suppress(OSError):
        passing.replace(STATUS)
    return 0.2


def told(meta: bpy.types.Strip) -> dict[str, object]:
    runtime, shot_strips = part("runtime"), part("shot_strips")
    shown = part("sequencer").span(meta)
    shot = runtime.shot_of(meta.shotpack.shot)
    job = runtime.client.job(shot) if shot else None
    problem = (part("problems").of_shot(shot, job) if shot else None) or part("problems").of_engine()
    return {
        "state": meta.shotpack.state,
        "channel": meta.channel,
        "span": [shown.start, shown.stop],
        "roles": sorted(strip.shotpack.role for strip in meta.strips),
        "done": job.done if job else 0.0,
        "words": words_of(job),
        "problem": f"{problem.sentence} {problem.advice}" if problem else "",
        "frames": [str(path) for path in shot_strips.pictures(meta)],
    }


def words_of(job: object) -> str:
    if job is None or job.plan is None:
        return "starting the engine"
    return job.stage or f"section {min(len(job.sections) + 1, len(job.plan.sections))} of {len(job.plan.sections)}"


def part(name: str) -> object:
    return importlib.import_module(f"{ADDON}.operators.{name}")


def sequencer() -> tuple:
    window = bpy.context.window_manager.windows[0]
    area = next(each for each in window.screen.areas if each.type == "SEQUENCE_EDITOR")
    return window, area, region_of(area, "UI")


def region_of(area: bpy.types.Area, kind: str) -> bpy.types.Region:
    return next(each for each in area.regions if each.type == kind)


bpy.app.timers.register(begin, first_interval=0.5)
