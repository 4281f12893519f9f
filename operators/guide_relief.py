"""Where one surface ends before another in what a camera sees, and how surfaces have turned since a board.

Numbers only. The program `render_guide.py` loads it from beside itself: it is no part of a package there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"

_BEND = 0.5
"""Of a surface, from one pixel to the next: about 29 degrees."""
_PATCH = 4
"""Pixels around one by which it is known how its surface has turned."""
_WHOLE = 0.05
"""How much the whole object says of that beside the patch, which may be a thread."""


class Relief:
    """A view's surfaces by how near they are. Its pixels go by numbers, counted through row by row."""

    def __init__(self, view: Any, reach: float) -> None:
        """`view` is a `guide_views.View`; a surface hides another one if it is before it by `reach` pixels at least."""
        self._view = view
        self._shape = view.there.shape
        self._owners = np.where(view.there, view.owners, 0)
        flat, depth = view.eye.flat, np.where(view.there, view.depth, 1.0)
        near = -depth if flat else 1 / depth  # which is linear in the picture of a plane
        enough = reach / self.scale(view.eye, depth) * (1 if flat else near**2)
        self._near = np.where(view.there, near, -1e9 if flat else 0.0).ravel()
        self._enough = np.where(view.there, enough, 0.0).ravel()
        self._down, self._right = (self._change(near, axis).ravel() for axis in (0, 1))
        self._seams, self._touches = self._find_seams()

    @staticmethod
    def scale(eye: Any, depth: Array) -> Array:
        """Pixels a unit of length so far before a camera."""
        with np.errstate(divide="ignore"):
            scale: Array = eye.lens[0, 0] * eye.size[0] / 2 / (np.ones_like(depth) if eye.flat else depth)
        return scale

    def borders(self, reach: float) -> Array:
        """(H, W): pixels from each pixel to the nearest one where a surface ends, touches another or bends; inf beyond
        reach.
        """
        seams = self._seams | self._find_bends()
        height, width = self._shape
        away = np.where(seams, 0.0, np.inf)
        side = int(reach)
        padded = np.pad(seams, side)
        for down, right in _offsets(reach):
            there = padded[side + down : side + down + height, side + right : side + right + width]
            away = np.where(there, np.minimum(away, np.hypot(down, right)), away)
        return away

    def edges(self, reach: float) -> tuple[Array, Array]:
        """For each pixel (H, W) the nearest one within reach whose surface ends there and hides its own; and the
        nearest one that its own surface hides, where it ends within reach; -1: none.
        """
        near, owners, enough = self._near, self._owners.ravel(), self._enough

        def hidden(here: Array, there: Array, down: int, right: int) -> Array:
            return self._hides(there, here, -down, -right)

        outer = self._nearest(reach, self._seams, hidden)
        form = owners[outer.ravel()]

        def hides(here: Array, there: Array, _down: int, _right: int) -> Array:
            return (form[there] == owners[here]) & (near[here] - near[there] > enough[here])

        return outer, self._nearest(reach, (outer >= 0) & self._seams, hides)

    def touched(self, reach: float) -> Array:
        """For each pixel (H, W) the nearest one within reach of another object that touches it; -1: none."""
        owners = self._owners.ravel()

        def fits(here: Array, there: Array, _down: int, _right: int) -> Array:
            return (owners[here] != owners[there]) & (owners[here] > 0)

        return self._nearest(reach, self._touches, fits)

    def continued(self, reach: float, of: Array, only: Array) -> Array:
        """For each pixel of the mask `of` the nearest one of `only` within reach whose surface is not behind its own;
        -1: none.
        """
        near, enough = self._near, self._enough

        def fits(here: Array, there: Array, down: int, right: int) -> Array:
            # Continued as a plane to here.
            ends = near[there] - down * self._down[there] - right * self._right[there]
            return near[here] - ends <= enough[here]

        return self._nearest(reach, only & _within(of, reach), fits, of)

    def places(self, pixels: Array, of: Array) -> Array:
        """Where in the world pixels (N,) would be, (N, 3), were they as far from the camera as the pixels `of`."""
        height, width = self._shape
        row, column = np.divmod(pixels, width)
        lens, world, depth = self._view.eye.lens, self._view.eye.world, self._view.depth.ravel()[of]
        clip = lens[3, 3] - lens[3, 2] * depth
        x = (((column + 0.5) / width * 2 - 1) * clip + lens[0, 2] * depth - lens[0, 3]) / lens[0, 0]
        y = ((1 - (row + 0.5) / height * 2) * clip + lens[1, 2] * depth - lens[1, 3]) / lens[1, 1]
        places: Array = np.stack([x, y, -depth], axis=-1) @ world[:3, :3].T + world[:3, 3]
        return places

    def moved(self) -> Array:
        """How far each pixel's surface point is from where it was at the board (H, W, 3); 0 where nobody knows."""
        every, usable = np.arange(self._owners.size), self._view.there & self._view.known
        moved: Array = self.places(every, every).reshape(*self._shape, 3) - self._view.places
        return np.where(usable[..., None], moved, 0)

    def turns(self, pixels: Array) -> Array:
        """How the surface around each pixel has to be turned to be as it was at the board (N, 3, 3)."""
        every = np.arange(self._owners.size)
        now, home = self.places(every, every), self._view.places.reshape(-1, 3)
        usable = (self._view.there & self._view.known).ravel()
        turns = np.tile(np.eye(3), (len(pixels), 1, 1))
        owners = self._owners.ravel()
        for owner in np.unique(owners[pixels]).tolist():
            whole = usable & (owners == owner)
            if not whole.any():
                continue
            one, other = now[whole] - now[whole].mean(0), home[whole] - home[whole].mean(0)
            if abs(one - other).max() < 1e-3 * abs(one).max() + 1e-9:
                continue  # it stands, or has been carried along without a turn
            mine = np.nonzero(owners[pixels] == owner)[0]
            different, back = np.unique(pixels[mine], return_inverse=True)
            patches = self._patches(now, home, whole, different)
            size = np.maximum(np.linalg.norm(patches, axis=(1, 2), keepdims=True), 1e-12)
            all_of_it = other.T @ one
            both = patches / size + _WHOLE * all_of_it / max(float(np.linalg.norm(all_of_it)), 1e-12)
            left, _, right = np.linalg.svd(both)
            left[:, :, 2] *= np.sign(np.linalg.det(left @ right))[:, None]  # a turn and no mirror
            turns[mine] = (left @ right)[back]
        return turns

    def _patches(self, now: Array, home: Array, whole: Array, pixels: Array) -> Array:
        """How the places around each pixel at the board go together with those now (N, 3, 3)."""
        height, width = self._shape
        rows, columns = np.divmod(pixels, width)
        products, ones, others = (np.zeros((len(pixels), *shape)) for shape in ((3, 3), (3,), (3,)))
        count = np.zeros((len(pixels), 1))
        for down in range(-_PATCH, _PATCH + 1):
            for right in range(-_PATCH, _PATCH + 1):
                near = np.clip(rows + down, 0, height - 1) * width + np.clip(columns + right, 0, width - 1)
                good = whole[near][:, None]
                one, other = (np.where(good, each[near] - each[pixels], 0) for each in (now, home))
                products += other[:, :, None] * one[:, None, :]
                ones, others, count = ones + one, others + other, count + good
        result: Array = products - others[:, :, None] * ones[:, None, :] / np.maximum(count, 1)[..., None]
        return result

    def _change(self, near: Array, axis: int) -> Array:
        """How much nearer a surface is one pixel further, by its smoother side."""
        sides = []
        for shift in (1, -1):
            same = (np.roll(self._owners, shift, axis) == self._owners) & self._view.there
            ends = [slice(None), slice(None)]
            ends[axis] = slice(0, 1) if shift == 1 else slice(-1, None)
            same[tuple(ends)] = False
            sides.append(np.where(same, shift * (near - np.roll(near, shift, axis)), np.inf))
        least = np.where(abs(sides[0]) <= abs(sides[1]), *sides)
        change: Array = np.where(np.isfinite(least), least, 0)
        return change

    def _hides(self, front: Array, back: Array, down: int, right: int) -> Array:
        """Whether the surface of `front` ends there, before that of `back`, which is that far from it in the picture.

        Each is continued as a plane: where they touch or bend, one of these meets the other.
        """
        step = 1 / np.hypot(down, right)  # it ends beside that pixel
        ends = self._near[front] + step * (down * self._down[front] + right * self._right[front])
        behind = self._near[back] - down * self._down[back] - right * self._right[back]
        enough = self._enough[front]
        hides: Array = (ends - self._near[back] > enough) & (self._near[front] - behind > enough)
        return hides

    def _find_seams(self) -> tuple[Array, Array]:
        """(H, W) bool: beside another surface, and beside one of another object that touches it."""
        height, width = self._shape
        seams, touches = np.zeros(self._shape, bool), np.zeros(self._shape, bool)
        numbers, owners = np.arange(height * width).reshape(self._shape), self._owners.ravel()
        for axis in (0, 1):
            first, second = _neighbours(axis)
            one, other = numbers[first].ravel(), numbers[second].ravel()
            hides = self._hides(one, other, 1 - axis, axis) | self._hides(other, one, axis - 1, -axis)
            differ = owners[one] != owners[other]
            for found, here in ((seams, hides | differ), (touches, differ & ~hides)):
                found[first] |= here.reshape(found[first].shape)
                found[second] |= here.reshape(found[second].shape)
        return seams, touches

    def _find_bends(self) -> Array:
        """(H, W) bool: where a surface bends, as it was at the board."""
        places = self._view.places
        facing = np.cross(np.gradient(places, axis=1), np.gradient(places, axis=0))
        facing /= np.maximum(np.linalg.norm(facing, axis=-1, keepdims=True), 1e-12)
        bends = np.zeros(self._shape, bool)
        for axis in (0, 1):
            first, second = _neighbours(axis)
            bent = self._view.there[first] & (np.linalg.norm(facing[first] - facing[second], axis=-1) > _BEND)
            bends[first] |= bent
            bends[second] |= bent
        return bends

    def _nearest(
        self, reach: float, among: Array, fits: Callable[[Array, Array, int, int], Array], of: Array | None = None
    ) -> Array:
        """For each pixel, or each of a mask, the nearest one of the mask `among` within reach that fits; -1: none.

        It is looked for from there, as the edges of surfaces are few.
        """
        height, width = self._shape
        found = np.full(height * width, -1)
        wanting = np.ones(height * width, bool) if of is None else of.ravel().copy()
        rows, columns = np.nonzero(among)
        for down, right in _offsets(reach):
            row, column = rows - down, columns - right
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            here = np.where(inside, row * width + column, 0)
            inside &= wanting[here]
            here, there = here[inside], (rows * width + columns)[inside]
            hit = fits(here, there, down, right)
            found[here[hit]] = there[hit]
            wanting[here[hit]] = False
        return found.reshape(height, width)


def _neighbours(axis: int) -> tuple[Any, Any]:
    """The pixels of a picture that have one after them along an axis, and those."""
    one, other = [slice(None), slice(None)], [slice(None), slice(None)]
    one[axis], other[axis] = slice(None, -1), slice(1, None)
    return tuple(one), tuple(other)


def _offsets(reach: float) -> list[tuple[int, int]]:
    """All pixels within reach of one, by rows down and columns to the right, the nearest first."""
    side = range(-int(reach), int(reach) + 1)
    every = [(down, right) for down in side for right in side if 0 < np.hypot(down, right) <= reach]
    return sorted(every, key=lambda each: (np.hypot(*each), each))


def _within(mask: Array, reach: float) -> Array:
    """(H, W) bool: within a square around a pixel of the mask."""
    side = int(reach)
    for axis in (0, 1):
        padded = np.pad(mask, [(side, side) if each == axis else (0, 0) for each in (0, 1)])
        mask = mask.copy()
        for by in range(2 * side + 1):
            mask |= np.take(padded, range(by, by + mask.shape[axis]), axis)
    return mask
