"""From decoded sections to files: each joined to its neighbours, written and committed; then the movie."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..drift import Drift, OnDrift
from ..events import Frames, Progress, Section
from ..framepack.decoding import DecodePlan
from ..framepack.plan import PlannedSection
from ..framepack.seams import Seams
from ..inference.family import Family
from ..media.files import make_folder
from ..media.frames import write_frames
from ..media.images import to_bytes
from .drift_meter import DriftMeter, MeteredShot
from .made_frames import MadeFrames, making_between
from .record import shot_record
from .resolve import ResolvedRequest
from .shot_facts import of_movie, of_section
from .shot_folder import ShotFolder
from .shot_frames import ShotFrames
from .time_left import Clock
from .write_movie import Movie, write_movie


class Publisher:
    """Writes the files of one shot; with `provisional` also the frames that the next section may still blend."""

    def __init__(
        self,
        resolved: ResolvedRequest,
        family: Family,
        folder: ShotFolder,
        model: str,
        clock: Clock,
        *,
        frames: ShotFrames,
        provisional: bool,
    ) -> None:
        """`model` is the model's fingerprint; `frames` says what of the shot is written when."""
        self._meter = DriftMeter(metered(resolved), folder, family.spec.drift)
        self._resolved = resolved
        self._family = family
        self._folder = folder
        self._model = model
        self._clock = clock
        self._frames = frames
        self._provisional = provisional
        self._made = MadeFrames(frames, making_between(resolved.request.between))

    def amend(self, resolved: ResolvedRequest) -> None:
        """Say from now on that the shot is made by another request, of the same plan."""
        self._resolved = resolved

    def complete(self) -> bool:
        """Whether every frame of the shot has its file."""
        return not self._any_missing(range(self._resolved.request.frames))

    def done(self, done: int) -> int:
        """How many of the `done` sections that were published can be left at that: those with all that they settled.

        What frames of later sections look at is taken up: where it is not on disk, sections are decoded once more.
        """
        for number in range(done):
            if self._any_missing(self._frames.ready(number)):
                done = number
                break
        stored = self._folder.load_held() if self._frames.held(done) else {}
        while not (wanted := self._frames.held(done)).keys() <= stored.keys():
            done = min(wanted.values())
        self._made.take_up({made: stored[made].numpy() for made in wanted}, done)
        return done

    def publish(
        self, planned: PlannedSection, decode: DecodePlan, pieces: Iterable[torch.Tensor], seams: Seams
    ) -> Iterator[Frames | Section]:
        """Join a section to its neighbours as it is decoded (`Seams.join`), write its frames and commit them.

        `decode` is as much of the section's decode as is wanted (`takes.decodes`): other frames have their files. What
        is final before the last piece is told at once.
        """
        end = max(block.stop for block in (*decode.final, *decode.provisional))
        for final in seams.join(decode, pieces):
            new: list[Path] = []
            for first, frames in final:
                with self._clock.measure("disk"):
                    made = list(self._made.add(first, frames))
                    new += self._write(self._folder.files.frame, made)
                with self._clock.measure("drift"):
                    self._meter.saw(made)
            if new and all(first + frames.shape[2] < end for first, frames in final):
                yield Frames(planned.section, self._names(sorted(new)))
        with self._clock.measure("disk"):
            drafts = self._drafts(planned, decode, seams) if self._provisional else ()
            make_folder(self._folder.files.provisional(planned.number, 1).parent)
            provisional = self._write(partial(self._folder.files.provisional, planned.number), drafts, drafts=True)
            self._meter.commit(planned.number)
            held = {made: torch.from_numpy(frame) for made, frame in self._made.held.items()}
            self._folder.commit_seam(planned.number, seams.waiting, held)
        yield self._section(planned, provisional)

    def drifted(self, planned: PlannedSection) -> Iterator[Drift]:
        """What is to be said of the drift of sections once `planned` is published (`DriftMeter.told`)."""
        told = self._meter.told(planned.number)
        while True:
            with self._clock.measure("drift"):  # and not what passes while somebody else has the turn
                drift = next(told, None)
            if drift is None:
                return
            yield drift

    def answer(self, drift: Drift) -> None:
        """What was asked for where a section drifts is being done; what is known of the drift by now is shown."""
        self._meter.answer(drift)
        self._meter.write()

    def replay_section(self, planned: PlannedSection, *, newest: bool) -> Section:
        """The event of a section that an earlier run has made; only the newest one's seam can still be blended."""
        made = [frame for block in planned.decode.provisional for frame in self._resolved.frames_of(block)]
        frames = [*made, *self._frames.waiting(planned.number)] if newest else []
        drafts = (self._folder.files.provisional(planned.number, frame + 1) for frame in frames)
        return self._section(planned, [path for path in drafts if path.exists()])

    def _section(self, planned: PlannedSection, provisional: Iterable[Path]) -> Section:
        changed = self._resolved.frames_of(_span(planned))
        files = (self._folder.files.frame(frame + 1) for frame in self._frames.ready(planned.number))
        return Section(
            section=planned.section,
            index=planned.number + 1,
            of=len(self._resolved.plan.made),
            first=changed.start + 1,
            count=len(changed),
            files=self._names(files),
            provisional=self._names(provisional),
        )

    def _any_missing(self, frames: Iterable[int]) -> bool:
        return not all(self._folder.files.frame(frame + 1).exists() for frame in frames)

    def _names(self, files: Iterable[Path]) -> tuple[str, ...]:
        return tuple(path.relative_to(self._folder.root).as_posix() for path in files)

    def _drafts(self, planned: PlannedSection, decode: DecodePlan, seams: Seams) -> Iterator[tuple[int, np.ndarray]]:
        """Pictures of frames that are not final: of those a later section may still blend, and of those in between
        that wait for it, each the nearest one that is made."""
        for block in decode.provisional:
            frames = self._resolved.frames_of(block)
            nearest = [self._frames.sources[frame].nearest - block.start for frame in frames]
            if nearest:
                yield from zip(frames, to_bytes(seams.waiting[block.start][0, :, nearest]), strict=True)
        for frame in self._frames.waiting(planned.number):
            yield frame, self._made.held[self._frames.sources[frame].nearest]

    def _write(
        self, path_of: Callable[[int], Path], frames: Iterable[tuple[int, np.ndarray]], *, drafts: bool = False
    ) -> list[Path]:
        """Write frames of the shot, each with its number from 0; `path_of` counts from 1. Drafts are as made."""
        adding = self._resolved.plan.adding
        alike: dict[tuple[int, bool], list[tuple[Path, np.ndarray]]] = defaultdict(list)
        for frame, picture in frames:
            source = self._frames.sources[frame]
            kind = adding(source.nearest).section, source.part > 0 and not drafts
            alike[kind].append((path_of(frame + 1), picture))
        written: list[Path] = []
        for (section, between), some in alike.items():
            planned = self._resolved.plan.by_section[section]
            said = of_section(
                self._resolved,
                self._family.spec,
                self._folder,
                self._model,
                planned,
                provisional=drafts,
                between=between,
            )
            written += write_frames(some, said.texts())
        return written

    def finish(
        self, resolved: ResolvedRequest, circumstances: Mapping[str, Any], asked: Callable[[], bool]
    ) -> Iterator[Progress]:
        """Write the movie, and the record of the shot as `resolved`, which may have been amended, made it.

        `asked` is called after each frame of the movie: where somebody wants to be heard it is told at once how far it
        is. Closed before its end, it leaves no movie, and no record.
        """
        frames = [self._folder.files.frame(frame) for frame in range(1, self._resolved.request.frames + 1)]
        said = of_movie(self._resolved, self._family.spec, self._folder, self._model)
        movie = Movie(self._folder.movie, frames, self._resolved.exact_fps, said, self._resolved.request.slate)
        yield from write_movie(movie, self._clock, asked)
        family = self._family
        model = {
            "name": Path(self._resolved.request.model).name,
            "family": family.spec.family,
            "sha256": self._model,
        }
        with self._clock.measure("drift"):
            drift = self._meter.write()
        record = shot_record(resolved, model, family.device, self._clock, self._folder, circumstances)
        self._folder.finish(record | {"drift": drift})


def metered(resolved: ResolvedRequest) -> MeteredShot:
    """What the drift meter has to know of a shot."""
    request = resolved.request
    return MeteredShot(
        resolved.plan,
        resolved.shown,
        request.frames,
        resolved.board_images,
        resolved.start_images,
        resolved.guides,
        OnDrift(request.on_drift),
    )


def _span(planned: PlannedSection) -> range:
    """From the first to the last pixel frame that a section's decode set."""
    blocks = [*planned.decode.final, *planned.decode.provisional]
    return range(min(block.start for block in blocks), max(block.stop for block in blocks))
