"""How the previs sample was made: a blocked-out harbour with three cameras, each bound to a marker, as a .blend.

Run it with the Python of a Blender environment, `.venvs/blender-4.5/bin/python -m samples.make_previs`; then in a
window with Shotpack, `blender --python samples/arrange.py -- samples/previs.blend`; then here `… again`.
"""

from __future__ import annotations

import math
import os
import random
import sys
from collections.abc import Sequence
from pathlib import Path

import bpy
from mathutils import Vector

from . import template

HERE = Path(__file__).resolve().parent
FILM = HERE / "previs.blend"
SIZE, FPS, SECONDS = (640, 360), 24, 3
WORDS = 4
"""The channel of the strips with words."""
CAMERA, TO_NEXT = 2, 3
"""Of what a shot may start from, and of how long it may be (`operators/settings.py`)."""
Point = tuple[float, float, float]

WATER, STONE, WOOD, WHITE, RED, DARK, HILL = (
    (0.16, 0.30, 0.38),
    (0.42, 0.40, 0.38),
    (0.36, 0.24, 0.15),
    (0.85, 0.83, 0.78),
    (0.60, 0.12, 0.09),
    (0.06, 0.07, 0.09),
    (0.20, 0.27, 0.22),
)
HOUSES = ((0.72, 0.45, 0.27), (0.80, 0.72, 0.52), (0.45, 0.55, 0.60), (0.74, 0.36, 0.32), (0.62, 0.66, 0.48))
SHOTS = (
    (
        "Along the quay",
        "The camera moves right along the harbour.",
        (-13, -7, 2.2),
        (-2, -6, 2.4),
        (-7, 20, 3.5),
        (1, 20, 3.2),
    ),
    ("The lighthouse", "Slow zoom in on the lighthouse.", (3, -9, 1.6), (8, 1, 4.5), (14, 12, 5), (14, 12, 7.5)),
    ("On the pier", "The camera moves forward.", (1.0, 3.0, 3.4), (1.9, 9.0, 2.6), (2.4, 16, 1.6), (2.2, 20, 2.2)),
)
"""Camera, words, where its camera begins and ends, and what it looks at then."""


def solid(
    name: str, colour: Point, points: Sequence[Point], faces: Sequence[Sequence[int]], at: Point = (0, 0, 0)
) -> bpy.types.Object:
    """A flat-coloured thing of its own corners."""
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(points, [], faces)
    mesh.materials.append(paint(colour))
    made = bpy.data.objects.new(name, mesh)
    made.location = at
    bpy.context.scene.collection.objects.link(made)
    return made


def paint(colour: Point) -> bpy.types.Material:
    """A matte colour; one material for all that have it."""
    name = "paint " + " ".join(f"{channel:.2f}" for channel in colour)
    material = bpy.data.materials.get(name) or bpy.data.materials.new(name)
    material.use_nodes = True
    surface = material.node_tree.nodes["Principled BSDF"]
    surface.inputs["Base Color"].default_value = (*colour, 1)
    surface.inputs["Roughness"].default_value = 1
    surface.inputs["Specular IOR Level"].default_value = 0
    material.diffuse_color = (*colour, 1)  # Workbench's
    return material


def box(name: str, colour: Point, size: Point, at: Point) -> bpy.types.Object:
    """A box that stands at a point."""
    x, y, z = size[0] / 2, size[1] / 2, size[2]
    points = [(sx * x, sy * y, h) for h in (0, z) for sx, sy in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    faces = [(3, 2, 1, 0), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7)]
    return solid(name, colour, points, faces, at)


def turned(
    name: str, colour: Point, profile: Sequence[tuple[float, float]], at: Point, sides: int = 24
) -> bpy.types.Object:
    """A thing turned on a lathe: its radii and heights from below."""
    angles = [math.tau * side / sides for side in range(sides)]
    points = [(r * math.cos(angle), r * math.sin(angle), z) for r, z in profile for angle in angles]
    faces = [
        (
            sides * row + side,
            sides * row + (side + 1) % sides,
            sides * (row + 1) + (side + 1) % sides,
            sides * (row + 1) + side,
        )
        for row in range(len(profile) - 1)
        for side in range(sides)
    ]
    top = tuple(range(sides * (len(profile) - 1), sides * len(profile)))
    return solid(name, colour, points, [*faces, top], at)


def house(number: int, x: float, wide: float, high: float) -> None:
    """A house on the quay, its front to the water."""
    y, deep, colour = 22.0, 5.0, HOUSES[number % len(HOUSES)]
    box(f"house {number}", colour, (wide, deep, high), (x, y, 1))
    w, d, h = wide / 2 + 0.25, deep / 2 + 0.3, 1.7
    points = [(-w, -d, 0), (w, -d, 0), (w, d, 0), (-w, d, 0), (-w, 0, h), (w, 0, h)]
    solid(
        f"roof {number}",
        (0.38, 0.17, 0.12),
        points,
        [(0, 1, 5, 4), (2, 3, 4, 5), (0, 4, 3), (1, 2, 5), (3, 2, 1, 0)],
        (x, y, 1 + high),
    )
    front = y - deep / 2
    columns = max(2, round(wide / 1.4))
    for row in range(max(1, round(high / 2.4))):
        for column in range(columns):
            at = x + (column - (columns - 1) / 2) * wide / columns
            if row == 0 and column == columns // 2:
                box(f"door {number}", WOOD, (0.9, 0.1, 1.9), (at, front, 1))
            else:
                box(f"window {number} {row} {column}", DARK, (0.7, 0.1, 0.95), (at, front, 2.0 + 2.2 * row))
                box(f"sill {number} {row} {column}", WHITE, (0.9, 0.2, 0.1), (at, front, 1.9 + 2.2 * row))


def harbour() -> None:
    """Water, quay, houses, hills, a pier and what lies on it."""
    chance = random.Random(7)
    box("water", WATER, (240, 240, 0.1), (0, 60, -0.1))
    for number in range(130):
        size = (chance.uniform(0.5, 1.6), chance.uniform(0.05, 0.12), 0.02)
        box(f"wave {number}", (0.34, 0.50, 0.56), size, (chance.uniform(-24, 26), chance.uniform(-6, 17), 0))
    box("quay", STONE, (70, 10, 1), (0, 23, 0))
    for number in range(18):
        box(f"bollard {number}", DARK, (0.35, 0.35, 0.5), (-26 + 3.1 * number, 18.5, 1))
    for number, (x, wide, high) in enumerate(
        (
            (-20, 5, 4.5),
            (-14.4, 4.6, 6.4),
            (-9.2, 4.4, 4.8),
            (-4, 5, 7),
            (1.6, 4.6, 5.2),
            (6.8, 4.4, 6.6),
            (12, 4.8, 4.6),
        )
    ):
        house(number, x, wide, high)
    for number, (x, y, wide, high) in enumerate(((-30, 75, 34, 16), (0, 90, 44, 24), (34, 80, 36, 18))):
        turned(f"hill {number}", HILL, ((wide, 0), (0.55 * wide, 0.6 * high), (0.15 * wide, high)), (x, y, 0), 14)
    for number in range(24):
        box(f"plank {number}", WOOD, (2.4, 0.42, 0.12), (2, 6.4 + 0.5 * number, 0.9))
    for number in range(6):
        for side in (-1.1, 1.1):
            box(f"post {number} {side}", (0.25, 0.17, 0.11), (0.22, 0.22, 1.6), (2 + side, 6.6 + 2.3 * number, -0.2))
    for number, (x, y, size) in enumerate(((2.8, 9.4, 0.7), (2.75, 10.3, 0.55), (1.3, 13.5, 0.6))):
        box(f"crate {number}", (0.55, 0.40, 0.22), (size, size, size), (x, y, 1.02)).rotation_euler.z = 0.4 * number
    turned("figure", RED, ((0.34, 0), (0.30, 0.7), (0.16, 1.3), (0.1, 1.36)), (1.7, 15.2, 1.02), 16)
    turned(
        "head",
        (0.72, 0.52, 0.40),
        ((0.05, 0), (0.17, 0.1), (0.19, 0.22), (0.12, 0.36), (0.02, 0.4)),
        (1.7, 15.2, 2.36),
        16,
    )


def lighthouse(at: Point = (14, 12, 0)) -> None:
    """A banded tower on a rock."""
    x, y, _ = at
    turned("rock", (0.30, 0.29, 0.28), ((4.2, -0.3), (3.4, 0.7), (2.3, 1.5), (2.0, 1.6)), at, 9)
    radius, low = 1.35, 1.5
    for band in range(5):
        turned(f"band {band}", (WHITE, RED)[band % 2], ((radius, 0), (radius - 0.12, 1.5)), (x, y, low + 1.5 * band))
        radius -= 0.12
    turned("gallery", DARK, ((1.2, 0), (1.2, 0.2)), (x, y, 9.0))
    turned("lamp", (0.95, 0.85, 0.45), ((0.6, 0), (0.6, 1.0)), (x, y, 9.2), 12)
    turned("cap", RED, ((0.85, 0), (0.05, 0.9)), (x, y, 10.2), 12)


def boat() -> None:
    """A boat that sails past: what moves besides the camera."""
    hull = [
        (-1.9, 0, 0.9),
        (-1.4, -0.6, 0.8),
        (1.5, -0.65, 0.8),
        (1.6, 0.65, 0.8),
        (-1.4, 0.6, 0.8),
        (-1.3, 0, 0),
        (1.3, 0, 0),
    ]
    faces = [(0, 4, 3, 2, 1), (0, 1, 5), (1, 2, 6, 5), (2, 3, 6), (3, 4, 5, 6), (4, 0, 5)]
    body = solid("boat", (0.14, 0.20, 0.34), hull, faces)
    for part in (
        box("mast", WOOD, (0.12, 0.12, 4.2), (0.1, 0, 0.6)),
        solid("sail", (0.92, 0.88, 0.76), [(0.2, 0, 1.3), (1.7, 0.1, 1.4), (0.2, 0, 4.6)], [(0, 1, 2)]),
    ):
        part.parent = body
    key(body, {1: ((-9, 9, -0.1), (0, 0, 0)), 3 * SECONDS * FPS: ((-3, 8, -0.1), (0, 0, 0))})


def key(moved: bpy.types.Object, keys: dict[int, tuple[Point, Point]]) -> None:
    """Places and turns (radians) by frame, and an even way between them."""
    for frame, (place, turn) in keys.items():
        moved.location, moved.rotation_euler = place, turn
        moved.keyframe_insert("location", frame=frame)
        moved.keyframe_insert("rotation_euler", frame=frame)
    for curve in moved.animation_data.action.fcurves:
        for point in curve.keyframe_points:
            point.interpolation = "LINEAR"


def cameras(scene: bpy.types.Scene) -> None:
    """One for each shot, bound to a marker."""
    for number, (name, _, start, end, first_look, last_look) in enumerate(SHOTS):
        camera = bpy.data.objects.new(name, bpy.data.cameras.new(name))
        camera.data.lens = 30
        scene.collection.objects.link(camera)
        first = 1 + number * SECONDS * FPS
        turns = [
            (Vector(look) - Vector(place)).to_track_quat("-Z", "Y").to_euler()
            for place, look in ((start, first_look), (end, last_look))
        ]
        key(camera, {first: (start, tuple(turns[0])), first + SECONDS * FPS - 1: (end, tuple(turns[1]))})
        scene.timeline_markers.new(name, frame=first).camera = camera
    scene.camera = scene.timeline_markers[0].camera


def light(scene: bpy.types.Scene) -> None:
    """An afternoon: a low sun, and a pale sky."""
    sun = bpy.data.objects.new("sun", bpy.data.lights.new("sun", "SUN"))
    sun.data.energy, sun.data.angle = 3.2, 0.02
    sun.rotation_euler = (math.radians(50), 0, math.radians(-35))
    scene.collection.objects.link(sun)
    scene.world = bpy.data.worlds.new("sky")
    scene.world.use_nodes = True
    sky = scene.world.node_tree.nodes["Background"]
    sky.inputs[0].default_value, sky.inputs[1].default_value = (0.62, 0.74, 0.86, 1), 0.8


def lay(scene: bpy.types.Scene) -> None:
    """A strip of words for each shot, and what the artist would choose in Shotpack's panel, as Blender keeps it."""
    for number, (name, prompt, *_) in enumerate(SHOTS):
        first = 1 + number * SECONDS * FPS
        words = scene.sequence_editor.strips.new_effect(name, "TEXT", WORDS, first, frame_end=first + SECONDS * FPS)
        words.text, words.select = prompt, False
        words.mute = True  # it is read, not shown
    scene["shotpack"] = {"prompt_channel": WORDS, "source": CAMERA, "length": TO_NEXT, "follow_camera": True}


def main() -> None:
    """Build the harbour and write the .blend."""
    scene = template.opened()
    scene.name = "Harbour"
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising = 16, False
    scene.render.resolution_x, scene.render.resolution_y = SIZE
    scene.render.fps = FPS
    scene.render.image_settings.file_format = "PNG"  # the template's is a movie, which no still can be written as
    scene.view_settings.view_transform = "Standard"
    scene.frame_end = len(SHOTS) * SECONDS * FPS
    harbour()
    lighthouse()
    boat()
    light(scene)
    cameras(scene)
    scene.sequence_editor_create()
    lay(scene)
    template.save(FILM)


if __name__ == "__main__":
    if sys.argv[1:] == ["again"]:
        template.save_again(FILM, lay)
    else:
        main()
    os._exit(0)  # Blender's module does not come to an end by itself once it has had a template with a file browser
