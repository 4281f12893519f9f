"""Takes of Sketch's shots: how far the picture jumps where a kept section meets one that was made again."""

from __future__ import annotations

import statistics
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

from engine.generation.job import prepare, run
from engine.media.boards import open_board
from engine.media.take_files import TakeFiles
from engine.models.catalog import find_model
from engine.protocol import Board, SectionChange, ShotRequest, Take
from tests.bench.table import Row

PANEL = Path(__file__).resolve().parents[2] / "samples" / "panels"
FRAMES, REMADE, SEED = 181, 3, 7
PROMPT = "pan left, slowly"


def take_seams(folder: Path, quick: bool) -> list[Row]:
    """Another take of the third of five sections, in each order: jumps at its seams beside those of the first take."""
    rows = []
    for order in ("forward",) if quick else ("inverted", "forward", "endpoint"):
        root = folder / f"take-{order}"
        model, board = find_model("sketch"), open_board(sorted(PANEL.glob("*.png"))[0])
        request = ShotRequest(model.name, PROMPT, (Board(1, board.sha256),), frames=FRAMES, order=order)
        change = SectionChange(REMADE, seed=SEED)
        taken = replace(request, sections=(change,), take=Take(2, again=(REMADE,)))
        for asked in (request, taken):
            pictures = {board.sha256: board}
            list(run(prepare(asked, pictures, model, "cpu", root), pictures, resume=False, watched=False))
        takes = [TakeFiles(root, number) for number in (1, 2)]
        names = [takes[1].frame(frame).name for frame in range(1, FRAMES + 1)]
        marked = ["-t" in name for name in names]
        seams = [place for place in range(FRAMES - 1) if marked[place] != marked[place + 1]]
        first, second = (_jumps(files) for files in takes)
        worst = [max(jumps[place] for place in seams) for jumps in (first, second)]
        rows.append(
            Row(
                f"Sketch, {order}, another take of section {REMADE} of 5: frames that keep their files; largest jump"
                " from a kept frame to a new one (0 to 255, mean of all pixels), its shot's median jump",
                f"{marked.count(False)} of {FRAMES}; {worst[1]:.2f}, {statistics.median(second):.2f}",
                f"{worst[0]:.2f}, {statistics.median(first):.2f} in the first take",
                "no worse than elsewhere in the shot "
                f"(there at most {max(jump for place, jump in enumerate(second) if place not in seams):.2f})",
            )
        )
    return rows


def _jumps(files: TakeFiles) -> list[float]:
    shown = [np.asarray(Image.open(files.frame(frame)), np.float32) for frame in range(1, FRAMES + 1)]
    return [float(np.abs(later - earlier).mean()) for earlier, later in pairwise(shown)]
