"""One shot through unlike boards with Sketch: what is seen at each board's frame, and whether anything comes back.

`python -m tests.bench.through DIR` keeps the shots there, with a contact sheet of the frames around each board.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

from engine.generation.job import prepare, run
from engine.media.boards import BoardPicture, decode_board, open_board
from engine.media.measures import Picture, psnr
from engine.models.catalog import find_model
from engine.protocol import Board, ShotRequest
from engine.quiet import quiet_libraries
from tests.bench.table import Row, markdown
from training.evaluation.contact_sheets import contact_sheet
from training.evaluation.trials import HELD_OUT, SIZE, as_board, read_frames
from training.scenes.clips import random_clip

PANELS = Path(__file__).resolve().parent.parent.parent / "samples" / "panels"
ORDERS = ("inverted", "endpoint", "forward")
_SEEN = 20.0
"""dB from which on a frame shows a board; the six are at most 16 from each other."""


@dataclass(frozen=True)
class Passage:
    """A shot through boards at these frames, the first ones of six."""

    at: tuple[int, ...]
    frames: int
    fps: float


THREE = Passage((1, 50, 110), 146, 30)
"""Two sections from board to board, cut short of 73 frames by 24 and by 13; the last one ends on nothing."""
SIX = Passage((1, 29, 57, 87, 115, 143), 143, 24)
"""One section from board to board, at another rate than the model's; the last frame is a board."""


def six_boards() -> list[BoardPicture]:
    """The sample's three panels, and three that training never saw."""
    drawn = (random_clip(np.random.default_rng([HELD_OUT, 7, n]), SIZE, 1).first for n in range(3))
    panels = [open_board(PANELS / f"{n:02d}.png") for n in (1, 2, 3)]
    return [*panels, *(as_board(picture, f"drawn {n}") for n, picture in enumerate(drawn))]


def rows(folder: Path, quick: bool) -> list[Row]:
    """Three boards, and unless `quick` six, in every order."""
    return [
        row
        for passage in ((THREE,) if quick else (THREE, SIX))
        for order in (ORDERS[:1] if quick else ORDERS)
        for row in _measured(passage, order, folder)
    ]


def _measured(passage: Passage, order: str, folder: Path) -> list[Row]:
    boards = six_boards()
    name = f"{len(passage.at)}-{order}"
    frames = _made(passage, order, boards, folder / name)
    truths = [_fitted(board) for board in boards[: len(passage.at)]]
    near = np.array([[psnr(frame, truth) for truth in truths] for frame in frames])
    at = [frame - 1 for frame in passage.at]
    own = [near[frame, place] for place, frame in enumerate(at)]
    other = [np.delete(near[frame], place).max() for place, frame in enumerate(at)]
    strange = turns = 0
    for place, (start, stop) in enumerate(pairwise([*at, len(frames)])):
        seen = near[start:stop]
        strange += int((np.delete(seen, [place, place + 1][: len(at) - place], 1) > _SEEN).any(1).sum())
        turns = max(turns, int((np.diff(seen[:, place : place + 2].argmax(1)) != 0).sum()))
    moved = [np.abs(b.astype(float) - a).mean() for a, b in pairwise(frames)]
    jumps = [moved[frame - 1] for frame in at[1:]]
    contact_sheet(folder / f"{name}.png", [_around(frames, frame) for frame in at[1:]], columns=11)
    said = f"{len(at)} unlike boards, {order}"
    return [
        Row(f"{said}: PSNR to its own board at each board's frame", _listed(own), wanted="the first at least 26 dB"),
        Row(f"{said}: to the nearest other one there", _listed(other), wanted="less than to its own"),
        Row(f"{said}: frames that show a board that is neither before nor after them", str(strange), wanted="0"),
        Row(f"{said}: how often the nearer one of two boards changes between them", str(turns), wanted="at most once"),
        Row(f"{said}: change from the frame before each board to it, of 255", _listed(jumps)),
        Row(f"{said}: largest change between two other frames", f"{_largest(moved, at):.1f}"),
    ]


def _made(passage: Passage, order: str, boards: Sequence[BoardPicture], out: Path) -> list[Picture]:
    """The shot's frames; one that was made before is read back."""
    placed = tuple(Board(frame, board.sha256) for frame, board in zip(passage.at, boards, strict=False))
    model = find_model("sketch")
    request = ShotRequest(
        str(model.path), "The camera pans left slowly.", placed, frames=passage.frames, fps=passage.fps, order=order
    )
    pictures = {board.sha256: board for board in boards}
    for _ in run(prepare(request, pictures, model, "cpu", out), pictures, resume=True, watched=False):
        pass
    return read_frames(out)


def _fitted(board: BoardPicture) -> Picture:
    """A board at the shot's size; all of them have its shape."""
    return np.asarray(decode_board(board.data, board.name).convert("RGB").resize(SIZE, Image.Resampling.LANCZOS))


def _around(frames: Sequence[Picture], at: int) -> tuple[str, list[Picture]]:
    shown = range(max(0, at - 7), min(len(frames), at + 4))
    return f"frames {shown.start + 1} to {shown.stop}; the board is at {at + 1}", [frames[n] for n in shown]


def _largest(moved: Sequence[float], at: Sequence[int]) -> float:
    return max(change for n, change in enumerate(moved) if n + 1 not in at)


def _listed(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.1f}" for value in values)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.through", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--quick", action="store_true", help="three boards in one order")
    args = parser.parse_args()
    quiet_libraries()
    print(markdown(rows(args.folder, args.quick)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
