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
from itertools import product
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKLHunyuanVideo
from PIL import Image

from engine.client.led_moves import Clock
from engine.commands.moves import moved
from engine.framings import Framing, Move
from engine.generation.job import prepare, run
from engine.media.boards import BoardPicture, decode_board, open_board
from engine.media.images import fit, to_bytes
from engine.media.measures import Picture, psnr, sharpness
from engine.models.catalog import find_model
from engine.protocol import GUIDE, Board, Condition, ConditionFrame, ShotRequest
from engine.quiet import quiet_libraries
from tests.bench.table import Row, markdown
from training.evaluation.contact_sheets import contact_sheet

ROOT = Path(__file__).resolve().parents[2]
PANELS = tuple(ROOT / "samples" / "panels" / f"{number:02d}.png" for number in (1, 2, 3))
INK = tuple(ROOT / "tests" / "fixtures" / "pictures" / f"ink-{name}.png" for name in ("church", "princess", "tiger"))
SIZE, FRAMES, STRIDE, _EVERY = (256, 144), 181, 36, 4
MOVES = {
    "push": (Move(Framing(), Framing(0.58, 0.47, 0.6)), "The camera pushes in."),
    "pan": (Move(Framing(0.36, 0.5, 0.7), Framing(0.64, 0.5, 0.7)), "The camera pans right."),
}


@dataclass(frozen=True)
class Measured:
    """A shot beside the board under its move."""

    off: float
    """Pixels that the last frame's corners lie from where they were drawn, the farthest."""
    decibels: Sequence[float]
    """Means of each section, in time order; so are the shares of the truth's sharpness."""
    crisp: Sequence[float]


def rows(folder: Path, quick: bool, drawings: Sequence[Path] = PANELS + INK) -> list[Row]:
    """The two moves on the drawings; with `quick` the push on one."""
    found: list[Row] = []
    led: list[Measured] = []
    for drawing, name in product(drawings[: 1 if quick else None], list(MOVES)[: 1 if quick else None]):
        (move, words), board, out = MOVES[name], open_board(drawing), folder / f"{name}-{drawing.stem}"
        truth = {frame: _truth(board, move.at_frame(frame, FRAMES)) for frame in range(1, FRAMES + 1)}
        ways = {"led": _made(board, move, words, out / "led"), "pasted": _pasted(truth)}
        if drawing == PANELS[-1] or quick:  # what words alone give is known; once a move is enough to compare with
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
    list(run(prepare(request, named, model, "cpu", out), named, resume=True, watched=False))
    return {frame: _picture(out / "frames" / f"{frame:04d}.png") for frame in range(1, FRAMES + 1)}


@torch.inference_mode()
def _pasted(truth: Mapping[int, Picture]) -> dict[int, Picture]:
    """What Sketch's VAE alone makes of the pictures that lead a shot, and between them: no guide can give more."""
    vae = AutoencoderKLHunyuanVideo.from_pretrained(find_model("sketch").path / "vae").eval()
    pictures = [fit(Image.fromarray(truth[frame]), *SIZE).unsqueeze(2) for frame in range(1, FRAMES + 1, _EVERY)]
    latents = torch.cat([vae.encode(picture).latent_dist.mode() for picture in pictures], dim=2)
    window = STRIDE // _EVERY
    pieces = [
        vae.decode(latents[:, :, first : first + window + 1], return_dict=False)[0][0]
        for first in range(0, latents.shape[2] - 1, window)
    ]
    frames = to_bytes(torch.cat([pieces[0], *(piece[:, 1:] for piece in pieces[1:])], dim=1))
    return dict(enumerate(frames, start=1))


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
    """The upright framing of a board that a picture shows, by correlation alone, from coarse to fine.

    Knows nothing of any move: places all over the board are tried, and the best few of them brought to the point.
    """
    grey, sheet = Image.fromarray(picture).convert("L"), board.convert("L")
    coarse, middle, fine = (_Likeness(grey, sheet, SIZE[0] // part) for part in (8, 4, 1))
    tried = [
        Framing(float(x), float(y), float(width))
        for width in np.geomspace(0.4, 1.0, 10)
        for x in np.arange(width / 2, 1.001 - width / 2, 0.04)
        for y in np.arange(width / 2, 1.001 - width / 2, 0.04)
    ]
    few = sorted(tried, key=coarse, reverse=True)[:6]
    return _climbed(max((_climbed(each, middle, 0.03, 4e-3) for each in few), key=middle), fine, 8e-3, 1e-4)


class _Likeness:
    """How like a picture is to what framings show of a board, at `width` pixels: correlation, -1 to 1."""

    def __init__(self, grey: Image.Image, sheet: Image.Image, width: int) -> None:
        self._size = width, width * SIZE[1] // SIZE[0]
        self._sheet = sheet.resize((2 * self._size[0], 2 * self._size[1]), Image.Resampling.BOX)
        self._picture = self._normal(grey.resize(self._size, Image.Resampling.BOX))

    def __call__(self, framing: Framing) -> float:
        corners = framing.corners(SIZE[0] / SIZE[1])
        if min(corners[0]) < -0.02 or max(corners[2]) > 1.02:
            return -1.0
        box = tuple(
            min(max(0.0, at * side), side)
            for at, side in zip((*corners[0], *corners[2]), (*self._sheet.size, *self._sheet.size), strict=True)
        )
        return float(self._normal(self._sheet.resize(self._size, Image.Resampling.BILINEAR, box=box)) @ self._picture)

    @staticmethod
    def _normal(picture: Image.Image) -> np.ndarray:
        values = np.asarray(picture, np.float64).ravel()
        values = values - values.mean()
        return values / (np.linalg.norm(values) + 1e-9)


def _climbed(best: Framing, likeness: _Likeness, step: float, least: float) -> Framing:
    """The nearest framing than which no neighbour is likelier, in ever smaller steps."""
    score = likeness(best)
    while step > least:
        near = [
            Framing(best.x + x * step, best.y + y * step, best.width * (1 + width * step))
            for x in (-1, 0, 1)
            for y in (-1, 0, 1)
            for width in (-1, 0, 1)
        ]
        scores = [likeness(each) for each in near]
        if max(scores) > score:
            score, best = max(scores), near[scores.index(max(scores))]
        else:
            step /= 2
    return best


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.moves", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--quick", action="store_true", help="the push on one drawing")
    known = {drawing.stem: drawing for drawing in PANELS + INK}
    parser.add_argument("--drawings", nargs="+", choices=known, default=[*known], help="only these, in this order")
    args = parser.parse_args()
    quiet_libraries()
    args.folder.mkdir(parents=True, exist_ok=True)
    print(markdown(rows(args.folder, args.quick, [known[name] for name in args.drawings])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
