"""Finishing a sequence: frame by frame, in time order, into files of which each is whole or not there."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from ..media.boards import decode_board, open_board
from ..media.files import make_folder, write_whole
from ..media.frames import is_written, png_bytes
from ..media.measures import Picture
from ..media.provenance import read_if_whole
from ..protocol import Finish
from .cuts import is_cut
from .enlarge import Enlarger, resized
from .in_between import InBetween, choose_between
from .memory import FramesMemory
from .optical_flow import SourceFrame
from .plan import FinishPlan, finish_plan
from .sources import other_size
from .steady import NEIGHBOURS, choose_steady, steadied
from .upscalers import choose_upscaler, load_upscaler
from .upscalers.upscaler import Upscaler

Facts = Callable[[int, bool], Mapping[str, str]]
"""What a frame says, counted from 1, and by whether it is made of the two around it."""

_HELD = 2 * NEIGHBOURS + 2
"""Frames of the source that are held at a time: what one and the next look at."""


def choose(finish: Finish, plan: FinishPlan) -> Finish:
    """The same with every choice made that it leaves to us, so that it comes out the same wherever it is made again.

    Raises EngineError `upscaler_unknown` and `extra_missing`.
    """
    return replace(
        finish,
        upscaler=choose_upscaler(finish.upscaler) if plan.enlarges else "",
        between=choose_between(finish.between) if plan.makes_frames else "",
        steady=choose_steady(finish.steady) if plan.enlarges else None,
    )


def finish_frames(
    source: Sequence[Path],
    fps: Fraction,
    finish: Finish,
    path_of: Callable[[int], Path],
    *,
    device: torch.device,
    memory: int | None,
    facts: Facts,
) -> Generator[int]:
    """Write what `finish` makes of the frames in `source`, which are shown at `fps`; yields how many are written.

    `path_of` tells the file of a frame, counted from 1, and `facts` what it says of itself, by whether it is made of
    the two around it: what is held at a cut is not. A file that is there, whole
    and says just that is not made again: a finish that was killed goes on, to the same bytes as one that was not.
    `memory` is how many bytes of `device` it may take; None: as many as it takes. Raises EngineError
    `finish_impossible` for frames that are not of one size and where memory is too short, as `open_board` for files
    that are no pictures, as `choose` does, and `disk_full` or `folder_unwritable`.
    """
    plan = finish_plan(len(source), picture_size(source[0]), fps, finish)
    yield from Finisher(source, plan, choose(finish, plan), device, memory).write(path_of, facts)


def picture_size(path: Path) -> tuple[int, int]:
    """(width, height) of a picture file. Raises as `open_board` does."""
    board = open_board(path)
    return board.width, board.height


def made_between(frames: Iterable[Path]) -> Iterator[int]:
    """Which frames of a finished sequence, from 1, say that they were made of the two around them."""
    for number, path in enumerate(frames, 1):
        said = read_if_whole(path)
        if said is not None and "between" in said.shot["finishing"][-1]:
            yield number


class Finisher:
    """Makes the frames of a finished sequence: enlarged, steadied, between. Each once, if asked for in time order."""

    def __init__(
        self, source: Sequence[Path], plan: FinishPlan, finish: Finish, device: torch.device, memory: int | None = None
    ) -> None:
        """`finish` as `choose` has it. Raises as `finish_frames` does."""
        self._source, self._plan, self._finish = source, plan, finish
        self._size = picture_size(source[0])
        self.steadies = bool(finish.steady)
        result = (plan.width, plan.height)
        main = FramesMemory(self._size, result, _HELD, self.steadies, finish.between)
        on_cpu = device.type == "cpu"
        self._enlarger: Enlarger | None = None
        self._upscaler: Upscaler | None = None
        if plan.enlarges:
            room = memory - main.beside_network if memory is not None and on_cpu else memory
            self._upscaler = load_upscaler(finish.upscaler, device)
            self._enlarger = Enlarger(self._upscaler, self._size, result, room)
        self.tile = self._enlarger.tile if self._enlarger else 0
        working = self._enlarger.predicted_bytes if self._enlarger else 0
        self.predicted_bytes = main.with_network(working) if on_cpu else working
        """The most bytes of the device that it takes, besides what the process holds already."""
        self._original = lru_cache(_HELD)(self._read)
        self._enlarged = lru_cache(_HELD)(self._enlarge)
        self._shown = lru_cache(2)(self._steady)
        self._gap = lru_cache(1)(self._in_between)
        self._is_cut = lru_cache(_HELD)(self._cut_after)

    @property
    def upscaler_sha256(self) -> str:
        """Of the weights that enlarge; empty where nothing is enlarged."""
        return self._upscaler.sha256 if self._upscaler is not None else ""

    def write(self, path_of: Callable[[int], Path], facts: Facts) -> Generator[int]:
        """Write all frames that are not there, as `finish_frames` says; yields how many are."""
        size = (self._plan.width, self._plan.height)
        make_folder(path_of(1).parent)
        for frame in range(1, self._plan.frames + 1):
            path = path_of(frame)
            # Of one that is there nobody looks for a cut again: it says itself whether it was made.
            may_be = (True, False) if self._plan.is_made(frame - 1) else (False,)
            if not any(is_written(path, size, facts(frame, made)) for made in may_be):
                write_whole(path, png_bytes(self.frame(frame - 1), facts(frame, self.is_made(frame - 1))))
            yield frame

    def is_made(self, number: int) -> bool:
        """Whether frame `number` of the result, from 0, is made of the two around it: the source has none like it."""
        return self._plan.is_made(number) and not self._gap(int(self._plan.position(number))).holds

    def frame(self, number: int) -> Picture:
        """Frame `number` of the result, from 0: (height, width, 3)."""
        position = self._plan.position(number)
        before, moment = int(position), position % 1
        if not moment:
            return self._shown(before)
        gap = self._gap(before)
        if gap.holds:
            return self._shown(before if 2 * moment < 1 else before + 1)
        return gap.frame(self._shown(before), self._shown(before + 1), moment)

    def _read(self, frame: int) -> SourceFrame:
        path = self._source[frame]
        board = open_board(path)
        if (board.width, board.height) != self._size:
            raise other_size((path, (board.width, board.height)), (self._source[0], self._size))
        return SourceFrame(np.asarray(decode_board(board.data, board.name)))

    def _enlarge(self, frame: int) -> Picture:
        picture = self._original(frame).picture
        if self._enlarger is not None:
            return self._enlarger.enlarge(picture)
        size = (self._plan.width, self._plan.height)
        return resized(picture, size) if self._finish.upscale else picture[: size[1], : size[0]]

    def _steady(self, frame: int) -> Picture:
        enlarged = self._enlarged(frame)
        if not self.steadies:
            return enlarged
        # The nearest last: their flow is asked for again where something is shown between.
        others = sorted(self._around(frame), key=lambda other: -abs(other - frame))[:-1]
        neighbours = [(self._original(other), self._enlarged(other)) for other in others]
        return steadied(self._original(frame), enlarged, neighbours)

    def _around(self, frame: int) -> range:
        """The frame and its neighbours, as far as they are of the same shot."""
        first = last = frame
        while first > max(0, frame - NEIGHBOURS) and not self._is_cut(first - 1):
            first -= 1
        while last < min(len(self._source) - 1, frame + NEIGHBOURS) and not self._is_cut(last):
            last += 1
        return range(first, last + 1)

    def _cut_after(self, frame: int) -> bool:
        return is_cut(self._original(frame).picture, self._original(frame + 1).picture)

    def _in_between(self, frame: int) -> InBetween:
        return InBetween(self._original(frame), self._original(frame + 1), self._finish.between)
