"""Long shots, and how far they drift: what `sketch eval` compares sampling orders by (arXiv 2504.12626, section 4)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np

from .data import Picture
from .measures import colour, likeness, sharpness
from .moves import Motion, Move, Speed
from .trials import Trial, draw_trials

HOLD_STILL = "static shot"


def long_trials(boards: int, sections: int) -> Iterator[Trial]:
    """Boards for long shots; half hold still, the others pan, tilt or push in slowly."""
    motions = (Move.STATIC, Move.PAN_LEFT, Move.STATIC, Move.ZOOM_IN, Move.STATIC, Move.TILT_UP)
    for number, drawn in enumerate(islice(draw_trials("drift", (Move.STATIC,), boards, 1), boards)):
        motion = Motion(motions[number % len(motions)], Speed.SLOW)
        words = HOLD_STILL if motion.move is Move.STATIC else f"the camera slowly {_verb(motion.move)}"
        yield Trial(f"drift-{sections}-{number:03d}", drawn.clip, words, sections, number)


def _verb(move: Move) -> str:
    word, side = str(move).split()
    return f"{word}s {side}"


def drift(frames: list[Picture], board: Picture) -> tuple[float, float, float]:
    """|M(first 15 %) - M(last 15 %)| for sharpness, colour and likeness to the board."""
    part = max(1, round(len(frames) * 0.15))
    first, last = frames[:part], frames[-part:]
    crisp = [float(np.mean([sharpness(each) for each in end])) for end in (first, last)]
    tint = [np.mean([colour(each) for each in end], 0) for end in (first, last)]
    same = [float(np.mean([likeness(each, board) for each in end])) for end in (first, last)]
    return abs(crisp[0] - crisp[1]), float(np.abs(tint[0] - tint[1]).mean()), abs(same[0] - same[1])
