"""A finishing take: another take's frames, larger or at another rate, in the same folder. Nothing is sampled.

What the model made stays as it is. The take is made frame by frame, in time order; killed anywhere it goes on at the
first frame that is missing and gives the same bytes. A client hears of it as of any shot: its sections are those of the
take that is finished, by the frames that show them here.
"""

from __future__ import annotations

import json
import time
from bisect import bisect_left
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from math import floor
from pathlib import Path
from typing import Any

import torch

from ..errors import Code, EngineError
from ..events import Event, Finished, Progress, Section, SectionPlan, Started, Step
from ..finishing.open_choices import as_begun, changes_nothing, open_as_begun
from ..finishing.plan import FinishPlan, finish_plan
from ..finishing.sequence import Finisher, choose, finish_frames, made_between
from ..inference.memory.measure import free_beside, release_unused
from ..inference.memory.out_of_memory import memory_faults
from ..inference.registry import Families, choose_device
from ..media.files import make_folder, require_space
from ..media.lock import folder_lock
from ..media.number_runs import numbers_text
from ..media.provenance import finished, read_if_whole
from ..media.shot_digests import file_digests
from ..protocol import Finish, ShotRequest
from ..serialization import from_json, to_json, without_defaults
from .frame_rates import rate
from .job import ALL_THERE_IS, Memory
from .lost_frames import decode_lost
from .record import versions
from .shot_facts import TOOL
from .shot_folder import ShotFolder
from .takes import of_sampled, require_parent
from .tensor_files import damaged
from .time_left import Clock
from .write_movie import Movie, write_movie

_BYTES_PER_PIXEL = 2
_TELL_SECONDS = 0.5
_UNREADABLE = (Code.IMAGE_MISSING, Code.IMAGE_UNREADABLE, Code.IMAGE_TOO_SMALL, Code.IMAGE_TOO_LARGE)
"""What is said of a file that is no picture to its end, or none that a shot may have."""


@dataclass(frozen=True)
class FinishJob:
    """A finish that passed every check and may run: nothing is on disk yet."""

    request: ShotRequest
    """That of the take that is finished, with which take this is and what is done, nothing left open."""
    plan: FinishPlan
    sections: tuple[SectionPlan, ...]
    """In time order; frames are this take's."""
    device: torch.device
    folder: ShotFolder
    parent: ShotFolder
    model: Mapping[str, str]
    """Digests of what made the take that is finished (`ShotFolder.begin`)."""

    @property
    def finish(self) -> Finish:
        """What is done."""
        assert self.request.finish is not None
        return self.request.finish

    @property
    def frames(self) -> list[Path]:
        """The files of the frames that are made."""
        return [self.folder.files.frame(frame) for frame in range(1, self.plan.frames + 1)]

    @property
    def source(self) -> list[Path]:
        """The files of the frames that are finished."""
        return [self.parent.files.frame(frame) for frame in range(1, self.plan.source_frames + 1)]

    def complete(self) -> bool:
        """Whether it is finished and every frame of it is still there."""
        return self.folder.record.exists() and all(path.exists() for path in self.frames)


def plan_of(frames: int, size: tuple[int, int], fps: Fraction, finish: Finish) -> tuple[FinishPlan, Finish]:
    """What `finish` makes of so many frames of that size and rate, and the same with nothing left open.

    Raises EngineError for what cannot be made, changes nothing, or needs what is not installed here.
    """
    if changes_nothing(finish):
        raise EngineError(Code.BAD_REQUEST, detail="the finish changes nothing: say `upscale`, `fps` or `slow`")
    plan = finish_plan(frames, size, fps, finish)
    return plan, choose(finish, plan)


def prepare_finish(request: ShotRequest, device: str, out: Path) -> FinishJob:
    """Check everything that can be checked before work begins; nothing is written.

    Of the `request` its `take` and `finish` count, the rest is as in the take that is finished. Raises EngineError for
    what cannot be done, and where the folder `out` holds no such finished take.
    """
    finish = request.finish
    if request.take is None or finish is None:
        raise EngineError(Code.BAD_REQUEST, detail="a finish needs `take`, which says what is finished")
    take = of_sampled(out, request.take)
    folder, parent = ShotFolder(out, take.number), ShotFolder(out, take.parent)
    before, model = require_parent(folder, take)
    begun = folder.stored_request()
    if begun is not None and (was := begun[0].finish) is not None:
        finish = as_begun(finish, was)
    plan, finish = plan_of(before.frames, (before.width or 0, before.height or 0), rate(before.fps or 0), finish)
    if begun is None:
        require_space(out, plan.frames * plan.width * plan.height * _BYTES_PER_PIXEL, "the finished take")
    asked = replace(before, take=take, finish=finish)
    sections = tuple(_sections(parent, plan))
    return FinishJob(asked, plan, sections, choose_device(device), folder, parent, model)


def run_finish(
    job: FinishJob,
    *,
    resume: bool,
    families: Families | None = None,
    memory: Memory = ALL_THERE_IS,
    asked: Callable[[], bool] = lambda: False,
) -> Generator[Event]:
    """Finish the take; ends with Finished or raises EngineError.

    With `resume` one begun here goes on where it stopped, and a finished one is left as it is; without, one that was
    begun is refused. `families` holds the model of the last shot, which is let go of where memory is short; frames of
    the take to be finished that got lost or damaged are decoded again with it. After each frame `asked` tells whether
    the next event is wanted soon: then all that finishing holds of the device is let go of before. Closing the iterator
    stops the work; finished frames stay.

    Where memory runs out it is tried once more with less at a time. An error thrown into the iterator counts as one
    that happened inside.
    """
    folder = job.folder
    if folder.taken() and not resume:
        raise EngineError(Code.FOLDER_TAKEN, path=str(folder.root))
    families = families or Families()
    make_folder(folder.lock.parent)
    with folder_lock(folder.lock, folder.root):
        stored = folder.stored_request()
        if stored is None:
            continues = {"parent": job.parent.files.take, "kept": [], "kept_frames": [], "frames": job.plan.frames}
            folder.begin(job.request, job.model, {}, continues)
        else:
            was, now = stored[0].finish, job.request.finish
            if was is not None and now is not None:
                now = open_as_begun(now, was)
            folder.require_same(to_json(stored[0]), {"take": to_json(job.request.take), "finish": to_json(now)})
            folder.sweep()
        yield from _FinishedTake(job, families, memory, asked).events()


class _FinishedTake:
    """One finishing take in the making; its folder must have been begun."""

    def __init__(self, job: FinishJob, families: Families, memory: Memory, asked: Callable[[], bool]) -> None:
        self._job = job
        self._files = job.folder.files
        self._families = families
        self._memory = memory
        self._asked = asked
        self._clock = Clock()
        self._predicted = 0
        """Bytes of the device that finishing wants."""
        self._told = 0
        """Sections."""
        self._there = 0
        """Frames that were there when it began, or are made since."""

    def events(self) -> Iterator[Event]:
        """Make what is still to be made, and tell of what is made already."""
        job, plan, frames = self._job, self._job.plan, self._job.frames
        if job.complete():
            yield Finished(plan.frames, 0.0, job.folder.movie.name)
            return
        there = self._there = next((n for n, path in enumerate(frames) if not path.exists()), plan.frames)
        done = sum(section.last <= there for section in job.sections)
        fps = float(plan.fps)
        yield Started("forward", job.sections, plan.frames, plan.width, plan.height, fps, steps=0, done=done)
        yield from self._sections(there)
        if plan.note:
            yield Progress(plan.note)
        if not all(path.exists() for path in job.source):
            yield from self._decode_lost()
        yield from self._all_frames()
        yield from write_movie(self._movie(frames), self._clock, self._asked)
        job.folder.finish(self._record(frames))
        yield Finished(plan.frames, round(self._clock.elapsed, 3), job.folder.movie.name)

    def _all_frames(self) -> Iterator[Event]:
        """Finish the frames that are missing; once more with less at a time where memory runs out, and where one that
        is to be finished cannot be read, once it is decoded again. Not all are read before: that takes minutes.
        """
        retry, whole = self._memory.retry, False
        while True:
            try:
                yield from self._frames(retry)
                return
            except EngineError as error:
                short = error.code is Code.OUT_OF_MEMORY and retry == self._memory.retry
                if not short and (whole or error.code not in _UNREADABLE):
                    raise
                error.__traceback__ = None  # whoever threw it in may hold it, and with it all that its traceback does
                unreadable = None if short else error
            if unreadable is None:
                retry += 1
                self._families.close()
                yield Progress("out of memory; trying once more with less at a time")
            else:
                whole = True
                release_unused(self._job.device)
                if not (yield from self._decode_lost()):
                    raise unreadable

    def _decode_lost(self) -> Generator[Event, None, int]:
        """Decode again what of the frames that are to be finished got lost or damaged; how many were."""
        job, how = self._job, (self._families, self._memory, self._asked)
        return decode_lost(job.parent, job.source, job.device, *how)

    def _frames(self, retry: int) -> Iterator[Event]:
        """Finish the frames that are missing; sections are told of as they fill."""
        yield Progress("finishing")
        told = time.monotonic()
        heard = True
        while heard:
            heard = False
            with memory_faults(self._job.device, "finishing"), closing(self._finishing(retry)) as finishing:
                while not heard and (written := self._next(finishing)):
                    yield from self._sections(written)
                    heard = self._asked()
                    if not heard and time.monotonic() - told >= _TELL_SECONDS:
                        told = time.monotonic()
                        yield self._step(written)
            release_unused(self._job.device)
            if heard:  # nothing is held of the device while somebody else has the turn
                yield self._step(written)

    def _finishing(self, retry: int) -> Generator[int]:
        job, limit = self._job, self._memory.limit
        self._predicted = self._predicted or Finisher(job.source, job.plan, job.finish, job.device).predicted_bytes
        if free_beside(job.device, limit) < self._predicted:
            self._families.close()  # the last shot's model; the next one reads it again
        return finish_frames(
            job.source,
            job.plan.source_fps,
            job.finish,
            self._files.frame,
            device=job.device,
            memory=free_beside(job.device, limit) >> retry,
            facts=self._facts,
        )

    def _next(self, finishing: Iterator[int]) -> int:
        """How many frames are there with the next one; 0 after the last. Those that were there before count no time."""
        began = time.monotonic()
        written = next(finishing, 0)
        if written > self._there:
            self._there = written
            self._clock.add("step", time.monotonic() - began)
        return written

    def _sections(self, written: int) -> Iterator[Section]:
        """The sections that are complete with so many frames and were not told of."""
        sections = self._job.sections
        while self._told < len(sections) and sections[self._told].last <= written:
            section = sections[self._told]
            self._told += 1
            frames = range(section.first, section.last + 1)
            files = tuple(self._files.frame(frame).relative_to(self._files.root).as_posix() for frame in frames)
            yield Section(section.section, self._told, len(sections), section.first, len(frames), files, ())

    def _step(self, written: int) -> Step:
        """How far it is: one step a frame, counted in the frame's section."""
        section = next(each for each in self._job.sections if written <= each.last)
        of = section.last - section.first + 1
        left = self._clock.seconds_left(self._job.plan.frames - written, 0)
        return Step(section.section, written - section.first + 1, of, left)

    def _facts(self, frame: int, made: bool) -> dict[str, str]:
        """What a frame, from 1, says of its making: what the one that it shows says, and what was done to it."""
        said = read_if_whole(self._job.parent.files.frame(floor(self._job.plan.position(frame - 1)) + 1))
        return finished(said, self._done_to(between=made), TOOL).texts()

    def _movie(self, frames: Sequence[Path]) -> Movie:
        job = self._job
        before = job.parent.movie if job.parent.movie.exists() else job.source[0]
        said = finished(read_if_whole(before), self._done_to(between=True), TOOL)
        return Movie(job.folder.movie, frames, job.plan.fps, said, job.request.slate)

    def _done_to(self, *, between: bool) -> dict[str, Any]:
        """What was done, for whoever reads the files; what makes frames in between only of those that are."""
        done = without_defaults(self._job.finish)
        return done if between else {name: value for name, value in done.items() if name != "between"}

    def _record(self, frames: Sequence[Path]) -> dict[str, Any]:
        """What `takes/NN.json` says: of which take the frames are, what was done, and which lie between two of them."""
        job, plan = self._job, self._job.plan
        parent = json.loads(job.parent.record.read_bytes())
        source = {"take": job.parent.files.take, "frames": plan.source_frames, "fps": float(plan.source_fps)}
        return {
            "take": self._files.take,
            "parent": job.parent.files.take,
            "remade": [],
            "movie": self._files.movie.name,
            "frames": [path.name for path in frames],
            "finished": {
                "source": source | {"width": job.request.width, "height": job.request.height},
                "fps": float(plan.fps),
                "width": plan.width,
                "height": plan.height,
                "between": numbers_text(made_between(frames)),
            },
            "request": to_json(job.request),
            "model": parent.get("model", {}),
            "plan": {"sections": [to_json(section) for section in job.sections]},
            "versions": versions(),
            "device": str(job.device),
            "memory": {"predicted_bytes": self._predicted},
            "sha256": file_digests(self._files.root, [*frames, self._files.movie]),
            "seconds": self._clock.rounded(),
        }


def _sections(parent: ShotFolder, plan: FinishPlan) -> Iterator[SectionPlan]:
    """The sections of the take that is finished, in time order, by the frames of the result that show them."""
    try:
        said = json.loads(parent.record.read_bytes())["plan"]["sections"]
        before = sorted((from_json(SectionPlan, each) for each in said), key=lambda each: (each.first, each.section))
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise damaged(parent.record, fault) from fault
    positions = [plan.position(frame) for frame in range(plan.frames)]
    starts = [bisect_left(positions, section.first - 1) for section in before]
    for section, (first, stop) in zip(before, pairwise([*starts, plan.frames]), strict=True):
        yield replace(section, first=first + 1, last=stop)
