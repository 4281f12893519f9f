"""Long shots, and how far they drift: what sampling orders are compared by (arXiv 2504.12626, section 4)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np

from engine.media.measures import BoardSearch, Picture, colour, likeness, sharpness, start_end_contrast

from ..scenes.moves import Motion, Move, Speed
from .trials import Trial, draw_trials

HOLD_STILL = "static shot"
_SEARCHED = 4
"""Looking everywhere takes a while, and neighbouring frames are much alike: every fourth does."""
MEASURES = ("sharpness", "colour", "likeness to the board", "the same, wherever the camera is")
"""What `drift` gives, in this order."""


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


def drift(frames: list[Picture], board: Picture) -> tuple[float, ...]:
    """|M(first 15 %) - M(last 15 %)| for each of `MEASURES` (arXiv 2504.12626, equation 7).

    Faces, which the paper knows a picture by, are alike wherever they are; a picture at a glance is not, and a pan
    makes it another as asked. So the board is also looked for wherever the camera may have gone.
    """
    crisp, *tint, same = start_end_contrast(
        np.array([(sharpness(each), *colour(each), likeness(each, board)) for each in frames])
    )
    # By the same share of frames: looking everywhere takes a while, and every fourth frame is looked at.
    search = BoardSearch(board)
    found = start_end_contrast(np.array([search.likeness(each) for each in frames[::_SEARCHED]]))
    return float(crisp), float(np.mean(tint)), float(same), float(found)
