"""Where a shot's sections lie in it, which words each has, and how far each is: plain values, without Blender.

What the engine plans is in its `started` event and goes before anything here. Before there is a plan, three numbers of
the model say where its sections end (`details` in GET /v1/engine); a shot through later boards is planned in stretches
that they do not tell of, and has no borders here until the engine has planned it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Any

from ..protocol import PromptAt
from .session import Job


class SectionState(StrEnum):
    """How far a section is."""

    WAITING = "waiting"
    MAKING = "making"
    PROVISIONAL = "provisional"
    FINAL = "final"


@dataclass(frozen=True)
class TimedSection:
    """One section of a shot; `first` and `last` are frames of the shot, from 1, both included."""

    section: int
    """Its place in time, from 0."""
    first: int
    last: int
    state: SectionState = SectionState.WAITING
    changed: bool = False
    """Whether it would be made of other words now than it was."""


@dataclass(frozen=True)
class Sections:
    """How a model's sections lie in a shot at `fps` that is made at the model's own rate, or frame for frame.

    Of the model's frames, the first `first_frames` and `section_frames` more are the first section's, and each
    further section has `section_frames`.
    """

    first_frames: int
    section_frames: int
    ratio: Fraction
    """The model's frames for each of the shot's."""

    def ranges(self, frames: int) -> list[range]:
        """The frames, from 1, of each section of a shot of `frames` frames, in time order."""
        borders = [
            self._shown(self.first_frames + number * self.section_frames) for number in range(self.count(frames))
        ]
        borders[0] = 0
        return [range(begin + 1, end + 1) for begin, end in zip(borders, [*borders[1:], frames], strict=True)]

    def count(self, frames: int) -> int:
        """How many sections such a shot has."""
        return max(1, -(-(self._native(frames - 1) + 1 - self.first_frames) // self.section_frames))

    def words(self, frames: int, prompt: str, prompts: Iterable[PromptAt]) -> list[str]:
        """The words of each section, as the engine gives them: a prompt goes to the nearest border, halves onward."""
        count = self.count(frames)
        changes = {0: prompt}
        for change in sorted(prompts, key=lambda change: change.frame):
            past = 2 * (self._native(change.frame - 1) - self.first_frames) + self.section_frames
            changes[min(count - 1, max(0, past // (2 * self.section_frames)))] = change.text
        said: list[str] = []
        for section in range(count):
            said.append(changes.get(section, said[-1] if said else ""))
        return said

    def _native(self, frame: int) -> int:
        """The model's frame that a frame of the shot shows, both from 0; halves go up."""
        return int((2 * frame * self.ratio + 1) // 2)

    def _shown(self, native: int) -> int:
        """The first frame of the shot, from 0, that shows `native` or a later one."""
        return max(0, int(-((-(2 * native - 1)) // (2 * self.ratio))))


def sections_by(about: Mapping[str, Any], model: str, fps: float, *, conform: bool) -> Sections | None:
    """How sections lie for a model (empty: the best one) by what the engine says of itself; None where it does not."""
    name = model or next(iter(about.get("models", ())), "")
    details = about.get("details", {}).get(name)
    if details is None or fps <= 0:
        return None
    ratio = Fraction(1)
    if conform:
        ratio = Fraction(details["native_fps"]).limit_denominator(1001) / Fraction(fps).limit_denominator(1001)
    return Sections(int(details["first_frames"]), int(details["section_frames"]), ratio)


def planned(sections: Sections, frames: int) -> list[TimedSection]:
    """The sections of a shot that nobody has planned yet."""
    return [
        TimedSection(number, frames.start, frames.stop - 1) for number, frames in enumerate(sections.ranges(frames))
    ]


def told(job: Job, finals: Collection[int], now: Sequence[str] | None = None) -> list[TimedSection]:
    """The sections of a job as the engine has planned them, in time order; none before it has.

    `finals` are the shot's frames that are final here; `now` the words that each section would be made of now, by its
    place in time.
    """
    if job.plan is None:
        return []
    making = job.step.section if job.step is not None and job.state == "running" else None
    sections = sorted(job.plan.sections, key=lambda each: each.section)
    made = [each.prompt for each in sections]
    others = [] if now is None else changed_sections(made[: len(now)], now[: len(made)])
    found = []
    for each in sections:
        if job.state == "finished" or (
            each.section in job.sections and all(frame in finals for frame in range(each.first, each.last + 1))
        ):
            state = SectionState.FINAL
        elif each.section in job.sections:
            state = SectionState.PROVISIONAL
        else:
            state = SectionState.MAKING if each.section == making else SectionState.WAITING
        found.append(TimedSection(each.section, each.first, each.last, state, each.section in others))
    return found


def changed_sections(made: Sequence[str], now: Sequence[str]) -> list[int]:
    """Which sections, from 0, an edit of the words changes: exactly those whose own words are others."""
    return [section for section, (was, said) in enumerate(zip(made, now, strict=True)) if was != said]
