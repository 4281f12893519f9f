"""What the demo shows a person: a bar while it works, a line at a time, the shot at a glance."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from PIL import Image

_SHEET_COLUMNS, _SHEET_WIDTH = 6, 256
_BAR = 30


def contact_sheet(frames: list[Path], path: Path) -> None:
    """The shot at a glance: frames from its whole length, row by row."""
    count = min(len(frames), 4 * _SHEET_COLUMNS)
    chosen = [frames[round(number * (len(frames) - 1) / max(1, count - 1))] for number in range(count)]
    pictures = [Image.open(each).convert("RGB") for each in chosen]
    width, height = _SHEET_WIDTH, round(_SHEET_WIDTH * pictures[0].height / pictures[0].width)
    rows = -(-count // _SHEET_COLUMNS)
    sheet = Image.new("RGB", (_SHEET_COLUMNS * width, rows * height), "white")
    for number, picture in enumerate(pictures):
        place = (number % _SHEET_COLUMNS * width, number // _SHEET_COLUMNS * height)
        sheet.paste(picture.resize((width, height), Image.Resampling.LANCZOS), place)
    sheet.save(path)


def draw_bar(done: float, words: str, *, last: bool = False) -> None:
    """How far it is, 0 to 1, over the line before."""
    filled = round(done * _BAR)
    line = f"\r[{'#' * filled}{'.' * (_BAR - filled)}] {done:4.0%}  {words:<40.40}"
    print(line, end="\n" if last else "", file=sys.stderr, flush=True)


def say(line: Any) -> None:
    """A line for the person who waits."""
    print(line, file=sys.stderr, flush=True)
