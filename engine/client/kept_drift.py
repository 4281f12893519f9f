"""How far a shot's sections have drifted, as a strip keeps it and as rows of curves show it; without Blender.

A file may hold anything: what makes no sense is nothing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from ..drift import Drift, Figure, Measure, first_to_make_again
from ..events import Started
from ..protocol import FRAMES_MAXIMUM
from .session import Job

_DIGITS = 4
ROWS: tuple[tuple[Measure, ...], ...] = (
    (Measure.SHARPNESS, Measure.SOFTENS, Measure.SHARPENS),
    (Measure.COLOURS,),
    (Measure.LIKENESS,),
    (Measure.SEAM, Measure.JUMP),
)
"""What is shown of all that is measured: a row each, of several measures the one that takes most of its limit."""


def drift_text(drift: Mapping[int, Drift]) -> str:
    """What sections have drifted by, in few letters: the names and limits once, then the numbers of each section."""
    kinds = {(figure.name, figure.least, figure.most): None for told in drift.values() for figure in told.figures}
    columns = list(kinds)
    rows = {}
    for section, told in sorted(drift.items()):
        values = {(figure.name, figure.least, figure.most): figure for figure in told.figures}
        rows[str(section)] = [
            None if (figure := values.get(kind)) is None else [round(figure.value, _DIGITS), figure.frame]
            for kind in columns
        ] + [told.then]
    return json.dumps({"kinds": columns, "sections": rows}, separators=(",", ":")) if rows else ""


def text_at_rest(job: Job | None, *, complete: bool) -> str:
    """What a strip should keep of a job's drift now: nothing new while it goes on, since a tick's time is short."""
    rests = job is not None and (complete or job.ended or job.state == "paused")
    return drift_text(job.drift) if job is not None and rests else ""


@lru_cache(maxsize=512)
def drift_of(kept: str) -> Mapping[int, Drift]:
    """What `drift_text` gave; nothing where it makes no sense."""
    try:
        said = json.loads(kept) if kept else {"kinds": [], "sections": {}}
        kinds = [(str(name), _limit(least), _limit(most)) for name, least, most in said["kinds"]]
        found = {}
        for index, (text, (*cells, then)) in enumerate(said["sections"].items(), 1):
            section = int(text)
            if not 0 <= section <= FRAMES_MAXIMUM:
                return {}
            figures = [
                Figure(name, float(cell[0]), least, most, int(cell[1]))
                for (name, least, most), cell in zip(kinds, cells, strict=True)
                if cell is not None and math.isfinite(cell[0])
            ]
            found[section] = Drift(section, index, len(said["sections"]), tuple(figures), str(then))
        return found
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError, RecursionError):
        return {}


def _limit(value: Any) -> float | None:
    if value is None:
        return None
    if not math.isfinite(value):
        raise ValueError("a limit is a number")
    return float(value)


def over(drift: Mapping[int, Drift]) -> list[Drift]:
    """The sections that are beyond a limit, in time order."""
    return [told for _, told in sorted(drift.items()) if told.over]


def to_make_again(drift: Mapping[int, Drift], plan: Started | None) -> int | None:
    """The section, from 1 in time, that a take should make again by what was asked for; None where none is."""
    section = None if plan is None else first_to_make_again([each.section for each in plan.sections], drift)
    return None if section is None else section + 1


def row_figures(told: Drift, row: Sequence[Measure]) -> Figure | None:
    """What a row shows of a section; None where it has nothing of that.

    Of several measures that one which takes most of its limit, and how much that is: the limit is 1 then.
    """
    found = max(
        (figure for figure in told.figures if figure.name in row), key=lambda figure: figure.share, default=None
    )
    return found if found is None or len(row) == 1 else Figure(found.name, found.share, None, 1.0, found.frame)


def worst(drift: Mapping[int, Drift], row: Sequence[Measure]) -> Figure | None:
    """The figure of all sections that takes most of its limit in a row."""
    found = [figure for told in drift.values() if (figure := row_figures(told, row)) is not None]
    return max(found, key=lambda figure: figure.share, default=None)
