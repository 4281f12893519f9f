"""Banks of drawn pictures and short clips in memory, from which training takes random crops."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray

from engine.media.measures import Picture

from .scenes.clips import random_clip

PICTURE_SIZE = (256, 144)
_CHUNK = 50


class PictureBank:
    """`pictures` (N, H, W, 3) uint8."""

    def __init__(self, pictures: NDArray[np.uint8]) -> None:
        self._pictures = pictures

    @classmethod
    def drawn(cls, seed: int, count: int, workers: int) -> PictureBank:
        """Draw `count` pictures from `seed` in `workers` processes; the same whatever the number of processes."""
        width, height = PICTURE_SIZE
        bank = np.empty((count, height, width, 3), np.uint8)
        jobs = [(seed, start, min(_CHUNK, count - start)) for start in range(0, count, _CHUNK)]
        # Fresh interpreters: forking a process that runs torch's threads may hang.
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            for (_, start, several), chunk in zip(jobs, pool.map(_draw, jobs), strict=True):
                bank[start : start + several] = chunk
        return cls(bank)

    def __len__(self) -> int:
        return len(self._pictures)

    def crops(self, rng: np.random.Generator, count: int, side: int) -> NDArray[np.float32]:
        """`count` random crops (count, 3, side, side) in [-1, 1], mirrored and turned at random."""
        _, height, width, _ = self._pictures.shape
        batch = np.empty((count, side, side, 3), np.uint8)
        for n in range(count):
            top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
            crop = self._pictures[rng.integers(len(self)), top : top + side, left : left + side]
            batch[n] = np.rot90(crop[:, :: rng.choice((-1, 1))], int(rng.integers(4)))
        return to_signed(batch)


class ClipBank:
    """`clips` (N, T, H, W, 3) uint8: short clips, their frames one after the other."""

    def __init__(self, clips: NDArray[np.uint8]) -> None:
        self._clips = clips

    @classmethod
    def drawn(cls, seed: int, count: int, frames: int, workers: int) -> ClipBank:
        """Draw `count` clips of `frames` frames from `seed`; the same whatever the number of processes."""
        width, height = PICTURE_SIZE
        bank = np.empty((count, frames, height, width, 3), np.uint8)
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            jobs = [(seed, number, frames) for number in range(count)]
            for number, clip in enumerate(pool.map(_draw_clip, jobs, chunksize=10)):
                bank[number] = clip
        return cls(bank)

    def __len__(self) -> int:
        return len(self._clips)

    def crops(self, rng: np.random.Generator, count: int, side: int) -> NDArray[np.float32]:
        """`count` random crops (count, 3, T, side, side) in [-1, 1], mirrored, turned and reversed at random."""
        _, frames, height, width, _ = self._clips.shape
        batch = np.empty((count, frames, side, side, 3), np.uint8)
        for n in range(count):
            top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
            crop = self._clips[rng.integers(len(self)), :, top : top + side, left : left + side]
            flipped = crop[:: rng.choice((-1, 1)), :, :: rng.choice((-1, 1))]
            batch[n] = np.rot90(flipped, int(rng.integers(4)), (1, 2))
        return np.ascontiguousarray(batch.transpose(0, 4, 1, 2, 3), np.float32) / 127.5 - 1


def to_signed(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(N, H, W, 3) uint8 to (N, 3, H, W) float32 in [-1, 1]."""
    return np.ascontiguousarray(pictures.transpose(0, 3, 1, 2), np.float32) / 127.5 - 1


def drawn_pictures(seed: int, start: int) -> Iterator[Picture]:
    """Pictures number `start` and on of the endless sequence that `seed` makes."""
    number = start
    while True:
        rng = np.random.default_rng([seed, number])
        clip = random_clip(rng, PICTURE_SIZE, 1.0)
        yield clip.frame(int(rng.integers(clip.frames)))
        number += 1


def _draw(job: tuple[int, int, int]) -> NDArray[np.uint8]:
    seed, start, count = job
    return np.stack(list(islice(drawn_pictures(seed, start), count)))


def _draw_clip(job: tuple[int, int, int]) -> NDArray[np.uint8]:
    seed, number, frames = job
    rng = np.random.default_rng([seed, number])
    clip = random_clip(rng, PICTURE_SIZE, 2.0)
    first = int(rng.integers(clip.frames - frames))
    return np.stack([clip.frame(first + n) for n in range(frames)])
