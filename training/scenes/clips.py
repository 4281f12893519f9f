"""Endless procedural clips: storyboard-like scenes under a known motion, each with its true motion field.

numpy and Pillow only; everything follows from a seed. Pictures are (H, W, 3) uint8 sRGB.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.media.measures import Picture

from .moves import CAMERA_MOVES, FRAMES_PER_SECTION, OBJECT_MOVES, Affine, Depth, Motion, Move, Speed
from .pen import OVERSAMPLING
from .scenes import Layer, Scene, draw_blocks, draw_scene

_KINDS: Mapping[tuple[Move, ...], float] = {CAMERA_MOVES: 0.62, OBJECT_MOVES: 0.28, (Move.STATIC,): 0.1}
"""What clips show where nothing is asked for, and its shares."""

_SOLID = 0.5
"""Alpha from which a layer counts as covering what is behind it."""


@dataclass(frozen=True)
class MotionField:
    """Where the pixels of one frame were in an earlier one: `origin` (H, W, 2) float64 x, y in that frame's pixels,
    `visible` (H, W) bool: whether they were inside it and not covered, and `layer` (H, W): which of the scene's they
    show."""

    origin: NDArray[np.float64]
    visible: NDArray[np.bool_]
    layer: NDArray[np.int64]


@dataclass(frozen=True)
class Clip:
    """A scene under a motion, seen at `size` (width, height) for `sections` sections of 36 frames."""

    scene: Scene
    motion: Motion
    size: tuple[int, int]
    sections: float

    @property
    def frames(self) -> int:
        """Frames from the first, which is at time 0, to the end of the last section."""
        return round(self.sections * FRAMES_PER_SECTION) + 1

    def frame(self, number: float) -> Picture:
        """Draw frame `number`, between two where it is not whole: (H, W, 3) uint8, smoothed by drawing it larger."""
        width, height = self.size[0] * OVERSAMPLING, self.size[1] * OVERSAMPLING
        picture = Image.new("RGB", (width, height))
        for layer in self.scene.layers:
            sheet = layer.picture.transform(
                (width, height),
                Image.Transform.AFFINE,
                self._sheet_from_frame(layer, number),
                Image.Resampling.BILINEAR,
                fillcolor=None if layer.picture.mode == "RGBA" else 0,
            )
            picture.paste(sheet, (0, 0), sheet if sheet.mode == "RGBA" else None)
        return np.asarray(picture.reduce(OVERSAMPLING))

    def motion_field(self, start: float, end: float) -> MotionField:
        """The true motion from frame `start` to frame `end`, for every pixel of the latter."""
        width, height = self.size
        y, x = np.mgrid[0:height, 0:width].astype(np.float64)
        origin = np.empty((height, width, 2))
        top = np.zeros((height, width), np.int64)
        for number, layer in enumerate(self.scene.layers):
            there = self._place(layer, start) @ np.linalg.inv(self._place(layer, end))
            covers = self._covers(layer, end, x, y) if number else np.ones((height, width), bool)
            origin[covers] = self._mapped(there, x[covers], y[covers])
            top[covers] = number
        visible = (origin >= -0.5).all(-1) & (origin[..., 0] <= width - 0.5) & (origin[..., 1] <= height - 0.5)
        if len(self.scene.layers) > 1:
            was_top = np.zeros((height, width), np.int64)
            for number, layer in enumerate(self.scene.layers[1:], 1):
                was_top[self._covers(layer, start, origin[..., 0], origin[..., 1])] = number
            visible &= was_top == top
        return MotionField(origin, visible, top)

    def _place(self, layer: Layer, number: float) -> Affine:
        """From a sheet's own pixels (from its centre) to the frame's (from its centre) at frame `number`."""
        time = number / FRAMES_PER_SECTION
        camera = self.motion.of_camera(time, layer.depth)
        own = self.motion.of_object(time) if layer.is_object else np.eye(3)
        placed = np.eye(3)
        placed[:2, 2] = layer.centre
        return np.asarray(camera @ placed @ own)

    def _sheet_from_frame(self, layer: Layer, number: float) -> tuple[float, ...]:
        """Pillow's six numbers: from the oversampled frame's pixels to the sheet's."""
        inverse = np.linalg.inv(self._place(layer, number))
        half = np.array(self.size) * OVERSAMPLING / 2
        sheet_half = np.array(layer.picture.size) / 2
        linear = inverse[:2, :2]
        shift = inverse[:2, 2] * OVERSAMPLING + sheet_half - linear @ half
        return (*linear[0], shift[0], *linear[1], shift[1])

    def _covers(self, layer: Layer, number: float, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether `layer` covers the points (`x`, `y`) of frame `number`."""
        a, b, c, d, e, f = self._sheet_from_frame(layer, number)
        u, v = (x + 0.5) * OVERSAMPLING, (y + 0.5) * OVERSAMPLING
        column, row = np.floor(a * u + b * v + c).astype(int), np.floor(d * u + e * v + f).astype(int)
        width, height = layer.picture.size
        within = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        alpha = np.asarray(layer.picture.getchannel("A"))
        covered: NDArray[np.bool_] = within & (alpha[row.clip(0, height - 1), column.clip(0, width - 1)] > _SOLID * 255)
        return covered

    def _mapped(self, matrix: Affine, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points (`x`, `y`) in frame pixels through `matrix`, which is about the frame's centre."""
        half_x, half_y = (self.size[0] - 1) / 2, (self.size[1] - 1) / 2
        points = np.stack([x - half_x, y - half_y, np.ones_like(x)], -1) @ matrix.T
        return points[..., :2] + (half_x, half_y)

    @cached_property
    def first(self) -> Picture:
        """The first frame: the board."""
        return self.frame(0)


def random_clip(rng: np.random.Generator, size: tuple[int, int], sections: float, motion: Motion | None = None) -> Clip:
    """A scene that fits `motion` (a random one if None), large enough for every frame of the clip."""
    motion = motion or random_motion(rng)
    canvas = _canvas(motion, size, sections)
    scene = draw_scene(rng, size, canvas, parallax=motion.move.has_parallax, apart=motion.move.of_object)
    return Clip(scene, motion, size, sections)


def random_blocks(rng: np.random.Generator, size: tuple[int, int], sections: float, motion: Motion) -> Clip:
    """The same of a scene whose things are all layers of their own (`draw_blocks`)."""
    return Clip(draw_blocks(rng, size, _canvas(motion, size, sections)), motion, size, sections)


def random_motion(
    rng: np.random.Generator, moves: Sequence[Move] | None = None, *, often: tuple[str, ...] = ()
) -> Motion:
    """One of `moves` at a random speed; without `moves` six in ten are camera moves, three object moves, one static.

    Of these, moves whose names begin with one of `often` come three times as often as they would.
    """
    if moves is not None:
        move = moves[int(rng.integers(len(moves)))]
    elif often:
        weights = {move: 3 if move.startswith(often) else 1 for kind in _KINDS for move in kind}
        odds = np.array([share / len(kind) * weights[move] for kind, share in _KINDS.items() for move in kind])
        move = list(weights)[int(rng.choice(len(odds), p=odds / odds.sum()))]
    else:
        kind = list(_KINDS)[rng.choice(len(_KINDS), p=list(_KINDS.values()))]
        move = kind[int(rng.integers(len(kind)))]
    speed = rng.choice([Speed.SLOW, Speed.NORMAL, Speed.FAST], p=[0.25, 0.5, 0.25])
    return Motion(move, Speed(str(speed)))


def _canvas(motion: Motion, size: tuple[int, int], sections: float) -> tuple[int, int]:
    """The smallest centred sheet (width, height) that the view never leaves."""
    corners = np.array([[x * size[0] / 2, y * size[1] / 2, 1] for x in (-1, 1) for y in (-1, 1)])
    reach = np.array(size) / 2
    for time in np.linspace(0, sections, 17):
        matrix = motion.of_camera(time, Depth.BACKGROUND)
        seen = np.abs(corners @ np.linalg.inv(matrix).T)[:, :2].max(0)
        reach = np.maximum(reach, seen)
    width, height = np.ceil(reach).astype(int) * 2 + 8
    return int(width), int(height)
