"""Camera moves over a flat picture: framings, what lies between two of them, and how much of the picture each shows.

The same sums where a move is drawn, where its pictures are made and on the command line. A framing has the board's own
shape. Positions are shares of the board, from its left and its upper edge; `aspect` is the board's width by its height.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

WIDTHS = (0.05, 4.0)
"""How narrow and how wide a framing may be, in widths of the board."""
CENTERS = (-1.0, 2.0)
ROLLS = (-360.0, 360.0)
_ALMOST = 1e-9


class Easing(StrEnum):
    """How a move passes in time."""

    LINEAR = "linear"
    EASE = "ease"
    """It sets off and comes to rest gently."""

    def share(self, time: float) -> float:
        """How much of the move is done at a share of its time, both 0 to 1."""
        time = min(1.0, max(0.0, time))
        return time if self is Easing.LINEAR else time * time * (3 - 2 * time)


class MoveKind(StrEnum):
    """Moves that need no more than an amount."""

    PAN_LEFT = "pan-left"
    PAN_RIGHT = "pan-right"
    TILT_UP = "tilt-up"
    TILT_DOWN = "tilt-down"
    PUSH_IN = "push-in"
    PULL_OUT = "pull-out"
    ROLL_LEFT = "roll-left"
    ROLL_RIGHT = "roll-right"


@dataclass(frozen=True)
class Framing:
    """The part of a board that is seen: an upright or turned rectangle of the board's shape."""

    x: float = 0.5
    """Of its centre, from the board's left edge."""
    y: float = 0.5
    """Of its centre, from the board's upper edge."""
    width: float = 1.0
    """In widths of the board; its height is as many heights of it."""
    roll: float = 0.0
    """Degrees by which the rectangle is turned counterclockwise, as it is seen."""

    def corners(self, aspect: float) -> tuple[tuple[float, float], ...]:
        """Where its corners are: upper left, upper right, lower right, lower left."""
        return tuple(self.place(across, down, aspect) for across, down in ((0, 0), (1, 0), (1, 1), (0, 1)))

    def place(self, across: float, down: float, aspect: float) -> tuple[float, float]:
        """Where a point of it is on the board; `across` and `down` are shares of the framing itself."""
        right, below = (across - 0.5) * self.width, (down - 0.5) * self.width / aspect
        cosine, sine = math.cos(math.radians(self.roll)), math.sin(math.radians(self.roll))
        return self.x + right * cosine + below * sine, self.y + (below * cosine - right * sine) * aspect

    def within(self, aspect: float) -> bool:
        """Whether the board shows all of it."""
        return all(-_ALMOST <= at <= 1 + _ALMOST for corner in self.corners(aspect) for at in corner)

    def shown(self, aspect: float) -> float:
        """The share of it, 0 to 1, that the board shows."""
        return _area(_clipped(self.corners(aspect))) / self.width**2


@dataclass(frozen=True)
class Move:
    """From one framing to another."""

    start: Framing
    end: Framing
    easing: Easing = Easing.LINEAR

    def at(self, time: float) -> Framing:
        """The framing at a share of the move's time, 0 to 1; before it the first, after it the last.

        Widths grow by equal ratios and the centre goes along: the point on which a push is aimed stays where it is.
        """
        share = self.easing.share(time)
        ratio = math.log(self.end.width / self.start.width)
        way = share if abs(ratio) < _ALMOST else math.expm1(share * ratio) / math.expm1(ratio)
        return Framing(
            self.start.x + (self.end.x - self.start.x) * way,
            self.start.y + (self.end.y - self.start.y) * way,
            self.start.width * math.exp(share * ratio),
            self.start.roll + (self.end.roll - self.start.roll) * share,
        )

    def at_frame(self, frame: float, frames: int) -> Framing:
        """The framing at a frame, from 1 and maybe between two, of a shot of `frames` that begins and ends with it."""
        return self.at((frame - 1) / (frames - 1) if frames > 1 else 0.0)


def move_of(kind: MoveKind, amount: float, aspect: float, easing: Easing = Easing.LINEAR) -> Move:
    """A move of that kind, within the board.

    `amount` is the share of the board, above 0 and at most 0.95, by which the framing moves, or by which its width
    shrinks or grows; for a roll it is degrees, up to 180.
    """
    half = (1 - amount) / 2
    small = 1 - amount
    if kind in (MoveKind.ROLL_LEFT, MoveKind.ROLL_RIGHT):
        width = _width_to_roll(amount, aspect)
        start, end = Framing(width=width), Framing(width=width, roll=amount if kind is MoveKind.ROLL_LEFT else -amount)
    elif kind in (MoveKind.PUSH_IN, MoveKind.PULL_OUT):
        start, end = Framing(), Framing(width=small)
    elif kind in (MoveKind.PAN_RIGHT, MoveKind.PAN_LEFT):
        start, end = Framing(half, 0.5, small), Framing(1 - half, 0.5, small)
    else:
        start, end = Framing(0.5, half, small), Framing(0.5, 1 - half, small)
    if kind in (MoveKind.PULL_OUT, MoveKind.PAN_LEFT, MoveKind.TILT_UP):
        start, end = end, start
    return Move(start, end, easing)


def parsed(text: str, easing: Easing = Easing.LINEAR) -> Move:
    """The move in words: `X,Y,WIDTH[,ROLL] to X,Y,WIDTH[,ROLL]`. Raises ValueError with what is wrong."""
    ends = text.split("to")
    if len(ends) != 2:
        raise ValueError(f"'{text}' does not go from one framing to another; write it like 0.5,0.5,1 to 0.62,0.5,0.6")
    start, end = (_framing(words) for words in ends)
    return Move(start, end, easing)


def checked(framing: Framing) -> Framing:
    """A framing that can be shown. Raises ValueError with what is wrong."""
    limits = (
        ("center", framing.x, CENTERS),
        ("center", framing.y, CENTERS),
        ("width", framing.width, WIDTHS),
        ("roll", framing.roll, ROLLS),
    )
    for name, value, (least, most) in limits:
        if not (math.isfinite(value) and least <= value <= most):
            raise ValueError(f"a framing's {name} is {value:g}; it must be from {least:g} to {most:g}")
    return framing


def _framing(words: str) -> Framing:
    try:
        numbers = [float(word) for word in words.split(",")]
    except ValueError as fault:
        raise ValueError(f"'{words.strip()}' is no framing; write it like 0.62,0.5,0.6 or 0.62,0.5,0.6,10") from fault
    if len(numbers) not in (3, 4):
        raise ValueError(f"'{words.strip()}' has {len(numbers)} numbers; a framing is X,Y,WIDTH or X,Y,WIDTH,ROLL")
    return checked(Framing(*numbers))


def _width_to_roll(degrees: float, aspect: float) -> float:
    """The widest framing in the board's middle that stays within while it turns so far."""
    longer = max(aspect, 1 / aspect)
    turn = min(abs(math.radians(degrees)), math.atan(longer))
    return 1 / (math.cos(turn) + longer * math.sin(turn))


def _clipped(corners: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The part of a convex outline that lies on the board (Sutherland and Hodgman)."""
    outline = list(corners)
    for axis in (0, 1):
        for edge, side in ((0.0, 1), (1.0, -1)):
            kept: list[tuple[float, float]] = []
            for here, after in zip(outline, [*outline[1:], *outline[:1]], strict=True):
                inside, then = side * (here[axis] - edge) >= 0, side * (after[axis] - edge) >= 0
                if inside:
                    kept.append(here)
                if inside != then:
                    share = (edge - here[axis]) / (after[axis] - here[axis])
                    kept.append((here[0] + share * (after[0] - here[0]), here[1] + share * (after[1] - here[1])))
            outline = kept
    return outline


def _area(outline: Sequence[tuple[float, float]]) -> float:
    pairs = zip(outline, [*outline[1:], *outline[:1]], strict=True)
    return abs(sum(here[0] * after[1] - after[0] * here[1] for here, after in pairs)) / 2
