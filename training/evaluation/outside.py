"""Shots of pictures that no training code drew: photographs, renders, ink drawings by other hands.

Nobody knows their layers, so their truth is the picture as one flat sheet, and they are asked for the moves that a flat
sheet can show.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from engine.media.measures import psnr

from ..scenes.moves import FLAT_MOVES, Motion, Speed
from ..scenes.prompts import describe
from .evaluation import Evaluation, Row, obeys
from .fidelity import still_visible
from .recognise import flat_clip
from .trials import HELD_OUT, SIZE, Trial

_EACH = 2
"""Shots of every picture."""
_SHEET_ROWS = 24


def outside_trials(folder: Path) -> Iterator[Trial]:
    """Shots of one section of every picture in `folder` (`kind-thing.png`), over moves and speeds in turn."""
    files = sorted(folder.glob("*-*.png"))
    speeds = tuple(Speed)
    for number in range(_EACH * len(files)):
        file = files[number % len(files)]
        picture = np.asarray(Image.open(file).convert("RGB").resize(SIZE, Image.Resampling.LANCZOS))
        motion = Motion(FLAT_MOVES[number % len(FLAT_MOVES)], speeds[number // len(FLAT_MOVES) % len(speeds)])
        words = describe(np.random.default_rng([HELD_OUT, number]), motion, file.stem.partition("-")[2], "paper")
        yield Trial(f"outside-{file.stem}-{number:03d}", flat_clip(picture, motion, 1), words, 1, number)


def measure_outside(evaluation: Evaluation) -> Iterator[Row]:
    """Obedience and fidelity on the pictures of `--pictures`, by their kind; nothing without them."""
    if evaluation.pictures is None:
        return
    right: dict[str, list[bool]] = {}
    missed, first, made, frozen = [], [], [], []
    for trial, frames, seen in evaluation.recognised(outside_trials(evaluation.pictures), "outside", _SHEET_ROWS):
        kind, thing = trial.name.split("-")[1:3]
        right.setdefault(kind, []).append(obeys(trial, seen))
        if not right[kind][-1]:
            missed.append(f"{thing}: {trial.clip.motion.move} seen as {seen.move}")
        first.append(psnr(frames[0], trial.clip.first))
        for number, truth, where in still_visible(trial.clip):
            made.append(psnr(frames[number], truth, where))
            frozen.append(psnr(trial.clip.first, truth, where))
    if not first:
        return
    name = f"pictures that no training code drew ({len(first)} shots)"
    yield f"{name}, dominant motion as asked", f"{np.mean([each for of in right.values() for each in of]):.1%}"
    for kind, of in right.items():
        yield f"the same, {kind} ({len(of)} shots)", f"{np.mean(of):.1%}"
    yield f"{name}, missed", "; ".join(missed) or "none"
    yield f"{name}, frame 1 against the board", f"{np.mean(first):.1f} dB"
    yield f"{name}, still visible part over the first section", f"{np.mean(made):.1f} dB"
    yield f"{name}, the same for a frozen start frame", f"{np.mean(frozen):.1f} dB"
