"""How far sections have drifted, in the artist's language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import bpy

from ..engine.client.kept_drift import ROWS, drift_of, over, worst
from ..engine.client.takes import plan_of
from ..engine.drift import Drift, Figure, Measure, OnDrift, limit_of, words_of
from ..engine.errors import Code

__all__ = [
    "AT_LIMIT",
    "asked_at_limit",
    "has_stopped",
    "is_made_again",
    "known",
    "lines",
    "made_first",
    "over",
    "sentence",
]

AT_LIMIT = (
    ("MARK", "Mark It", "The section is marked, and the shot goes on"),
    ("ASK", "Pause and Ask", "The shot pauses after the section, unless all are made by then; Resume goes on with it"),
    (
        "STOP",
        "Stop",
        "The shot ends there, unless all sections are made by then; its finished sections stay, and Resume goes on all "
        "the same",
    ),
    (
        "AGAIN",
        "Make It Again",
        "Once the shot is made, the section is made again with another seed, as a take; twice at most. Sections that "
        "were made from it are made again as well, and the first take stays",
    ),
)
"""What is done where a section drifts beyond a limit of the model's."""
ROW_NAMES = {
    Measure.SHARPNESS: "Sharpness",
    Measure.COLOURS: "Colours",
    Measure.LIKENESS: "Likeness",
    Measure.SEAM: "Seams",
}
"""What the rows of the curves are called, by their first measure."""


def asked_at_limit(chosen: str) -> str:
    """What a request says of what is chosen."""
    return {"MARK": str(OnDrift.MARK)}.get(chosen, chosen.lower())


def sentence(drift: Drift) -> str:
    """What is wrong with a section: "Section 7: colours drift (0.31, limit 0.2)"."""
    translated = bpy.app.translations.pgettext_iface
    told = translated("Section {section}: {faults}.")
    return str(told.format(section=drift.section + 1, faults=", ".join(_fault(figure) for figure in drift.over)))


def _fault(figure: Figure) -> str:
    translated = bpy.app.translations.pgettext_iface
    what = translated(words_of(figure))
    if figure.frame:
        what = translated("{what} at frame {frame}").format(what=what, frame=figure.frame)
    limit = limit_of(figure)
    return str(
        translated("{what} ({value}, limit {limit})").format(what=what, value=f"{figure.value:.3g}", limit=limit)
    )


def known(stamp: Any, job: Any | None) -> Mapping[int, Drift]:
    """How far a shot's sections have drifted, by its job or else by what its strip keeps."""
    return job.drift if job is not None and job.drift else drift_of(stamp.drift)


def has_stopped(job: Any | None) -> bool:
    """Whether a shot has failed since it drifts: then its problem says so."""
    return job is not None and job.state == "failed" and job.failure is not None and job.failure.code == Code.DRIFTED


def is_made_again(found: list[Drift]) -> bool:
    """Whether one of these sections is to be made again, as a take."""
    return any(told.then == OnDrift.AGAIN for told in found)


def made_first(found: list[Drift], stamp: Any, job: Any | None) -> int:
    """Which of these sections, from 1 in time, was made first; where that is not known any more, the first in time."""
    plan = job.plan if job is not None and job.plan is not None else plan_of(stamp.plan)
    sections = [told.section for told in found]
    made = [planned.section for planned in plan.sections] if plan is not None else sections
    return 1 + next((section for section in made if section in sections), sections[0])


def lines(drift: Mapping[int, Drift]) -> list[tuple[str, bool]]:
    """What stands beside each row of the curves: its name, the figure nearest to its limit, whether that is over."""
    told = []
    for measures in ROWS:
        figure = worst(drift, measures)
        name = bpy.app.translations.pgettext_iface(ROW_NAMES[measures[0]])
        told.append((name if figure is None else f"{name}  {_value(figure)}", figure is not None and figure.over))
    return told


def _value(figure: Figure) -> str:
    """A figure and what it may be: "0.12 of 0.2", "0.8, 0.5 to 2"."""
    translated = bpy.app.translations.pgettext_iface
    said, least, most = (None if each is None else f"{each:.2g}" for each in (figure.value, figure.least, figure.most))
    if least is not None and most is not None:
        return str(translated("{value}, from {least} to {most}").format(value=said, least=least, most=most))
    if least is not None:
        return str(translated("{value}, from {least}").format(value=said, least=least))
    return str(said) if most is None else str(translated("{value}, up to {most}").format(value=said, most=most))
