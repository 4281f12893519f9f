"""Things that a storyboard shows, drawn with a `Pen`: figures, balls, houses, trees, boxes, cars and their like.

Each takes the pen, the centre of its box and the box's size (pixels), so that any of them can be any part of a scene.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from .pen import Pen, Point, arc

Drawing = Callable[[Pen, Point, float], None]


def stick_figure(pen: Pen, centre: Point, size: float) -> None:
    """A person of lines: head, spine, arms and legs in some pose."""
    x, y = centre
    rng = pen.rng
    head = size * 0.13
    neck, hip = (x, y - size * 0.22), (x + rng.uniform(-0.04, 0.04) * size, y + size * 0.12)
    pen.ellipse((x, y - size * 0.22 - head), head, head)
    pen.line([neck, hip])
    for side in (-1, 1):
        elbow = (x + side * size * rng.uniform(0.1, 0.2), y - size * rng.uniform(-0.05, 0.2))
        hand = (x + side * size * rng.uniform(0.1, 0.32), y + size * rng.uniform(-0.3, 0.15))
        pen.line([(neck[0], neck[1] + size * 0.04), elbow, hand])
        knee = (hip[0] + side * size * rng.uniform(0.05, 0.14), y + size * 0.3)
        foot = (hip[0] + side * size * rng.uniform(0.08, 0.2), y + size * 0.48)
        pen.line([hip, knee, foot])
        pen.line([foot, (foot[0] + size * 0.06, foot[1])])


def blob_figure(pen: Pen, centre: Point, size: float) -> None:
    """A person of round shapes: body, head, eyes, limbs."""
    x, y = centre
    rng = pen.rng
    body, skin = pen.fill_colour(), pen.fill_colour()
    for side in (-1, 1):
        pen.line([(x + side * size * 0.1, y + size * 0.2), (x + side * size * 0.12, y + size * 0.48)], width=2)
        pen.line([(x + side * size * 0.15, y), (x + side * size * 0.3, y + size * rng.uniform(-0.15, 0.2))], width=2)
    pen.ellipse((x, y + size * 0.08), size * 0.19, size * 0.24, body)
    pen.ellipse((x, y - size * 0.27), size * 0.17, size * 0.18, skin)
    look = rng.uniform(-0.04, 0.04)
    for side in (-1, 1):
        pen.ellipse((x + (side * 0.06 + look) * size, y - size * 0.3), size * 0.02, size * 0.03, pen.style.ink)
    pen.line(arc((x + look * size, y - size * 0.23), size * 0.06, size * 0.04, 0.2, 2.9, 7))


def ball(pen: Pen, centre: Point, size: float) -> None:
    """A ball with a band across, so that one sees it turn."""
    colour = pen.fill_colour()
    radius = size * 0.42
    pen.ellipse(centre, radius, radius, colour)
    tilt = pen.rng.uniform(0, np.pi)
    across = (radius * np.cos(tilt), radius * np.sin(tilt))
    pen.line([(centre[0] - across[0], centre[1] - across[1]), (centre[0] + across[0], centre[1] + across[1])])
    pen.ellipse((centre[0] - across[1] * 0.5, centre[1] + across[0] * 0.5), radius * 0.2, radius * 0.2)


def box(pen: Pen, centre: Point, size: float) -> None:
    """A box seen from a corner, with three faces."""
    x, y = centre
    side, depth = size * 0.3, size * 0.16
    front = [(x - side, y - side * 0.5), (x + side, y - side * 0.5), (x + side, y + side), (x - side, y + side)]
    top = [front[0], (x - side + depth, front[0][1] - depth), (x + side + depth, front[0][1] - depth), front[1]]
    flank = [front[1], top[2], (x + side + depth, y + side - depth), front[2]]
    colour = pen.fill_colour()
    for face, light in ((front, 1.0), (top, 1.15), (flank, 0.7)):
        tint = tuple(int(min(255, part * light)) for part in colour) if pen.style.palette else colour
        pen.shape(face, (tint[0], tint[1], tint[2]))


def star(pen: Pen, centre: Point, size: float) -> None:
    """A star with five to seven points."""
    points = int(pen.rng.integers(5, 8))
    turn = pen.rng.uniform(0, 1)
    radii = [size * (0.45 if n % 2 == 0 else 0.2) for n in range(2 * points)]
    angles = [turn + n * np.pi / points for n in range(2 * points)]
    ring = zip(radii, angles, strict=True)
    pen.shape([(centre[0] + r * float(np.cos(a)), centre[1] + r * float(np.sin(a))) for r, a in ring])


def blob(pen: Pen, centre: Point, size: float) -> None:
    """A closed curve of a few soft lobes."""
    rng = pen.rng
    angles = np.linspace(0, 2 * np.pi, 33)[:-1]
    radius = 1 + 0.25 * np.sin(angles * rng.integers(2, 5) + rng.uniform(0, 6)) * rng.uniform(0.3, 1)
    radius = radius * size * 0.36
    ring = zip(radius, angles, strict=True)
    pen.shape([(centre[0] + r * float(np.cos(a)), centre[1] + r * float(np.sin(a))) for r, a in ring])


def house(pen: Pen, centre: Point, size: float) -> None:
    """A house: wall, roof, door, windows."""
    x, y = centre
    rng = pen.rng
    half, wall_top, bottom = size * rng.uniform(0.28, 0.42), y - size * 0.08, y + size * 0.42
    pen.shape([(x - half, wall_top), (x + half, wall_top), (x + half, bottom), (x - half, bottom)])
    ridge = y - size * rng.uniform(0.3, 0.45)
    pen.shape([(x - half * 1.15, wall_top), (x + half * 1.15, wall_top), (x, ridge)])
    door = x + half * rng.uniform(-0.5, 0.2)
    pen.shape(
        [(door, bottom), (door, y + size * 0.16), (door + size * 0.12, y + size * 0.16), (door + size * 0.12, bottom)]
    )
    for window in (-0.6, 0.45):
        left, top, side = x + half * window, y + size * 0.02, size * 0.11
        pen.shape([(left, top), (left + side, top), (left + side, top + side), (left, top + side)])
        pen.line([(left + side / 2, top), (left + side / 2, top + side)], width=0.7)


def tree(pen: Pen, centre: Point, size: float) -> None:
    """A tree: trunk and a crown of circles, or a fir."""
    x, y = centre
    rng = pen.rng
    bottom, trunk = y + size * 0.46, size * rng.uniform(0.03, 0.06)
    pen.shape([(x - trunk, bottom), (x - trunk * 0.7, y), (x + trunk * 0.7, y), (x + trunk, bottom)])
    leaves = pen.fill_colour()
    if rng.random() < 0.4:
        for level in range(3):
            width, top = size * (0.16 + 0.06 * level), y - size * (0.45 - 0.2 * level)
            pen.shape([(x - width, top + size * 0.3), (x + width, top + size * 0.3), (x, top)], leaves)
        return
    for _ in range(rng.integers(2, 5)):
        where = (x + rng.uniform(-0.15, 0.15) * size, y - rng.uniform(0.02, 0.28) * size)
        pen.ellipse(where, size * rng.uniform(0.12, 0.2), size * rng.uniform(0.1, 0.17), leaves)


def car(pen: Pen, centre: Point, size: float) -> None:
    """A car from the side."""
    x, y = centre
    half, low = size * 0.46, y + size * 0.16
    cabin = [(x - half * 0.55, y - size * 0.04), (x - half * 0.3, y - size * 0.22)]
    pen.shape([*cabin, (x + half * 0.25, y - size * 0.22), (x + half * 0.5, y - size * 0.04)])
    pen.shape([(x - half, low), (x - half, y - size * 0.02), (x + half * 0.9, y - size * 0.04), (x + half, low)])
    for wheel in (-0.55, 0.55):
        pen.ellipse((x + half * wheel, low), size * 0.09, size * 0.09, pen.style.ink)


def chair(pen: Pen, centre: Point, size: float) -> None:
    """A chair or table of lines."""
    x, y = centre
    half, seat, bottom = size * 0.25, y + size * 0.05, y + size * 0.45
    pen.shape(
        [(x - half, seat), (x + half, seat), (x + half * 0.8, seat - size * 0.1), (x - half * 0.8, seat - size * 0.1)]
    )
    for leg in (-1, -0.75, 0.75, 1):
        pen.line([(x + half * leg, seat), (x + half * leg, bottom - (size * 0.06 if abs(leg) < 1 else 0))])
    if pen.rng.random() < 0.6:
        pen.line(
            [(x - half * 0.8, seat - size * 0.1), (x - half * 0.8, y - size * 0.4), (x - half * 0.3, y - size * 0.42)]
        )


def bird(pen: Pen, centre: Point, size: float) -> None:
    """A bird: body, beak, wing, eye."""
    x, y = centre
    pen.ellipse(centre, size * 0.3, size * 0.18)
    pen.ellipse((x + size * 0.28, y - size * 0.16), size * 0.12, size * 0.11)
    pen.shape(
        [(x + size * 0.38, y - size * 0.18), (x + size * 0.5, y - size * 0.13), (x + size * 0.38, y - size * 0.1)]
    )
    pen.shape([(x - size * 0.1, y - size * 0.02), (x + size * 0.1, y), (x - size * 0.2, y - size * 0.35)])
    pen.ellipse((x + size * 0.3, y - size * 0.19), size * 0.02, size * 0.02, pen.style.ink)


def face(pen: Pen, centre: Point, size: float) -> None:
    """A head in close-up: hair, eyes, nose, mouth."""
    x, y = centre
    rng = pen.rng
    pen.ellipse(centre, size * 0.33, size * 0.42)
    for side in (-1, 1):
        eye = (x + side * size * 0.13, y - size * 0.06)
        pen.ellipse(eye, size * 0.06, size * 0.035, (245, 245, 240))
        pen.ellipse(eye, size * 0.02, size * 0.028, pen.style.ink)
        pen.line(
            [
                (eye[0] - size * 0.07, eye[1] - size * 0.08),
                (eye[0] + size * 0.07, eye[1] - size * rng.uniform(0.07, 0.11)),
            ]
        )
    pen.line([(x, y - size * 0.02), (x + size * 0.04, y + size * 0.1), (x - size * 0.01, y + size * 0.11)])
    bend = rng.choice([0.2, np.pi + 0.2])
    pen.line(arc((x, y + size * 0.2), size * 0.12, size * 0.05, bend, bend + np.pi - 0.4, 9))
    for hair in np.linspace(np.pi * 1.05, np.pi * 1.95, 12):
        root = (x + size * 0.33 * float(np.cos(hair)), y + size * 0.42 * float(np.sin(hair)))
        pen.line([root, (root[0] + rng.uniform(-0.06, 0.06) * size, root[1] - size * rng.uniform(0.02, 0.1))])


THINGS: Mapping[str, Drawing] = {
    "figure": stick_figure,
    "man": blob_figure,
    "woman": blob_figure,
    "ball": ball,
    "box": box,
    "star": star,
    "shape": blob,
    "house": house,
    "tree": tree,
    "car": car,
    "chair": chair,
    "bird": bird,
    "face": face,
}
"""What a prompt calls each drawing."""
