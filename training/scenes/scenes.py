"""Scenes: a style, a backdrop and things in it, drawn as layers that a camera move can shift against each other."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from .drawings import THINGS
from .moves import Depth
from .pen import OVERSAMPLING, Colour, Pen, Style, arc

_CROWD, _FAR = (0.15, 0.6), (0.06, 0.25)
"""Heights, as parts of the view's, of what stands about on the backdrop: anywhere, or far behind the subject. Where
near and far move apart what is far must look far: nobody could tell a head on the backdrop from the subject's."""
_BLOCKS, _MOST_BLOCKS = ("box", "shape", "house", "box", "tree", "figure"), 24
_DEPTHS = (Depth.BACKGROUND, Depth.SUBJECT, Depth.FOREGROUND)
_ROUGH = 0.35
"""Share of the pictures on textured paper."""


@dataclass(frozen=True)
class Layer:
    """A drawn sheet: `picture` (RGBA, OVERSAMPLING times final size), centred at `centre` (pixels from the view's)."""

    picture: Image.Image
    centre: tuple[float, float]
    depth: Depth
    is_object: bool = False


@dataclass(frozen=True)
class Scene:
    """Layers from back to front; `thing` is what the main object is called, `place` the backdrop."""

    layers: tuple[Layer, ...]
    thing: str
    place: str


def draw_scene(
    rng: np.random.Generator, view: tuple[int, int], canvas: tuple[int, int], *, parallax: bool, apart: bool
) -> Scene:
    """Draw a scene to be seen through `view` (width, height), on a sheet of `canvas` pixels that all its views fit in.

    With `parallax` subject and foreground are layers of their own; with `apart` the main object is, and stands free so
    that it can move alone.
    """
    style = _style(rng)
    sheet = _paper(rng, style, canvas)
    pen = Pen(sheet, style, rng)
    place = PLACES[rng.choice(len(PLACES), p=_SHARES)]
    _BACKDROPS[place](pen, view)
    thing = str(rng.choice(list(THINGS)))
    height = min(view)
    width_x, width_y = canvas
    crowd = round(width_x * width_y / (view[0] * view[1]) * rng.uniform(0, 3.5))
    heights = _FAR if parallax else _CROWD
    for _ in range(0 if apart else min(crowd, 24)):
        other = THINGS[str(rng.choice(list(THINGS)))]
        where = (rng.uniform(0.02, 0.98) * width_x, rng.uniform(0.1, 0.95) * width_y)
        other(pen, where, height * rng.uniform(*heights))
    size = height * (rng.uniform(0.3, 0.5) if apart else rng.uniform(0.4, 0.85))
    offset = (rng.uniform(-0.22, 0.22) * view[0], rng.uniform(-0.12, 0.15) * view[1])
    if not (parallax or apart):
        THINGS[thing](pen, (width_x / 2 + offset[0], width_y / 2 + offset[1]), size)
        return Scene((Layer(sheet, (0, 0), Depth.BACKGROUND),), thing, place)
    layers = [Layer(sheet, (0, 0), Depth.BACKGROUND)]
    layers.append(Layer(_cut_out(thing, style, rng, size), offset, Depth.SUBJECT, is_object=True))
    if parallax:
        for _ in range(rng.integers(1, 3)):
            side = (rng.uniform(-0.75, 0.75) * view[0], rng.uniform(0.15, 0.45) * view[1])
            near = str(rng.choice(["tree", "box", "shape", "chair", "figure"]))
            layers.append(Layer(_cut_out(near, style, rng, height * rng.uniform(0.4, 0.9)), side, Depth.FOREGROUND))
    return Scene(tuple(layers), thing, place)


def draw_blocks(rng: np.random.Generator, view: tuple[int, int], canvas: tuple[int, int]) -> Scene:
    """A scene as one is blocked out: a backdrop, and things all over it each of which is a layer of its own.

    Whoever knows its geometry knows every silhouette in it, also of what comes into view.
    """
    style = _style(rng)
    sheet = _paper(rng, style, canvas)
    place = PLACES[rng.choice(len(PLACES), p=_SHARES)]
    _BACKDROPS[place](Pen(sheet, style, rng), view)
    layers = [Layer(sheet, (0, 0), Depth.BACKGROUND)]
    spread = canvas[0] * canvas[1] / (view[0] * view[1])
    things = [str(thing) for thing in rng.choice(_BLOCKS, min(_MOST_BLOCKS, round(spread * rng.uniform(2, 5))))]
    depths = sorted(rng.choice(len(_DEPTHS), len(things)))
    for thing, depth in zip(things, depths, strict=True):
        where = tuple(float(rng.uniform(-0.5, 0.5) * side) for side in canvas)
        size = min(view) * rng.uniform(0.25, 0.7)
        layers.append(Layer(_cut_out(thing, style, rng, size), (where[0], where[1]), _DEPTHS[depth]))
    return Scene(tuple(layers), things[-1], place)


def _cut_out(thing: str, style: Style, rng: np.random.Generator, size: float) -> Image.Image:
    """One thing on a transparent sheet a little larger than itself."""
    side = int(np.ceil(size * 1.5)) * OVERSAMPLING
    sheet = Image.new("RGBA", (side, side), (*style.ink, 0))
    pen = Pen(sheet, style, rng)
    THINGS[thing](pen, (side / 2 / OVERSAMPLING, side / 2 / OVERSAMPLING), size)
    return sheet


def _style(rng: np.random.Generator) -> Style:
    """A hand: ink on paper (the most), ink with washes, flat colours, or soft-shaded."""
    kind = rng.choice(["ink", "wash", "flat", "bold", "render"], p=[0.42, 0.16, 0.17, 0.1, 0.15])
    light = int(rng.integers(215, 256))
    paper = (light, light - int(rng.integers(0, 8)), light - int(rng.integers(0, 26)))
    dark = int(rng.integers(0, 70))
    ink = (dark, dark, dark + int(rng.integers(0, 30))) if rng.random() < 0.85 else _colour(rng, 0, 140)
    width = float(rng.uniform(0.5, 1.6) if kind in ("ink", "wash") else rng.uniform(1.0, 3.5))
    wobble = float(rng.uniform(0, 0.8) if rng.random() < 0.7 else 0)
    palette: tuple[Colour, ...] = ()
    if kind == "wash":
        palette = tuple(_grey(rng, 90, 250) for _ in range(4))
    elif kind != "ink":
        palette = tuple(_colour(rng, 20, 250) for _ in range(6))
        if rng.random() < 0.5:
            paper = _colour(rng, 40, 250)
    return Style(ink, width, wobble, palette, kind not in ("flat", "render"), kind == "render", paper)


def _colour(rng: np.random.Generator, low: int, high: int) -> Colour:
    red, green, blue = (int(part) for part in rng.integers(low, high, 3))
    return red, green, blue


def _grey(rng: np.random.Generator, low: int, high: int) -> Colour:
    grey = int(rng.integers(low, high))
    return grey, grey, grey


def _paper(rng: np.random.Generator, style: Style, canvas: tuple[int, int]) -> Image.Image:
    """The empty sheet: even, graded, or with grain."""
    width, height = canvas[0] * OVERSAMPLING, canvas[1] * OVERSAMPLING
    if rng.random() < 0.25 or style.shaded:
        other = _colour(rng, 60, 250) if style.palette else tuple(max(0, part - 40) for part in style.paper)
        ends = np.array([style.paper, other], float)
        steps = np.linspace(0, 1, 64)[:, None, None]
        if rng.random() < 0.4:
            steps = steps.transpose(1, 0, 2)
        ramp = ends[0] * (1 - steps) + ends[1] * steps
        sheet = Image.fromarray(ramp.astype(np.uint8)).resize((width, height), Image.Resampling.BILINEAR)
    else:
        sheet = Image.new("RGB", (width, height), style.paper)
    if rng.random() < _ROUGH:
        grain = int(rng.integers(2, 12))
        rough = rng.normal(0, rng.uniform(2, 7), (height // grain + 1, width // grain + 1)).clip(-24, 24)
        spread = Image.fromarray((rough + 128).astype(np.uint8)).resize((width, height), Image.Resampling.BICUBIC)
        lit = np.asarray(sheet, np.int16) + (np.asarray(spread, np.int16)[..., None] - 128)
        sheet = Image.fromarray(lit.clip(0, 255).astype(np.uint8))
    return sheet


def _blank(pen: Pen, view: tuple[int, int]) -> None:
    """Bare paper, perhaps with a ground line and a shadow."""
    width, height = pen.size
    if pen.rng.random() < 0.7:
        ground = height / 2 + view[1] * pen.rng.uniform(0.1, 0.4)
        pen.line([(0, ground), (width / 2, ground + pen.rng.uniform(-3, 3)), (width, ground)])
    if pen.rng.random() < 0.3:
        left, top = pen.rng.uniform(0, width * 0.7), pen.rng.uniform(0, height * 0.7)
        pen.hatch((left, top, left + view[0] * 0.3, top + view[1] * 0.3), pen.rng.uniform(3, 9), pen.rng.uniform(0, 3))


def _room(pen: Pen, view: tuple[int, int]) -> None:
    """A room in one-point perspective: back wall, corners, floorboards, a window or a door."""
    width, height = pen.size
    rng = pen.rng
    x, y = width / 2 + rng.uniform(-0.2, 0.2) * view[0], height / 2 + rng.uniform(-0.15, 0.15) * view[1]
    half_x, half_y = view[0] * rng.uniform(0.2, 0.38), view[1] * rng.uniform(0.2, 0.36)
    wall = [(x - half_x, y - half_y), (x + half_x, y - half_y), (x + half_x, y + half_y), (x - half_x, y + half_y)]
    corners = [(0.0, 0.0), (width, 0.0), (width, height), (0.0, height)]
    for n in range(4):
        pen.shape([wall[n], wall[(n + 1) % 4], corners[(n + 1) % 4], corners[n]])
    pen.shape(wall)
    for board in np.linspace(0, 1, int(rng.integers(2, 9)))[1:-1]:
        start = (x - half_x + 2 * half_x * board, y + half_y)
        pen.line([start, (width * board, height)], width=0.7)
    left, top = x - half_x * rng.uniform(0.1, 0.7), y - half_y * rng.uniform(0.2, 0.7)
    side, tall = half_x * rng.uniform(0.3, 0.6), half_y * rng.uniform(0.4, 0.8)
    pen.shape([(left, top), (left + side, top), (left + side, top + tall), (left, top + tall)])
    pen.line([(left + side / 2, top), (left + side / 2, top + tall)], width=0.7)


def _land(pen: Pen, view: tuple[int, int]) -> None:
    """Open country: sky, hills, a horizon, perhaps a sun and a road."""
    width, height = pen.size
    rng = pen.rng
    horizon = height / 2 + view[1] * rng.uniform(-0.1, 0.25)
    if rng.random() < 0.5:
        pen.ellipse(
            (rng.uniform(0.2, 0.8) * width, horizon - view[1] * rng.uniform(0.2, 0.45)), view[1] * 0.09, view[1] * 0.09
        )
    for _ in range(rng.integers(0, 4)):
        crest = [
            (at * width, horizon - view[1] * rng.uniform(0.02, 0.3))
            for at in np.linspace(0, 1, int(rng.integers(4, 10)))
        ]
        pen.shape([(0, height), *crest, (width, height)])
    pen.shape([(0, horizon), (width, horizon), (width, height), (0, height)])
    if rng.random() < 0.4:
        far, near = width / 2 + rng.uniform(-0.2, 0.2) * view[0], view[0] * rng.uniform(0.15, 0.4)
        pen.shape([(far - 4, horizon), (far + 4, horizon), (far + near, height), (far - near, height)])


def _street(pen: Pen, view: tuple[int, int]) -> None:
    """A row of buildings with windows behind a pavement."""
    width, height = pen.size
    rng = pen.rng
    ground = height / 2 + view[1] * rng.uniform(0.15, 0.35)
    x = 0.0
    while x < width:
        wide, tall = view[0] * rng.uniform(0.12, 0.3), view[1] * rng.uniform(0.3, 0.8)
        pen.shape([(x, ground), (x, ground - tall), (x + wide, ground - tall), (x + wide, ground)])
        columns, rows = int(rng.integers(1, 4)), int(rng.integers(1, 5))
        glass = pen.fill_colour()
        for column in range(columns):
            for row in range(rows):
                left, top = x + wide * (column + 0.25) / columns, ground - tall * (row + 0.8) / rows
                side, high = wide * 0.45 / columns, tall * 0.45 / rows
                pen.shape([(left, top), (left + side, top), (left + side, top + high), (left, top + high)], glass)
        x += wide * rng.uniform(1.0, 1.3)
    pen.shape([(0, ground), (width, ground), (width, height), (0, height)])


def _page(pen: Pen, view: tuple[int, int]) -> None:
    """A storyboard page: panels, and notes under them."""
    width, height = pen.size
    rng = pen.rng
    step_x, step_y = view[0] * rng.uniform(0.4, 0.8), view[1] * rng.uniform(0.4, 0.8)
    for left in np.arange(rng.uniform(0, step_x), width, step_x):
        for top in np.arange(rng.uniform(0, step_y), height, step_y):
            right, bottom = left + step_x * 0.85, top + step_y * 0.6
            pen.shape([(left, top), (right, top), (right, bottom), (left, bottom)])
            pen.writing(left, bottom + step_y * 0.08, step_x * 0.75, max(4.0, step_y * 0.08))


def _cloudy(pen: Pen, view: tuple[int, int]) -> None:
    """Soft irregular colour, as photographs and paintings have: noise of several scales."""
    rng = pen.rng
    width, height = pen.picture.size
    total = np.zeros((height, width, 3), np.float32)
    for grain in (96, 40, 16, 6):
        noise = rng.normal(0, 1, (height // grain + 2, width // grain + 2, 3)) * grain**0.8
        for channel in range(3):
            sheet = Image.fromarray(noise[..., channel].astype(np.float32))
            total[..., channel] += np.asarray(sheet.resize((width, height), Image.Resampling.BICUBIC))
    grey = total.mean(-1, keepdims=True)
    total = grey + (total - grey) * rng.uniform(0.1, 0.8)
    total = np.array(pen.fill_colour()) + total / total.std() * rng.uniform(12, 45)
    pen.picture.paste(Image.fromarray(total.clip(0, 255).astype(np.uint8)))


def _leaves(pen: Pen, view: tuple[int, int]) -> None:
    """Things in front of things at every scale, the way photographs are made up (the dead leaves model)."""
    rng = pen.rng
    width, height = pen.size
    shaded = Pen(pen.picture, replace(pen.style, shaded=True, outlined=False, wobble=0), rng)
    tints = [pen.fill_colour() for _ in range(3)]
    for size in np.sort(2.0 / rng.uniform(0.03, 1, 260))[::-1]:
        where = (rng.uniform(0, width), rng.uniform(0, height))
        tint = np.array(tints[rng.integers(3)]) + rng.normal(0, 30, 3)
        red, green, blue = (int(part) for part in tint.clip(0, 255))
        angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 9))))
        ring = [(where[0] + size * float(np.cos(a)), where[1] + size * float(np.sin(a))) for a in angles]
        shaded.shape(ring if rng.random() < 0.5 else arc(where, size, size * 0.7, 0, 6.3), (red, green, blue))


_BACKDROPS = {
    "paper": _blank,
    "room": _room,
    "field": _land,
    "street": _street,
    "page": _page,
    "clouds": _cloudy,
    "leaves": _leaves,
}
PLACES = tuple(_BACKDROPS)
"""What a prompt calls each backdrop."""
_SHARES = (0.27, 0.17, 0.17, 0.12, 0.09, 0.08, 0.1)
