"""What is known of a job while a worker makes it, and kept nowhere: its newest step, and the section that is begun."""

from __future__ import annotations

from typing import Any

from ...events import Event, Frames, Preview, Started, Step
from ...serialization import to_json

LIVE = (Step, Preview, Frames)
"""Events that are told to whoever listens and not stored: what comes next says it, too."""


class LiveProgress:
    """By job. Not for several threads at once."""

    def __init__(self) -> None:
        self._steps: dict[str, Step] = {}
        self._last_sections: dict[str, int] = {}

    def heard(self, job: str, event: Event) -> None:
        """A worker told this."""
        if isinstance(event, Started):
            self.forget(job)
            self._last_sections[job] = event.sections[-1].section
        elif isinstance(event, Step):
            self._steps[job] = event

    def forget(self, job: str) -> None:
        """No worker has the job any more: what was begun of it is begun again."""
        self._steps.pop(job, None)
        self._last_sections.pop(job, None)

    def step(self, job: str) -> dict[str, Any] | None:
        """The newest step's data."""
        step = self._steps.get(job)
        return None if step is None else to_json(step)

    def last_is_begun(self, job: str) -> bool:
        """Whether the section that is made last has had a step."""
        step = self._steps.get(job)
        return step is not None and step.section == self._last_sections.get(job)
