"""What a camera sees of a board: where in the board each pixel's surface point was, and what to fill the rest with.

Numbers only. The program `render_guide.py` loads it from beside itself: it is no part of a package there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from mathutils.kdtree import KDTree

Array: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"

_FAR = 1e9
_NEAR = 2
"""Pixels of the board beside a silhouette whose colours are mixed; they are not carried."""
_WINDOW = 2 * _NEAR + 1
_TAPS = 4
"""Samples along each side of a pixel, at most."""
_NEIGHBOURS = 5
"""Places whose colours' median fills a hidden pixel: one wrong source would paint a whole region."""


@dataclass(frozen=True)
class Eye:
    """A camera: its place, and how it maps what it sees to the picture."""

    world: Array
    """(4, 4)."""
    lens: Array
    """(4, 4), to -1 .. 1."""
    size: tuple[int, int]

    @property
    def flat(self) -> bool:
        """Whether it is orthographic: all of its rays are parallel."""
        return bool(self.lens[3, 3] == 1)

    def project(self, places: Array) -> tuple[Array, Array, Array, Array]:
        """Column, row and depth of places (…, 3), in pixels whose centres are whole, and whether they lie before it."""
        seen = (places - self.world[:3, 3]) @ self.world[:3, :3]
        mapped = seen @ self.lens[:, :3].T + self.lens[:, 3]
        with np.errstate(divide="ignore", invalid="ignore"):
            column = (mapped[..., 0] / mapped[..., 3] + 1) / 2 * self.size[0] - 0.5
            row = (1 - mapped[..., 1] / mapped[..., 3]) / 2 * self.size[1] - 0.5
        return column, row, -seen[..., 2], (mapped[..., 3] > 1e-6) & (seen[..., 2] < 0)

    def horizon(self) -> Array:
        """A place far out on each pixel's ray (H, W, 3)."""
        width, height = self.size
        across, up = np.meshgrid((np.arange(width) + 0.5) / width * 2 - 1, 1 - (np.arange(height) + 0.5) / height * 2)
        x, y = ((axis + self.lens[n, 2]) / self.lens[n, n] for n, axis in enumerate((across, up)))
        ray = np.dstack([x, y, -np.ones_like(x)]) @ self.world[:3, :3].T
        result: Array = ray * 1e7 + self.world[:3, 3]
        return result


@dataclass(frozen=True)
class View:
    """What is seen through an eye: the place of each pixel's surface point at a board's frame."""

    eye: Eye
    places: Array
    """(H, W, 3), in the world."""
    there: Array
    """(H, W) bool: a surface and no sky."""
    known: Array
    """(H, W) bool: the surface was there at the board."""
    owners: Array
    """(H, W) int: a number for each object that it is a surface of."""
    depth: Array
    """(H, W): how far before the camera it is now."""


@dataclass(frozen=True)
class Carried:
    """A board as a later frame shows it."""

    colours: Array
    """(H, W, 3), 0 to 1; where `seen` is not set, as good a guess as the board gives."""
    seen: Array
    """(H, W) bool: the board shows that very point, and well inside of a surface."""
    in_sight: Array
    """(H, W) bool: the same with silhouettes, where colours are mixed."""
    lines: Array
    """(H, W) bool: of what is seen, the lines of a drawn board that lie beside their form there."""
    bare: Array
    """(H, W) bool: beside a form whose edge a drawn board does not show: nobody knows whether there is a line."""
    closeness: Array
    """(H, W): how much nearer the board is to what it shows, at most 1: below 1 it shows less of it than there is."""


class Board:
    """A picture, and what of the scene it shows."""

    def __init__(self, colours: Array, view: View, outlines: Callable[[Array, View], Any] | None = None) -> None:
        """`colours` (h, w, 3), 0 to 1, is the picture at its own size; `view` what its camera sees at its frame.

        Where it is drawn, and no render, `outlines` makes its `guide_outlines.Outlines` of its colours at the view's
        size.
        """
        self._colours = colours
        self._eye = view.eye
        width, height = view.eye.size
        depth = view.eye.project(view.places)[2]
        self._depth = np.where(view.there, depth, _FAR)
        self._slope = self._slopes(view.there)
        padded = np.pad(self._depth, _NEAR, mode="edge")
        near = np.stack(
            [padded[row : row + height, column : column + width] for row in range(_WINDOW) for column in range(_WINDOW)]
        )
        self._edge = near.max(0) - near.min(0) > 8 * self._slope + 0.02 * self._depth
        grid = np.meshgrid(np.arange(width, dtype=float), np.arange(height, dtype=float))
        flat = self._sample(*grid) if outlines is None else self._averaged(*grid, np.ones((height, width)))
        self._outlines = outlines(flat, view) if outlines is not None else None
        plain = ~self._edge if self._outlines is None else self._outlines.plain
        clean, sky = view.there & plain, ~view.there & plain
        self._surface = _Nearest(view.places[clean], flat[clean])
        self._of_owner = {
            owner: _Nearest(view.places[own], flat[own])
            for owner in np.unique(view.owners[clean]).tolist()
            for own in [clean & (view.owners == owner)]
        }
        self._sky = _Nearest(np.dstack([*grid, np.zeros((height, width))])[sky], flat[sky])

    def seen_in(self, view: View) -> Carried:
        """The board as `view`, whose places are those of this board's frame, shows it."""
        width, height = self._eye.size
        column, row, depth, front = self._where(view)
        at = tuple(
            np.clip(np.rint(np.nan_to_num(axis)), 0, side - 1).astype(int)
            for axis, side in ((row, height), (column, width))
        )
        same = abs(self._depth[at] - depth) < 2 * self._slope[at] + 0.004 * abs(depth)
        same = np.where(view.there, view.known & same, self._depth[at] >= _FAR)
        inside = (column > -0.5) & (column < width - 0.5) & (row > -0.5) & (row < height - 0.5)
        in_sight = front & inside & same
        now = view.eye.project(view.places)[2]
        with np.errstate(divide="ignore", invalid="ignore"):
            closeness = np.where(view.there, np.minimum(1, now / depth), 1.0)
        if self._outlines is not None:
            shown = self._outlines.shown_in(view, column, row, in_sight)
            colours = self._averaged(np.nan_to_num(shown.column), np.nan_to_num(shown.row), shown.scale)
            return Carried(colours, shown.seen, in_sight, shown.lines, shown.bare, closeness.ravel()[shown.forms])
        colours, none = self._sample(np.nan_to_num(column), np.nan_to_num(row)), np.zeros_like(in_sight)
        return Carried(colours, in_sight & ~self._edge[at], in_sight, none, none, closeness)

    def fill(self, view: View, colours: Array, hidden: Array) -> None:
        """Give the `hidden` pixels of `colours` the colour of the nearest place that the board shows.

        Of the same object, if it shows any of it: else a box would paint the floor that it stands on.
        """
        width, height = self._eye.size
        column, row, _, _ = self._where(view)
        for owner in np.unique(view.owners[hidden & view.there]).tolist():
            own = hidden & view.there & (view.owners == owner)
            colours[own] = self._of_owner.get(owner, self._surface).colours(view.places[own], colours[own])
        sky = hidden & ~view.there
        places = [np.clip(np.nan_to_num(axis[sky]), 0, side) for axis, side in ((column, width), (row, height))]
        colours[sky] = self._sky.colours(np.column_stack([*places, np.zeros(len(places[0]))]), colours[sky])

    def _where(self, view: View) -> tuple[Array, Array, Array, Array]:
        """Column, row and depth in the board of what each pixel shows, and whether that lies before its camera."""
        surface = self._eye.project(view.places)
        if view.eye.flat or self._eye.flat:  # parallel rays know no direction: the sky stays where it is
            height, width = view.there.shape
            grid = np.meshgrid(np.arange(width, dtype=float), np.arange(height, dtype=float))
            sky = (*grid, np.full((height, width), _FAR), np.ones((height, width), bool))
        else:
            sky = self._eye.project(view.eye.horizon())
        column, row, depth, front = (np.where(view.there, one, other) for one, other in zip(surface, sky, strict=True))
        return column, row, depth, front.astype(bool)

    def _slopes(self, there: Array) -> Array:
        """How much depth changes within a pixel of each surface, by its smoother side; a gap of one pixel has none."""
        height, width = self._depth.shape
        padded = np.pad(self._depth, 1, mode="edge")
        middle = self._depth
        sides = []
        for down, right in ((0, 1), (1, 0)):
            after = padded[1 + down : height + 1 + down, 1 + right : width + 1 + right]
            before = padded[1 - down : height + 1 - down, 1 - right : width + 1 - right]
            sides.append(np.minimum(abs(after - middle), abs(before - middle)))
        slope: Array = np.where(there, np.minimum(sides[0] + sides[1], 0.1 * middle), 0)
        return slope

    def _averaged(self, column: Array, row: Array, scale: Array) -> Array:
        """The picture's colours there as means over what a pixel shows, which is as large as `scale` of the view's own.

        A line may be thinner than one: between its pixels alone it would come and go.
        """
        taps = round(float(np.quantile(scale, 0.9)) * self._colours.shape[1] / self._eye.size[0])
        taps = min(max(taps, 1), _TAPS)
        beside = (np.arange(taps) + 0.5) / taps - 0.5
        total: Array = np.zeros((*column.shape, 3))
        for down in beside:
            for right in beside:
                total += self._sample(column + right * scale, row + down * scale)
        return total / taps**2

    def _sample(self, column: Array, row: Array) -> Array:
        """The picture's colours at these places of the view, linearly between its pixels."""
        rows, columns = self._colours.shape[:2]
        width, height = self._eye.size
        x = np.clip((column + 0.5) * columns / width - 0.5, 0, columns - 1)
        y = np.clip((row + 0.5) * rows / height - 0.5, 0, rows - 1)
        left, top = np.minimum(x.astype(int), columns - 2), np.minimum(y.astype(int), rows - 2)
        right, down = (x - left)[..., None], (y - top)[..., None]
        picture = self._colours
        above = picture[top, left] * (1 - right) + picture[top, left + 1] * right
        below = picture[top + 1, left] * (1 - right) + picture[top + 1, left + 1] * right
        colours: Array = above * (1 - down) + below * down
        return colours


class _Nearest:
    """Colours by place."""

    def __init__(self, places: Array, colours: Array) -> None:
        self._colours = colours
        self._tree = KDTree(len(places))
        for number, place in enumerate(places):
            self._tree.insert(place, number)
        self._tree.balance()

    def colours(self, places: Array, otherwise: Array) -> Array:
        """The median colours of the places nearest to each of `places` (N, 3); `otherwise` where there are none."""
        if not len(self._colours) or not len(places):
            return otherwise
        count = min(_NEIGHBOURS, len(self._colours))
        found = [[number for _, number, _ in self._tree.find_n(place, count)] for place in places]
        median: Array = np.median(self._colours[np.array(found)], axis=1)
        return median


def joined(boards: list[Board], views: list[View], nearest: list[int]) -> tuple[Array, Array]:
    """Each pixel from the board that sees it best: colours (H, W, 3) and where any board shows it (H, W).

    `nearest` are the boards by their distance in time: of boards that see a pixel as well the nearer one counts.
    """
    carried = [board.seen_in(view) for board, view in zip(boards, views, strict=True)]
    first = carried[nearest[0]]
    colours, seen, closeness = first.colours.copy(), first.seen.copy(), np.where(first.seen, first.closeness, 0)
    lines, bare = first.lines.copy(), first.bare.copy()
    for number in nearest[1:]:
        other = carried[number]
        better = other.seen & (other.closeness > 1.25 * closeness) & ~(lines & other.bare)
        better |= other.lines & bare & ~lines  # what shows the background alone knows nothing of it
        colours[better], closeness[better] = other.colours[better], other.closeness[better]
        lines[better], bare[better] = other.lines[better], other.bare[better]
        seen |= other.seen
    boards[nearest[0]].fill(views[nearest[0]], colours, ~seen)
    return colours, seen
