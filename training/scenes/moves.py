"""The moves Sketch knows, as geometry: where the picture's content goes under each camera and object move.

Coordinates are pixels from the picture's centre, x to the right and y down. Time runs in sections of 36 frames. Words
mean the camera: "pans left" moves the content right, "tilts up" moves it down, "zooms in" enlarges it, "rolls
clockwise" turns it counterclockwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Affine = NDArray[np.float64]
"""3 x 3, maps content at time 0 to content at time t."""

FRAMES_PER_SECTION = 36
FRAMES_PER_LATENT = 4
LATENTS_PER_SECTION = FRAMES_PER_SECTION // FRAMES_PER_LATENT

# Distances are in pixels whatever the picture's size: the model cannot tell a large picture from a part of one.
PAN = 24.0
"""Pixels that a pan or tilt of normal speed moves the picture in a section."""
_ZOOM = 0.14  # natural logarithm of the scale, a section
_ROLL = 0.14  # radians a section
_OBJECT_SHIFT = 20.0
_OBJECT_GROWTH = 0.2
_OBJECT_SPIN = 0.7
_BOUNCE = 22.0  # pixels high, one hop a section


class Speed(StrEnum):
    """How fast a move runs; a prompt without a word for it means normal."""

    SLOW = "slow"
    NORMAL = "normal"
    FAST = "fast"

    @property
    def factor(self) -> float:
        """Multiple of the normal rate."""
        return {"slow": 0.5, "normal": 1.0, "fast": 2.0}[self.value]


class Depth(StrEnum):
    """How far a layer of a scene is from the camera; only moves of the camera's place tell them apart."""

    BACKGROUND = "background"
    SUBJECT = "subject"
    FOREGROUND = "foreground"


class Move(StrEnum):
    """A move of the camera, or of the scene's main object."""

    STATIC = "static"
    PAN_LEFT = "pan left"
    PAN_RIGHT = "pan right"
    TILT_UP = "tilt up"
    TILT_DOWN = "tilt down"
    ZOOM_IN = "zoom in"
    ZOOM_OUT = "zoom out"
    ROLL_CLOCKWISE = "roll clockwise"
    ROLL_COUNTERCLOCKWISE = "roll counterclockwise"
    ORBIT_LEFT = "orbit left"
    ORBIT_RIGHT = "orbit right"
    DOLLY_IN = "dolly in"
    DOLLY_OUT = "dolly out"
    OBJECT_LEFT = "object left"
    OBJECT_RIGHT = "object right"
    OBJECT_UP = "object up"
    OBJECT_DOWN = "object down"
    OBJECT_GROWS = "object grows"
    OBJECT_SHRINKS = "object shrinks"
    OBJECT_SPINS = "object spins"
    OBJECT_SPINS_BACK = "object spins counterclockwise"
    OBJECT_BOUNCES = "object bounces"

    @property
    def of_object(self) -> bool:
        """Whether the object moves and the camera stands still."""
        return self.name.startswith("OBJECT")

    @property
    def has_parallax(self) -> bool:
        """Whether near and far layers move differently."""
        return self.name.startswith(("ORBIT", "DOLLY"))


CAMERA_MOVES = tuple(move for move in Move if not move.of_object and move is not Move.STATIC)
FLAT_MOVES = tuple(move for move in CAMERA_MOVES if not move.has_parallax)
"""Camera moves that a picture without layers can show and that are told apart on it."""
OBJECT_MOVES = tuple(move for move in Move if move.of_object)

_PAIRS = (
    (Move.PAN_LEFT, Move.PAN_RIGHT),
    (Move.TILT_UP, Move.TILT_DOWN),
    (Move.ZOOM_IN, Move.ZOOM_OUT),
    (Move.ROLL_CLOCKWISE, Move.ROLL_COUNTERCLOCKWISE),
    (Move.ORBIT_LEFT, Move.ORBIT_RIGHT),
    (Move.DOLLY_IN, Move.DOLLY_OUT),
    (Move.OBJECT_LEFT, Move.OBJECT_RIGHT),
    (Move.OBJECT_UP, Move.OBJECT_DOWN),
    (Move.OBJECT_GROWS, Move.OBJECT_SHRINKS),
    (Move.OBJECT_SPINS, Move.OBJECT_SPINS_BACK),
    (Move.STATIC, Move.STATIC),
    (Move.OBJECT_BOUNCES, Move.OBJECT_BOUNCES),
)
OPPOSITE: Mapping[Move, Move] = {one: other for pair in _PAIRS for one, other in (pair, pair[::-1])}
"""What a move becomes when its clip runs backwards."""

# (x, y) in pans, logarithm of scale in zooms, rotation in rolls (positive turns x toward y: clockwise on screen).
_RATES: Mapping[Move, tuple[float, float, float, float]] = {
    Move.STATIC: (0, 0, 0, 0),
    Move.PAN_LEFT: (1, 0, 0, 0),
    Move.PAN_RIGHT: (-1, 0, 0, 0),
    Move.TILT_UP: (0, 1, 0, 0),
    Move.TILT_DOWN: (0, -1, 0, 0),
    Move.ZOOM_IN: (0, 0, 1, 0),
    Move.ZOOM_OUT: (0, 0, -1, 0),
    Move.ROLL_CLOCKWISE: (0, 0, 0, -1),
    Move.ROLL_COUNTERCLOCKWISE: (0, 0, 0, 1),
    # Going round to the right and looking back at the subject: what is behind it moves right, what is before it left.
    Move.ORBIT_RIGHT: (1, 0, 0, 0),
    Move.ORBIT_LEFT: (-1, 0, 0, 0),
    Move.DOLLY_IN: (0, 0, 1, 0),
    Move.DOLLY_OUT: (0, 0, -1, 0),
}
# (x, y) in shifts, growth, spin, bounce.
_OBJECT_RATES: Mapping[Move, tuple[float, float, float, float, float]] = {
    Move.OBJECT_LEFT: (-1, 0, 0, 0, 0),
    Move.OBJECT_RIGHT: (1, 0, 0, 0, 0),
    Move.OBJECT_UP: (0, -1, 0, 0, 0),
    Move.OBJECT_DOWN: (0, 1, 0, 0, 0),
    Move.OBJECT_GROWS: (0, 0, 1, 0, 0),
    Move.OBJECT_SHRINKS: (0, 0, -1, 0, 0),
    Move.OBJECT_SPINS: (0, 0, 0, 1, 0),
    Move.OBJECT_SPINS_BACK: (0, 0, 0, -1, 0),
    Move.OBJECT_BOUNCES: (0, 0, 0, 0, 1),
}
COMPONENTS = 11
_ORBIT_PARALLAX = {Depth.BACKGROUND: 1.0, Depth.SUBJECT: 0.0, Depth.FOREGROUND: -1.0}
_DOLLY_PARALLAX = {Depth.BACKGROUND: 0.7, Depth.SUBJECT: 1.2, Depth.FOREGROUND: 1.7}


@dataclass(frozen=True)
class Motion:
    """A move at a speed."""

    move: Move
    speed: Speed = Speed.NORMAL

    @property
    def backwards(self) -> Motion:
        """The motion of the same clip played backwards."""
        return Motion(OPPOSITE[self.move], self.speed)

    @property
    def period(self) -> int:
        """Latent frames after which a repeating move is where it began; 1 for moves that do not repeat."""
        if self.move is not Move.OBJECT_BOUNCES:
            return 1
        return LATENTS_PER_SECTION * (2 if self.speed is Speed.SLOW else 1)

    @property
    def components(self) -> tuple[float, ...]:
        """The motion as signed rates, opposite moves as opposite numbers: `COMPONENTS` of them, 1 at normal speed.

        Camera: across, down, zoom, roll, parallax of an orbit, of a dolly. Object: across, down, growth, spin, bounce.
        """
        camera = np.array(_RATES.get(self.move, (0, 0, 0, 0)), float)
        orbit = camera[0] * self.move.name.startswith("ORBIT")
        dolly = camera[2] * self.move.name.startswith("DOLLY")
        own = np.array(_OBJECT_RATES.get(self.move, (0, 0, 0, 0, 0)), float)
        return tuple(float(each) for each in self.speed.factor * np.array([*camera, orbit, dolly, *own]))

    def of_camera(self, time: float, depth: Depth) -> Affine:
        """Where the camera takes a layer's content by `time` (sections)."""
        if self.move.of_object:
            return np.eye(3)
        x, y, zoom, roll = _RATES[self.move]
        amount = time * self.speed.factor
        if self.move.name.startswith("ORBIT"):
            amount *= _ORBIT_PARALLAX[depth]
        elif self.move.name.startswith("DOLLY"):
            amount *= _DOLLY_PARALLAX[depth]
        pan = PAN * amount
        return similarity(x * pan, y * pan, zoom * _ZOOM * amount, roll * _ROLL * amount)

    def of_object(self, time: float) -> Affine:
        """What the main object does by `time` (sections), about its own centre."""
        amount = time * self.speed.factor
        x, y, growth, spin, bounce = _OBJECT_RATES.get(self.move, (0, 0, 0, 0, 0))
        hop = bounce * _BOUNCE * abs(float(np.sin(np.pi * amount)))
        shift = _OBJECT_SHIFT * amount
        return similarity(x * shift, y * shift - hop, growth * _OBJECT_GROWTH * amount, spin * _OBJECT_SPIN * amount)


def similarity(x: float = 0.0, y: float = 0.0, log_scale: float = 0.0, angle: float = 0.0) -> Affine:
    """Scale by exp(`log_scale`), turn by `angle` (radians, clockwise on screen), then shift by (`x`, `y`) pixels."""
    scale = np.exp(log_scale)
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    return np.array([[cosine, -sine, x], [sine, cosine, y], [0, 0, 1]])
