"""The lab's world: flat shapes on a torus that a small camera moves over, so that what comes into sight is known.

A path changes at section borders only, and every section has words of its own. Its content may come back after many
sections, which is what a history is for; Sketch's storyboard scenes are left behind for good.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.media.measures import Picture
from training.scenes.moves import LATENTS_PER_SECTION, PAN, Motion, Move, Speed
from training.scenes.pen import OVERSAMPLING, Colour, Pen, Style

SIDE = 64
"""Of the picture, in pixels: 8 latents, 4 tokens."""
TORUS = 256
"""Of the world, in pixels: beyond its edge it begins again."""
_LARGE, _SMALL = (70, (9, 24)), (90, (5, 9))
"""How many shapes, and their radii in pixels; the small ones lie on the large ones."""
_DISC_PATH = 20.0
"""Pixels that a disc moves in a section at normal speed, as `Motion` has it."""
_TURNS = {
    Move.PAN_LEFT: Move.PAN_RIGHT,
    Move.PAN_RIGHT: Move.PAN_LEFT,
    Move.TILT_UP: Move.TILT_DOWN,
    Move.TILT_DOWN: Move.TILT_UP,
    Move.OBJECT_LEFT: Move.OBJECT_RIGHT,
    Move.OBJECT_RIGHT: Move.OBJECT_LEFT,
    Move.OBJECT_UP: Move.OBJECT_DOWN,
    Move.OBJECT_DOWN: Move.OBJECT_UP,
}
CAMERA = (Move.PAN_LEFT, Move.PAN_RIGHT, Move.TILT_UP, Move.TILT_DOWN)
DISC = (Move.OBJECT_LEFT, Move.OBJECT_RIGHT, Move.OBJECT_UP, Move.OBJECT_DOWN)
HOLD = Motion(Move.STATIC)
MOTIONS = (HOLD, *(Motion(move, speed) for move in (*CAMERA, *DISC) for speed in Speed))
"""All that a section may be told, by the numbers that a bank stores."""


class Kind(StrEnum):
    """How a path goes."""

    HOLD = "hold"
    PAN = "pan"
    BACK = "out and back"
    AROUND = "around"
    RANDOM = "random turns"
    DISC = "disc"


_SHARES = {Kind.HOLD: 0.1, Kind.PAN: 0.22, Kind.BACK: 0.28, Kind.AROUND: 0.1, Kind.RANDOM: 0.22, Kind.DISC: 0.08}


@dataclass(frozen=True)
class Path:
    """A motion for each section."""

    motions: tuple[Motion, ...]

    @property
    def latents(self) -> int:
        """The start's included."""
        return len(self.motions) * LATENTS_PER_SECTION + 1

    @cached_property
    def camera(self) -> NDArray[np.float64]:
        """(T, 2): pixels (across, down) that the content has moved by each latent."""
        return self._moved(0, PAN)

    @cached_property
    def disc(self) -> NDArray[np.float64]:
        """(T, 2): pixels that the disc has moved."""
        return self._moved(6, _DISC_PATH)

    @property
    def with_disc(self) -> bool:
        """Whether there is one."""
        return any(motion.move.of_object for motion in self.motions)

    def _moved(self, component: int, unit: float) -> NDArray[np.float64]:
        rates = np.array([motion.components[component : component + 2] for motion in self.motions])
        steps = np.repeat(rates * unit / LATENTS_PER_SECTION, LATENTS_PER_SECTION, axis=0)
        return np.concatenate([np.zeros((1, 2)), np.cumsum(steps, axis=0)])


def sentence(motion: Motion) -> str:
    """How the lab says a motion: one wording each, of at most seven tokens, of words that Sketch was taught."""
    if motion.move is Move.STATIC:
        return "static shot"
    verb, side = motion.move.split()
    adverb = {Speed.SLOW: "slowly", Speed.NORMAL: "", Speed.FAST: "quickly"}[motion.speed]
    subject = {"pan": "camera pans", "tilt": "camera tilts", "object": "the ball moves"}[verb]
    return f"{subject} {side} {adverb}".strip()


def draw_path(rng: np.random.Generator, sections: int, kind: Kind | None = None) -> Path:
    """A path of `sections` sections; of any kind in the shares of training where none is named."""
    kind = kind or Kind(str(rng.choice(list(_SHARES), p=list(_SHARES.values()))))
    motions = _legs(rng, kind, sections)
    return Path(tuple(motion for motion, _ in zip(motions, range(sections), strict=False)))


def out_and_back(move: Move, speed: Speed, legs: int, sections: int) -> Path:
    """`legs` sections one way, as many the other, and so on for `sections`."""
    motions = (Motion(move, speed), Motion(_TURNS[move], speed))
    return Path(tuple(motions[section // legs % 2] for section in range(sections)))


def _legs(rng: np.random.Generator, kind: Kind, sections: int) -> Iterator[Motion]:
    """Motions of a kind; at least as many as `sections`, those of some kinds without end."""
    move = CAMERA[rng.integers(len(CAMERA))]
    speed = list(Speed)[rng.integers(len(Speed))]
    if kind is Kind.HOLD:
        yield from [HOLD] * sections
    elif kind is Kind.PAN:
        yield from [Motion(move, speed)] * sections
    elif kind is Kind.AROUND:
        yield from [Motion(move, Speed.FAST)] * sections
    elif kind is Kind.BACK:
        yield from out_and_back(move, speed, int(rng.integers(1, 5)), sections).motions
    elif kind is Kind.DISC:
        move = DISC[rng.integers(len(DISC))]
        yield from out_and_back(move, list(Speed)[rng.integers(2)], 1, sections).motions
    else:
        while True:
            turned = Motion(CAMERA[rng.integers(len(CAMERA))], list(Speed)[rng.integers(len(Speed))])
            yield HOLD if rng.random() < 0.1 else turned


class Scene:
    """A ground of shapes, dense enough that every token shows something, and a disc that may lie on it."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng([seed, 64])
        base = _colour(rng, 50, 206)
        palette = tuple(_colour(rng, 50, 206) for _ in range(6))
        style = Style(_colour(rng, 0, 70), float(rng.uniform(1, 2)), 0.0, palette, False, False, palette[0])
        picture = Image.new("RGB", (TORUS * OVERSAMPLING,) * 2, base)
        pen = Pen(picture, style, rng)
        for count, radii in (_LARGE, _SMALL):
            for _ in range(count):
                self._draw_shape(pen, rng, radii)
        self._ground = np.asarray(picture)
        self.start = rng.uniform(0, TORUS, 2)
        self._disc_colour = rng.integers(0, 256, 3)
        self._disc_radius = float(rng.uniform(7, 11))

    def frames(self, path: Path, latents: range | None = None) -> list[Picture]:
        """The pictures at the times of `latents` of `path`, all of them where none are named."""
        return [self._frame(path, latent) for latent in latents or range(path.latents)]

    def places(self, path: Path) -> NDArray[np.float64]:
        """(T, 2): the upper left corner of the view on the torus, at each latent, from 0 to `TORUS`."""
        return (self.start - path.camera) % TORUS

    def view(self, place: NDArray[np.float64]) -> Picture:
        """The ground (64, 64, 3) from the upper left corner `place` (across, down) on."""
        scaled = place * OVERSAMPLING
        first = np.floor(scaled).astype(int)
        part = scaled - first
        size = SIDE * OVERSAMPLING + 1
        across, down = ((first[axis] + np.arange(size)) % (TORUS * OVERSAMPLING) for axis in (0, 1))
        fine = self._ground[down[:, None], across[None]].astype(float)
        fine = fine[:, :-1] * (1 - part[0]) + fine[:, 1:] * part[0]
        fine = fine[:-1] * (1 - part[1]) + fine[1:] * part[1]
        return _reduced(fine)

    def _frame(self, path: Path, latent: int) -> Picture:
        picture = self.view(self.places(path)[latent])
        if not path.with_disc:
            return picture
        # Half of the first leg to the far side, so that the disc stays in the picture both ways.
        reach = (path.disc.max(0) + path.disc.min(0)) / 2
        centre = SIDE / 2 - reach + path.disc[latent]
        rows, columns = np.mgrid[0:SIDE, 0:SIDE] + 0.5
        inside = np.clip(self._disc_radius - np.hypot(columns - centre[0], rows - centre[1]) + 0.5, 0, 1)[..., None]
        mixed: Picture = np.round(picture * (1 - inside) + self._disc_colour * inside).astype(np.uint8)
        return mixed

    def _draw_shape(self, pen: Pen, rng: np.random.Generator, radii: tuple[float, float]) -> None:
        centre, radius = rng.uniform(0, TORUS, 2), rng.uniform(*radii)
        corners = int(rng.choice([3, 4, 4, 5, 24]))
        angles = rng.uniform(0, 2 * np.pi) + 2 * np.pi * np.arange(corners) / corners
        stretch = rng.uniform(0.6, 1.4, 2)
        outline = centre + radius * stretch * np.stack([np.cos(angles), np.sin(angles)], 1)
        colour = pen.fill_colour()
        for across in (-TORUS, 0, TORUS):
            for down in (-TORUS, 0, TORUS):
                moved = outline + np.array([across, down])
                if np.all(moved.max(0) > 0) and np.all(moved.min(0) < TORUS):
                    pen.shape([(float(x), float(y)) for x, y in moved], colour)


def _reduced(fine: NDArray[np.float64]) -> Picture:
    """Mean of OVERSAMPLING x OVERSAMPLING pixels."""
    blocks = fine.reshape(SIDE, OVERSAMPLING, SIDE, OVERSAMPLING, 3).mean((1, 3))
    reduced: Picture = np.round(blocks).astype(np.uint8)
    return reduced


def _colour(rng: np.random.Generator, darkest: int, brightest: int) -> Colour:
    red, green, blue = (int(value) for value in rng.integers(darkest, brightest, 3))
    return red, green, blue
