"""Between seams and writing: what is done to final frames, with the neighbours that it has to see.

In-between frames, upscaling and colour matching are stages. A frame is final only when its neighbours are, too; in
last-first order that brings the later frames of a shot first.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

import torch


@dataclass(frozen=True)
class Run:
    """Final frames in time order, (1, 3, F, H, W) in [-1, 1], with up to n neighbours on both sides."""

    first: int
    """The model's frame, from 0, that comes after the neighbours before."""
    pixels: torch.Tensor
    before: int
    """How many of `pixels` are neighbours before the run: n, or fewer where the shot begins."""
    after: int

    @property
    def own(self) -> torch.Tensor:
        """The run without its neighbours."""
        return self.pixels[:, :, self.before : self.pixels.shape[2] - self.after]


class Stage(Protocol):
    """Something that is done to a shot's frames before they are written."""

    @property
    def neighbours(self) -> int:
        """How many frames on both sides it has to see of each."""
        ...

    def finish(self, run: Run) -> torch.Tensor:
        """The frames of `run.own` as they are to be written, (1, 3, F, H', W') in [-1, 1]."""
        ...


class AsMade:
    """The frames as the model made them."""

    neighbours = 0

    def finish(self, run: Run) -> torch.Tensor:
        """The run itself."""
        return run.own


class FinalRuns:
    """Final frames as they come, section by section in any order, gathered into runs that have their neighbours.

    It holds what waits for a neighbour and what others still look at: some 2 n frames at each open border. A shot that
    goes on after a kill begins with none: a stage with neighbours must be given those of the sections before once more.
    """

    def __init__(self, stretches: Sequence[range], neighbours: int) -> None:
        """`stretches` are the shot's frames in the model's own rate, in time order: none has neighbours in another."""
        self._stretches = stretches
        self._starts = [stretch.start for stretch in stretches]
        self._neighbours = neighbours
        self._held: dict[int, torch.Tensor] = {}
        """(1, 3, 1, H, W) by the model's frame."""
        self._given: set[int] = set()
        """Frames that were part of a run and may still be looked at."""

    def add(self, first: int, pixels: torch.Tensor) -> Iterator[Run]:
        """Take in final frames from `first` on; gives the runs that are complete with them, in time order."""
        if not self._neighbours:
            yield Run(first, pixels, 0, 0)
            return
        # Clones: a view would keep the whole decoded section in memory.
        self._held |= {first + n: frame.clone() for n, frame in enumerate(torch.split(pixels, 1, dim=2))}
        ready = [frame for frame in sorted(self._held) if frame not in self._given and self._is_complete(frame)]
        for _, group in groupby(enumerate(ready), key=lambda pair: pair[1] - pair[0]):
            frames = [frame for _, frame in group]
            around = self._around(frames[0], frames[-1])
            yield Run(
                frames[0],
                torch.cat([self._held[frame] for frame in around], dim=2),
                frames[0] - around.start,
                around.stop - 1 - frames[-1],
            )
        self._given.update(ready)
        self._forget()

    def _around(self, first: int, last: int) -> range:
        """Frames `first` to `last`, which lie in one stretch, with their neighbours."""
        stretch = self._stretches[bisect_right(self._starts, first) - 1]
        return range(max(stretch.start, first - self._neighbours), min(stretch.stop, last + self._neighbours + 1))

    def _is_complete(self, frame: int) -> bool:
        return all(other in self._held or other in self._given for other in self._around(frame, frame))

    def _forget(self) -> None:
        """Let go of the frames that nobody will look at any more."""
        for frame in [frame for frame in self._held if frame in self._given]:
            if all(other in self._given for other in self._around(frame, frame)):
                del self._held[frame]
