"""Whether a picture or a scene has changed: in a few bytes that are the same until it does.

Shots that follow a camera are made again where it goes elsewhere, though their first picture is the same, or where what
it sees later is otherwise. What is animated counts by its keys and drivers, since its present value hangs on the
playhead. Sky, lights and compositor do not count: what leads a shot holds nothing of them but its first picture.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from . import camera_motion, plain_values

_PLACED = ("location", "rotation_euler", "rotation_quaternion", "rotation_axis_angle", "scale")
_LENS = ("type", "lens", "sensor_width", "sensor_height", "sensor_fit", "shift_x", "shift_y", "ortho_scale")
_PNG = b"\x89PNG\r\n\x1a\n"
_WORDS = (b"tEXt", b"zTXt", b"iTXt", b"tIME")
_PHYSICS = ("rigid_body", "rigid_body_constraint", "field", "collision", "soft_body")


def of_picture(data: bytes) -> bytes:
    """A PNG without the words in it, since Cycles writes how long it took; anything else as it is."""
    if not data.startswith(_PNG):
        return data
    kept, at = [_PNG], len(_PNG)
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] not in _WORDS:
            kept.append(data[at:end])
        at = end
    return b"".join(kept)


def of_scene(scene: Any, camera: Any) -> bytes:
    """32 bytes for what this camera of a scene may see; where other cameras go is left out."""
    found, trees = hashlib.sha256(), dict[str, Any]()

    def take(parts: Iterable[object]) -> None:
        for part in parts:
            found.update(part if isinstance(part, bytes) else repr(part).encode())

    hidden = sorted(each.name for each in scene.collection.children_recursive if each.hide_render)
    take([hidden] if hidden else ())
    for each in sorted(_objects(scene), key=lambda each: each.name_full):
        if each.type != "CAMERA" or each == camera:
            take(_of_object(each))
            trees.update((tree.name_full, tree) for tree in _trees_of(each))
    take(_of_world(scene))
    done = set[Any]()
    waiting = [tree for _, tree in sorted(trees.items())]
    while waiting:
        tree = waiting.pop()
        if tree not in done:
            done.add(tree)
            animated = set[str]()
            take(_of_motion(tree, animated))
            take(plain_values.of_tree(tree, animated))
            waiting += plain_values.groups_in(tree)
    return found.digest()


def _objects(scene: Any) -> set[Any]:
    """Those of the scene, and of the collections that are shown by instances, whatever scene these lie in."""
    found, waiting = set[Any](), list(scene.objects)
    while waiting:
        each = waiting.pop()
        if each not in found:
            found.add(each)
            if each.instance_collection is not None:
                waiting += each.instance_collection.all_objects
    return found


def _trees_of(each: Any) -> Iterator[Any]:
    """The node trees that make what is seen of an object: of its materials, and of its geometry."""
    for slot in each.material_slots:
        if slot.material is not None and slot.material.node_tree is not None:
            yield slot.material.node_tree
    for modifier in each.modifiers:
        if modifier.type == "NODES" and modifier.node_group is not None:
            yield modifier.node_group


def _of_world(scene: Any) -> Iterator[object]:
    """What moves things by itself."""
    yield tuple(scene.gravity), scene.use_gravity
    if scene.rigidbody_world is not None:
        yield from plain_values.of_struct(scene.rigidbody_world)


def _of_motion(owner: Any, animated: set[str]) -> Iterator[object]:
    """How something of `owner` changes in time: its keys and drivers; which of it that is goes into `animated`."""
    for curve in camera_motion.curves_of(owner):
        animated.add(curve.data_path)
        yield curve.data_path, curve.array_index, curve.extrapolation
        for name in ("co", "handle_left", "handle_right"):
            places = np.empty(2 * len(curve.keyframe_points), np.float32)
            curve.keyframe_points.foreach_get(name, places)
            yield places.tobytes()
        yield [point.interpolation for point in curve.keyframe_points]
    for curve in owner.animation_data.drivers if owner.animation_data is not None else ():
        animated.add(curve.data_path)
        yield curve.data_path, curve.array_index, curve.driver.type, curve.driver.expression
        for variable in curve.driver.variables:
            for target in variable.targets:
                of = target.id.name if target.id is not None else ""
                yield variable.name, variable.type, of, target.data_path, target.transform_type


def _of_object(each: Any) -> Iterator[object]:
    shapes = getattr(each.data, "shape_keys", None)
    owners = [owner for owner in (each, each.data, shapes) if hasattr(owner, "animation_data")]
    animated = set[str]()
    for owner in owners:
        yield from _of_motion(owner, animated)
    yield each.name, each.type, each.parent.name if each.parent is not None else "", each.hide_render
    yield [tuple(getattr(each, name)) for name in _PLACED if name not in animated]
    yield [slot.material.name if slot.material is not None else "" for slot in each.material_slots]
    if each.type == "CAMERA":
        yield [getattr(each.data, name) for name in _LENS if name not in animated]
    if each.type == "MESH" and each.mode != "EDIT":
        vertices = np.empty(3 * len(each.data.vertices), np.float32)
        each.data.vertices.foreach_get("co", vertices)
        yield vertices.tobytes()
    for key in shapes.key_blocks if shapes is not None else ():
        if f'key_blocks["{key.name}"].value' not in animated:
            yield key.name, key.value, key.mute
        places = np.empty(3 * len(key.data), np.float32)
        key.data.foreach_get("co", places)
        yield places.tobytes()
    if not each.visible_camera:
        yield "unseen"
    for modifier in each.modifiers:
        yield from plain_values.of_modifier(modifier, animated, f'modifiers["{modifier.name}"].')
    for constraint in each.constraints:
        yield from plain_values.of_struct(constraint, animated, f'constraints["{constraint.name}"].')
    for system in each.particle_systems:
        yield system.name, system.seed
        yield from plain_values.of_struct(system.settings)
    for name in _PHYSICS:
        if (physics := getattr(each, name)) is not None:
            yield name
            yield from plain_values.of_struct(physics, animated, f"{name}.")
