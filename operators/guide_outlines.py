"""The outlines of a drawn board: which of its pixels are the lines around its forms, and where a later frame has them.

A line straddles the edge of a form: half of it lies on what is behind, or on what the form stands on. It belongs to the
form, and goes where that goes. Numbers only. The program `render_guide.py` loads it from beside itself: it is no part
of a package there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"

_REACH = 0.014
"""Of a picture's width: how far a line may reach beyond the edge of its form."""
_LEAST_REACH = 2.5
"""Pixels."""
_FADED = 0.25
"""Of the share of pixels right beside edges that a line is on: where it is less, further away, lines have ended."""
_MIXED = 2.0
"""Pixels beside an edge, on what is behind, whose colours may be mixed."""
_AROUND = 4.0
"""Reaches within which a surface's own colours are looked for."""
_FEW = 6
"""Places around that must show a surface for its colours to be known."""
_AT_ONCE = 20_000
"""Pixels."""
_UNLIKE = 0.1
"""Of 0 to 1, by which a channel leaves the range of a surface's colours where a line is."""
_COMMON = (10, 90)
"""Percentiles between which a surface's colours are: its own fine lines are beyond."""
_ROUND = 4.0
"""Reaches from the edge of a form at which it may have its line from there, once it has turned."""
_LARGEST = 4.0
"""Times its size in the board at which a form's line is still carried at its whole breadth."""
_TURNED = 0.3
"""Of its length: where a line's breadth is shorter in the board, it was turned away there."""
_SMEARED = 0.4
"""Of the scale that its distance gives it: where a surface is narrower in the board, lines on it would be areas now."""
_STEP = 1.0
"""Pixels by which two things must have moved apart for a line between them to go with one of them."""


@dataclass
class Shown:
    """A drawn board in a frame."""

    seen: Array
    """(H, W) bool: the board shows what is there: a surface, or a line that belongs to it."""
    lines: Array
    """(H, W) bool: of these, lines that lie beside their form in the board."""
    bare: Array
    """(H, W) bool: beside a form whose edge the board does not show: nobody knows whether there is a line."""
    column: Array
    row: Array
    """(H, W): where in the board."""
    scale: Array
    """(H, W): pixels of the board a pixel."""
    forms: Array
    """(H, W) int: the pixel, counted through, whose surface is seen, or to which the line belongs."""


@dataclass(frozen=True)
class _Frame:
    """A later view of the scene, with what is asked of it again and again."""

    view: Any
    surfaces: Any
    """Its `guide_relief.Relief`."""
    owners: Array
    usable: Array
    """(H, W) bool: a surface that was there at the board."""
    scale: Array
    """(H, W): pixels of the board a pixel."""
    line_owners: Array
    """(H, W) of the board: whose each pixel's line is, if it is one."""


class Outlines:
    """The outlines of a board."""

    def __init__(self, colours: Array, view: Any, relief: Any) -> None:
        """`colours` (H, W, 3), 0 to 1, are the board's at each pixel of its `guide_views.View`; `relief` is
        `guide_relief.Relief`.
        """
        self._eye, self._relief = view.eye, relief
        height, width = self._size = view.there.shape
        self._scale = relief.scale(view.eye, np.where(view.there, view.depth, np.inf))
        furthest = max(_LEAST_REACH, _REACH * width)
        self._on = owners = np.where(view.there, view.owners, 0)
        surfaces = relief(view, furthest)
        outer, rim = surfaces.edges(furthest)
        self._rim = surfaces.edges(_ROUND * furthest)[1]
        self._touched, border = surfaces.touched(furthest), surfaces.borders(furthest)
        away = np.where(outer >= 0, self._away(outer), np.inf)
        beside = (outer >= 0) | (rim >= 0) | (border <= furthest)
        low, high, known = _ranges(colours, owners, ~beside, furthest)
        unlike = ~_between(colours, low, high) & known
        behind = [each.reshape(height * width, -1)[rim] for each in (low, high, known)]
        spilt = (rim >= 0) & unlike & behind[2][..., 0] & _between(colours, *behind[:2])
        self._reach = _breadth(away[known], unlike[known], furthest)
        self._foreign = (away <= self._reach) & (unlike | ~known)
        beyond = np.where(self._touched >= 0, self._touched, outer)
        self._next_to = np.where((beyond >= 0) & (self._away(beyond) < 1.5), owners.ravel()[beyond], -1)
        self._lines = self._foreign | ((border <= self._reach) & unlike & ~spilt)
        self._owners = np.where(self._foreign, owners.ravel()[outer], owners)
        self._unsure = (away <= _MIXED) | self._foreign | spilt
        self.plain = ~self._unsure & ~(beside & (unlike | ~known))
        """(H, W) bool: what is there shows itself, and no line."""

    def shown_in(self, view: Any, column: Array, row: Array, in_sight: Array) -> Shown:
        """What a frame shows of the board.

        `column` and `row` (H, W) are where in the board its pixels are, `in_sight` whether they are to be seen there.
        """
        at = self._at(column, row)
        owners, home = np.where(view.there, view.owners, 0), self._eye.project(view.places)[2]
        usable = view.there & view.known & (home > 0)
        across = self._next_to[at] == owners
        in_sight = in_sight & (self._on[at] == owners)  # where things touch, depth alone does not tell
        now = self._relief.scale(view.eye, np.where(view.there, view.depth, np.inf))
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = np.where(usable, self._relief.scale(self._eye, home) / now, 1.0)
        surfaces = self._relief(view, self._reach)
        moved = surfaces.moved()
        line_owners = self._owners_of_lines(owners, moved, at, usable & in_sight)
        frame = _Frame(view, surfaces, owners, usable, scale, line_owners)
        reach = self._reach * float(np.clip((1 / scale[usable & in_sight]).max(initial=1.0), 1, _LARGEST))
        outside, within = surfaces.edges(reach)
        beside = surfaces.borders(reach) * scale <= self._reach + 0.5
        narrow = beside & ~self._smeared(frame, column, row)
        drawn = narrow & (line_owners[at] == owners)
        seen = in_sight & ~self._unsure[at] & ~self._takes_other(frame, column, row) & (drawn | ~self._lines[at])
        # An edge may lie between two pixels: a form's own line is on the next one, or on what it touches.
        lines = self._foreign[at] & drawn | self._lines[at] & narrow & (line_owners[at] == self._on[at])
        lines &= usable & self._inside(column, row) & across
        numbers = np.arange(view.there.size).reshape(self._size)
        shown = Shown(seen | lines, lines, np.zeros_like(seen), column.copy(), row.copy(), scale.copy(), numbers)
        self._extend(frame, shown, outside)
        inner = np.where(within >= 0, outside.ravel()[within], -1)
        self._extend(frame, shown, np.where((owners.ravel()[inner] == owners) & ~shown.seen, inner, -1))
        touched = surfaces.touched(reach)
        self._extend(frame, shown, np.where(_goes(moved, moved.reshape(-1, 3)[touched], now), touched, -1))
        # What has come into sight beside what is seen.
        self._extend(frame, shown, surfaces.continued(reach, beside & ~shown.seen, usable & seen))
        shown.bare[:] = (outside >= 0) & ~shown.seen.ravel()[outside]
        return shown

    def _owners_of_lines(self, owners: Array, moved: Array, at: Any, seen: Array) -> Array:
        """Whose lines the board's pixels would be (H, W): where things touch, of that one which has moved."""
        count = int(max(self._on.max(), owners.max())) + 1
        of = np.maximum(np.bincount(owners[seen], minlength=count), 1)
        means = np.stack([np.bincount(owners[seen], moved[seen][:, axis], count) / of for axis in range(3)], axis=-1)
        motion = means[self._on]
        motion[tuple(axis[seen] for axis in at)] = moved[seen]
        other = motion.reshape(-1, 3)[self._touched]
        gone = (self._touched >= 0) & ~self._foreign & _goes(motion, other, self._scale)
        result: Array = np.where(gone, self._on.ravel()[self._touched], self._owners)
        return result

    def _extend(self, frame: _Frame, shown: Shown, of: Array) -> None:
        """Show at each pixel what lies as far beside its form in the board, if that is a line of it.

        `of` (H, W) gives the form's pixel; -1: none.
        """
        pixels = np.nonzero(((of >= 0) & ~shown.lines).ravel())[0]
        pixels = pixels[frame.usable.ravel()[of.ravel()[pixels]]]
        forms, width = of.ravel()[pixels], self._size[1]
        home = frame.view.places.reshape(-1, 3)[forms]
        across = frame.surfaces.places(pixels, forms) - frame.surfaces.places(forms, forms)
        start = self._eye.project(home)
        end = self._eye.project(home + np.einsum("nij,nj->ni", frame.surfaces.turns(forms), across))
        right, down = end[0] - start[0], end[1] - start[1]
        away = np.hypot(pixels // width - forms // width, pixels % width - forms % width) * frame.scale.ravel()[forms]
        length, owners = np.hypot(right, down), frame.owners.ravel()[forms]
        good = (length > _TURNED * away) & (away <= self._reach + 0.5) & start[3]
        share = np.where(good, away / np.maximum(length, 1e-9), np.nan)
        further = self._to_rim(start[0], start[1], owners)
        column, row = start[0] + share * right + further[0], start[1] + share * down + further[1]
        at = self._at(column, row)
        hit = np.isfinite(column + row) & self._inside(column, row)
        hit &= self._lines[at] & (frame.line_owners[at] == owners)
        to = np.divmod(pixels[hit], width)
        shown.seen[to] = shown.lines[to] = True
        shown.column[to], shown.row[to], shown.forms[to] = column[hit], row[hit], forms[hit]
        shown.scale[to] = frame.scale.ravel()[forms[hit]]

    def _to_rim(self, column: Array, row: Array, owners: Array) -> tuple[Array, Array]:
        """How far from these places of a form its edge is in the board: a round one has turned others to the camera."""
        at = self._at(column, row)
        rim = self._rim[at]
        y, x = np.divmod(rim, self._size[1])
        right, down = x - column, y - row
        away = np.hypot(right, down)
        # Within two pixels of one beyond it, that edge may lie right beside.
        inside = (rim >= 0) & (self._on[at] == owners) & (away > 2)
        share = np.where(inside, 1 - 2 / np.maximum(away, 2), 0)
        return right * share, down * share

    def _takes_other(self, frame: _Frame, column: Array, row: Array) -> Array:
        """(H, W) bool: whether the colour there in the board has a part of the line of something else on it."""
        found = np.zeros(self._size, bool)
        x, y = np.nan_to_num(column), np.nan_to_num(row)
        stranger = self._lines & (frame.line_owners != self._on)
        for down in (0, 1):
            for right in (0, 1):
                beside = np.floor(y) + down, np.floor(x) + right
                weighs = (1 - abs(y - beside[0])) * (1 - abs(x - beside[1])) > 0.1
                at = self._at(beside[1], beside[0])
                found |= weighs & stranger[at] & (frame.line_owners[at] != frame.owners)
        return found

    def _smeared(self, frame: _Frame, column: Array, row: Array) -> Array:
        """(H, W) bool: where a surface has turned so much to the camera that a line on it would become an area."""
        steps = []
        for axis in (1, 0):
            shortest = np.full((2, *self._size), np.inf)
            for shift in (1, -1):
                same = np.roll(frame.owners, shift, axis) == frame.owners
                step = np.stack([shift * (each - np.roll(each, shift, axis)) for each in (column, row)])
                shorter = same & (np.hypot(*step) < np.hypot(*shortest))
                shortest = np.where(shorter, step, shortest)
            steps.append(np.where(np.isfinite(shortest), shortest, 1e3))
        (a, c), (b, d) = steps
        square, area = a * a + b * b + c * c + d * d, a * d - b * c
        least = np.maximum(square - np.sqrt(np.maximum(square**2 - 4 * area**2, 0)), 0) / 2
        smeared: Array = frame.usable & (np.sqrt(least) < _SMEARED * frame.scale)
        return smeared

    def _away(self, of: Array) -> Array:
        """Pixels from each pixel to that of which `of` (H, W) is the number."""
        rows, columns = np.indices(self._size)
        down, right = np.divmod(of, self._size[1])
        away: Array = np.hypot(down - rows, right - columns)
        return away

    def _inside(self, column: Array, row: Array) -> Array:
        height, width = self._size
        inside: Array = (column > -0.5) & (column < width - 0.5) & (row > -0.5) & (row < height - 0.5)
        return inside

    def _at(self, column: Array, row: Array) -> tuple[Array, Array]:
        """The pixels (rows, columns) of the board in which these places are, or which are nearest to them."""
        y, x = (
            np.clip(np.rint(np.nan_to_num(axis)), 0, side - 1).astype(int)
            for axis, side in zip((row, column), self._size, strict=True)
        )
        return y, x


def _goes(one: Array, other: Array, scale: Array) -> Array:
    """Whether the other of two things has left the one: how far both have moved, (…, 3), at so many pixels a unit."""
    further = np.linalg.norm(other, axis=-1) > np.linalg.norm(one, axis=-1)
    goes: Array = (np.linalg.norm(other - one, axis=-1) * scale > _STEP) & further
    return goes


def _breadth(away: Array, unlike: Array, furthest: float) -> float:
    """How far lines reach beyond edges, in pixels: until few of the pixels that far away are unlike what is there.

    A line of something else that only meets an edge is no part of that one's breadth.
    """
    first = unlike[away < 1.5].mean() if (away < 1.5).any() else 0.0
    reach = 1.0
    while reach + 0.5 <= furthest:
        ring = (away > reach) & (away <= reach + 0.5)
        if ring.any() and unlike[ring].mean() < _FADED * first:
            break
        reach += 0.5
    return reach


def _between(colours: Array, low: Array, high: Array) -> Array:
    """Whether colours (…, 3) are like those of a range."""
    like: Array = ((colours >= low - _UNLIKE) & (colours <= high + _UNLIKE)).all(-1)
    return like


def _ranges(colours: Array, owners: Array, clear: Array, reach: float) -> tuple[Array, Array, Array]:
    """Between which colours most of a surface is around each pixel that is not `clear` of edges, (H, W, 3) each, and
    whether that is known (H, W).
    """
    height, width = clear.shape
    low, high, known = np.zeros(colours.shape), np.ones(colours.shape), np.zeros(clear.shape, bool)
    step = max(1, round(_AROUND * reach / 5))
    side = range(-5 * step, 5 * step + 1, step)
    every = np.argwhere(~clear)
    for start in range(0, len(every), _AT_ONCE):
        rows, columns = every[start : start + _AT_ONCE].T
        samples = np.full((len(side) ** 2, len(rows), 3), np.inf, np.float32)
        for number, (down, right) in enumerate((down, right) for down in side for right in side):
            y, x = rows + down, columns + right
            good = (y >= 0) & (y < height) & (x >= 0) & (x < width)
            y, x = np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)
            good &= clear[y, x] & (owners[y, x] == owners[rows, columns])
            samples[number, good] = colours[y[good], x[good]]
        samples.sort(axis=0)  # what is not there comes last
        count = np.isfinite(samples[..., 0]).sum(0)
        known[rows, columns] = count >= _FEW
        for bound, percent in ((low, _COMMON[0]), (high, _COMMON[1])):
            index = np.rint(np.maximum(count - 1, 0) * percent / 100).astype(int)
            bound[rows, columns] = np.take_along_axis(samples, index[None, :, None], axis=0)[0]
    return low, high, known
