"""How a camera moves by its keys: from where to where they go, and at which frame it jumps or another one takes over.

It reads keys and evaluates nothing: panels ask at every drawing. What counts are the keys of the camera's object and
its data, of its parents, and of the targets of their constraints; not those in NLA strips, and no drivers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

_DEEPEST = 16
"""Objects from a camera on through parents and targets: a circle of constraints has an end."""
_JUMP = 4.0
"""A jump is so many times what happens in the frames beside it."""
_BESIDE = 4
"""Frames: a camera that is animated in steps moves as far again within them, and does not jump."""
_TURN, _STEP, _SHARE = math.radians(2), 0.1, 0.1
"""The least that a jump is: in radians, in metres, and of anything else."""


def keyed(camera: Any) -> range | None:
    """The frames from a camera's first key to its last; None where it has none."""
    ends = [key for _, curve in _curves(camera) for key in _ends(curve)]
    return range(math.floor(min(ends)), math.ceil(max(ends)) + 1) if ends else None


def switches(scene: Any) -> list[Any]:
    """The markers that switch to another camera, in time order."""
    return [after for before, after in pairwise(camera_markers(scene)) if before.camera != after.camera]


def camera_markers(scene: Any) -> list[Any]:
    """The markers by which Blender chooses the camera, in time order; before the first, that one's counts already.

    It passes over cameras that do not render, and of several at the same frame over all but the first that was made.
    """
    found: dict[int, Any] = {}
    for marker in scene.timeline_markers:
        if marker.camera and not marker.camera.hide_render:
            found.setdefault(marker.frame, marker)
    return [found[frame] for frame in sorted(found)]


def camera_at(scene: Any, frame: int) -> Any | None:
    """The camera that renders a frame of a scene, whichever is its camera while it stands at another one."""
    bound = camera_markers(scene)
    last = next((marker for marker in reversed(bound) if marker.frame <= frame), None) or next(iter(bound), None)
    return last.camera if last is not None else scene.camera


def jump(scene: Any, camera: Any, frames: range) -> int | None:
    """The first frame of `frames` at which the camera is suddenly elsewhere than before: a cut. None: it moves on."""
    found = [_jump(scene, path, curve, frames) for path, curve in _curves(camera)]
    return min((frame for frame in found if frame is not None), default=None)


def _jump(scene: Any, path: str, curve: Any, frames: range) -> int | None:
    if len(frames) < 2 or len(curve.keyframe_points) < 2:
        return None
    times = np.arange(frames.start - 1 - _BESIDE, frames.stop + 1 + _BESIDE, dtype=float)
    steps = np.abs(np.diff(_values(curve, times)))
    beside = np.pad(steps, _BESIDE)
    near = np.max(
        [
            beside[_BESIDE + by : _BESIDE + by + len(steps)]
            for by in range(-_BESIDE, _BESIDE + 1)
            if by  # the step itself is none of those beside it
        ],
        axis=0,
    )
    after = times[1:]
    jumps = (steps > _least(scene, path)) & (steps > _JUMP * near) & (after > frames.start) & (after < frames.stop)
    return int(after[np.argmax(jumps)]) if jumps.any() else None


def _values(curve: Any, times: Any) -> Any:
    """What a curve is at these times, straight from key to key but where it holds: near enough to see a jump."""
    points = curve.keyframe_points
    places = np.empty(2 * len(points), np.float32)
    points.foreach_get("co", places)
    where, values = places.reshape(-1, 2).T.astype(float)
    found = np.interp(times, where, values)
    kinds = np.empty(len(points), np.int32)
    points.foreach_get("interpolation", kinds)
    holds = kinds == points[0].bl_rna.properties["interpolation"].enum_items["CONSTANT"].value
    if holds.any():
        before = np.clip(np.searchsorted(where, times, side="right") - 1, 0, len(where) - 1)
        inside = (times >= where[0]) & (times < where[-1]) & holds[before]
        found = np.where(inside, values[before], found)
    return found


def _least(scene: Any, path: str) -> float:
    name = path.rpartition(".")[2]
    if name in ("rotation_euler", "delta_rotation_euler"):
        return _TURN
    if name in ("rotation_quaternion", "rotation_axis_angle"):
        return _TURN / 2
    if name in ("location", "delta_location"):
        return _STEP / (scene.unit_settings.scale_length or 1.0)
    return _SHARE


def _curves(camera: Any) -> Iterator[tuple[str, Any]]:
    """Every curve that moves a camera, with the path of what it moves."""
    for owner in _owners(camera):
        for curve in curves_of(owner):
            yield curve.data_path, curve


def curves_of(owner: Any) -> Iterator[Any]:
    """The curves that move something by keys: of its action, in the slot that is its own."""
    data = owner.animation_data
    if data is not None and data.action is not None:
        yield from (curve for curve in _of_action(data) if not curve.mute and len(curve.keyframe_points))


def _owners(camera: Any) -> list[Any]:
    """The camera, its data, its parents and the targets of their constraints."""
    found: list[Any] = []
    waiting = [camera]
    while waiting and len(found) < _DEEPEST:
        each = waiting.pop(0)
        if each is None or each in found:
            continue
        found.append(each)
        targets = [getattr(constraint, "target", None) for constraint in each.constraints if not constraint.mute]
        waiting += [each.parent, *targets]
    return [*found, camera.data]


def _of_action(data: Any) -> Iterator[Any]:
    """The curves of an action that are for this owner, whichever Blender made it."""
    action, slot = data.action, getattr(data, "action_slot", None)
    for layer in getattr(action, "layers", ()):
        for piece in layer.strips:
            for bag in piece.channelbags:
                if slot is not None and bag.slot_handle == slot.handle:
                    yield from bag.fcurves
    if not getattr(action, "layers", ()) and "fcurves" in action.bl_rna.properties:  # before 5.0: one of an older file
        yield from action.fcurves


def _ends(curve: Any) -> tuple[float, float]:
    points = curve.keyframe_points
    return float(points[0].co[0]), float(points[-1].co[0])
