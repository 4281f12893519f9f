"""Whether a picture shows what a camera sees: do its edges lie where the scene's do?

Numbers only. The program `render_guide.py` loads it from beside itself: it is no part of a package there.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"

_WIDTH = 256
"""Pixels across at which edges are compared: what is finer is texture and brushwork."""
_BLURRED = 24
"""How often the picture is blurred first: what counts is where one area ends, not what is drawn on it."""
_BEND = 0.25
"""Of a surface, from one pixel to the next: about 15 degrees."""
_SLACK = 2
"""Pixels by which a painter may miss an edge."""
_LEAST = 100
"""So many pixels must be edges of the scene: fewer prove nothing."""
_FEW = 0.1
"""Of all edges: fewer than that in a direction are left out."""
_AWAY = (7, 10, 14, 19, 25, 32, 40)
"""Pixels by which the scene's edges are shifted, to see how well they lie elsewhere."""
_WAYS = tuple((right, down) for right in (-1, 0, 1) for down in (-1, 0, 1) if right or down)


def match(colours: Array, view: Any) -> float | None:
    """How well the edges of `colours` (h, w, 3) lie on those of a `guide_views.View`.

    By how much of the mean they do better where they are than the best twentieth of all shifts: below 0 for most other
    pictures. None where the view has too few edges to tell.
    """
    height, width = view.there.shape
    size = max(2, round(height * _WIDTH / width)), _WIDTH
    small = _shrunk(colours, *size)
    lines = [_shrunk(_lines(view, axis).astype(float), *size) > 0 for axis in (0, 1)]
    counts = [int(each.sum()) for each in lines]
    if sum(counts) < _LEAST:
        return None
    # Lines of one direction alone lie where they did when they are shifted along themselves.
    axes = [axis for axis in (0, 1) if counts[axis] > _FEW * sum(counts)]
    ways = [way for way in _WAYS if len(axes) > 1 or way[1 - axes[0]]]
    edges = [(_strokes(small, axis), lines[axis]) for axis in axes]
    shifts = [_under(edges, right * away, down * away) for away in _AWAY for right, down in ways]
    elsewhere = np.array([found for found in shifts if found is not None])
    if not len(elsewhere) or elsewhere.mean() < 1e-9:
        return 0.0
    here = _under(edges, 0, 0) or 0.0
    return float((here - np.percentile(elsewhere, 95)) / elsewhere.mean())


def _lines(view: Any, axis: int) -> Array:
    """Where one surface ends before another, or bends, along an axis of the picture (H, W)."""
    depth = np.where(view.there, view.eye.project(view.places)[2], 1e9)
    facing = np.cross(np.gradient(view.places, axis=1), np.gradient(view.places, axis=0))
    facing /= np.maximum(np.linalg.norm(facing, axis=-1, keepdims=True), 1e-12)
    one, other = [slice(None), slice(None)], [slice(None), slice(None)]
    one[axis], other[axis] = slice(1, None), slice(None, -1)
    first, second = tuple(one), tuple(other)
    both = view.there[first] & view.there[second]
    apart = abs(depth[first] - depth[second]) > 0.1 * np.minimum(abs(depth[first]), abs(depth[second]))
    bent = np.linalg.norm(facing[first] - facing[second], axis=-1) > _BEND
    edge = (view.owners[first] != view.owners[second]) | (view.there[first] != view.there[second])
    found = np.zeros(view.there.shape, bool)
    found[first] = edge | (both & (apart | bent))
    return found


def _strokes(colours: Array, axis: int) -> Array:
    """How much a picture changes along an axis, as each pixel's rank among all: faint contrasts count like strong ones.

    The strongest within reach: a painter's line may lie a little beside the edge.
    """
    change = np.sum([abs(np.gradient(_blurred(colours[..., channel]), axis=axis)) for channel in range(3)], axis=0)
    ranks = np.empty(change.size)
    ranks[np.argsort(change, axis=None, kind="stable")] = np.linspace(0, 1, change.size)
    strokes = np.where(change > 1e-3, ranks.reshape(change.shape), 0) ** 6
    result: Array = np.max([np.roll(strokes, by, axis) for by in range(-_SLACK, _SLACK + 1)], axis=0)
    return result


def _blurred(plane: Array) -> Array:
    for _ in range(_BLURRED):
        padded = np.pad(plane, 1, mode="edge")
        rows = padded[:-2] + 2 * padded[1:-1] + padded[2:]
        plane = (rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) / 16
    return plane


def _under(edges: list[tuple[Array, Array]], right: int, down: int) -> float | None:
    """The mean stroke under all lines when they are shifted by so many pixels; None where most leave the picture."""
    total, count, of = 0.0, 0, 0
    for strokes, lines in edges:
        height, width = lines.shape
        inside = lines[max(0, -down) : height - max(0, down), max(0, -right) : width - max(0, right)]
        there = strokes[max(0, down) : height + min(0, down), max(0, right) : width + min(0, right)]
        total, count, of = total + float(there[inside].sum()), count + int(inside.sum()), of + int(lines.sum())
    return total / count if count > 0.4 * of else None


def _shrunk(picture: Array, height: int, width: int) -> Array:
    """The means of a picture (h, w) or (h, w, C) over the pixels of another size."""
    for axis, size in ((0, height), (1, width)):
        length = picture.shape[axis]
        starts = np.arange(size) * length // size
        if length <= size:
            picture = np.take(picture, starts, axis=axis)
            continue
        counts = np.diff([*starts, length]).reshape([-1 if each == axis else 1 for each in range(picture.ndim)])
        picture = np.add.reduceat(picture, starts, axis=axis) / counts
    return picture
