"""How much of the disk the engine's home takes, by what it holds, in bytes."""

from __future__ import annotations

import collections
import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

_LATENTS = "checkpoint"


@dataclass(frozen=True)
class DiskUse:
    """The home's files by kind."""

    frames: int = 0
    """Frames and movies of all shots."""
    latents: int = 0
    """What shots go on from."""
    pictures: int = 0
    logs: int = 0
    rest: int = 0
    """The job store, and whatever else lies there."""

    @property
    def total(self) -> int:
        """All of it."""
        return self.frames + self.latents + self.pictures + self.logs + self.rest


@dataclass(frozen=True)
class ShotUse:
    """One shot's folder."""

    frames: int
    latents: int
    shared: dict[tuple[int, int], int] = field(default_factory=dict)
    """Files of its checkpoint that others may have as well, by device and number: they are not in `latents`."""


class SharedFiles:
    """Files that several shots have by hard links: each counts once, as long as one has it."""

    def __init__(self, shots: Iterable[ShotUse]) -> None:
        self._sizes: dict[tuple[int, int], int] = {}
        self._holders: collections.Counter[tuple[int, int]] = collections.Counter()
        for shot in shots:
            self._sizes.update(shot.shared)
            self._holders.update(shot.shared.keys())

    @property
    def bytes(self) -> int:
        """Of all of them."""
        return sum(self._sizes[file] for file, holders in self._holders.items() if holders > 0)

    def without(self, shot: ShotUse) -> int:
        """One that has them is gone; returns the bytes of those that nobody has any more."""
        self._holders.subtract(shot.shared.keys())
        return sum(size for file, size in shot.shared.items() if self._holders[file] == 0)


def shot_use(folder: Path) -> ShotUse:
    """Measure a shot's folder; one that is not there takes nothing."""
    frames = latents = 0
    shared = {}
    for kind, found in _files(folder):
        if kind != _LATENTS:
            frames += found.st_size
        elif found.st_nlink > 1:
            shared[found.st_dev, found.st_ino] = found.st_size
        else:
            latents += found.st_size
    return ShotUse(frames, latents, shared)


def bytes_in(folder: Path) -> int:
    """Of all files in a folder."""
    return sum(found.st_size for _, found in _files(folder))


def loose_bytes(folder: Path) -> int:
    """Of the files that lie in a folder itself."""
    return sum(found.st_size for _, found in _files(folder, below=False))


def _files(folder: Path, *, below: bool = True) -> Iterator[tuple[str, os.stat_result]]:
    """Every file that can be looked at, with the name of the folder in `folder` that it lies under."""
    for place, folders, names in os.walk(folder):
        kind = "" if place == str(folder) else Path(place).relative_to(folder).parts[0]
        for name in names:
            with contextlib.suppress(OSError):
                yield kind, os.stat(os.path.join(place, name), follow_symlinks=False)  # noqa: PTH116, PTH118  by ten thousands
        if not below:
            folders.clear()
