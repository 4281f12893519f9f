"""Contact sheets: a shot's frames side by side under its prompt, to be looked at."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from engine.media.files import write_whole
from engine.media.measures import Picture

_BAND = 16


def contact_sheet(path: Path, rows: Sequence[tuple[str, Sequence[Picture]]], columns: int = 6) -> None:
    """Write a PNG with a row for each (title, frames): `columns` frames spread evenly from the first to the last."""
    height, width = rows[0][1][0].shape[:2]
    sheet = Image.new("RGB", (width * columns, (height + _BAND) * len(rows)), "white")
    draw = ImageDraw.Draw(sheet)
    for number, (title, frames) in enumerate(rows):
        top = number * (height + _BAND)
        draw.text((4, top + 2), title.encode("latin-1", "replace").decode("latin-1"), fill="black")
        for column, index in enumerate(np.linspace(0, len(frames) - 1, columns).round().astype(int)):
            sheet.paste(Image.fromarray(frames[index]), (column * width, top + _BAND))
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG", optimize=True)
    write_whole(path, buffer.getvalue())
