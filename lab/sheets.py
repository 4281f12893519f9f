"""Contact sheets of the lab: the truth and a few rows of shots beside each other, every so many latents."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw
from safetensors.torch import load_file

from engine.media.files import make_folder, write_whole

from .experiment import Experiment
from .runs import Lab, shown_shots, tables_folder

_ENLARGED = 2
_LABEL = 90
_COLUMNS = 11


def write_sheets(lab: Lab, experiment: Experiment, *, scenes: int = 4) -> list[Path]:
    """Write a sheet for each of the first scenes of each set, of the first seed's shots; returns their paths."""
    folder = tables_folder(lab.folder, experiment) / "sheets"
    make_folder(folder)
    written = []
    for name in sorted({name for variant in experiment.variants for name in variant.sets} & {"H", "R", "D"}):
        shots = {row.id: load_file(path)["latents"] for row, path in shown_shots(lab.folder, experiment, name).items()}
        if not shots:
            continue
        truth = lab.scenes(name)
        for scene in range(min(scenes, len(truth.scenes))):
            rows = {"truth": truth.latents[scene], **{row: latents[scene] for row, latents in shots.items()}}
            path = folder / f"{name}-{scene}.png"
            write_whole(path, _sheet(lab, rows))
            written.append(path)
    return written


def _sheet(lab: Lab, rows: dict[str, torch.Tensor]) -> bytes:
    """A row of pictures for each shot (C, T, h, w), as PNG."""
    first = next(iter(rows.values()))
    places = np.linspace(0, first.shape[1] - 1, _COLUMNS).round().astype(int)
    side = first.shape[-1] * 8 * _ENLARGED
    sheet = Image.new("RGB", (_LABEL + _COLUMNS * side, len(rows) * side), "white")
    draw = ImageDraw.Draw(sheet)
    for number, (row, latents) in enumerate(rows.items()):
        draw.text((4, number * side + side // 2 - 5), row, fill="black")
        for column, picture in enumerate(lab.parts.pictures(latents[:, places].transpose(0, 1)).numpy()):
            shown = Image.fromarray(picture).resize((side, side), Image.Resampling.NEAREST)
            sheet.paste(shown, (_LABEL + column * side, number * side))
    data = BytesIO()
    sheet.save(data, "PNG")
    return data.getvalue()
