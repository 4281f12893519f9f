"""What an artist's side knows of its engine's jobs, kept up to date by `drain`, which never waits."""

from __future__ import annotations

import queue
from dataclasses import dataclass, field

from ..protocol import (
    GOING_ON,
    PAUSED,
    Cancelled,
    Event,
    Failed,
    Finished,
    Preview,
    Progress,
    Queued,
    Section,
    Started,
    Step,
    event_from_json,
)
from .connection import Connection, LineState, Told


@dataclass
class Job:
    """One job as its events tell it."""

    id: str
    state: str = "queued"
    stage: str = ""
    plan: Started | None = None
    step: Step | None = None
    preview: Preview | None = None
    sections: dict[int, Section] = field(default_factory=dict)
    """Finished sections by their place in time."""
    failure: Failed | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will be told of it."""
        return self.state in ("finished", "failed", "cancelled")

    @property
    def done(self) -> float:
        """How much of it is made, 0 to 1, by denoising steps."""
        if self.state == "finished":
            return 1.0
        if self.plan is None or not self.plan.sections:
            return 0.0
        made = max([self.plan.done, *(section.index for section in self.sections.values())])
        running = self.step.step / self.step.of if self.step and self.step.section not in self.sections else 0.0
        return min(1.0, (made + running) / len(self.plan.sections))


class Session:
    """Follows one engine. Everything here runs on the caller's thread; only the listener has its own."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.jobs: dict[str, Job] = {}
        self.line = LineState(up=False)
        self._inbox: queue.Queue[Told | LineState] = queue.Queue()
        self._last = 0
        self._listener = connection.listen(self._inbox)

    def drain(self, most: int = 1000) -> list[tuple[str, Event]]:
        """Take in what has been told since, at most `most` events; returns them with their jobs, in order."""
        taken: list[tuple[str, Event]] = []
        while len(taken) < most:
            try:
                told = self._inbox.get_nowait()
            except queue.Empty:
                break
            if isinstance(told, LineState):
                self.line = told
            elif told.number > self._last:
                self._last = told.number
                event = event_from_json(told.event)
                self._apply(self.jobs.setdefault(told.job, Job(told.job)), event)
                taken.append((told.job, event))
        return taken

    def close(self) -> None:
        """Stop listening."""
        self._listener.stop()

    def _apply(self, job: Job, event: Event) -> None:
        """What one event changes."""
        match event:
            case Queued():
                job.state = "queued"
            case Started():
                job.state, job.plan, job.stage = "running", event, ""
            case Progress():
                job.stage = event.stage
                if event.stage in (PAUSED, GOING_ON):
                    job.state = "paused" if event.stage == PAUSED else "running"
            case Step():
                job.step, job.stage = event, ""
            case Preview():
                job.preview = event
            case Section():
                job.sections[event.section] = event
            case Finished():
                job.state, job.preview = "finished", None
            case Failed():
                job.state, job.failure, job.preview = "failed", event, None
            case Cancelled():
                job.state, job.preview = "cancelled", None
