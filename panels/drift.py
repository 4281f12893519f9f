"""How far a shot's sections have drifted: what is over a limit in words, and a curve a row of what is measured."""

from __future__ import annotations

from typing import Any

import bpy

from ..operators import drift_curves, drift_words
from .text import draw_text

_SCALE = 6.0
_MOST_SAID = 3
"""Sections that are told of in words; the curves show all."""


def draw_drift(layout: Any, stamp: Any, job: Any | None, *, curves: bool) -> None:
    """What is known of a shot's drift, be it by its job or by what its strip keeps; `curves` where there is room."""
    drift = drift_words.known(stamp, job)
    if not drift:
        return
    if job is not None and job.asks in drift:
        draw_text(layout, drift_words.sentence(drift[job.asks]), "ERROR", translate=False)
        draw_text(layout, "The shot waits for you: Resume goes on with it all the same.", "QUESTION")
    else:
        _draw_words(layout, drift_words.over(drift))
    if curves:
        _draw_curves(layout, stamp, job, drift)


def _draw_words(layout: Any, found: list[Any]) -> None:
    for told in found[:_MOST_SAID]:
        draw_text(layout, drift_words.sentence(told), "ERROR", translate=False)
    if more := found[_MOST_SAID:]:
        words = "{count} more sections are over a limit." if len(more) > 1 else "1 more section is over a limit."
        draw_text(layout, bpy.app.translations.pgettext_iface(words).format(count=len(more)), "BLANK1", translate=False)
    if drift_words.is_made_again(found):
        draw_text(layout, "The one that was made first of them is made again, as a take.", "FILE_REFRESH")


def _draw_curves(layout: Any, stamp: Any, job: Any | None, drift: Any) -> None:
    """The curves, and beside each what it is and the figure nearest to its limit."""
    row = layout.row()
    row.template_icon(drift_curves.icon(stamp, job, drift), scale=_SCALE)
    column, lines = row.column(align=True), drift_words.lines(drift)
    for text, is_over in lines:
        line = column.row()
        line.scale_y = _SCALE / len(lines)
        line.alert = is_over
        line.label(text=text, translate=False)
