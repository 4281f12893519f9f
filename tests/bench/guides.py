"""Camera-true shots of Sketch on seven blocked-out scenes, against true renders: guided, unguided, frozen, pasted."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKLHunyuanVideo
from PIL import Image
from torch.nn import functional

from engine.generation.job import prepare, run
from engine.media.boards import open_board
from engine.media.guide_files import read_guide
from engine.media.images import fit
from engine.media.measures import Picture, psnr
from engine.models.catalog import find_model
from engine.protocol import GUIDE, Board, Condition, ConditionFrame, ShotRequest
from tests.bench.table import Row

ROOT = Path(__file__).resolve().parents[2]
SCENES = ("static", "sliding", "deforming", "instance", "cut_out", "entering", "dolly_back")
FRAMES, EVERY = 73, 4
SEEDS = (1, 2)
PROMPT = "Static shot."
_BLOCK, _REACH, _STEP = 17, 10, 12
_SEEN, _ALIKE, _TEXTURE = 0.8, 0.6, 6.0


@dataclass(frozen=True)
class Truth:
    """A scene as it renders, and what of it the board shows, by frames from 1."""

    folder: Path
    frames: Mapping[int, Picture]
    seen: Mapping[int, np.ndarray]
    """(H, W) bool, for guided frames."""


def guided(folder: Path, quick: bool) -> list[Row]:
    """The table of camera-true previs: each way on each scene, two seeds."""
    rows = []
    for name in SCENES[:1] if quick else SCENES:
        truth = _truth(name, folder / name)
        ways: dict[str, list[dict[str, float]]] = {
            "frozen": [_scored(truth, dict.fromkeys(truth.frames, truth.frames[1]).__getitem__)],
            "filled": [_scored(truth, _filled(truth).__getitem__, between=False)],
            "pasted": [_scored(truth, pasted(truth.folder, truth.seen).__getitem__)],
        }
        for seed in SEEDS[:1] if quick else SEEDS:
            for way, led in (("unguided", False), ("guided", True)):
                frames = made(truth.folder, seed, led=led)
                ways.setdefault(way, []).append(_scored(truth, frames.__getitem__))
        for way, scores in ways.items():
            mean = {key: statistics.fmean(score[key] for score in scores) for key in scores[0]}
            rows.append(Row(f"{name}, {way}", _told(mean), "", ""))
        seconds = json.loads((truth.folder / "geometry.json").read_text())
        rows.append(
            Row(
                f"{name}: geometry of {seconds['pictures']} pictures",
                f"{seconds['seconds']:.1f} s of processor",
                "",
                "",
            )
        )
    return rows


def _told(mean: Mapping[str, float]) -> str:
    told = f"all {mean['all']:.1f}, seen {mean['seen']:.1f}, hidden {mean['hidden']:.1f} dB"
    if "between" in mean:
        told += f", between {mean['between']:.1f}"
    return f"{told}; blocks {100 * mean['blocks']:.0f} %"


def render(folder: Path, name: str, *style: str) -> None:
    """Have a Blender make a scene's pictures, its guide, and where a style is given a drawn board (`guide_truth`)."""
    python = os.environ.get("SHOTPACK_BLENDER_PYTHON", str(ROOT / ".venvs" / "blender-5.0" / "bin" / "python"))
    command = [python, "-m", "tests.host.guide_truth", name, str(folder), *style]
    subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _truth(name: str, folder: Path) -> Truth:
    render(folder, name)
    frames = {frame: picture(folder / "truth" / f"{frame:04d}.png") for frame in range(1, FRAMES + 1)}
    masks = {frame: folder / "guide" / f"{frame:07.2f}-seen.png" for frame in range(1 + EVERY, FRAMES + 1, EVERY)}
    return Truth(folder, frames, {frame: picture(mask)[..., 0] > 127 for frame, mask in masks.items()})


def _filled(truth: Truth) -> dict[int, Picture]:
    return {frame: picture(truth.folder / "guide" / f"{frame:07.2f}.png") for frame in truth.seen}


def picture(path: Path) -> Picture:
    """What lies there, (H, W, 3) uint8."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def made(folder: Path, seed: int, *, led: bool) -> dict[int, Picture]:
    """What Sketch makes of `board.png` in a folder, led by `guide/` there or not."""
    model, board = find_model("sketch"), open_board(folder / "board.png")
    held = read_guide(folder / "guide", 1200) if led else []
    frames = tuple(
        ConditionFrame(each.frame, each.image.sha256, each.seen.sha256 if each.seen else None) for each in held
    )
    request = ShotRequest(
        model.name,
        PROMPT,
        (Board(1, board.sha256),),
        frames=FRAMES,
        seed=seed,
        conditions=(Condition(GUIDE, frames),) if led else (),
    )
    pictures = [board, *(each.image for each in held), *(each.seen for each in held if each.seen)]
    by_hash = {picture.sha256: picture for picture in pictures}
    out = folder / f"shot-{seed}-{'guided' if led else 'free'}"
    list(run(prepare(request, by_hash, model, "cpu", out), by_hash, resume=False, watched=False))
    return {frame: picture(out / "frames" / f"{frame:04d}.png") for frame in range(1, FRAMES + 1)}


@torch.inference_mode()
def pasted(folder: Path, frames: Iterable[int]) -> dict[int, Picture]:
    """The board and the filled pictures at `frames`, each encoded alone, through Sketch's decoder: what pasting alone
    gives."""
    vae = AutoencoderKLHunyuanVideo.from_pretrained(find_model("sketch").path / "vae").eval()
    names = [folder / "board.png", *(folder / "guide" / f"{frame:07.2f}.png" for frame in frames)]
    latents = torch.cat([vae.encode(_tensor(name)).latent_dist.mode() for name in names], dim=2)
    pieces = [vae.decode(latents[:, :, start : start + 10], return_dict=False)[0] for start in (0, 9)]
    video = torch.cat([pieces[0], pieces[1][:, :, 1:]], dim=2)
    pixels = video[0].clamp(-1, 1).add(1).mul(127.5).round().to(torch.uint8).permute(1, 2, 3, 0).numpy()
    return {frame: pixels[frame - 1] for frame in range(1, FRAMES + 1)}


def _tensor(path: Path) -> torch.Tensor:
    return fit(Image.open(path).convert("RGB"), 256, 144).unsqueeze(2)


def _scored(truth: Truth, shown: Callable[[int], Picture], *, between: bool = True) -> dict[str, float]:
    """Means over guided frames in dB: everywhere, where seen, where hidden; blocks; and all of the frames between."""
    parts: dict[str, list[float]] = {"all": [], "seen": [], "hidden": [], "blocks": []}
    for frame, seen in truth.seen.items():
        found, true = shown(frame), truth.frames[frame]
        parts["all"].append(psnr(found, true))
        parts["seen"].append(psnr(found, true, seen))
        if not seen.all():
            parts["hidden"].append(psnr(found, true, ~seen))
        parts["blocks"].append(blocks(found, true, seen))
    if between:
        others = [frame for frame in range(2, FRAMES + 1) if frame not in truth.seen]
        parts["between"] = [psnr(shown(frame), truth.frames[frame]) for frame in others]
    return {name: statistics.fmean(values) for name, values in parts.items()}


def blocks(shown: Picture, true: Picture, seen: np.ndarray) -> float:
    """The share of seen, textured blocks of `true` that lie within a pixel in `picture`, by normalised correlation."""
    one, other = (np.asarray(Image.fromarray(each).convert("L"), np.float32) for each in (shown, true))
    height, width = other.shape
    half, edge = _BLOCK // 2, _BLOCK // 2 + _REACH
    found = total = 0
    for row in range(edge, height - edge, _STEP):
        for column in range(edge, width - edge, _STEP):
            where = np.s_[row - half : row + half + 1, column - half : column + half + 1]
            block = other[where]
            if seen[where].mean() < _SEEN or block.std() < _TEXTURE:
                continue
            total += 1
            around = one[row - edge : row + edge + 1, column - edge : column + edge + 1]
            found += _lies_within_one(torch.from_numpy(block.copy()), torch.from_numpy(around.copy()))
    return found / total if total else float("nan")


def _lies_within_one(block: torch.Tensor, around: torch.Tensor) -> bool:
    places = functional.unfold(around[None, None], _BLOCK)[0].T
    places = places - places.mean(1, keepdim=True)
    wanted = block.reshape(-1) - block.mean()
    alike = (places @ wanted) / (places.norm(dim=1) * wanted.norm() + 1e-6)
    best = int(alike.argmax())
    side = 2 * _REACH + 1
    away = max(abs(best // side - _REACH), abs(best % side - _REACH))
    return bool(alike[best] > _ALIKE and away <= 1)
