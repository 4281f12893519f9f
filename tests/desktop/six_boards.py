"""Runs inside Blender's window: six unlike Grease Pencil panels on the Storyboarding template, animated both ways.

Arguments after `--`: the status file, the engine's interpreter, the model, a strip's frames, and steps a section (0:
the model's own). Each way is one press of Animate Storyboard once the strips are selected; the other follows when all
of it is made.
"""

import json
import math
import sys
from pathlib import Path

import bpy

sys.path.append(str(Path(__file__).parent))
import inside

STATUS, PYTHON, MODEL, FRAMES, STEPS = sys.argv[sys.argv.index("--") + 1 :]
TEMPLATE, WIDE, HIGH = "Shot.000", 4.32, 2.43
WAYS = ["STRIPS", "THROUGH"]
_INK, _GREY, _PALE, _PAPER = 0.02, 0.2, 0.55, 1.0
made: dict[str, list[dict[str, object]]] = {}


def box(left: float, low: float, right: float, high: float) -> list[tuple[float, float]]:
    return [(left, low), (right, low), (right, high), (left, high)]


def round_at(x: float, z: float, wide: float, high: float) -> list[tuple[float, float]]:
    turns = [math.tau * step / 36 for step in range(36)]
    return [(x + wide * math.cos(turn), z + high * math.sin(turn)) for turn in turns]


WHOLE = box(-WIDE - 0.2, -HIGH - 0.2, WIDE + 0.2, HIGH + 0.2)
WATER = box(-WIDE - 0.2, -HIGH - 0.2, WIDE + 0.2, -0.8)
PANELS: list[tuple[str, list[tuple[list[tuple[float, float]], float]]]] = [
    (
        "The camera pans left along the harbour.",
        [
            (WATER, _PALE),
            *((box(x, -0.8, x + 1.1, high), _PAPER) for x, high in ((-3.8, 0.4), (-2.4, 1.0), (1.2, 0.7), (2.6, 0.2))),
            ([(-1.0, -1.3), (1.0, -1.3), (0.6, -1.8), (-0.6, -1.8)], _GREY),
        ],
    ),
    (
        "Slow zoom in on the lighthouse.",
        [
            ([(-3.5, -HIGH - 0.2), (-1.5, -0.6), (1.6, -0.7), (3.4, -HIGH - 0.2)], _GREY),
            ([(-0.7, -0.7), (-0.45, 1.5), (0.45, 1.5), (0.7, -0.7)], _PAPER),
            (box(-0.6, 0.1, 0.6, 0.5), _INK),
            ([(-0.6, 1.5), (0.0, 2.2), (0.6, 1.5)], _PALE),
        ],
    ),
    (
        "She stands still. Static camera.",
        [
            (round_at(0, 0.1, 1.5, 1.9), _GREY),
            (round_at(0, -0.1, 1.15, 1.45), _PAPER),
            (round_at(-0.45, 0.1, 0.14, 0.1), _INK),
            (round_at(0.45, 0.1, 0.14, 0.1), _INK),
            (box(-0.35, -0.85, 0.35, -0.78), _INK),
        ],
    ),
    (
        "The camera tilts up to the moon.",
        [
            (WHOLE, _INK),
            (round_at(2.4, 1.2, 0.6, 0.6), _PAPER),
            *((box(x, -HIGH - 0.2, x + 1.0, high), _GREY) for x, high in ((-4.0, 0.2), (-2.6, -0.6), (-1.2, 0.6))),
        ],
    ),
    (
        "The camera pans right past the tree.",
        [
            ([(-WIDE, -HIGH), (-WIDE, -1.4), (0, -0.9), (WIDE, -1.6), (WIDE, -HIGH)], _PALE),
            (box(-2.6, -1.2, -2.2, 0.4), _INK),
            (round_at(-2.4, 0.9, 1.3, 1.0), _GREY),
        ],
    ),
    (
        "The camera zooms out from the door.",
        [
            (WHOLE, _PALE),
            (box(-1.1, -HIGH - 0.2, 1.1, 1.6), _INK),
            (box(-0.85, -HIGH - 0.2, 0.85, 1.4), _PAPER),
            (round_at(0.6, -0.6, 0.1, 0.1), _INK),
        ],
    ),
]
"""Words and shapes, each an outline in the camera's picture and its grey, the lowest first."""


def begin() -> None:
    bpy.context.preferences.view.show_splash = False
    bpy.ops.wm.read_homefile(app_template="Storyboarding")
    bpy.app.timers.register(prepare, first_interval=2.0)


def prepare() -> None:
    inside.use_engine(PYTHON, MODEL)
    bpy.ops.wm.save_as_mainfile(filepath=str(Path(STATUS).with_name("film.blend")))
    scene, length = inside.edit(), int(FRAMES)
    for strip in list(scene.sequence_editor.strips):
        scene.sequence_editor.strips.remove(strip)
    for number, (words, shapes) in enumerate(PANELS):
        panel = panel_of(f"Panel {number + 1}", shapes)
        strip = scene.sequence_editor.strips.new_scene(panel.name, panel, 1, 1 + length * number)
        strip.right_handle = 1 + length * (number + 1)
        strip.scene_input = "CAMERA"
        strip.shotpack_board.prompt = words
    scene.frame_end = length * len(PANELS)
    scene.shotpack.steps = int(STEPS)
    area = inside.viewport()
    area.spaces.active.show_region_ui = True
    bpy.app.timers.register(show, first_interval=1.0)


def panel_of(name: str, shapes: list[tuple[list[tuple[float, float]], float]]) -> bpy.types.Scene:
    """A scene of the template's own kind, with these shapes drawn into its Grease Pencil object."""
    with bpy.context.temp_override(window=inside.window(), scene=bpy.data.scenes[TEMPLATE]):
        before = set(bpy.data.scenes)
        bpy.ops.scene.new(type="FULL_COPY")
        [panel] = set(bpy.data.scenes) - before
    panel.name = name
    pencil = next(each for each in panel.objects if each.type == "GREASEPENCIL").data
    fills = {grey: fill_of(pencil, grey) for grey in {grey for _, grey in shapes}}
    line = next(place for place, each in enumerate(pencil.materials) if each.name.startswith("Solid Stroke"))
    drawing = pencil.layers["Lines"].frames[0].drawing
    drawing.remove_strokes()
    drawing.add_strokes([len(outline) for outline, _ in shapes for _ in range(2)])
    for number, (outline, grey) in enumerate(shapes):
        for stroke, material in zip(drawing.strokes[2 * number : 2 * number + 2], (fills[grey], line), strict=True):
            stroke.material_index, stroke.cyclic = material, True
            stroke.fill_id = number + 1 if material != line else 0
            for point, (x, z) in zip(stroke.points, outline, strict=True):
                point.position, point.radius, point.opacity = (x, 0, z), 0.025, 1.0
    pencil.update_tag()
    return panel


def fill_of(pencil: bpy.types.ID, grey: float) -> int:
    """The place of a material that fills with this grey alone."""
    solid = next(each for each in pencil.materials if each.name.startswith("Solid Fill"))
    material = solid.copy()
    material.grease_pencil.color = material.grease_pencil.fill_color = (grey, grey, grey, 1.0)
    pencil.materials.append(material)
    return len(pencil.materials) - 1


def show() -> None:
    inside.region_of(inside.viewport(), "UI").active_panel_category = "Shotpack"
    bpy.app.timers.register(press, first_interval=2.0)


def press() -> None:
    scene = inside.edit()
    scene.shotpack.storyboard_shots = WAYS[len(made)]
    strips = list(scene.sequence_editor.strips)
    for strip in strips:
        strip.select = strip.type == "SCENE"
    scene.sequence_editor.active_strip = strips[0]
    area = inside.viewport()
    with inside.override(area):
        bpy.ops.shotpack.animate("INVOKE_DEFAULT", True)
    bpy.app.timers.register(follow, first_interval=0.2)


def follow() -> float | None:
    """Tell how far it is; once all shots of a way are made, go on with the next."""
    shots = [told(meta) for meta in inside.part("operators.batches").shots(inside.edit())]
    animating = inside.part("operators.board_run").running is not None
    way = WAYS[len(made)]
    ended = bool(shots) and not animating and {shot["state"] for shot in shots} == {"finished"}
    if ended:
        made[way] = shots
    said = inside.part("operators.batches").told(inside.edit())
    inside.tell(STATUS, {"made": made, "way": way, "shots": shots, "told": said})
    if ended:
        if len(made) < len(WAYS):
            bpy.app.timers.register(press, first_interval=1.0)
        return None
    return 1.0


def told(meta: bpy.types.Strip) -> dict[str, object]:
    shot_strips, request = inside.part("operators.shot_strips"), json.loads(meta.shotpack.request)
    folder = shot_strips.folder_of(meta)
    return {
        "state": meta.shotpack.state,
        "span": [meta.left_handle, meta.right_handle],
        "channel": meta.channel,
        "prompt": request["prompt"],
        "prompts": [[each["frame"], each["text"]] for each in request.get("prompts", ())],
        "boards": [[frame, str(folder / name)] for frame, name in request["boards"]],
        "frames": [str(path) for path in shot_strips.pictures(meta)],
    }


bpy.app.timers.register(begin, first_interval=1.0)
