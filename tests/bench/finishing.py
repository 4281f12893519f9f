"""Finishing: how near to the truth enlarged frames and frames in between come, what they flicker, take and cost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from engine.finishing.enlarge import Enlarger, resized
from engine.finishing.in_between import FLOW, MOTION, InBetween
from engine.finishing.optical_flow import SourceFrame, flicker
from engine.finishing.plan import FinishPlan, finish_plan
from engine.finishing.sequence import Finisher, choose
from engine.finishing.upscalers import PACKAGED, load_upscaler
from engine.generation.job import prepare, run
from engine.media.boards import open_board
from engine.media.measures import Picture, psnr
from engine.models.catalog import find_model
from engine.protocol import Board, Finish, ShotRequest
from engine.serialization import to_json
from tests.bench.table import Row
from tests.engine.moving_clips import PICTURES, fixture, panned, write

_CPU = torch.device("cpu")
_ROOT = Path(__file__).resolve().parents[2]
_FPS = Fraction(30)
_RATES = (24, 25, 30, 50, 59.94, 60)
_MOVING = ("photo-astronaut", "render-street", "ink-church")
_OWN = "Sketch's own"
_KINDS = {"render": "renders", "ink": "ink drawings", "photo": "photographs"}

Clips = dict[str, list[Picture]]


def finishing(folder: Path, quick: bool) -> list[Row]:
    """All that finishing promises, on the fixtures, on clips whose motion is known, and on a shot of Sketch's."""
    clips = {f"{name}, moving": [panned(name, frame) for frame in range(5 if quick else 9)] for name in _MOVING}
    made = _shot(folder / "shot", 37)
    return [
        *_nearness(quick),
        *_tiles(quick),
        *_flicker(folder, clips, made, quick),
        *_memory(folder, quick),
        *_in_between(clips, made),
        *_rates(folder, clips),
        *_times(quick),
    ]


def _nearness(quick: bool) -> Iterator[Row]:
    """Fixtures reduced by the mean of their pixels, and enlarged again."""
    names = sorted(path.stem for path in PICTURES.glob("*.png"))[:: 4 if quick else 1]
    for name, factor, wanted in (
        ("waifu2x", 2, {"renders": "at least 1", "ink drawings": "at least 1", "photographs": "never below 0"}),
        ("waifu2x-photo", 2, {}),
        ("realesrgan", 2, {}),
        ("waifu2x", 4, {}),
        ("realesrgan", 4, {}),
    ):
        upscaler = load_upscaler(name, _CPU)
        gains: dict[str, list[float]] = {kind: [] for kind in _KINDS.values()}
        for each in names:
            truth = fixture(each)
            small = _reduced(truth, factor)
            size = (truth.shape[1], truth.shape[0])
            ours = Enlarger(upscaler, (small.shape[1], small.shape[0]), size).enlarge(small)
            gains[_KINDS[each.split("-")[0]]].append(psnr(ours, truth) - psnr(resized(small, size), truth))
        for kind, gained in gains.items():
            if gained:
                told = f"{np.mean(gained):+.1f} (worst {min(gained):+.2f})"
                yield Row(
                    f"{name}, {factor}x: dB over Lanczos, mean of {len(gained)} {kind}", told, "", wanted.get(kind, "")
                )


def _tiles(quick: bool) -> Iterator[Row]:
    for name in PACKAGED:
        upscaler, least = load_upscaler(name, _CPU), float("inf")
        for each in ("ink-tiger",) if quick else ("photo-coffee", "render-street", "ink-tiger"):
            picture = fixture(each)
            size = (picture.shape[1], picture.shape[0])
            enlarger = Enlarger(upscaler, size, (2 * size[0], 2 * size[1]))
            whole = enlarger.enlarge(picture)
            enlarger.tile = 64
            least = min(least, psnr(enlarger.enlarge(picture), whole))
        yield Row(f"{name}: tiles of 64 pixels beside the whole picture, dB", f"{least:.1f}", "", "at least 60")


def _flicker(folder: Path, clips: Clips, made: list[Picture], quick: bool) -> Iterator[Row]:
    """Each frame beside the one before, moved along the flow of the frames as Lanczos enlarges them.

    Clips are reduced by 2 first, so that at 2x the true frames are known: how much they differ, as all that is
    sharp does, and how near to them are those that are steadied, those that are not, and Lanczos'.
    """
    own = made[: 4 if quick else 8]
    ways = [("waifu2x", "2", "at most 1.10"), ("realesrgan", "2", "at most 1.10")]
    ways += [] if quick else [("waifu2x", "4", "at most 1.10"), ("realesrgan", "4", "at most 1.10")]
    for name, upscale, wanted in ways:
        for called, clip in {**clips, _OWN: own}.items():
            few = clip if upscale == "2" else clip[:5]
            small = few if called == _OWN else [_reduced(frame, 2) for frame in few]
            plain, steady, alone = _enlarged(folder / f"{called}-{name}{upscale}", small, name, upscale)
            fields = [SourceFrame(after).flow_to(SourceFrame(before)) for before, after in pairwise(plain)]
            scale = fields[0].shape[0] // plain[0].shape[0]
            fields = [field[::scale, ::scale] / scale for field in fields]
            errors = [
                np.mean(
                    [
                        flicker(before, after, field)
                        for (before, after), field in zip(pairwise(each), fields, strict=True)
                    ]
                )
                for each in (plain, steady, alone, *([clip] if upscale == "2" and called != _OWN else []))
            ]
            ratios = [error / errors[0] for error in errors]
            told = f"{ratios[1]:.2f} (not steadied {ratios[2]:.2f}"
            if len(ratios) == 4:
                near = [_mean(map(psnr, each, clip)) for each in (steady, alone, plain)]
                told += f"; the true frames {ratios[3]:.2f}; dB to these {near[0]:.1f}, {near[1]:.1f}, {near[2]:.1f}"
            told += ")"
            yield Row(f"{name}, {upscale}x, {called}: warp error beside Lanczos'", told, "", wanted)


def _enlarged(folder: Path, clip: Sequence[Picture], name: str, upscale: str) -> list[list[Picture]]:
    """A clip by Lanczos, finished, and finished without being steadied."""
    finisher = _finisher(write(folder, list(clip)), Finish(upscale=upscale, upscaler=name))[1]
    made = [(finisher.frame(frame), finisher._enlarged(frame)) for frame in range(len(clip))]
    steady, alone = ([pair[n] for pair in made] for n in (0, 1))
    return [[resized(frame, (steady[0].shape[1], steady[0].shape[0])) for frame in clip], steady, alone]


def _memory(folder: Path, quick: bool) -> Iterator[Row]:
    """What a process of its own holds at most, where the allocator keeps nothing back."""
    cases = [
        ("256x144, waifu2x 2x, 60 fps", (256, 144), Finish("2", "waifu2x", 60), None),
        ("256x144, realesrgan 4x", (256, 144), Finish("4", "realesrgan"), None),
        ("768x432, waifu2x 2x, in 500 MB", (768, 432), Finish("2", "waifu2x"), 500_000_000),
        ("1920x1080, 60 fps by flow", (1920, 1080), Finish(fps=60, between=FLOW), None),
        ("1920x1080, 60 fps by motion", (1920, 1080), Finish(fps=60, between=MOTION), None),
    ]
    for called, size, finish, limit in cases[::2] if quick else cases:
        clip = [resized(panned("photo-astronaut", frame), size) for frame in range(7)]
        source = write(folder / "memory" / called, clip)
        given = [str(source[0].parent), json.dumps(to_json(finish)), json.dumps(limit)]
        ended = subprocess.run(
            [sys.executable, "-m", "tests.bench.finishing_memory", *given],
            cwd=_ROOT,
            env=os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"},
            capture_output=True,
            text=True,
            check=True,
        )
        taken, predicted = map(int, ended.stdout.split())
        told = f"{taken / 1e6:.0f} of {predicted / 1e6:.0f} MB, {100 * (taken / predicted - 1):+.0f} %"
        yield Row(f"memory of {called}: taken of what was predicted", told, "", "within 15 %")


def _in_between(clips: Clips, made: Sequence[Picture]) -> Iterator[Row]:
    """Every second frame dropped and made again; dB to the true one."""
    for called, truth in {**clips, _OWN: made}.items():
        dropped = range(1, len(truth) - 1, 2)
        blend = _mean(psnr(_blended(truth[n - 1], truth[n + 1]), truth[n]) for n in dropped)
        hold = _mean(psnr(truth[n - 1], truth[n]) for n in dropped)
        for how in (FLOW, MOTION):
            began, pictures = time.process_time(), [_between(truth[n - 1], truth[n + 1], how) for n in dropped]
            seconds = (time.process_time() - began) / len(dropped)
            ours = _mean(psnr(picture, truth[n]) for picture, n in zip(pictures, dropped, strict=True))
            told = f"{ours:.1f} ({ours - blend:+.1f}; {1000 * seconds:.0f} ms a frame)"
            wanted = "" if called == _OWN else "blend + 3"
            yield Row(f"in between by {how}, {called}; blend {blend:.1f}, hold {hold:.1f} dB", told, "", wanted)


def _rates(folder: Path, clips: Clips) -> Iterator[Row]:
    """From 30 to each rate, with a cut inside: how many frames there are, and how many of them show both shots."""
    first, last = clips["photo-astronaut, moving"], clips["ink-church, moving"]
    source = write(folder / "cut", [*first, *last])
    for fps, how in product(_RATES, (FLOW, MOTION)):
        plan, finisher = _finisher(source, Finish(fps=fps, between=how))
        made = [finisher.frame(frame) for frame in range(plan.frames)]
        exact = round(len(source) * (Fraction(60000, 1001) if fps == 59.94 else Fraction(fps)) / _FPS)
        at_cut = [made[n] for n in range(plan.frames) if len(first) - 1 < plan.position(n) < len(first)]
        mixed = sum(not any(np.array_equal(each, side) for side in (first[-1], last[0])) for each in at_cut)
        told = f"{len(made)} frames, {mixed} mixed of {len(at_cut)} at the cut"
        yield Row(f"{len(source)} frames from 30 to {fps:g} fps by {how}", told, "", f"{exact} frames, 0 mixed")


def _times(quick: bool) -> Iterator[Row]:
    """One core's seconds for a frame of 256x144, its neighbours' share in steadying with it."""
    picture = fixture("render-street")
    for name, size in (("waifu2x", (512, 288)), ("realesrgan", (512, 288)), ("realesrgan", (1024, 576))) + (
        () if quick else (("waifu2x", (1024, 576)), ("waifu2x", (1920, 1080)), ("realesrgan", (1920, 1080)))
    ):
        enlarger = Enlarger(load_upscaler(name, _CPU), (256, 144), size)
        began = time.process_time()
        enlarger.enlarge(picture)
        yield Row(f"{name}, 256x144 to {size[0]}x{size[1]}, s a frame", f"{time.process_time() - began:.1f}")


def _finisher(source: Sequence[Path], finish: Finish) -> tuple[FinishPlan, Finisher]:
    with Image.open(source[0]) as picture:
        plan = finish_plan(len(source), picture.size, _FPS, finish)
    return plan, Finisher(source, plan, choose(finish, plan), _CPU)


def _shot(folder: Path, frames: int) -> list[Picture]:
    """A shot of Sketch's from a render."""
    model, board = find_model("sketch"), open_board(PICTURES / "render-street.png")
    request = ShotRequest(model.name, "The camera pans left.", (Board(1, board.sha256),), frames=frames, seed=3)
    pictures = {board.sha256: board}
    for _ in run(prepare(request, pictures, model, "cpu", folder), pictures, resume=False):
        pass
    made = []
    for path in sorted((folder / "frames").glob("*.png")):
        with Image.open(path) as picture:
            made.append(np.asarray(picture.convert("RGB")))
    return made


def _reduced(picture: Picture, factor: int) -> Picture:
    return np.asarray(Image.fromarray(picture).reduce(factor))


def _blended(before: Picture, after: Picture) -> Picture:
    return np.rint((before.astype(np.float32) + after) / 2).astype(np.uint8)


def _between(before: Picture, after: Picture, how: str) -> Picture:
    return InBetween(SourceFrame(before), SourceFrame(after), how).frame(before, after, Fraction(1, 2))


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))
