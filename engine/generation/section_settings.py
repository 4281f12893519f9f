"""How each section of a shot is made: as the shot, but for what the section has for itself. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import Code, EngineError
from ..models.spec import ModelSpec
from ..protocol import GUIDANCE_MAXIMUM, SEED_MAXIMUM, STEPS_MAXIMUM, SectionChange, ShotRequest
from .value_checks import number, whole


@dataclass(frozen=True)
class SectionSettings:
    """How one section is made: what an artist may still change before the section is begun."""

    prompt: str
    steps: int
    guidance: float
    seed: int | None = None
    """Its own noise; None: what the shot's one generator gives in the sequence of making."""


def settings_of(
    request: ShotRequest, spec: ModelSpec, prompts: Sequence[str], steps: int, guidance: float
) -> tuple[SectionSettings, ...]:
    """The settings of every section, by its place in time; `prompts` are the sections' own, the rest is the shot's.

    Raises EngineError for a section that is not there or named twice, and for values that no section can have.
    """
    changes: dict[int, SectionChange] = {}
    for change in request.sections:
        if not 1 <= change.section <= len(prompts):
            raise _no_section(change.section, len(prompts))
        if change.section in changes:
            raise EngineError(Code.BAD_REQUEST, detail=f"section {change.section} is changed twice")
        whole("seed", change.seed, 0, SEED_MAXIMUM)
        whole("steps", change.steps, 1, STEPS_MAXIMUM)
        number("guidance", change.guidance, 0, GUIDANCE_MAXIMUM)
        changes[change.section] = change
    for section in request.take.again if request.take is not None else ():
        if not 1 <= section <= len(prompts):
            raise _no_section(section, len(prompts))
    return tuple(
        _changed(SectionSettings(prompt, steps, guidance), changes.get(section), spec)
        for section, prompt in enumerate(prompts, 1)
    )


def _changed(settings: SectionSettings, change: SectionChange | None, spec: ModelSpec) -> SectionSettings:
    if change is None:
        return settings
    return SectionSettings(
        prompt=settings.prompt if change.prompt is None else change.prompt,
        steps=settings.steps if change.steps is None else spec.whole_steps(change.steps),
        guidance=settings.guidance if change.guidance is None else change.guidance,
        seed=change.seed,
    )


def _no_section(section: int, sections: int) -> EngineError:
    return EngineError(Code.NUMBER_INVALID, name="the section", value=section, allowed=f"1 to {sections}")
