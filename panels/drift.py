"""How far a shot's sections have drifted: what is over a limit in words, and a curve a row of what is measured."""

from __future__ import annotations

from typing import Any

import bpy

from ..operators import drift_curves, drift_words, runtime, take_stamps
from .text import draw_text

_HEADING = "Drift, section by section; the worst of each:"
_SCALE = 6.0
_MOST_SAID = 3
"""Sections that are told of in words; the curves show all."""


def draw_question(layout: Any, shot: Any, job: Any) -> None:
    """What a shot that waits at a limit asks, and both answers; nothing of one that asks nothing."""
    if job.asks not in job.drift:
        return
    draw_text(layout, drift_words.sentence(job.drift[job.asks]), "ERROR", translate=False)
    draw_text(layout, "The shot waits for you: go on with it all the same, or stop and keep what is made.", "QUESTION")
    row = layout.row(align=True)
    row.enabled = not shot.ordered
    row.operator("shotpack.resume", text="Go On", icon="PLAY").shot = shot.id
    row.operator("shotpack.cancel", text="Stop Here", icon="X").shot = shot.id


def draw_drift(layout: Any, stamp: Any, said: Any, job: Any | None, *, active: bool) -> None:
    """What is known of a shot's drift, be it by its job or by what its strip keeps: of the `active` strip's all of it.

    Of others it is a line, since a list of shots is long enough. What a question or a problem says is not said twice.
    `said` is the take that is told of, `stamp` or one of its list; of a finish it is that of the take it finishes.
    """
    measured, of_take = take_stamps.measured(stamp, said), 0
    if measured.shot != said.shot:
        if said.shot != stamp.shot:
            return  # it is made while the strip shows another take, whose box says it
        of_take, shot = take_stamps.number_of(stamp, measured), runtime.shot_of(measured.shot)
        job = runtime.client.job(shot) if runtime.client is not None and shot is not None else None
    drift = drift_words.known(measured, job)
    if not drift:
        if active and measured.state == "finished":  # by an engine of 0.1.0: nothing said would look like no drift
            draw_text(layout, "How far its sections drift was not measured.", "INFO")
        return
    found = drift_words.over(drift)
    if not drift_words.has_stopped(job) and (job is None or job.asks not in drift):
        if active:
            _draw_words(layout, measured, job, drift, found)
        elif found:
            _draw_count(layout, len(found))
    if active:
        _draw_curves(layout, measured, job, drift, of_take)


def _draw_count(layout: Any, count: int) -> None:
    one, more = "1 section drifts; select the shot to see how.", "{count} sections drift; select the shot to see how."
    words = more if count > 1 else one
    draw_text(layout, bpy.app.translations.pgettext_iface(words).format(count=count), "ERROR", translate=False)


def _draw_words(layout: Any, stamp: Any, job: Any | None, drift: Any, found: list[Any]) -> None:
    """What is over a limit, and what can be done about it once the shot is made."""
    is_made = job is None or job.state == "finished"
    if not found and is_made:
        draw_text(layout, "No section drifts.", "INFO")
    for told in found[:_MOST_SAID]:
        draw_text(layout, drift_words.sentence(told), "ERROR", translate=False)
    if more := found[_MOST_SAID:]:
        words = "{count} more sections are over a limit." if len(more) > 1 else "1 more section is over a limit."
        draw_text(layout, bpy.app.translations.pgettext_iface(words).format(count=len(more)), "BLANK1", translate=False)
    if drift_words.is_made_again(found):
        draw_text(layout, "The one that was made first of them is made again, as a take.", "FILE_REFRESH")
    elif found and is_made:
        section = drift_words.made_first(found, stamp, job)
        words = bpy.app.translations.pgettext_iface("New Take of Section {section} …").format(section=section)
        button = layout.operator("shotpack.new_take", text=words, icon="SEQ_SPLITVIEW", translate=False)
        button.of, button.section = "SECTION", section


def _draw_curves(layout: Any, stamp: Any, job: Any | None, drift: Any, of_take: int) -> None:
    """The curves, and beside each what it is and the figure nearest to its limit; `of_take` 0: the shown take's."""
    words = "Drift of take {number}, section by section; the worst of each:" if of_take else _HEADING
    draw_text(layout, bpy.app.translations.pgettext_iface(words).format(number=of_take), translate=False)
    row = layout.row()
    row.template_icon(drift_curves.icon(stamp, job, drift), scale=_SCALE)
    column, lines = row.column(align=True), drift_words.lines(drift)
    for text, is_over in lines:
        line = column.row()
        line.scale_y = _SCALE / len(lines)
        line.alert = is_over
        line.label(text=text, translate=False)
