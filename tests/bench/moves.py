"""A push and a pan over six drawings with Sketch, led by the move: where they end, and whether lines stay lines.

`python -m tests.bench.moves DIR` keeps the shots there, with a contact sheet of each: the truth, the led shot, and for
one drawing the same words alone.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from engine.commands.moves import Clock, moved
from engine.framings import Framing, Move
from engine.generation.job import prepare, run
from engine.media.boards import BoardPicture, decode_board, open_board
from engine.media.measures import Picture, psnr, sharpness
from engine.models.catalog import find_model
from engine.protocol import GUIDE, Board, Condition, ConditionFrame, ShotRequest
from engine.quiet import quiet_libraries
from tests.bench.table import Row, markdown
from training.evaluation.contact_sheets import contact_sheet

ROOT = Path(__file__).resolve().parents[2]
PANELS = tuple(ROOT / "samples" / "panels" / f"{number:02d}.png" for number in (1, 2, 3))
INK = tuple(ROOT / "tests" / "fixtures" / "pictures" / f"ink-{name}.png" for name in ("church", "princess", "tiger"))
SIZE, FRAMES, STRIDE = (256, 144), 181, 36
MOVES = {
    "push": (Move(Framing(), Framing(0.58, 0.47, 0.6)), "The camera pushes in."),
    "pan": (Move(Framing(0.36, 0.5, 0.7), Framing(0.64, 0.5, 0.7)), "The camera pans right."),
}
_GREY = Image.Resampling.BILINEAR


@dataclass(frozen=True)
class Measured:
    """A shot beside the board under its move."""

    off: float
    """Pixels that the last frame's corners lie from where they were drawn, the farthest."""
    decibels: Sequence[float]
    """Means of each section, in time order; so are the shares of the truth's sharpness."""
    crisp: Sequence[float]


def rows(folder: Path, quick: bool) -> list[Row]:
    """The two moves on the drawings; with `quick` the push on one."""
    found: list[Row] = []
    led: list[Measured] = []
    for name, (move, words) in list(MOVES.items())[: 1 if quick else 2]:
        for drawing in (PANELS + INK)[: 1 if quick else 6]:
            board, out = open_board(drawing), folder / f"{name}-{drawing.stem}"
            truth = {frame: _truth(board, move.at_frame(frame, FRAMES)) for frame in range(1, FRAMES + 1)}
            ways = {"led": _made(board, move, words, out / "led")}
            if drawing == PANELS[0]:  # what words alone give is known; once a move is enough to compare with
                ways["words alone"] = _made(board, move, words, out / "words", led=False)
            for way, frames in ways.items():
                measured = _measured(board, move, truth, frames)
                led += [measured] if way == "led" else []
                found.append(Row(f"{name}, {drawing.stem}, {way}", _told(measured)))
                print(found[-1].figure, found[-1].shotpack, file=sys.stderr, flush=True)
            shown = [(f"{name}, the board under the move", truth), *((f"{way}: {words}", ways[way]) for way in ways)]
            at = [1 + STRIDE * section for section in range(6)]
            contact_sheet(folder / f"{out.name}.png", [(title, [of[n] for n in at]) for title, of in shown])
    found.append(
        Row(
            "led, all: farthest end; least of a section",
            f"{max(each.off for each in led):.2f} pixels; "
            f"{min(min(each.decibels) for each in led):.1f} dB, sharpness {min(min(each.crisp) for each in led):.2f}",
            "",
            "at most 2; 24 dB, 0.85",
        )
    )
    return found


def _told(measured: Measured) -> str:
    decibels = ", ".join(f"{each:.1f}" for each in measured.decibels)
    crisp = ", ".join(f"{each:.2f}" for each in measured.crisp)
    return f"end {measured.off:.2f} pixels off; {decibels} dB; sharpness {crisp}"


def _made(board: BoardPicture, move: Move, words: str, out: Path, *, led: bool = True) -> dict[int, Picture]:
    model = find_model("sketch")
    start, pictures = moved(board, move, model, SIZE, Clock(FRAMES, model.native_fps, conform=True))
    frames = tuple(
        ConditionFrame(each.frame, each.image.sha256, each.seen.sha256 if each.seen else None) for each in pictures
    )
    conditions = (Condition(GUIDE, frames),) if led else ()
    request = ShotRequest(model.name, words, (Board(1, start.sha256),), frames=FRAMES, seed=1, conditions=conditions)
    named = {each.sha256: each for each in (start, *(each.image for each in pictures))}
    if not (out / "shot.json").is_file():
        list(run(prepare(request, named, model, "cpu", out), named, resume=False, watched=False))
    return {frame: _picture(out / "frames" / f"{frame:04d}.png") for frame in range(1, FRAMES + 1)}


def _picture(path: Path) -> Picture:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def _truth(board: BoardPicture, framing: Framing) -> Picture:
    """What an upright framing within the board shows, by Pillow."""
    width, height = framing.width * board.width, framing.width * board.width * SIZE[1] / SIZE[0]
    left, upper = framing.x * board.width - width / 2, framing.y * board.height - height / 2
    box = (max(0.0, left), max(0.0, upper), min(board.width, left + width), min(board.height, upper + height))
    return np.asarray(decode_board(board.data, board.name).resize(SIZE, Image.Resampling.LANCZOS, box=box))


def _measured(board: BoardPicture, move: Move, truth: Mapping[int, Picture], frames: Mapping[int, Picture]) -> Measured:
    decibels, crisp = [], []
    for first in range(2, FRAMES + 1, STRIDE):
        section = range(first, first + STRIDE)
        decibels.append(statistics.fmean(psnr(frames[frame], truth[frame]) for frame in section))
        crisp.append(
            sum(sharpness(frames[frame]) for frame in section) / sum(sharpness(truth[frame]) for frame in section)
        )
    found = registered(frames[FRAMES], decode_board(board.data, board.name))
    aspect = SIZE[0] / SIZE[1]
    pairs = zip(found.corners(aspect), move.end.corners(aspect), strict=True)
    # From shares of the board to pixels of the frame, which shows `width` of it.
    off = max(np.hypot((a[0] - b[0]) * SIZE[0], (a[1] - b[1]) * SIZE[1]) for a, b in pairs) / move.end.width
    return Measured(float(off), decibels, crisp)


def registered(picture: Picture, board: Image.Image) -> Framing:
    """The upright framing of a board that a picture shows, by correlation alone: first all over it, then to the point.

    Knows nothing of any move. Places within the board are tried; blurred at first, so that none is missed.
    """
    grey = Image.fromarray(picture).convert("L")
    aspect = SIZE[0] / SIZE[1]

    def likeness(framing: Framing, size: tuple[int, int], whole: Image.Image) -> float:
        left, upper, right, lower = (*framing.corners(aspect)[0], *framing.corners(aspect)[2])
        if min(left, upper) < -0.02 or max(right, lower) > 1.02:
            return -1.0
        box = tuple(
            min(max(0.0, at * side), side)
            for at, side in zip((left, upper, right, lower), (*whole.size, *whole.size), strict=True)
        )
        one = np.asarray(whole.resize(size, _GREY, box=box), np.float64).ravel()
        other = np.asarray(grey.resize(size, Image.Resampling.BOX), np.float64).ravel()
        one, other = one - one.mean(), other - other.mean()
        return float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other) + 1e-9))

    small, blurred = (64, 36), board.convert("L").resize((128, 72), Image.Resampling.BOX)
    best = max(
        (
            Framing(x, y, width)
            for width in np.geomspace(0.4, 1.0, 9)
            for x in np.arange(width / 2, 1.001 - width / 2, 0.05)
            for y in np.arange(width / 2, 1.001 - width / 2, 0.05)
        ),
        key=lambda framing: likeness(framing, small, blurred),
    )
    step, sharp = 0.04, board.convert("L").resize((512, 288), Image.Resampling.BOX)
    score = likeness(best, SIZE, sharp)
    while step > 1e-4:
        near = [
            Framing(best.x + x * step, best.y + y * step, best.width * (1 + width * step))
            for x in (-1, 0, 1)
            for y in (-1, 0, 1)
            for width in (-1, 0, 1)
        ]
        found = max(near, key=lambda framing: likeness(framing, SIZE, sharp))
        better = likeness(found, SIZE, sharp)
        if better > score:
            best, score = found, better
        else:
            step /= 2
    return best


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.moves", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--quick", action="store_true", help="the push on one drawing")
    args = parser.parse_args()
    quiet_libraries()
    args.folder.mkdir(parents=True, exist_ok=True)
    print(markdown(rows(args.folder, args.quick)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
