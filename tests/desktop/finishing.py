"""Runs inside Blender's window: one panel of the sample made by Sketch, finished to the scene's size, and switched.

Arguments after `--`: the status file, the engine's interpreter, the model, and the sample. The status file says how far
it is; `dialog` stands until somebody has looked at it, which a file `seen` beside the status file says.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import bpy

sys.path.append(str(Path(__file__).parent))
import inside

STATUS, PYTHON, MODEL, SAMPLE = sys.argv[sys.argv.index("--") + 1 :]
FRAMES, SCENE = 8, (1920, 1080)
stage = ""


def begin() -> None:
    bpy.context.preferences.view.show_splash = False
    inside.use_engine(PYTHON, MODEL)
    bpy.app.timers.register(generate, first_interval=2.0, persistent=True)
    bpy.app.timers.register(tell, first_interval=0.5, persistent=True)
    bpy.ops.wm.open_mainfile(filepath=SAMPLE)


def generate() -> None:
    scene = inside.edit()
    editor = scene.sequence_editor
    panel = editor.strips["Panel 1"]
    for strip in list(editor.strips):
        if strip != panel:
            editor.strips.remove(strip)
    panel.right_handle = panel.left_handle + FRAMES
    panel.transform.scale_x = panel.transform.scale_y = panel.transform.scale_x * SCENE[0] / scene.render.resolution_x
    scene.render.resolution_x, scene.render.resolution_y = SCENE
    scene.frame_end = FRAMES
    scene.frame_current = panel.left_handle + FRAMES // 2
    editor.active_strip = panel
    scene.shotpack.prompt = "the camera pushes in"
    run("generate")
    bpy.app.timers.register(after(1, "made"), first_interval=1.0)


def after(takes: int, reached: str) -> Callable[[], float | None]:
    """A timer that goes on once a shot's newest take is made."""

    def wait() -> float | None:
        metas = shots()
        if not metas or metas[0].shotpack.state != "finished" or max(1, len(metas[0].shotpack.takes)) != takes:
            return 0.3
        inside.part("operators.sequencer").select(inside.edit(), metas[0])
        come(reached)
        return None

    return wait


def come(reached: str) -> None:
    """Stand at a stage until it was looked at, then go on to the next."""
    global stage
    stage = reached

    def wait() -> float | None:
        seen = Path(STATUS).with_name(f"seen-{reached}")
        if not seen.exists():
            return 0.2
        NEXT[reached]()
        return None

    bpy.app.timers.register(wait, first_interval=0.2)


def ask() -> None:
    with inside.override(inside.timeline()):
        bpy.ops.shotpack.finish("INVOKE_DEFAULT", size="FIT")
    come("asked")


def finish() -> None:
    run("finish", size="FIT", upscaler="waifu2x")
    come("begun")


def wait_for_it() -> None:
    bpy.app.timers.register(after(2, "finished"), first_interval=0.5)


def back() -> None:
    run("show_take", take=1)
    come("back")


def end() -> None:
    """Nothing follows."""


NEXT = {"made": ask, "asked": finish, "begun": wait_for_it, "finished": back, "back": end}


def run(operator: str, **how: object) -> set[str]:
    with inside.override(inside.timeline()):
        return set(getattr(bpy.ops.shotpack, operator)(**how))


def tell() -> float:
    said = {"stage": stage}
    metas = shots()
    if metas:
        meta = metas[0]
        stamp = meta.shotpack
        final = [strip for strip in meta.strips if strip.shotpack.role == "final"]
        said |= {
            "take": stamp.take,
            "state": stamp.state,
            "takes": [take.state for take in stamp.takes],
            "strips": sorted(strip.name for strip in meta.strips),
            "folder": str(inside.part("operators.shot_strips").folder_of(meta)),
            "pictures": [element.filename for strip in final for element in strip.elements],
            "scale": [strip.transform.scale_x for strip in final],
        }
    for area in inside.areas("SEQUENCE_EDITOR"):
        area.tag_redraw()
    inside.tell(STATUS, said)
    return 0.5  # a window is drawn by software


def shots() -> list[bpy.types.Strip]:
    return [meta for _, meta in inside.part("operators.shot_strips").stamped()]


bpy.app.timers.register(begin, first_interval=0.5)
