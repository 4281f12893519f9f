"""Where a shot's sections lie in it, which words each has, and how far each is: plain values, without Blender.

What the engine plans is in its `started` event and goes before anything here. Before there is a plan, four numbers of
the model say where its sections end, and which words each has (`details` in GET /v1/engine).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise
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
    drifted: bool = False
    """Whether it is beyond a limit of how far it may drift."""


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
    latent_frames: int
    """The model's frames in a latent; those of a shot through boards begin with one."""

    @property
    def board_distance(self) -> int:
        """How many of the shot's frames there are at least from one board to the next."""
        return self._shown(self.latent_frames - 1) + 1

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
            changes[self.beginning_at(change.frame, count)] = change.text
        said: list[str] = []
        for section in range(count):
            said.append(changes.get(section, said[-1] if said else ""))
        return said

    def beginning_at(self, frame: int, count: int) -> int:
        """The section of `count`, from 0, that begins nearest to a frame of the shot, from 1; halves go onward."""
        past = 2 * (self._native(frame - 1) - self.first_frames) + self.section_frames
        return min(count - 1, max(0, past // (2 * self.section_frames)))

    def words_through(
        self, boards: Sequence[int], frames: int, prompt: str, prompts: Iterable[PromptAt], *, forward: bool
    ) -> list[str]:
        """The words of each section of a shot with boards at these frames (from 1, ascending), as the engine has them.

        From each board to the next is a stretch with a clock and sections of its own. It begins with the words that
        hold at its board; a later change goes to the nearest border in it, and the next board counts as one.
        """
        starts = [board - 1 for board in boards]
        end = len(starts) > 1 and self._native(starts[-1] - starts[-2]) == self._native(frames - 1 - starts[-2])
        if end:
            starts.pop()
        if len(starts) < 2 or not self.first_frames:  # where sections are cut there is one stretch in any case
            return self.words(frames, prompt, prompts)
        changes = sorted(prompts, key=lambda change: change.frame)
        at = [change.frame - 1 for change in changes]
        said: list[str] = []
        for start, stop in pairwise([*starts, frames]):
            borders = self._borders(stop - start, lands=(end or stop < frames) and not forward)
            later = bisect_right(at, start)
            own = {0: changes[later - 1].text if later else prompt}
            places = [*borders, self._native(stop - start - 1) + 1] if stop < frames else borders
            for change in range(later, bisect_left(at, stop)):
                frame = self._native(at[change] - start)
                # Halves go to the later one.
                nearest = min(range(len(places)), key=lambda place: (abs(places[place] - frame), -place))
                own[nearest] = changes[change].text
            for section in range(len(borders)):
                said.append(own.get(section, said[-1] if said else prompt))
        return said

    def _borders(self, frames: int, *, lands: bool) -> list[int]:
        """Where the sections of one stretch begin, in the model's frames from its board.

        One that lands on a board has its surplus at the near end, in whole latents of its first section.
        """
        native, count = self._native(frames - 1) + 1, self.count(frames)
        window = self.section_frames // self.latent_frames
        held = (
            count * window - max(-(-(native - 1) // self.latent_frames), (count - 1) * window + 1) if lands else 0
        ) * self.latent_frames
        later = [self.first_frames + section * self.section_frames - held for section in range(1, count)]
        return [self.first_frames, *later]

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
    return sections_in(details, fps, conform=conform)


def sections_in(details: Mapping[str, Any], fps: float, *, conform: bool) -> Sections:
    """The same by the model's own `details`."""
    ratio = Fraction(1)
    if conform:
        ratio = Fraction(details["native_fps"]).limit_denominator(1001) / Fraction(fps).limit_denominator(1001)
    return Sections(int(details["first_frames"]), int(details["section_frames"]), ratio, int(details["latent_frames"]))


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
        drifted = each.section in job.drift and bool(job.drift[each.section].over)
        found.append(TimedSection(each.section, each.first, each.last, state, each.section in others, drifted))
    return found


def changed_sections(made: Sequence[str], now: Sequence[str]) -> list[int]:
    """Which sections, from 0, an edit of the words changes: exactly those whose own words are others."""
    return [section for section, (was, said) in enumerate(zip(made, now, strict=True)) if was != said]
