"""Runs inside Blender's window: a drawing in the Video Editing workspace, seeds tried for it, their contact sheet.

Arguments after `--`: the status file, the engine's interpreter, the model, and how many seeds. It tells how the seeds
stand and whether their sheet is there.
"""

import sys
from pathlib import Path

import bpy

sys.path.append(str(Path(__file__).parent))
import inside

STATUS, PYTHON, MODEL, COUNT = sys.argv[sys.argv.index("--") + 1 :]
stage = "begun"


def begin() -> None:
    bpy.context.preferences.view.show_splash = False
    bpy.ops.wm.read_homefile(app_template="Video_Editing")
    bpy.app.timers.register(prepare, first_interval=2.0)


def prepare() -> None:
    inside.use_engine(PYTHON, MODEL)
    scene = inside.edit()
    scene.render.fps = 30
    scene.frame_end = 96
    scene.sequence_editor_create()
    strip = scene.sequence_editor.strips.new_image("Panel 1", str(inside.PANELS / "01.png"), 1, 1, fit_method="FIT")
    strip.right_handle = 74
    strip.select = True
    scene.sequence_editor.active_strip = strip
    scene.shotpack.prompt = "pan left, slowly"
    scene.shotpack.seed, scene.shotpack.seed_count = 7, int(COUNT)
    # An Image Editor where there is most room, and the preview where files are listed.
    next(
        area for area in inside.areas("SEQUENCE_EDITOR") if area.spaces.active.view_type == "PREVIEW"
    ).type = "IMAGE_EDITOR"
    files = inside.areas("FILE_BROWSER")[0]
    files.type = "SEQUENCE_EDITOR"
    files.spaces.active.view_type = "PREVIEW"
    inside.timeline().spaces.active.show_region_ui = True
    inside.timeline().spaces.active.timeline_overlay.show_strip_source = False  # a path of whoever runs this
    with inside.override(inside.timeline()):
        bpy.ops.sequencer.view_all()
    bpy.app.timers.register(show, first_interval=1.0)


def show() -> None:
    inside.region_of(inside.timeline(), "UI").active_panel_category = "Shotpack"
    bpy.app.timers.register(try_them, first_interval=2.0)


def try_them() -> None:
    global stage
    with inside.override(inside.timeline()):
        bpy.ops.shotpack.try_seeds()
    stage = "trying"
    with inside.override(inside.areas("IMAGE_EDITOR")[0]):
        bpy.ops.image.view_all(fit_view=True)
    bpy.app.timers.register(tell, first_interval=0.1)


def tell() -> float:
    groups, sheets = inside.part("operators.seed_groups"), inside.part("operators.contact_sheets")
    (batch, metas), *_ = groups.groups().items()
    seeds = [
        {
            "state": inside.part("operators.batches").state_of(meta.shotpack),
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
    sidebar = inside.region_of(inside.timeline(), "UI")
    header = [sidebar.x + 60, sidebar.y + sidebar.height - 14]
    told = {"stage": stage, "seeds": seeds, "sheet": sheet, "header": header}
    inside.tell(STATUS, told)
    return 0.2


def obey() -> None:
    """Do what the test says by a file: go on with the second seed, show the sheet where no Image Editor is."""
    global stage
    (batch, metas), *_ = inside.part("operators.seed_groups").groups().items()
    if stage == "trying" and Path(f"{STATUS}.go").exists():
        stage = "chosen"
        with inside.override(inside.timeline()):
            bpy.ops.shotpack.go_on_with_seed(shot=metas[1].shotpack.shot)
    if stage == "chosen" and Path(f"{STATUS}.window").exists():
        stage = "window"
        inside.areas("IMAGE_EDITOR")[0].type = "TEXT_EDITOR"
        with inside.override(inside.timeline()):
            bpy.ops.shotpack.show_seeds(batch=batch)


bpy.app.timers.register(begin, first_interval=1.0)
