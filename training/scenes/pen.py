"""A hand that draws: wobbly lines, filled shapes and hatching on a Pillow picture, at a multiple of its final size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

OVERSAMPLING = 2
"""Pictures are drawn this many times larger than they are shown, so that reducing them smooths the edges."""

Colour = tuple[int, int, int]
Point = tuple[float, float]


@dataclass(frozen=True)
class Style:
    """What makes one hand's drawings look alike."""

    ink: Colour
    width: float
    """Line width in pixels of the final picture."""
    wobble: float
    """How far a line strays, in pixels."""
    palette: tuple[Colour, ...]
    """Colours of areas; empty: areas stay the colour of `paper`."""
    outlined: bool
    shaded: bool
    """Areas are soft-shaded like a render instead of flat."""
    paper: Colour


class Pen:
    """Draws onto `picture` (RGBA or RGB, OVERSAMPLING times the final size); coordinates are final pixels."""

    def __init__(self, picture: Image.Image, style: Style, rng: np.random.Generator) -> None:
        self.picture = picture
        self.style = style
        self.rng = rng
        self._draw = ImageDraw.Draw(picture)

    @property
    def size(self) -> tuple[float, float]:
        """(width, height) in final pixels."""
        return self.picture.width / OVERSAMPLING, self.picture.height / OVERSAMPLING

    def fill_colour(self) -> Colour:
        """A colour for an area: one of the palette, or the paper's."""
        palette = self.style.palette
        return palette[self.rng.integers(len(palette))] if palette else self.style.paper

    def line(self, points: Sequence[Point], width: float = 1.0, colour: Colour | None = None) -> None:
        """A line through `points`, `width` times the style's width, wobbling as a hand does."""
        path = self._strayed(points)
        thickness = max(1, round(self.style.width * width * OVERSAMPLING))
        self._draw.line(path, fill=colour or self.style.ink, width=thickness, joint="curve")

    def shape(self, outline: Sequence[Point], colour: Colour | None = None, closed: bool = True) -> None:
        """An area inside `outline`, flat or soft-shaded, with its line where the style has lines."""
        colour = colour or self.fill_colour()
        path = self._strayed([*outline, outline[0]]) if closed else self._strayed(outline)
        if self.style.shaded:
            self._shade(path, colour)
        else:
            self._draw.polygon(path, fill=colour)
        if self.style.outlined:
            self._draw.line(path, fill=self.style.ink, width=max(1, round(self.style.width * OVERSAMPLING)))

    def ellipse(self, centre: Point, rx: float, ry: float, colour: Colour | None = None) -> None:
        """An ellipse with radii in pixels."""
        self.shape(arc(centre, rx, ry, 0, 2 * np.pi)[:-1], colour)

    def hatch(self, box: tuple[float, float, float, float], gap: float, angle: float) -> None:
        """Parallel strokes inside `box` (left, top, right, bottom), `gap` pixels apart."""
        left, top, right, bottom = box
        centre = np.array([(left + right) / 2, (top + bottom) / 2])
        along = np.array([np.cos(angle), np.sin(angle)])
        across = np.array([-along[1], along[0]])
        reach = np.hypot(right - left, bottom - top) / 2
        for offset in np.arange(-reach, reach, gap):
            middle = centre + across * offset
            length = np.sqrt(max(0.0, reach**2 - offset**2)) * 0.8
            ends = [tuple(middle - along * length), tuple(middle + along * length)]
            clipped = [(float(np.clip(x, left, right)), float(np.clip(y, top, bottom))) for x, y in ends]
            self.line(clipped, width=0.7)

    def writing(self, left: float, top: float, width: float, height: float) -> None:
        """Strokes that look like a line of handwriting `width` x `height` pixels."""
        x = left
        while x < left + width:
            word = self.rng.integers(2, 7)
            for _ in range(word):
                points = [
                    (x + self.rng.uniform(0, 0.7) * height, top + self.rng.uniform(0, 1) * height)
                    for _ in range(self.rng.integers(2, 5))
                ]
                self.line(points, width=0.6)
                x += height * 0.75
            x += height * 0.7

    def _strayed(self, points: Sequence[Point]) -> list[Point]:
        """The path in picture pixels, subdivided and bent a little where the style wobbles."""
        path = np.asarray(points, float)
        if self.style.wobble > 0 and len(path) < 24:
            steps = 6
            starts, ends = path[:-1, None], path[1:, None]
            between = starts + (ends - starts) * np.linspace(0, 1, steps, endpoint=False)[None, :, None]
            path = np.concatenate([between.reshape(-1, 2), path[-1:]])
            stray = self.rng.normal(0, self.style.wobble, path.shape)
            stray[1:-1] = (stray[:-2] + stray[1:-1] + stray[2:]) / 3
            stray[-1] = stray[0]  # a closed outline stays closed
            path = path + stray
        return [(float(x), float(y)) for x, y in path * OVERSAMPLING]

    def _shade(self, path: Sequence[Point], colour: Colour) -> None:
        """Fill `path` with a soft light from the upper left."""
        corners = np.asarray(path)
        left, top = np.floor(corners.min(0)).astype(int)
        right, bottom = np.ceil(corners.max(0)).astype(int) + 1
        left, top = max(left, 0), max(top, 0)
        width, height = min(right, self.picture.width) - left, min(bottom, self.picture.height) - top
        if width < 2 or height < 2:
            return
        mask = Image.new("L", (width, height), 0)
        ImageDraw.Draw(mask).polygon([(x - left, y - top) for x, y in path], fill=255)
        y, x = np.mgrid[0:height, 0:width]
        light = 1.25 - 0.9 * np.hypot(x / width - 0.32, y / height - 0.28)
        shaded = np.clip(light[..., None] * np.array(colour), 0, 255).astype(np.uint8)
        self.picture.paste(Image.fromarray(shaded), (left, top), mask)


def arc(centre: Point, rx: float, ry: float, start: float, end: float, points: int = 33) -> list[Point]:
    """Points on an ellipse from angle `start` to `end` (radians, clockwise on screen)."""
    angles = np.linspace(start, end, points)
    return [(centre[0] + rx * float(np.cos(a)), centre[1] + ry * float(np.sin(a))) for a in angles]
