"""From what is measured of frames to what is said of sections: figures, limits, and the contrast of a whole shot."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..drift import Figure, Measure
from ..media.measures import start_end_contrast
from ..models.drift_limits import DriftLimits

SAMPLED = 10
"""Every so many frames of a section one is looked at for colours and likeness."""
WARPED = 5
"""Every so many frames of a section one is compared along the flow."""
_DIGITS = 4
_USUAL_PERCENT = 95
"""What is usual of changes: nearly the largest. They come in waves of a latent's frames, and the largest may be the
fault that is looked for."""
_LEAST_CHANGE = 0.5
"""Of 255: where hardly anything moves, hardly anything is no jump."""
_STANDS_STILL = 0.05
"""A frame that changes by less of what its neighbours change by shows the one before once more."""
_MOVES = 0.3
"""Of 255, the median change of frames that move."""

_NUMBERS = ("sharpness", "changes", "warps")


@dataclass(frozen=True)
class Sample:
    """What is looked at in one frame of every `SAMPLED`."""

    colours: float
    likeness: float
    tint: tuple[float, ...]
    """Mean and deviation of each channel (`measures.colour`)."""


@dataclass
class FrameMeasures:
    """What is known of a shot's frames, by their numbers from 0; rounded, so that JSON gives back the same."""

    sharpness: dict[int, float] = field(default_factory=dict)
    """Over the boards' (`DriftMeter`)."""
    changes: dict[int, float] = field(default_factory=dict)
    """Into each frame from the one before, for one made frame; of 255. None where one frame is shown twice."""
    warps: dict[int, float] = field(default_factory=dict)
    samples: dict[int, Sample] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As plain data, by frames counted from 1."""
        numbers = {
            name: {str(frame + 1): value for frame, value in sorted(getattr(self, name).items())} for name in _NUMBERS
        }
        samples = {
            str(frame + 1): [sample.colours, sample.likeness, *sample.tint]
            for frame, sample in sorted(self.samples.items())
        }
        return {**numbers, "samples": samples}

    def take_in(self, data: Mapping[str, Any], shown: Callable[[int], bool] = lambda _: True) -> None:
        """Take in what `to_json` gave, of the frames that are `shown`, and of changes where both frames are.

        Raises ValueError, KeyError, TypeError or AttributeError where it is something else, and takes in nothing then.
        """
        numbers = {name: {int(frame) - 1: float(value) for frame, value in data[name].items()} for name in _NUMBERS}
        samples = {
            int(frame) - 1: Sample(float(colours), float(likeness), tuple(map(float, tint)))
            for frame, (colours, likeness, *tint) in data["samples"].items()
        }
        self.sharpness.update({frame: value for frame, value in numbers["sharpness"].items() if shown(frame)})
        self.samples.update({frame: sample for frame, sample in samples.items() if shown(frame)})
        for name in ("changes", "warps"):
            pairs = {frame: value for frame, value in numbers[name].items() if shown(frame) and shown(frame - 1)}
            getattr(self, name).update(pairs)


def rounded(value: float) -> float:
    """A measure as it is kept."""
    return round(float(value), _DIGITS)


def is_sampled(frame: int, section: range) -> bool:
    """Whether a frame of a section is one that is looked at for colours and likeness."""
    return (frame - section.start) % SAMPLED == 0


def is_warped(frame: int, section: range) -> bool:
    """Whether a frame of a section is compared with the one before along the flow."""
    return (frame - section.start) % WARPED == 0


@dataclass(frozen=True)
class Surroundings:
    """Frames that a section is compared with, all measured; none where there are none to be compared with."""

    before: Sequence[int] = ()
    """Those of the section before it whose changes say with its own what is usual: none where it begins behind a
    cut."""
    beside: Sequence[int] = ()
    """Those of the section beside it that was made before it."""
    first: Sequence[int] = ()
    """Those of the section at the board, where that was made before it."""


def section_figures(
    section: range, around: Surroundings, measured: FrameMeasures, limits: DriftLimits
) -> tuple[Figure, ...]:
    """What is said of a section that shows the frames `section`, all measured."""
    return tuple(_figures(section, around, measured, limits))


def _figures(section: range, near: Surroundings, measured: FrameMeasures, limits: DriftLimits) -> Iterator[Figure]:
    def figure(measure: Measure, value: float, frame: int | None = None) -> Figure:
        least, most = limits.of(measure)
        return Figure(str(measure), rounded(value), least, most, 0 if frame is None else frame + 1)

    if not section:
        return
    before = near.before
    if (crisp := _crisp(section, measured)) is not None:
        yield figure(Measure.SHARPNESS, crisp)
        for measure, others in ((Measure.SOFTENS, near.beside), (Measure.SHARPENS, near.first)):
            if known := _crisp(others, measured):
                yield figure(measure, crisp / known)
    if samples := [measured.samples[frame] for frame in section if frame in measured.samples]:
        yield figure(Measure.COLOURS, float(np.mean([sample.colours for sample in samples])))
        yield figure(Measure.LIKENESS, float(np.mean([sample.likeness for sample in samples])))
    own = {frame: measured.changes[frame] for frame in section[1:] if frame in measured.changes}
    around = [*own.values(), *(measured.changes[frame] for frame in before if frame in measured.changes)]
    if around:
        usual = max(_LEAST_CHANGE, float(np.percentile(around, _USUAL_PERCENT)))
        if own:
            worst = max(own, key=lambda frame: own[frame])
            yield figure(Measure.JUMP, own[worst] / usual, worst)
        if before and section.start in measured.changes:
            yield figure(Measure.SEAM, measured.changes[section.start] / usual, section.start)
        yield _repeats(figure, section, measured, float(np.median(around)))
    if before and section.start in measured.warps:
        steady = [measured.warps[frame] for frame in (*before, *section[1:]) if frame in measured.warps]
        usual = max([_LEAST_CHANGE, *steady])
        yield figure(Measure.WARP, measured.warps[section.start] / usual, section.start)


def _crisp(frames: Sequence[int], measured: FrameMeasures) -> float | None:
    """The mean sharpness of those of `frames` that are measured; None where none is."""
    known = [measured.sharpness[frame] for frame in frames if frame in measured.sharpness]
    return float(np.mean(known)) if known else None


def _repeats(figure: Any, section: range, measured: FrameMeasures, median: float) -> Figure:
    """How many frames show the one before once more, and the first of them."""
    still = [
        frame for frame in section if median > _MOVES and measured.changes.get(frame, median) < _STANDS_STILL * median
    ]
    told: Figure = figure(Measure.REPEATS, len(still), still[0] if still else None)
    return told


def shot_contrast(frames: int, measured: FrameMeasures) -> dict[str, float]:
    """The paper's contrast of a shot's start and end (arXiv 2504.12626 v3, equation 7) for each measure of its frames.

    Colours are the mean of the six contrasts of `measures.colour`, 0 to 255.
    """
    told = {}
    if crisp := [measured.sharpness[frame] for frame in range(frames) if frame in measured.sharpness]:
        told["sharpness"] = rounded(float(start_end_contrast(np.array(crisp))))
    if samples := [sample for _, sample in sorted(measured.samples.items())]:
        told["colours"] = rounded(float(start_end_contrast(np.array([each.tint for each in samples])).mean()))
        told["likeness"] = rounded(float(start_end_contrast(np.array([each.likeness for each in samples]))))
    return told
