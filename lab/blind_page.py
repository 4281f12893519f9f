"""A page on which people say which of two shots is the better one, without being told what made them.

LAB/tables/EXPERIMENT/votes/index.html      opened in a browser; it keeps what is said, and saves it as votes.json
LAB/tables/EXPERIMENT/votes/pairs/N.webp    a pair's shots side by side
LAB/tables/EXPERIMENT/votes/key.json        what made them: by a pair's number its rows, left first
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from io import BytesIO
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors import safe_open

from engine.media.files import make_folder, write_whole
from engine.media.measures import Picture

from .experiment import Experiment, Row
from .metrics import shown
from .runs import Lab, shown_shots, tables_folder
from .world import sentence

_PAUSE_MS = 130
_GAP = 8
_ENLARGED = 4
_TEMPLATE = Path(__file__).with_name("blind_page.html")


def write_page(lab: Lab, experiment: Experiment, on: str, pairs: int, seed: int = 0) -> Path | None:
    """Write `pairs` pairs of shots of the set `on`, and the page; returns its path, None where nothing has run.

    Of the first training seed. Every two rows come about equally often; scenes and sides are drawn.
    """
    shots = shown_shots(lab.folder, experiment, on)
    if len(shots) < 2:
        return None
    folder = _folder(lab.folder, experiment)
    make_folder(folder / "pairs")
    rng = np.random.default_rng(seed)
    scenes = lab.scenes(on)
    key, said = {}, []
    for number, (left, right) in enumerate(_drawn(rng, list(shots), pairs), 1):
        scene = int(rng.integers(len(scenes.scenes)))
        sides = [shown(_latents(shots[row], scene), lab.parts) for row in (left, right)]
        write_whole(folder / "pairs" / f"{number}.webp", _side_by_side(*sides))
        key[str(number)] = (left.id, right.id)
        motions = [sentence(motion) for motion in scenes.scenes[scene].path.motions]
        said.append(", then ".join(each for place, each in enumerate(motions) if [each] != motions[place - 1 : place]))
    write_whole(folder / "key.json", json.dumps(key, indent=1).encode() + b"\n")
    # The page keeps answers under the pairs' own name: another page's are not taken for its.
    told = {"name": hashlib.sha256(json.dumps([said, key]).encode()).hexdigest()[:12], "asked": said}
    page = _TEMPLATE.read_text(encoding="utf-8").replace("PAIRS", json.dumps(told).replace("<", "\\u003c"))
    write_whole(folder / "index.html", page.encode())
    return folder / "index.html"


def read_key(lab: Path, experiment: Experiment) -> dict[str, tuple[str, str]]:
    """What the page's pairs were made by. Raises FileNotFoundError where there is no page."""
    told = json.loads((_folder(lab, experiment) / "key.json").read_text(encoding="utf-8"))
    return {number: (left, right) for number, (left, right) in told.items()}


def _folder(lab: Path, experiment: Experiment) -> Path:
    return tables_folder(lab, experiment) / "votes"


def _drawn(rng: np.random.Generator, rows: Sequence[Row], pairs: int) -> list[tuple[Row, Row]]:
    every = list(combinations(rows, 2))
    orders = [rng.permutation(len(every)) for _ in range(-(-pairs // len(every)))]
    chosen = [every[place] for place in np.concatenate(orders)[:pairs]]
    return [pair if rng.random() < 0.5 else pair[::-1] for pair in chosen]


def _latents(path: Path, scene: int) -> torch.Tensor:
    """Of one scene's shot, (C, T, h, w): the others are not read."""
    with safe_open(path, framework="pt") as file:
        latents: torch.Tensor = file.get_slice("latents")[scene : scene + 1][0]
    return latents


def _side_by_side(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> bytes:
    gap = np.full((*left.shape[:2], _GAP // _ENLARGED, 3), 128, np.uint8)
    first, *others = (_larger(frame) for frame in np.concatenate([left, gap, right], axis=2))
    data = BytesIO()
    first.save(data, "WEBP", save_all=True, append_images=others, duration=_PAUSE_MS, loop=0, quality=90)
    return data.getvalue()


def _larger(picture: Picture) -> Image.Image:
    height, width = picture.shape[:2]
    return Image.fromarray(picture).resize((width * _ENLARGED, height * _ENLARGED), Image.Resampling.BICUBIC)
