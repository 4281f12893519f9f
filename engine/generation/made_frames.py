"""Between seams and writing: made frames as they become final become frames of the shot, as they are or in between.

A frame between two made ones waits until both are final: in last-first order that brings the later frames of a shot
first. What waits is held as bytes and goes to disk with each commit, so that a shot that is killed goes on to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import groupby

import numpy as np
import torch

from ..finishing.in_between import InBetween, choose_between
from ..finishing.optical_flow import SourceFrame
from ..media.images import to_bytes
from .shot_frames import ShotFrames

Between = Callable[[np.ndarray, np.ndarray, Sequence[Fraction]], Sequence[np.ndarray]]
"""What lies so far, 0 to 1, from one frame to the next one; frames are (H, W, 3) uint8."""


class MadeFrames:
    """Made frames on their way to the shot's; some two are held at each open border."""

    def __init__(self, frames: ShotFrames, between: Between | None) -> None:
        """`between` is needed where any of the `frames` lies between two made ones."""
        self._frames = frames
        self._between = between
        self._held: dict[int, np.ndarray] = {}
        self._open: dict[int, set[int]] = {}
        """The frames of the shot that each held one is still needed for."""

    @property
    def held(self) -> Mapping[int, np.ndarray]:
        """Those that frames look at which cannot be made yet, by number, (H, W, 3) uint8."""
        return self._held

    def take_up(self, held: Mapping[int, np.ndarray], done: int) -> None:
        """Go on where an earlier run had published `done` sections and held these (`ShotFrames.held`)."""
        self._held = dict(held)
        self._open = {made: self._frames.open_users(made, done) for made in held}

    def add(self, first: int, pixels: torch.Tensor) -> Iterator[tuple[int, np.ndarray]]:
        """Take in made frames that are final from `first` on, (1, 3, F, H, W) in [-1, 1].

        Gives the frames of the shot, from 0, that can be written now, ascending, each (H, W, 3) uint8.
        """
        used = [made for made in range(first, first + pixels.shape[2]) if self._frames.users(made)]
        if not used:
            return
        new = dict(zip(used, to_bytes(pixels[0, :, [made - first for made in used]]), strict=True))
        there = {**self._held, **new}
        users = {made: {*self._frames.users(made)} for made in used}
        sources = self._frames.sources
        frames = sorted({frame for made in used for frame in users[made]})
        ready = [frame for frame in frames if all(made in there for made in sources[frame].made)]
        for _, group in groupby(ready, key=lambda frame: sources[frame].made):
            yield from self._made(list(group), there)
        self._open = {made: left for made, all_of in (self._open | users).items() if (left := all_of.difference(ready))}
        # Copies: a view would keep the whole section in memory.
        self._held = {made: there[made].copy() if made in new else there[made] for made in self._open}

    def _made(self, frames: Sequence[int], there: Mapping[int, np.ndarray]) -> Iterator[tuple[int, np.ndarray]]:
        """The frames of the shot that all lie between the same two made ones, or show the same one."""
        sources = [self._frames.sources[frame] for frame in frames]
        if len(sources[0].made) == 1:
            yield from ((frame, there[sources[0].first]) for frame in frames)
            return
        assert self._between is not None
        first, last = (there[made] for made in sources[0].made)
        yield from zip(frames, self._between(first, last, [source.part for source in sources]), strict=True)


def making_between(by: str) -> Between | None:
    """What makes frames in between, by flow or motion; None where `by` is empty.

    Raises EngineError `extra_missing` where what it needs is not installed.
    """
    if not by:
        return None
    by = choose_between(by)

    def make(first: np.ndarray, last: np.ndarray, parts: Sequence[Fraction]) -> Sequence[np.ndarray]:
        pair = InBetween(SourceFrame(first), SourceFrame(last), by)
        return [pair.frame(first, last, part) for part in parts]

    return make
