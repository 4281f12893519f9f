"""Runs inside Blender's window: a drawing in the Video Editing workspace, seeds tried for it, their contact sheet.

Arguments after `--`: the status file, the engine's interpreter, the model, and how many seeds. It tells how the seeds
stand and whether their sheet is there.
"""

import contextlib
import importlib
import json
import sys
from pathlib import Path

import bpy

STATUS, PYTHON, MODEL, COUNT = sys.argv[sys.argv.index("--") + 1 :]
ADDON = "bl_ext.user_default.shotpack"
DRAWING = Path(__file__).resolve().parents[2] / "samples" / "panels" / "01.png"
stage = "begun"


def part(name: str) -> object:
    return importlib.import_module(f"{ADDON}.{name}")


def begin() -> None:
    bpy.context.preferences.view.show_splash = False
    bpy.ops.wm.read_homefile(app_template="Video_Editing")
    bpy.app.timers.register(prepare, first_interval=2.0)


def prepare() -> None:
    preferences = bpy.context.preferences.addons[ADDON].preferences
    preferences.python, preferences.device, preferences.model = PYTHON, "cpu", MODEL
    scene = edit()
    scene.render.fps = 30
    scene.frame_end = 96
    scene.sequence_editor_create()
    strip = scene.sequence_editor.strips.new_image("Panel 1", str(DRAWING), 1, 1, fit_method="FIT")
    strip.right_handle = 74
    strip.select = True
    scene.sequence_editor.active_strip = strip
    scene.shotpack.prompt = "pan left, slowly"
    scene.shotpack.seed, scene.shotpack.seed_count = 7, int(COUNT)
    # An Image Editor where there is most room, and the preview where files are listed.
    next(area for area in areas("SEQUENCE_EDITOR") if area.spaces.active.view_type == "PREVIEW").type = "IMAGE_EDITOR"
    files = areas("FILE_BROWSER")[0]
    files.type = "SEQUENCE_EDITOR"
    files.spaces.active.view_type = "PREVIEW"
    timeline().spaces.active.show_region_ui = True
    timeline().spaces.active.timeline_overlay.show_strip_source = False  # a path of whoever runs this
    with override(timeline()):
        bpy.ops.sequencer.view_all()
    bpy.app.timers.register(show, first_interval=1.0)


def show() -> None:
    region_of(timeline(), "UI").active_panel_category = "Shotpack"
    bpy.app.timers.register(try_them, first_interval=2.0)


def try_them() -> None:
    global stage
    with override(timeline()):
        bpy.ops.shotpack.try_seeds()
    stage = "trying"
    with override(areas("IMAGE_EDITOR")[0]):
        bpy.ops.image.view_all(fit_view=True)
    bpy.app.timers.register(tell, first_interval=0.1)


def tell() -> float:
    groups, sheets = part("operators.seed_groups"), part("operators.contact_sheets")
    (batch, metas), *_ = groups.groups().items()
    seeds = [
        {
            "state": part("operators.batches").state_of(meta.shotpack),
            "pictures": len(groups.pictures(meta)),
            "muted": meta.mute,
            "shot": meta.shotpack.shot,
        }
        for meta in metas
    ]
    obey()
    editors = [area for each in bpy.context.window_manager.windows for area in each.screen.areas]
    shown = [area.spaces.active.image for area in editors if area.type == "IMAGE_EDITOR"]
    sheet = sheets.image_of(batch) in shown and not sheets._due
    passing = Path(f"{STATUS}.part")
    sidebar = region_of(timeline(), "UI")
    header = [sidebar.x + 60, sidebar.y + sidebar.height - 14]
    told = {"stage": stage, "seeds": seeds, "sheet": sheet, "header": header}
    passing.write_text(json.dumps(told), encoding="utf-8")
    with contextlib.suppress(OSError):
        passing.replace(STATUS)
    return 0.2


def obey() -> None:
    """Do what the test says by a file: go on with the second seed, show the sheet where no Image Editor is."""
    global stage
    (batch, metas), *_ = part("operators.seed_groups").groups().items()
    if stage == "trying" and Path(f"{STATUS}.go").exists():
        stage = "chosen"
        with override(timeline()):
            bpy.ops.shotpack.go_on_with_seed(shot=metas[1].shotpack.shot)
    if stage == "chosen" and Path(f"{STATUS}.window").exists():
        stage = "window"
        areas("IMAGE_EDITOR")[0].type = "TEXT_EDITOR"
        with override(timeline()):
            bpy.ops.shotpack.show_seeds(batch=batch)


def window() -> bpy.types.Window:
    return bpy.context.window_manager.windows[0]


def edit() -> bpy.types.Scene:
    return getattr(window().workspace, "sequencer_scene", None) or window().scene


def areas(kind: str) -> list[bpy.types.Area]:
    return [area for area in window().screen.areas if area.type == kind]


def timeline() -> bpy.types.Area:
    return next(area for area in areas("SEQUENCE_EDITOR") if area.spaces.active.view_type == "SEQUENCER")


def override(area: bpy.types.Area):
    return bpy.context.temp_override(window=window(), area=area, region=region_of(area, "WINDOW"))


def region_of(area: bpy.types.Area, kind: str) -> bpy.types.Region:
    return next(region for region in area.regions if region.type == kind)


bpy.app.timers.register(begin, first_interval=1.0)
