"""Camera-true shots of Sketch over three drawn boards, of which there is no truth: against the board carried along,
against where the scene's forms are at each frame, and against the lines of a frame that is drawn anew.

`python -m tests.bench.drawn_guides DIR` keeps the shots there, with a contact sheet of each.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from engine.media.measures import Picture, psnr
from engine.quiet import quiet_libraries
from tests.bench.guides import EVERY, FRAMES, blocks, made, pasted, picture, render
from tests.bench.table import Row, markdown
from training.evaluation.contact_sheets import contact_sheet

BOARDS = (("static", "ink"), ("sliding", "gouache"), ("deforming", "cel"))
_STRONGEST = 0.12
"""The share of a frame's pixels that count as its edges."""
_SLACK = 2
"""Pixels that an edge may lie beside the scene's, as a drawn line may."""
_FORM = 24.0
"""Of 255, by which a form's colour changes where it ends or bends."""
_DARK = 90
"""Of 255; below it a pixel is a line's."""
_LINED = ("ink", "cel")


def drawn(folder: Path, quick: bool) -> list[Row]:
    """Each way on each board, one seed. Sheets of them are written to `folder`."""
    rows = []
    for scene, style in BOARDS[:1] if quick else BOARDS:
        place = folder / f"{scene}-{style}"
        render(place, scene, style)
        board = picture(place / "board.png")
        carried = {frame: picture(place / "guide" / f"{frame:07.2f}.png") for frame in range(2, FRAMES + 1)}
        ways: dict[str, Mapping[int, Picture]] = {
            "carried": carried,
            "frozen": dict.fromkeys(range(1, FRAMES + 1), board),
            "pasted": pasted(place, range(1 + EVERY, FRAMES + 1, EVERY)),
            "unguided": made(place, 1, led=False),
            "guided": made(place, 1, led=True),
        }
        for way, frames in ways.items():
            told = _told(place, carried, frames)
            if style in _LINED:
                told += f"; {_lines_told(place, frames)}"
            rows.append(Row(f"{style} over {scene}, {way}", told))
            print(rows[-1].figure, rows[-1].shotpack, file=sys.stderr, flush=True)
        at = range(1 + EVERY, FRAMES + 1, 17)
        shown = {"forms": [picture(place / "forms" / f"{frame:04d}.png") for frame in at]}
        shown |= {way: [frames[frame] for frame in at] for way, frames in ways.items()}
        contact_sheet(folder / f"{place.name}.png", list(shown.items()))
    return rows


def _told(place: Path, carried: Mapping[int, Picture], shown: Mapping[int, Picture]) -> str:
    """Decibels where the board is seen, at frames that latents end on and between; blocks; edges."""
    seen = {frame: picture(place / "guide" / f"{frame:07.2f}-seen.png")[..., 0] > 127 for frame in carried}
    at = [frame for frame in carried if (frame - 1) % EVERY == 0]
    edges = statistics.fmean(on_edges(shown[frame], picture(place / "forms" / f"{frame:04d}.png")) for frame in at)
    if shown is carried:  # it is what the others are compared with
        return f"edges {100 * edges:.0f} %"
    decibels = {frame: psnr(shown[frame], carried[frame], seen[frame]) for frame in carried}
    there = statistics.fmean(decibels[frame] for frame in at)
    between = statistics.fmean(value for frame, value in decibels.items() if frame not in at)
    alike = statistics.fmean(blocks(shown[frame], carried[frame], seen[frame]) for frame in at)
    return f"seen {there:.1f}, between {between:.1f} dB; blocks {100 * alike:.0f} %; edges {100 * edges:.0f} %"


def _lines_told(place: Path, shown: Mapping[int, Picture]) -> str:
    """How many of the lines around forms are there, of all and beside what the board shows, and how many of a picture's
    lines are where one is.
    """
    scores = []
    for frame in range(1 + EVERY, FRAMES + 1, EVERY):
        redrawn, forms = (picture(place / kind / f"{frame:04d}.png") for kind in ("redrawn", "forms"))
        seen = picture(place / "guide" / f"{frame:07.2f}-seen.png")[..., 0] > 127
        scores.append(lines(shown[frame], redrawn, forms, seen))
    all_there, there, true = (100 * statistics.fmean(score[which] for score in scores) for which in range(3))
    return f"lines {all_there:.0f} % there, {there:.0f} % where seen, {true:.0f} % true"


def lines(shown: Picture, redrawn: Picture, forms: Picture, seen: np.ndarray) -> tuple[float, float, float]:
    """The share of the lines around forms that are there in `shown`, the same beside what is seen of the board, and the
    share of its lines that are `redrawn`'s.
    """
    dark, wanted = (np.asarray(Image.fromarray(each).convert("L")) < _DARK for each in (shown, redrawn))
    around = wanted & _near(_change(forms.astype(float)) > _FORM, 1)
    there, known = _near(dark, _SLACK), around & _near(seen, _SLACK + 1)
    true = float(_near(wanted, _SLACK)[dark].mean()) if dark.any() else 1.0
    return float(there[around].mean()), float(there[known].mean()), true


def on_edges(shown: Picture, forms: Picture) -> float:
    """The share of the pixels where forms end or bend that have an edge of the frame within reach."""
    change = _change(np.asarray(Image.fromarray(shown).convert("L"), float)[..., None])
    edge = change >= max(1.0, float(np.quantile(change, 1 - _STRONGEST)))
    ends = _change(forms.astype(float)) > _FORM
    return float(_near(edge, _SLACK)[ends].mean())


def _near(mask: np.ndarray, reach: int) -> np.ndarray:
    """Within a square around a pixel of the mask."""
    near = np.zeros_like(mask)
    padded = np.pad(mask, reach)
    for down in range(2 * reach + 1):
        for right in range(2 * reach + 1):
            near |= padded[down : down + mask.shape[0], right : right + mask.shape[1]]
    return near


def _change(values: np.ndarray) -> np.ndarray:
    return np.hypot(*np.gradient(values, axis=(0, 1))).max(2)  # type: ignore[no-any-return]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.drawn_guides", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--quick", action="store_true", help="one board")
    args = parser.parse_args()
    quiet_libraries()
    args.folder.mkdir(parents=True, exist_ok=True)
    print(markdown(drawn(args.folder, args.quick)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
