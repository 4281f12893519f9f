"""A small picture of how far a shot's sections have drifted: a curve a row, section by section, and its limits."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from ..engine.client.kept_drift import ROWS, row_figures
from ..engine.client.takes import plan_of
from ..engine.drift import Drift, Figure
from . import previews

SIDE = 256
"""Pixels: Blender shows pictures among its buttons in a square."""
_GAP = 10
_PAPER, _BAND, _LINE = (0.11, 0.11, 0.11, 1.0), (0.55, 0.14, 0.1, 1.0), (0.35, 0.72, 1.0, 1.0)
_LIMIT, _GRID = (0.95, 0.55, 0.2, 1.0), (0.24, 0.24, 0.24, 1.0)
_THICK = 3
_TOP = 1.25
"""The largest limit lies so much below a row's upper edge, unless a figure is higher."""


def icon(stamp: Any, job: Any | None, drift: Mapping[int, Drift]) -> int:
    """The icon that shows the curves of a shot: drawn where something of them is new."""
    plan = job.plan if job is not None else plan_of(stamp.plan)
    sections = max(max(drift) + 1, len(plan.sections) if plan is not None else 0)
    newest = max(drift.values(), key=lambda told: told.index)
    key = f"{sections} {len(drift)} {hash(newest.figures)}"
    return previews.draw(f"drift {stamp.shot}", key, partial(picture, drift, sections))


def picture(drift: Mapping[int, Drift], sections: int) -> np.ndarray:
    """The curves of a shot of so many sections: (SIDE, SIDE, 4) float32, 0 to 1, rows from below as in Blender."""
    drawn = np.empty((SIDE, SIDE, 4), np.float32)
    drawn[:] = _PAPER
    height = (SIDE - _GAP * (len(ROWS) - 1)) // len(ROWS)
    for number, row in enumerate(ROWS):
        figures = {
            section: figure
            for section, told in drift.items()
            if 0 <= section < sections and (figure := row_figures(told, row)) is not None
        }
        top = number * (height + _GAP)
        _draw_row(drawn[top : top + height], figures, sections)
    return np.ascontiguousarray(drawn[::-1])


def _draw_row(drawn: np.ndarray, figures: Mapping[int, Figure], sections: int) -> None:
    """Draw a row, from above, into its part of the picture."""
    height = len(drawn)
    edges = np.linspace(0, SIDE, sections + 1).astype(int)
    drawn[:] = _GRID
    drawn[:-1] = _PAPER
    if not figures:
        return
    for section, figure in figures.items():
        if figure.over:
            drawn[:-1, edges[section] : max(edges[section] + 1, edges[section + 1])] = _BAND
    values = [figure.value for figure in figures.values()]
    any_figure = next(iter(figures.values()))
    limits = [limit for limit in (any_figure.least, any_figure.most) if limit is not None]
    high = max([*values, *(limit * _TOP for limit in limits), 1e-6])

    def down(value: float) -> int:
        return round((height - 2) * (1 - min(max(value / high, 0.0), 1.0)))

    for limit in limits:
        drawn[down(limit), ::4] = drawn[down(limit), 1::4] = _LIMIT
    middles = [(edges[section] + edges[section + 1]) / 2 for section in sorted(figures)]
    curve = np.interp(np.arange(SIDE), middles, [figures[section].value for section in sorted(figures)])
    places = [down(value) for value in curve]
    for column in range(int(middles[0]), int(middles[-1]) + 1):
        ends = sorted((places[column], places[min(column + 1, SIDE - 1)]))
        drawn[max(0, ends[0] - _THICK // 2) : ends[1] + _THICK // 2 + 1, column] = _LINE
    if len(figures) == 1:
        only = next(iter(figures))
        drawn[max(0, places[int(middles[0])] - 1) : places[int(middles[0])] + 2, edges[only] : edges[only + 1]] = _LINE
