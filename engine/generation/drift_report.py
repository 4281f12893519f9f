"""What the drift meter leaves beside a shot: `drift.json` and the curve of the same figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ..drift import Drift, Measure, sentence
from ..media.curves import Curve, curves_png
from ..models.drift_limits import DriftLimits
from ..serialization import to_json
from .drift_figures import FrameMeasures, shot_contrast

_VERSION = 1
_TITLES = {
    Measure.SHARPNESS: "Sharpness, over the board's",
    Measure.SOFTENS: "Sharpness, over that of the section beside it",
    Measure.SHARPENS: "Sharpness, over that of the section at the board",
    Measure.COLOURS: "Colours, distance to the board's",
    Measure.LIKENESS: "Likeness to the board, wherever the camera is",
    Measure.SEAM: "Jump at each seam, over what is usual around it",
    Measure.JUMP: "Largest jump within each section, over what is usual there",
}


def drift_record(
    sections: Sequence[range], told: Sequence[Drift], measured: FrameMeasures, limits: DriftLimits, frames: int
) -> dict[str, Any]:
    """What is known of a shot of so many frames: of the sections that are `told`, in time order; counted from 1."""
    return {
        "version": _VERSION,
        "limits": asdict(limits),
        "contrast": shot_contrast(frames, measured),
        "sections": [
            {
                "section": drift.section + 1,
                "first": sections[drift.section].start + 1,
                "last": sections[drift.section].stop,
                "figures": [to_json(figure) for figure in drift.figures],
                "over": [figure.name for figure in drift.over],
                "says": sentence(drift),
            }
            for drift in told
        ],
        "frames": measured.to_json(),
    }


def drift_chart(sections: Sequence[range], told: Sequence[Drift], measured: FrameMeasures) -> bytes:
    """The curves of the same as PNG."""
    samples = sorted(measured.samples.items())
    points = {
        Measure.SHARPNESS: sorted(measured.sharpness.items()),
        Measure.COLOURS: [(frame, sample.colours) for frame, sample in samples],
        Measure.LIKENESS: [(frame, sample.likeness) for frame, sample in samples],
    }
    curves = []
    for measure, title in _TITLES.items():
        found = {drift.section: figure for drift in told for figure in drift.figures if figure.name == measure}
        any_figure = next(iter(found.values()), None)
        if any_figure is None:
            continue
        by_section = [(sections[section].start, figure.value) for section, figure in sorted(found.items())]
        curve = [(frame + 1, value) for frame, value in points.get(measure, by_section)]
        over = [
            range(sections[section].start + 1, sections[section].stop + 1)
            for section, figure in found.items()
            if figure.over
        ]
        curves.append(Curve(title, curve, any_figure.least, any_figure.most, over))
    return curves_png(curves, max(frames.stop for frames in sections), [frames.start + 1 for frames in sections])
