"""Small blocked-out scenes with a camera that moves: what a guide is measured on. Emission alone, so a render is truth.

Frames 1 to 73; every object is as bright whatever light falls on it, since moving shadows are no fault of a guide.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import bpy

FRAMES = 73


def with_nodes(block: Any) -> Any:
    """Since 5.0 all have nodes, and to say so is deprecated."""
    if not block.use_nodes:
        block.use_nodes = True
    if block.node_tree is not None and block.rna_type.identifier == "World" and not block.node_tree.nodes:
        shine, end = (block.node_tree.nodes.new(f"ShaderNode{kind}") for kind in ("Background", "OutputWorld"))
        block.node_tree.links.new(shine.outputs[0], end.inputs[0])
    return block


def _material(name: str, colour: tuple[float, float, float], scale: float) -> Any:
    """Shines in a chequered pattern of an object's own coordinates, with texture enough to be matched."""
    material = with_nodes(bpy.data.materials.new(name))
    tree = material.node_tree
    tree.nodes.clear()
    place, noise, checker, mix, glow, end = (
        tree.nodes.new(f"ShaderNode{kind}")
        for kind in ("TexCoord", "TexNoise", "TexChecker", "MixRGB", "Emission", "OutputMaterial")
    )
    noise.inputs["Scale"].default_value = 3 * scale
    checker.inputs["Scale"].default_value = scale
    checker.inputs["Color1"].default_value = (*colour, 1)
    checker.inputs["Color2"].default_value = (*(0.35 * channel for channel in colour), 1)
    mix.blend_type, mix.inputs[0].default_value = "MULTIPLY", 0.7
    for source, target in (
        (place.outputs["Generated"], noise.inputs["Vector"]),
        (place.outputs["Generated"], checker.inputs["Vector"]),
        (checker.outputs[0], mix.inputs[1]),
        (noise.outputs["Fac"], mix.inputs[2]),
        (mix.outputs[0], glow.inputs["Color"]),
        (glow.outputs[0], end.inputs["Surface"]),
    ):
        tree.links.new(source, target)
    return material


def _object(
    make: Callable[..., Any], name: str, colour: tuple[float, float, float], scale: float = 6, **given: Any
) -> Any:
    make(**given)
    made = bpy.context.object
    made.name = name
    made.data.materials.clear()
    made.data.materials.append(_material(name, colour, scale))
    return made


def _keys(target: Any, path: str, keys: dict[int, Any]) -> None:
    for frame, value in keys.items():
        setattr(target, path, value)
        target.keyframe_insert(path, frame=frame)
    action = target.animation_data.action
    curves = action.fcurves if hasattr(action, "fcurves") else action.layers[0].strips[0].channelbags[0].fcurves
    for curve in curves:
        for point in curve.keyframe_points:
            point.interpolation = "LINEAR"


def _room() -> Any:
    """An empty scene, a floor, a wall, boxes in a row; returns its camera, which looks along +y."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)  # which leaves extensions as they are
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, FRAMES
    scene.render.fps = 30
    scene.render.engine = "CYCLES"
    scene.cycles.samples = 16
    scene.cycles.use_denoising = False
    scene.view_settings.view_transform = "Standard"
    scene.world = with_nodes(bpy.data.worlds.new("sky"))
    scene.world.node_tree.nodes["Background"].inputs[0].default_value = (0.35, 0.5, 0.7, 1)
    primitive = bpy.ops.mesh
    _object(primitive.primitive_plane_add, "floor", (0.6, 0.55, 0.45), 24, size=40, location=(0, 10, 0))
    _object(primitive.primitive_cube_add, "wall", (0.7, 0.4, 0.3), 12, size=1, location=(2, 16, 2)).scale = (12, 0.5, 4)
    for number, (x, y, height) in enumerate([(-4, 9, 2.4), (-1.5, 11, 1.5), (1.5, 8, 1.2), (4, 12, 3), (6.5, 9, 1.8)]):
        box = _object(
            primitive.primitive_cube_add,
            f"box {number}",
            ((0.3 + 0.13 * number) % 1, 0.8 - 0.1 * number, 0.35 + 0.1 * number),
            5,
            size=1,
            location=(x, y, height / 2),
        )
        box.scale = (1.4, 1.2, height)
        box.rotation_euler.z = 0.3 * number
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    scene.collection.objects.link(camera)
    scene.camera = camera
    camera.data.lens = 28
    camera.rotation_euler = (math.radians(84), 0, 0)
    _keys(camera, "location", {1: (-2.5, 0, 1.9), FRAMES: (2.5, 1.5, 2.1)})
    _keys(camera, "rotation_euler", {1: (math.radians(84), 0, 0.05), FRAMES: (math.radians(85), 0, -0.12)})
    return camera


def static() -> None:
    """Nothing moves but the camera."""
    _room()


def sliding() -> None:
    """A cube slides, another one turns."""
    _room()
    slider = bpy.data.objects["box 2"]
    _keys(slider, "location", {1: (0.5, 7, 0.6), FRAMES: (2.5, 7, 0.6)})
    _keys(bpy.data.objects["box 1"], "rotation_euler", {1: (0, 0, 0), FRAMES: (0, 0, 0.9)})


def deforming() -> None:
    """A column bends."""
    _room()
    primitive = bpy.ops.mesh
    column = _object(
        primitive.primitive_cylinder_add, "column", (0.8, 0.75, 0.3), 8, radius=0.5, depth=3, location=(0, 7, 1.5)
    )
    column.modifiers.new("cut", "REMESH").octree_depth = 5
    bend = column.modifiers.new("bend", "SIMPLE_DEFORM")
    bend.deform_method = "BEND"
    for frame, angle in ((1, 0.0), (FRAMES, 0.8)):
        bend.angle = angle
        bend.keyframe_insert("angle", frame=frame)


def instance() -> None:
    """A collection instance drives through the picture."""
    _room()
    scene = bpy.context.scene
    parts = bpy.data.collections.new("cart")
    for number, x in enumerate((-0.6, 0.6)):
        part = _object(
            bpy.ops.mesh.primitive_cube_add, f"part {number}", (0.2, 0.5, 0.9), 4, size=0.9, location=(x, 0, 0.45)
        )
        for collection in part.users_collection:
            collection.objects.unlink(part)
        parts.objects.link(part)
    cart = bpy.data.objects.new("cart", None)
    cart.instance_type, cart.instance_collection = "COLLECTION", parts
    scene.collection.objects.link(cart)
    _keys(cart, "location", {1: (-1, 6, 0), FRAMES: (1.5, 6.5, 0)})


def cut_out() -> None:
    """A plane whose picture is cut out by its alpha stands before the boxes, as storyboards have them."""
    _room()
    figure = _object(bpy.ops.mesh.primitive_plane_add, "figure", (0.9, 0.3, 0.2), 8, size=2.4, location=(0, 6, 1.3))
    figure.rotation_euler.x = math.radians(90)
    tree = figure.data.materials[0].node_tree
    end = next(node for node in tree.nodes if node.type == "OUTPUT_MATERIAL")
    shown = end.inputs[0].links[0].from_socket
    place, shape, limit, clear, mixed = (
        tree.nodes.new(f"ShaderNode{kind}")
        for kind in ("TexCoord", "VectorMath", "Math", "BsdfTransparent", "MixShader")
    )
    shape.operation, limit.operation = "DISTANCE", "LESS_THAN"
    shape.inputs[1].default_value = (0.5, 0.5, 0)
    limit.inputs[1].default_value = 0.42
    figure["cut out"] = 0.42 * 2.4
    for source, target in (
        (place.outputs["UV"], shape.inputs[0]),
        (shape.outputs["Value"], limit.inputs[0]),
        (limit.outputs[0], mixed.inputs[0]),
        (clear.outputs[0], mixed.inputs[1]),
        (shown, mixed.inputs[2]),
        (mixed.outputs[0], end.inputs[0]),
    ):
        tree.links.new(source, target)


def entering() -> None:
    """Something comes into the picture that the board does not show."""
    _room()
    visitor = _object(
        bpy.ops.mesh.primitive_uv_sphere_add, "visitor", (0.95, 0.9, 0.4), 8, radius=0.8, location=(9, 6, 0.8)
    )
    _keys(visitor, "location", {1: (9, 6, 0.8), FRAMES: (3.2, 6, 0.8)})


def dolly_back() -> None:
    """The camera moves back: later frames show more than the board, and the board smaller."""
    camera = _room()
    camera.animation_data_clear()
    camera.rotation_euler = (math.radians(84), 0, 0)
    _keys(camera, "location", {1: (0, 1.5, 2), FRAMES: (0, -3, 2.4)})


SCENES: dict[str, Callable[[], None]] = {
    each.__name__: each for each in (static, sliding, deforming, instance, cut_out, entering, dolly_back)
}
