"""Six Grease Pencil boards on Blender's Storyboarding template, animated both ways with one press each.

`BLENDER=... python -m tests.bench.storyboard DIR` keeps the film and its shots there, with contact sheets.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from engine.media.measures import Picture, psnr
from engine.quiet import quiet_libraries
from tests.bench.table import Row, markdown
from tests.desktop.window import BLENDER, ShotpackWindow
from training.evaluation.contact_sheets import contact_sheet

STAGE = Path(__file__).resolve().parent.parent / "desktop" / "six_boards.py"
WAYS = {"STRIPS": "one shot a strip", "THROUGH": "one shot through all"}


@dataclass(frozen=True)
class Animatic:
    """What one press has made: the boards' frames (from 0) on the timeline, the boards, and all frames in order."""

    at: list[int]
    boards: list[Picture]
    frames: list[Picture]
    spans: list[tuple[int, int]]

    def near(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """PSNR in dB of the frame at each board's time (rows) to each board (columns)."""
        return np.array([[psnr(self.frames[at], board) for board in self.boards] for at in self.at])


def film(folder: Path, frames: int, steps: int, screenshots: bool = False) -> dict[str, Animatic]:
    """Both ways, with `frames` frames a strip; `steps` 0: the model's own."""
    folder.mkdir(parents=True, exist_ok=True)
    window = ShotpackWindow(folder, STAGE, frames, steps, model="sketch")
    try:
        for number, way in enumerate(WAYS):
            window.wait_for(lambda status, way=way: way in status.get("made", ()) or is_made(status, way))
            if screenshots:
                window.screenshot(f"9-six-boards-{number}.png")
            status = window.wait_for(lambda status, way=way: ends(status, way))
        if screenshots:
            window.screenshot("9-six-boards-made.png")
    finally:
        window.close()
    return {way: read(status["made"][way]) for way in WAYS}


def is_made(status: dict[str, Any], way: str) -> bool:
    """Whether a way's shots are on the timeline and being made."""
    return status.get("way") == way and any(shot["state"] == "running" for shot in status["shots"])


def ends(status: dict[str, Any], way: str) -> dict[str, Any] | None:
    """The status once a way's shots are made. Nothing is waited for that cannot come any more."""
    assert not status["told"], status["told"]
    assert not {"failed", "cancelled"} & {shot["state"] for shot in status["shots"]}, status
    return status if way in status["made"] else None


def read(shots: list[dict[str, Any]]) -> Animatic:
    frames, boards, at, spans = [], [], [], []
    for shot in sorted(shots, key=lambda shot: shot["span"]):
        for frame, board in shot["boards"]:
            at.append(len(frames) + frame - 1)
            boards.append(board)
        frames += [np.asarray(Image.open(path).convert("RGB")) for path in shot["frames"]]
        spans.append((shot["span"][0], shot["span"][1]))
    size = (frames[0].shape[1], frames[0].shape[0])
    fitted = [np.asarray(Image.open(board).convert("RGB").resize(size, Image.Resampling.LANCZOS)) for board in boards]
    return Animatic(at, fitted, frames, spans)


def rows(folder: Path, quick: bool) -> list[Row]:
    """One second a strip at the model's own steps; `quick`: half a second at three."""
    if not BLENDER:
        return [Row("six boards of the Storyboarding template", "not measured: BLENDER names no Blender with a window")]
    found = []
    for way, animatic in film(folder, *((12, 3) if quick else (24, 0)), screenshots=True).items():
        near = animatic.near()
        sheet = [_seen(animatic, place) for place in range(len(animatic.at))]
        contact_sheet(folder / f"{way.lower()}.png", sheet, columns=8)
        said = f"six boards, {WAYS[way]}"
        other = [float(np.delete(line, place).max()) for place, line in enumerate(near)]
        lengths = ", ".join(str(stop - start) for start, stop in animatic.spans)
        found += [
            Row(f"{said}: frames on the timeline, and made", f"{lengths}; {len(animatic.frames)}", wanted="the same"),
            Row(f"{said}: PSNR to its own board at each board's time", _listed(near.diagonal()), wanted="first 26 dB"),
            Row(f"{said}: to the nearest other one there", _listed(other), wanted="less than to its own"),
        ]
    return found


def _seen(animatic: Animatic, place: int) -> tuple[str, list[Picture]]:
    """From one board to the frame before the next."""
    start, stop = [*animatic.at, len(animatic.frames)][place : place + 2]
    return f"from board {place + 1}: frames {start + 1} to {stop}", animatic.frames[start:stop]


def _listed(values: Any) -> str:
    return ", ".join(f"{value:.1f}" for value in values)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.storyboard", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--quick", action="store_true", help="half a second a strip")
    args = parser.parse_args()
    quiet_libraries()
    print(markdown(rows(args.folder.resolve(), args.quick)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
