"""How each section of a shot is made: as the shot, but for what the section has for itself. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import Code, EngineError
from ..protocol import GUIDANCE_MAXIMUM, SEED_MAXIMUM, STEPS_MAXIMUM, SectionChange
from .value_checks import number, whole


@dataclass(frozen=True)
class SectionSettings:
    """How one section is made: what an artist may still change before the section is begun."""

    prompt: str
    steps: int
    guidance: float
    seed: int | None = None
    """Its own noise; None: what the shot's one generator gives in the sequence of making."""


def changes_by_section(given: Sequence[SectionChange], again: Sequence[int], sections: int) -> dict[int, SectionChange]:
    """What the sections of a shot have for themselves, by their place in time, from 0.

    `again` are those that a take makes again, counted from 1. Raises EngineError for a section that is not there or
    named twice, and for values that no section can have.
    """
    for section in (*(change.section for change in given), *again):
        if not 1 <= section <= sections:
            raise EngineError(Code.NUMBER_INVALID, name="the section", value=section, allowed=f"1 to {sections}")
    changes: dict[int, SectionChange] = {}
    for change in given:
        if change.section - 1 in changes:
            raise EngineError(Code.BAD_REQUEST, detail=f"section {change.section} is changed twice")
        whole("seed", change.seed, 0, SEED_MAXIMUM)
        whole("steps", change.steps, 1, STEPS_MAXIMUM)
        number("guidance", change.guidance, 0, GUIDANCE_MAXIMUM)
        changes[change.section - 1] = change
    return changes
