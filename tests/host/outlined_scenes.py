"""Flat forms with lines around them, as a painter would draw them at each frame, and scenes in which they move.

They are polygons, from the far ones to the near, each with a line along its edge that lies half on it and half on what
is behind: what a drawing shows at a later frame is known.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np
from mathutils import Vector
from mathutils.geometry import convex_hull_2d
from PIL import Image, ImageDraw

from tests.host.guide_scenes import _keys, with_nodes

SIZE = (256, 144)
"""Pixels."""
LAST = 25
LINE = 4
"""Pixels; half of them lie on what is behind."""
DARK = 0.35
"""Of 0 to 1: a pixel all of whose channels are below is a line's."""
_FINE = 4
"""Times as large a picture is drawn and then made smaller, for soft edges."""
INK = (20, 18, 25)
PAPER, FLOOR = (236, 228, 214), (190, 200, 170)


@dataclass
class Form:
    """Something flat, and how it is painted."""

    name: str
    colour: tuple[int, int, int]
    outlined: bool = True
    round: float = 0.0
    """The radius of the disc that its alpha leaves of it; 0: all of it."""
    face: int | None = 0
    """Which of its mesh's faces it is; None: all of them, which make a convex body."""


def empty() -> Any:
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, LAST
    scene.render.resolution_x, scene.render.resolution_y = SIZE
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    scene.collection.objects.link(camera)
    scene.camera = camera
    camera.data.lens = 28
    camera.location = (0, 0, 1.5)
    camera.rotation_euler = (math.radians(90), 0, 0)
    sheet("wall", (0, 20, 1.5), 60)
    return scene


def sheet(name: str, place: tuple[float, float, float], width: float, height: float | None = None) -> Any:
    """A rectangle that faces the camera, about its middle."""
    x, z = width / 2, (height or width) / 2
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata([(-x, 0, -z), (x, 0, -z), (x, 0, z), (-x, 0, z)], [], [(0, 1, 2, 3)])
    made = bpy.data.objects.new(name, mesh)
    made.location = place
    bpy.context.scene.collection.objects.link(made)
    return made


def corners(form: Form) -> list[Any]:
    """Where its outline is in the world now."""
    for each in bpy.context.evaluated_depsgraph_get().object_instances:
        if each.object.name == form.name and each.show_self:
            matrix, mesh = each.matrix_world.copy(), each.object.data
            numbers = mesh.polygons[form.face].vertices if form.face is not None else range(len(mesh.vertices))
            at = [mesh.vertices[number].co.copy() for number in numbers]
    if form.round:
        turn = np.linspace(0, 2 * np.pi, 72, endpoint=False)
        at = [Vector((form.round * math.cos(each), 0, form.round * math.sin(each))) for each in turn]
    return [matrix @ each for each in at]


def pinhole(camera: Any, place: Vector, width: int, height: int) -> tuple[float, float]:
    """Column and row, from the middle of the first pixel, of a place that a camera of this picture's width sees."""
    x, y, z = camera.matrix_world.inverted() @ place
    lens = camera.data
    scale = 1 / lens.ortho_scale if lens.type == "ORTHO" else lens.lens / lens.sensor_width / -z
    return (0.5 + scale * x) * width - 0.5, 0.5 * height - scale * y * width - 0.5


def painted(forms: list[Form], frame: int, times: int = 1, line: float = LINE) -> tuple[np.ndarray, np.ndarray]:
    """A painter's picture of that frame, 0 to 1, as many times as large, and where its lines are."""
    scene = bpy.context.scene
    scene.frame_set(frame)
    width, height = (side * times * _FINE for side in SIZE)
    picture, lines = Image.new("RGB", (width, height), PAPER), Image.new("L", (width, height))
    for form in forms:
        edge = [pinhole(scene.camera, each, width, height) for each in corners(form)]
        if form.face is None:
            edge = [edge[number] for number in convex_hull_2d(edge)]
        for shown, fill, ink in ((picture, form.colour, INK), (lines, 0, 255)):
            draw = ImageDraw.Draw(shown)
            draw.polygon(edge, fill=fill)
            if form.outlined:
                draw.line([*edge, edge[0], edge[1]], fill=ink, width=round(line * _FINE), joint="curve")
    return np.asarray(picture.reduce(_FINE), float) / 255, np.asarray(lines.reduce(_FINE)) > 127


def slides() -> list[Form]:
    """The camera goes by."""
    scene = empty()
    sheet("card", (0, 6, 1.5), 2.4, 1.8)
    _keys(scene.camera, "location", {1: (-1, 0, 1.5), LAST: (1.2, 0.5, 1.8)})
    return [Form("card", (200, 90, 70))]


def rolls() -> list[Form]:
    """It turns about its axis and comes nearer."""
    scene = empty()
    sheet("card", (0, 6, 1.5), 2, 1.4)
    _keys(scene.camera, "location", {1: (0, 0, 1.5), LAST: (0.3, 2.2, 1.5)})
    _keys(scene.camera, "rotation_euler", {1: (math.pi / 2, 0, 0), LAST: (math.pi / 2, 0.6, 0)})
    return [Form("card", (90, 150, 200))]


def flat() -> list[Form]:
    """Parallel rays."""
    scene = empty()
    scene.camera.data.type, scene.camera.data.ortho_scale = "ORTHO", 8
    sheet("card", (0, 6, 1.5), 2, 1.4)
    _keys(scene.camera, "location", {1: (0, 0, 1.5), LAST: (1.1, 0, 1.9)})
    _keys(bpy.data.objects["card"], "location", {1: (0, 6, 1.5), LAST: (1.9, 6, 1.5)})
    return [Form("card", (90, 150, 200))]


def turns() -> list[Form]:
    """A card turns in the picture by a quarter."""
    empty()
    _keys(sheet("card", (0, 6, 1.5), 2.4, 1.2), "rotation_euler", {1: (0, 0, 0), LAST: (0, 1.4, 0)})
    return [Form("card", (200, 160, 60))]


def bends() -> list[Form]:
    """A card leans, by its shape keys."""
    empty()
    card = sheet("card", (0, 6, 1.5), 1.8)
    card.shape_key_add(name="rest")
    leaning = card.shape_key_add(name="leaning")
    for number in (2, 3):
        leaning.data[number].co.x += 1.3
    for frame, value in ((1, 0.0), (LAST, 1.0)):
        leaning.value = value
        leaning.keyframe_insert("value", frame=frame)
    return [Form("card", (120, 190, 110))]


def waves() -> list[Form]:
    """A part of a mesh turns by a quarter about its end, the rest of it stays."""
    empty()
    mesh = bpy.data.meshes.new("body")
    body, arm = (
        [(-2.4, 0, -0.9), (-0.4, 0, -0.9), (-0.4, 0, 1.5), (-2.4, 0, 1.5)],
        [(0, 0, -0.2), (1.6, 0, -0.2), (1.6, 0, 0.2), (0, 0, 0.2)],
    )
    mesh.from_pydata([*body, *arm], [], [(0, 1, 2, 3), (4, 5, 6, 7)])
    person = bpy.data.objects.new("body", mesh)
    person.location = (0, 6, 1)
    bpy.context.scene.collection.objects.link(person)
    person.shape_key_add(name="rest")
    raised = person.shape_key_add(name="raised")
    for number, (x, _, z) in enumerate(arm, start=4):
        raised.data[number].co = (-z, 0, x)
    for frame, value in ((1, 0.0), (LAST, 1.0)):
        raised.value = value
        raised.keyframe_insert("value", frame=frame)
    return [Form("body", (120, 190, 110), outlined=False), Form("body", (200, 90, 70), face=1)]


def goes_round() -> list[Form]:
    """The camera goes round a column, of which other sides become the edges."""
    scene = empty()
    bpy.ops.mesh.primitive_cylinder_add(vertices=96, radius=0.9, depth=2.4, location=(0, 5, 1.5))
    bpy.context.object.name = "column"
    _keys(scene.camera, "location", {1: (0, 0, 1.5), LAST: (2.2, 0.5, 1.5)})
    _keys(scene.camera, "rotation_euler", {1: (math.pi / 2, 0, 0), LAST: (math.pi / 2, 0, 0.4)})
    return [Form("column", (170, 140, 200), face=None)]


def instances() -> list[Form]:
    """A collection's instance drives by."""
    scene = empty()
    card = sheet("card", (0, 0, 0), 2, 1.5)
    parts = bpy.data.collections.new("parts")
    scene.collection.objects.unlink(card)
    parts.objects.link(card)
    cart = bpy.data.objects.new("cart", None)
    cart.instance_type, cart.instance_collection = "COLLECTION", parts
    scene.collection.objects.link(cart)
    _keys(cart, "location", {1: (-1, 6, 1.5), LAST: (1, 6.5, 1.3)})
    return [Form("card", (200, 90, 70))]


def cut_out() -> list[Form]:
    """A disc on a square plane, by alpha."""
    scene = empty()
    card = sheet("card", (0, 6, 1.5), 2.4)
    paint = with_nodes(bpy.data.materials.new("cut out"))
    tree = paint.node_tree
    tree.nodes.clear()
    names = ("TexCoord", "VectorMath", "Math", "BsdfTransparent", "Emission", "MixShader", "OutputMaterial")
    place, far, less, clear, glow, mixed, end = (tree.nodes.new(f"ShaderNode{name}") for name in names)
    far.operation, less.operation, less.inputs[1].default_value = "LENGTH", "LESS_THAN", 1.0
    for source, target in (
        (place.outputs["Object"], far.inputs[0]),
        (far.outputs["Value"], less.inputs[0]),
        (less.outputs[0], mixed.inputs[0]),
        (clear.outputs[0], mixed.inputs[1]),
        (glow.outputs[0], mixed.inputs[2]),
        (mixed.outputs[0], end.inputs[0]),
    ):
        tree.links.new(source, target)
    card.data.materials.append(paint)
    _keys(scene.camera, "location", {1: (-0.8, 0, 1.5), LAST: (1, 0.5, 1.8)})
    return [Form("card", (200, 90, 70), round=1.0)]


def parallax() -> list[Form]:
    """Two cards that slide, one past the other, before a third, and the camera with them."""
    scene = empty()
    _keys(sheet("near", (-1.5, 5, 1.3), 1.4), "location", {1: (-1.5, 5, 1.3), LAST: (0.4, 5, 1.3)})
    _keys(sheet("middle", (1.6, 8, 1.7), 1.8), "location", {1: (1.6, 8, 1.7), LAST: (0.2, 8, 1.7)})
    sheet("far", (0, 14, 1.5), 9, 5)
    _keys(scene.camera, "location", {1: (0, 0, 1.5), LAST: (0.4, 0, 1.5)})
    return [Form("far", (170, 170, 200), outlined=False), Form("middle", (120, 190, 110)), Form("near", (200, 90, 70))]


def stands() -> list[Form]:
    """A card stands on the floor and slides along it; another one stays, and the camera goes by."""
    scene = empty()
    sheet("floor", (0, 10, 0), 60, 17).rotation_euler.x = math.radians(90)
    _keys(sheet("card", (-1.5, 6, 0.6), 1.2), "location", {1: (-1.5, 6, 0.6), LAST: (0.3, 6, 0.6)})
    sheet("other", (1.8, 8, 0.9), 1.6, 1.8)
    _keys(scene.camera, "location", {1: (-0.3, 0, 1.5), LAST: (0.4, 0.3, 1.5)})
    ground = Form("floor", FLOOR, outlined=False)
    return [ground, Form("other", (120, 190, 110)), Form("card", (200, 90, 70))]


SCENES: dict[str, Callable[[], list[Form]]] = {
    each.__name__: each for each in (slides, rolls, flat, turns, bends, waves, instances, cut_out, parallax, stands)
}
