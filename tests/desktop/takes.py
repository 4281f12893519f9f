"""Runs inside Blender's window: a shot of three sections, two takes of it, and the dialog of a third.

Arguments after `--`: the status file, the engine's interpreter, the model, and steps a section (0: the model's own).
"""

import sys
from collections.abc import Callable
from pathlib import Path

import bpy

sys.path.append(str(Path(__file__).parent))
import inside

STATUS, PYTHON, MODEL, STEPS = sys.argv[sys.argv.index("--") + 1 :]
FRAMES = 109


def begin() -> None:
    bpy.context.preferences.view.show_splash = False
    bpy.ops.wm.read_homefile(app_template="Storyboarding")
    bpy.app.timers.register(prepare, first_interval=2.0)


def prepare() -> None:
    inside.use_engine(PYTHON, MODEL)
    scene = inside.edit()
    scene.render.fps = 30
    for strip in list(scene.sequence_editor.strips):
        scene.sequence_editor.strips.remove(strip)
    strip = scene.sequence_editor.strips.new_image(
        "Panel 1", str(sorted(inside.PANELS.glob("*.png"))[0]), 1, 1, fit_method="FIT"
    )
    strip.right_handle = 1 + FRAMES
    scene.sequence_editor.active_strip = strip
    scene.shotpack.prompt = "the camera pans left slowly"
    scene.shotpack.steps = int(STEPS)
    scene.frame_current = 50
    area = inside.viewport()
    area.spaces.active.show_region_ui = True
    bpy.ops.wm.save_as_mainfile(filepath=str(Path(STATUS).with_name("film.blend")))
    bpy.app.timers.register(lambda: run("generate") and None, first_interval=1.0)
    bpy.app.timers.register(after(1, first_take), first_interval=1.5)
    bpy.app.timers.register(tell, first_interval=0.5)


def after(takes: int, then: Callable[[], None]) -> Callable[[], float | None]:
    """A timer that goes on once a shot's newest take is made."""

    def wait() -> float | None:
        metas = shots()
        if not metas or metas[0].shotpack.state != "finished" or len(metas[0].strips) != 1:
            return 0.3
        if max(1, len(metas[0].shotpack.takes)) != takes:
            return 0.3
        then()
        return None

    return wait


def first_take() -> None:
    inside.part("operators.sequencer").select(inside.edit(), shots()[0])
    inside.region_of(inside.viewport(), "UI").active_panel_category = "Shotpack"
    run("new_take", of="SECTION", section=2)
    bpy.app.timers.register(after(2, second_take), first_interval=1.0)


def second_take() -> None:
    run("star_take", take=2)
    run("new_take", of="SHOT", use_seed=True, seed=7, prompt="the camera pushes in")
    bpy.app.timers.register(after(3, compare), first_interval=1.0)


def compare() -> None:
    run("show_take", take=2)
    global listed
    listed = True
    bpy.app.timers.register(dialog, first_interval=20.0)


def dialog() -> None:
    area = inside.viewport()
    with inside.override(area):
        bpy.ops.shotpack.new_take("INVOKE_DEFAULT", of="SECTION", section=2)
    global asked
    asked = True


listed = asked = False


def run(operator: str, **how: object) -> set[str]:
    area = inside.viewport()
    with inside.override(area):
        return set(getattr(bpy.ops.shotpack, operator)(**how))


def tell() -> float:
    metas = shots()
    said = {"listed": listed, "asked": asked}
    if metas:
        stamp = metas[0].shotpack
        said |= {"take": stamp.take, "state": stamp.state, "takes": [take.state for take in stamp.takes]}
    inside.viewport().tag_redraw()
    inside.tell(STATUS, said)
    return 0.5  # a window is drawn by software


def shots() -> list[bpy.types.Strip]:
    return [meta for _, meta in inside.part("operators.shot_strips").stamped()]


bpy.app.timers.register(begin, first_interval=1.0)
