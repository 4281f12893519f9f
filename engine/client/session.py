"""What an artist's side knows of its engine's jobs, kept up to date by `drain`, which never waits.

A job's state is what the engine answers when it is asked for it, up to the event that the answer names, and what events
tell from there on. An engine of release 0.1.0 names none: it tells everything from the first event on.
"""

from __future__ import annotations

import logging
import queue
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ..drift import Drift, OnDrift
from ..errors import Code, EngineError
from ..events import (
    GOING_ON,
    NOT_ALL,
    PAUSED,
    Cancelled,
    Event,
    Failed,
    Finished,
    Frames,
    Preview,
    Progress,
    Queued,
    Section,
    Started,
    Step,
    event_from_json,
)
from .connection import Connection
from .event_stream import LineState, NumberedEvent

E = TypeVar("E", Section, Started, Step, Failed, Drift)

log = logging.getLogger(__name__)

_STATES = ("queued", "running", "paused", "finished", "failed", "cancelled")


@dataclass
class Job:
    """One job as the engine tells it."""

    id: str
    state: str = "queued"
    stage: str = ""
    plan: Started | None = None
    step: Step | None = None
    preview: Preview | None = None
    ahead: Frames | None = None
    """The first frames of the section that is being decoded."""
    sections: dict[int, Section] = field(default_factory=dict)
    """Finished sections by their place in time, in the sequence of their making; only ever added to."""
    drift: dict[int, Drift] = field(default_factory=dict)
    """How far sections have drifted that are measured, by their place in time; only ever added to."""
    asks: int | None = None
    """The section, by its place in time, because of which it stands still until somebody says that it is to go on."""
    failure: Failed | None = None
    starred: bool = False
    number: int = 0
    """The newest event that is contained."""
    notices: list[str] = field(default_factory=list)
    """What of the request is left out of the shot, as the engine said it."""

    @property
    def ended(self) -> bool:
        """Whether nothing more will be told of it."""
        return self.state in ("finished", "failed", "cancelled")

    @property
    def done(self) -> float:
        """How much of it is made, 0 to 1, by denoising steps; 1 only once it is all made.

        What comes after a section's last step, decoding and writing, counts as one step more.
        """
        if self.state == "finished":
            return 1.0
        if self.plan is None or not self.plan.sections:
            return 0.0
        made = max([self.plan.done, *(section.index for section in self.sections.values())])
        running = self.step.step / (self.step.of + 1) if self.step and self.step.section not in self.sections else 0.0
        of = len(self.plan.sections)
        return min(made + running, of - 0.1) / of  # there is the movie to be written


class Session:
    """Follows one engine. Everything here runs on the caller's thread; only the listener has its own."""

    def __init__(self, connection: Connection, after: int = 0, store: str = "") -> None:
        """Listen from the first event after number `after` of the engine's database `store`."""
        self.connection = connection
        self.jobs: dict[str, Job] = {}
        self.line = LineState(up=False)
        self.greetings = 0
        """How often the line has come up."""
        self.resets = 0
        """How often it led to another database, and all that was known was forgotten."""
        self._inbox: queue.Queue[NumberedEvent | LineState] = queue.Queue()
        self._last = after
        self._awaited: dict[str, list[NumberedEvent]] = {}
        """What events have told of jobs whose state is being asked for."""
        self._listener = connection.listen(self._inbox, after, store)

    @property
    def idle(self) -> bool:
        """Whether there is nothing to take in."""
        return self._inbox.empty()

    def drain(self, most: int = 1000) -> list[tuple[str, Event]]:
        """Take in what has been told since, at most `most` messages; returns the events with their jobs, in order.

        An event that makes no sense is passed over with a line in the log: it is that event's trouble and no other's.
        """
        taken: list[tuple[str, Event]] = []
        for _ in range(most):
            try:
                told = self._inbox.get_nowait()
            except queue.Empty:
                break
            if isinstance(told, LineState):
                self._line_is(told)
            elif told.live:
                taken += self._take(told)
            elif told.number > self._last:
                self._last = told.number
                taken += self._take(told)
        return taken

    def expect(self, job: str) -> None:
        """The engine is being asked for a job: what is told of it meanwhile waits for `learn`."""
        self._awaited.setdefault(job, [])

    def learn(self, job: str, said: dict[str, Any]) -> list[tuple[str, Event]]:
        """Take in what the engine has answered, and what events have told since; returns these.

        Raises EngineError `bad_request` where the answer makes no sense.
        """
        try:
            number = said.get("number")
            if type(number) is int and (job not in self.jobs or number >= self.jobs[job].number):
                preview = self.jobs[job].preview if job in self.jobs else None
                self.jobs[job] = found = _job_of(job, said, number)
                found.preview = None if found.ended else preview
        finally:
            waited = self.expect_no_more(job)
        return waited

    def expect_no_more(self, job: str) -> list[tuple[str, Event]]:
        """No answer has come: go by the events."""
        return [event for told in self._awaited.pop(job, ()) for event in self._take(told)]

    def close(self, *, wait: bool = True) -> None:
        """Stop listening."""
        self._listener.stop(wait=wait)

    def _line_is(self, line: LineState) -> None:
        self.line = line
        self.greetings += line.up
        if line.anew:
            self._last = 0
            self.resets += 1
            self.jobs.clear()
            for told in self._awaited.values():
                told.clear()

    def _take(self, told: NumberedEvent) -> list[tuple[str, Event]]:
        if told.job in self._awaited:
            if not told.live:  # the answer has the newest step, and the next preview comes soon
                self._awaited[told.job].append(told)
            return []
        job = self.jobs.get(told.job) or Job(told.job)
        if job.ended if told.live else told.number <= job.number:
            return []
        try:
            event = event_from_json(told.event)
        except Exception as fault:
            log.warning("event %d of job %s is passed over: %s", told.number, told.job, fault)
            return []
        self.jobs[told.job] = job
        if not told.live:
            job.number = told.number
        self._apply(job, event)
        return [(told.job, event)]

    def _apply(self, job: Job, event: Event) -> None:
        """What one event changes."""
        match event:
            case Queued():
                job.state, job.asks = "queued", None
            case Started():
                job.state, job.plan, job.stage, job.asks = "running", event, "", None
            case Progress():
                job.stage = event.stage
                if event.stage.startswith(NOT_ALL) and event.stage not in job.notices:
                    job.notices.append(event.stage)
                if event.stage in (PAUSED, GOING_ON):
                    job.state = "paused" if event.stage == PAUSED else "running"
                    job.asks = job.asks if event.stage == PAUSED else None
            case Step():
                job.step, job.stage, job.asks = event, "", None
            case Preview():
                job.preview = event
            case Frames():
                job.ahead = event
            case Section():
                job.ahead = None
                _add(job, event)
            case Drift():
                job.drift[event.section] = event
                job.asks = event.section if event.then == OnDrift.ASK else job.asks
            case Finished():
                job.state, job.preview = "finished", None
            case Failed():
                job.state, job.failure, job.preview = "failed", event, None
            case Cancelled():
                job.state, job.preview = "cancelled", None


def _add(job: Job, section: Section) -> None:
    if job.sections.get(section.section, section) != section:
        # Made once more. Who has looked at what was there looks at a new dictionary from its beginning.
        job.sections = {place: old for place, old in job.sections.items() if place != section.section}
    job.sections[section.section] = section


def _job_of(name: str, said: dict[str, Any], number: int) -> Job:
    """A job by the engine's answer. Raises EngineError `bad_request` where it makes no sense."""
    state, stage, sections = said.get("state"), said.get("stage", ""), said.get("sections") or []
    if state not in _STATES or not isinstance(stage, str) or not isinstance(sections, list):
        raise EngineError(Code.BAD_REQUEST, detail=f"the engine's answer about the job {name} makes no sense")
    job = Job(name, str(state), stage, starred=said.get("starred") is True, number=number)
    for each in sections:
        _add(job, _event(Section, each))
    for each in said.get("drift") or ():  # an engine of 0.1.0 tells of none
        told = _event(Drift, each)
        job.drift[told.section] = told
        job.asks = told.section if state == "paused" and told.then == OnDrift.ASK else None
    job.notices = [str(notice) for notice in said.get("notices") or ()]
    job.plan = _event(Started, said["plan"]) if said.get("plan") else None
    job.step = _event(Step, said["step"]) if said.get("step") else None
    job.failure = _event(Failed, said["failure"]) if said.get("failure") else None
    return job


def _event(kind: type[E], data: Any) -> E:
    if not isinstance(data, dict):
        raise EngineError(Code.BAD_REQUEST, detail=f"{kind.event} must be an object")
    found = event_from_json({**data, "event": kind.event})
    assert isinstance(found, kind)
    return found
