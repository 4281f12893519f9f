"""Whether a picture or a scene has changed: in a few bytes that are the same until it does.

Shots that follow a camera are made again where it goes elsewhere, though their first picture is the same. What is
animated counts by its keys, since its present value hangs on the playhead. Node trees and simulations do not count.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from . import camera_motion

_PLACED = ("location", "rotation_euler", "rotation_quaternion", "rotation_axis_angle", "scale")
_LENS = ("type", "lens", "sensor_width", "sensor_height", "sensor_fit", "shift_x", "shift_y", "ortho_scale")
_PNG = b"\x89PNG\r\n\x1a\n"
_WORDS = (b"tEXt", b"zTXt", b"iTXt", b"tIME")
_OF_THE_PANEL = ("is_active", "show_expanded", "use_pin_to_last", "active")
_PLAIN = ("BOOLEAN", "INT", "FLOAT", "ENUM", "STRING")


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
    found = hashlib.sha256()
    hidden = sorted(each.name for each in scene.collection.children_recursive if each.hide_render)
    found.update(repr(hidden).encode() if hidden else b"")
    for each in sorted(scene.objects, key=lambda each: each.name):
        if each.type != "CAMERA" or each == camera:
            for part in _of_object(each):
                found.update(part if isinstance(part, bytes) else repr(part).encode())
    return found.digest()


def _of_object(each: Any) -> Iterator[object]:
    shapes = getattr(each.data, "shape_keys", None)
    owners = [owner for owner in (each, each.data, shapes) if hasattr(owner, "animation_data")]
    animated = set[str]()
    for owner in owners:
        for curve in camera_motion.curves_of(owner):
            animated.add(curve.data_path)
            yield curve.data_path, curve.array_index, curve.extrapolation
            for name in ("co", "handle_left", "handle_right"):
                places = np.empty(2 * len(curve.keyframe_points), np.float32)
                curve.keyframe_points.foreach_get(name, places)
                yield places.tobytes()
            yield [point.interpolation for point in curve.keyframe_points]
    yield each.name, each.type, each.parent.name if each.parent is not None else "", each.hide_render
    yield [tuple(getattr(each, name)) for name in _PLACED if name not in animated]
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
    for kind in ("modifiers", "constraints"):
        for piece in getattr(each, kind):
            own = f'{kind}["{piece.name}"].'
            yield [
                (prop.identifier, _plain(getattr(piece, prop.identifier)))
                for prop in piece.bl_rna.properties
                if prop.type in _PLAIN
                and not prop.is_readonly
                and not getattr(prop, "is_array", False)
                and f"{own}{prop.identifier}" not in animated
                and prop.identifier not in _OF_THE_PANEL
            ]


def _plain(value: Any) -> Any:
    """A setting as it is written the same in every Blender: of several choices the sequence is not."""
    return sorted(value) if isinstance(value, set) else value
