"""From decoded sections to files: each joined to its neighbours, written and committed; then the movie."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..drift import Drift, OnDrift
from ..finishing.stage import AsMade, FinalRuns, Run, Stage
from ..framepack.decoding import DecodePlan
from ..framepack.plan import PlannedSection
from ..framepack.seams import Seams
from ..inference.family import Family
from ..media.files import make_folder
from ..media.frames import write_frames
from ..media.images import to_bytes
from ..media.movie import movie_by_frames
from ..protocol import Progress, Section
from .drift_meter import DriftMeter, MeteredShot
from .record import shot_record
from .resolve import ResolvedRequest
from .shot_facts import of_movie, of_section
from .shot_folder import ShotFolder
from .time_left import Clock

_TELL_SECONDS = 1.0


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
        provisional: bool,
        stage: Stage | None = None,
    ) -> None:
        """`model` is the model's fingerprint; `stage` is what is done to final frames, nothing if None."""
        self._meter = DriftMeter(metered(resolved), folder, family.spec.drift)
        self._resolved = resolved
        self._family = family
        self._folder = folder
        self._model = model
        self._clock = clock
        self._provisional = provisional
        self._stage = stage or AsMade()
        self._runs = FinalRuns([stretch.made for stretch in resolved.plan.stretches], self._stage.neighbours)

    def amend(self, resolved: ResolvedRequest) -> None:
        """Say from now on that the shot is made by another request, of the same plan."""
        self._resolved = resolved

    def missing(self, made: range) -> bool:
        """Whether a file is missing among the shot's frames that show the plan's frames `made`."""
        return not all(path.exists() for path in self._final(made))

    def publish(self, planned: PlannedSection, decode: DecodePlan, pixels: torch.Tensor, seams: Seams) -> Section:
        """Join a section's decoded `pixels` (`Family.decode`) to its neighbours, write its frames and commit them.

        `decode` is as much of the section's decode as is wanted (`takes.decodes`): other frames have their files.
        """
        final = [run for first, frames in seams.join(decode, pixels) for run in self._runs.add(first, frames)]
        kept = [block for block in planned.decode.final if block not in decode.final]
        files = [path for block in kept for path in self._final(block)]
        files += [path for run in final for path in self._write_final(run)]
        with self._clock.measure("disk"):
            make_folder(self._folder.files.provisional(planned.number, 1).parent)
            provisional = [
                path
                for block in (decode.provisional if self._provisional else ())
                for path in self._write_waiting(planned, block.start, seams.waiting[block.start])
            ]
            self._meter.commit(planned.number)
            self._folder.commit_seam(planned.number, seams.waiting)
        return self._section(planned, sorted(files), provisional)

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
        files = [path for block in planned.decode.final for path in self._final(block)]
        blocks = planned.decode.provisional if newest else ()
        provisional = [path for block in blocks for path in self._waiting(planned)(block) if path.exists()]
        return self._section(planned, files, provisional)

    def _section(self, planned: PlannedSection, files: list[Path], provisional: list[Path]) -> Section:
        changed = self._resolved.frames_of(_span(planned))
        return Section(
            section=planned.section,
            index=planned.number + 1,
            of=len(self._resolved.plan.made),
            first=changed.start + 1,
            count=len(changed),
            files=tuple(path.relative_to(self._folder.root).as_posix() for path in files),
            provisional=tuple(path.relative_to(self._folder.root).as_posix() for path in provisional),
        )

    def _final(self, made: range) -> list[Path]:
        """The files of the shot's frames that show the plan's frames `made`."""
        return [self._folder.files.frame(frame + 1) for frame in self._resolved.frames_of(made)]

    def _waiting(self, planned: PlannedSection) -> Callable[[range], list[Path]]:
        """Like `_final`, the files of the frames that `planned` has set and a later section may still blend."""
        provisional, frames_of = self._folder.files.provisional, self._resolved.frames_of
        return lambda made: [provisional(planned.number, frame + 1) for frame in frames_of(made)]

    def _write_final(self, run: Run) -> list[Path]:
        """Write frames that will never change again, and have the meter look at them while they are here."""
        with self._clock.measure("disk"):
            finished = self._stage.finish(run)
            shown, picked = self._picked(run.first, finished)
            paths = self._final(_range_of(run.first, finished))
            files = write_frames(zip(paths, picked, strict=True), self._said(run.first, provisional=False))
        with self._clock.measure("drift"):
            self._meter.saw(zip(shown, picked, strict=True))
        return files

    def _write_waiting(self, planned: PlannedSection, first: int, pixels: torch.Tensor) -> list[Path]:
        """Write the plan's frames from `first` on, (1, 3, F, H, W), that a later section may still blend."""
        _, picked = self._picked(first, pixels)
        paths = self._waiting(planned)(_range_of(first, pixels))
        return write_frames(zip(paths, picked, strict=True), self._said(first, provisional=True))

    def _picked(self, first: int, pixels: torch.Tensor) -> tuple[range, Iterable[np.ndarray]]:
        """The shot's frames that show the plan's frames from `first` on, (1, 3, F, H, W): numbers and bytes."""
        made_of, shown = self._resolved.shown.made_of, self._resolved.frames_of(_range_of(first, pixels))
        return shown, to_bytes(pixels[0, :, [made_of(frame) - first for frame in shown]]) if shown else ()

    def _said(self, first: int, *, provisional: bool) -> Mapping[str, str]:
        """What frames of the plan from `first` on say of themselves."""
        adding = self._resolved.plan.adding(first)
        spec = self._family.spec
        return of_section(self._resolved, spec, self._folder, self._model, adding, provisional=provisional).texts()

    def finish(
        self, resolved: ResolvedRequest, circumstances: Mapping[str, Any], asked: Callable[[], bool]
    ) -> Iterator[Progress]:
        """Write the movie, and the record of the shot as `resolved`, which may have been amended, made it.

        `asked` is called after each frame of the movie: where somebody wants to be heard it is told at once how far it
        is. Closed before its end, it leaves no movie, and no record.
        """
        yield from self._write_movie(asked)
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

    def _write_movie(self, asked: Callable[[], bool]) -> Iterator[Progress]:
        yield Progress("writing the movie")
        wanted = self._resolved.request.frames
        frames = [self._folder.files.frame(frame) for frame in range(1, wanted + 1)]
        told, percent = time.monotonic(), 0
        said = of_movie(self._resolved, self._family.spec, self._folder, self._model)
        words = self._resolved.request.slate
        with closing(movie_by_frames(self._folder.movie, frames, self._resolved.exact_fps, said, words)) as writing:
            while True:
                with self._clock.measure("movie"):  # and not what passes while somebody else has the turn
                    written = next(writing, None)
                if written is None:
                    return
                now = 100 * written // wanted
                if asked() or (now > percent and time.monotonic() - told >= _TELL_SECONDS):
                    told, percent = time.monotonic(), now
                    yield Progress(f"writing the movie, {percent} %")


def _range_of(first: int, pixels: torch.Tensor) -> range:
    """The plan's frames from `first` on that `pixels` (1, 3, F, H, W) are."""
    return range(first, first + pixels.shape[2])


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
