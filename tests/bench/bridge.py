"""Bridges with Sketch: the missing frames between two strips of one scene, and how they meet their neighbours.

A scene that training never saw is drawn before and after a gap; only the two pictures beside the gap are given. A
contact sheet of each bridge with its neighbours lies beside its shot.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from engine.generation.job import prepare, run
from engine.media.measures import Picture, psnr
from engine.models.catalog import find_model
from engine.protocol import Board, ShotRequest
from tests.bench.table import Row
from training.evaluation.contact_sheets import contact_sheet
from training.evaluation.trials import HELD_OUT, SIZE, as_board, read_frames
from training.scenes.clips import random_clip
from training.scenes.moves import Motion, Move, Speed
from training.scenes.prompts import describe

_NATIVE_FPS = 30
_BEFORE = 20
"""The frame of the scene that the strip before the gap ends with."""


@dataclass(frozen=True)
class Gap:
    """What the scene does, how many frames are missing, at which rate, and how its sections are made."""

    move: Move
    frames: int = 37
    fps: int = 30
    order: str = "inverted"

    def __str__(self) -> str:
        return f"{self.move}, {self.frames} frames at {self.fps}, {self.order}"


STILL = Gap(Move.STATIC)
GAPS = (
    STILL,
    Gap(Move.PAN_LEFT),
    Gap(Move.PAN_LEFT, order="endpoint"),
    Gap(Move.PAN_LEFT, fps=24),
    Gap(Move.PAN_LEFT, frames=12),
    Gap(Move.PAN_LEFT, frames=90),
    Gap(Move.ZOOM_IN),
    Gap(Move.ROLL_CLOCKWISE),
    Gap(Move.OBJECT_RIGHT),
)


def rows(folder: Path, quick: bool) -> list[Row]:
    """Every gap, or with `quick` the first moving one."""
    return [row for gap in (GAPS[1:2] if quick else GAPS) for row in _measured(gap, folder)]


def _measured(gap: Gap, folder: Path) -> list[Row]:
    rng = np.random.default_rng([HELD_OUT, 25, 3])
    motion = Motion(gap.move, Speed.NORMAL)
    clip = random_clip(rng, SIZE, 6, motion)
    before, after = (
        [clip.frame(number * _NATIVE_FPS / gap.fps) for number in numbers]
        for numbers in ((_BEFORE - 1, _BEFORE), (_BEFORE + gap.frames + 1, _BEFORE + gap.frames + 2))
    )
    prompt = describe(rng, motion, clip.scene.thing, clip.scene.place)
    made = _made(gap, prompt, before[-1], after[0], folder / str(gap).replace(" ", "-"))
    contact_sheet(folder / f"{gap}.png", [(f"{gap}: {prompt}", [before[-1], *made, after[0]])], columns=10)
    jumps = [float(np.abs(b.astype(float) - a).mean()) for a, b in pairwise([before[-1], *made, after[0]])]
    within = statistics.median(jumps[1:-1])
    ends = psnr(made[0], before[-1]), psnr(made[-1], after[0])
    own = [float(np.abs(b.astype(float) - a).mean()) for a, b in (before, after)]
    return [
        Row(f"{gap}: new frames", str(len(made)), wanted=str(gap.frames)),
        Row(
            f"{gap}: PSNR of first and last to their neighbours, dB",
            f"{ends[0]:.1f}, {ends[1]:.1f}",
            f"{psnr(*before):.1f}, {psnr(*after):.1f} between two frames of the scene",
            "at least 26" if gap == STILL else "",
        ),
        Row(
            f"{gap}: change at either end, of 255; the median within",
            f"{jumps[0]:.2f}, {jumps[-1]:.2f}; {within:.2f}",
            f"{own[0]:.2f}, {own[1]:.2f} between two frames of the scene",
            "" if gap == STILL else f"at most {1.5 * within:.2f}",
        ),
    ]


def _made(gap: Gap, prompt: str, begins: Picture, ends: Picture, out: Path) -> list[Picture]:
    """The frames between the two pictures; a bridge that was made before is read back."""
    boards = [as_board(begins, "before"), as_board(ends, "after")]
    pictures = {board.sha256: board for board in boards}
    model = find_model("sketch")
    # What it begins with is its first frame, which the strip before it shows; what it arrives at is none of its frames.
    placed = (Board(1, boards[0].sha256), Board(gap.frames + 2, boards[1].sha256))
    request = ShotRequest(str(model.path), prompt, placed, frames=gap.frames + 1, fps=gap.fps, order=gap.order)
    for _ in run(prepare(request, pictures, model, "cpu", out), pictures, resume=True, watched=False):
        pass
    return read_frames(out)[1:]
