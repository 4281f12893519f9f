"""The shots that are followed: what the engine tells of their jobs, and their frames on the way to their folders.

One shot's trouble, foreseen or not, becomes that shot's fault and no other's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

from ..errors import Code, EngineError
from ..events import PAUSED, Cancelled, Event, Failed, Finished, Frames, Preview, Progress, Section, Step
from .background_calls import BackgroundCalls, as_error
from .frame_fetcher import Arrival, FrameFetcher, passes
from .frame_files import Source
from .safe_names import is_id
from .session import Job, Session
from .shot import Shot, Trouble

_EVENTS_AT_ONCE = 20
_ARRIVALS_AT_ONCE = 8

log = logging.getLogger(__name__)


class ShotTracker:
    """Everything here runs on the thread that polls; questions are a background call, frames come by the fetcher."""

    def __init__(self) -> None:
        self.shots: dict[str, Shot] = {}
        self.session: Session | None = None
        self.source: Source | None = None
        self.fetcher = FrameFetcher()
        self.questions = BackgroundCalls()
        """Apart from other background calls: an upload takes its time, and what the engine knows is shown meanwhile."""
        self._by_job: dict[str, list[Shot]] = {}
        """Usually one each: a strip that names another shot's job keeps no event from that."""
        self._unanswered: set[str] = set()
        """Shots of which the engine could not be asked."""
        self._touched: set[str] = set()
        """Shots of which there has been news since the last poll."""

    def job(self, shot: Shot) -> Job | None:
        """What the engine has told of a shot's job; None before it has told anything."""
        return self.session.jobs.get(shot.job) if self.session and shot.job else None

    def keep(self, shot: Shot) -> None:
        """Follow a shot from now on, in the place of one of the same name."""
        old = self.shots.get(shot.id)
        if old is not None and old is not shot:
            self._hear_no_more(old)
        self.shots[shot.id] = shot
        self._hear_of(shot)

    def let_go(self, shot: Shot) -> None:
        """Follow a shot no more."""
        if self.shots.get(shot.id) is shot:
            self._hear_no_more(shot)
            del self.shots[shot.id]
            self._unanswered.discard(shot.id)
            self._touched.discard(shot.id)

    def forget(self) -> None:
        """Follow no shot any more."""
        for known in (self.shots, self._by_job, self._unanswered, self._touched):
            known.clear()
        self.fetcher.forget()

    def close(self) -> None:
        """Let go of everything; waits for nothing."""
        self.forget()
        self.session = self.source = None
        self.questions.close()
        self.fetcher.close()

    def look_into(self, shot: Shot) -> None:
        """Ask for a shot's state where it is not known; fetch what is missing where it is."""
        if self.job(shot) is None or not shot.confirmed:
            self.ask(shot)
        else:
            self.fetch(shot)

    def ask(self, shot: Shot) -> None:
        """Ask the engine how far a shot is; events told meanwhile are taken in after its answer."""
        session, job = self.session, shot.job
        if session is None or not job:
            return
        if not is_id(job):  # a file may hold anything, and this becomes part of an address
            self.trouble(shot, Trouble.STATE, EngineError(Code.JOB_UNKNOWN, name=shot.name))
            return
        session.expect(job)
        resets = session.resets
        self.questions.send(
            lambda: session.connection.job(job),
            lambda said: self._learned(session, shot, job, said) if session.resets == resets else None,
            lambda fault: self._not_learned(session, shot, job, fault),
        )

    def ask_again(self) -> None:
        """The engine answers: ask for all that it could not be asked for before."""
        for name in sorted(self._unanswered & self.shots.keys()):
            self.ask(self.shots[name])
        self._unanswered.clear()

    def took(self, shot: Shot, job: str) -> None:
        """The engine makes a shot as `job`."""
        if shot.job != job or not shot.confirmed:
            self._hear_no_more(shot)
            shot.job, shot.confirmed = job, True
            shot.revision += 1
            if self.shots.get(shot.id) is shot:
                self._hear_of(shot)
                self.ask(shot)
        self.well(shot, Trouble.SENDING, Trouble.ORDER)
        self._touched.add(shot.id)

    def trouble(self, shot: Shot, what: Trouble, fault: EngineError) -> None:
        """Something went wrong with a shot."""
        if _is_unknown_job(fault):
            fault = EngineError(Code.JOB_UNKNOWN, name=shot.name)
        shot.troubled(what, fault)
        self._touched.add(shot.id)

    def well(self, shot: Shot, *what: Trouble) -> None:
        """What went wrong with a shot went well now."""
        if shot.healed(*what):
            self._touched.add(shot.id)

    def fetch(self, shot: Shot) -> None:
        """Have all frames brought that the engine has and that are neither here nor on their way."""
        job = self.job(shot)
        if job is None or self.source is None or not (shot.trusted and shot.confirmed):
            return
        try:
            missing = shot.missing(job)
        except EngineError as fault:
            self.trouble(shot, Trouble.STATE, fault)  # that of its frames is over when the others have come
            missing = shot.missing(job)
        if missing:
            self.fetcher.fetch(self.source, shot.id, shot.job, shot, missing)

    def hear(self, has_time: Callable[[], bool]) -> None:
        """Take in what the engine has told, as long as there is time."""
        while self.session is not None and not self.session.idle and has_time():
            self._heard(self.session.drain(_EVENTS_AT_ONCE))

    def receive(self) -> None:
        """Take in what has become of frames."""
        for arrival in self.fetcher.drain(_ARRIVALS_AT_ONCE):
            shot = self.shots.get(arrival.shot)
            if shot is not None and arrival.to is shot:
                self._guarded(shot, lambda shot=shot, arrival=arrival: self._arrived(shot, arrival))  # type: ignore[misc]

    def changed(self) -> list[Shot]:
        """The shots of which there has been news since this was asked last."""
        changed = [self.shots[name] for name in self._touched if name in self.shots]
        self._touched.clear()
        for shot in changed:
            job = self.job(shot)
            if not shot.complete and job is not None and job.state == "finished" and len(shot.finals) == shot.frames:
                shot.complete = True
                shot.revision += 1
        return changed

    def _hear_of(self, shot: Shot) -> None:
        if shot.job and not any(known is shot for known in self._by_job.get(shot.job, ())):
            self._by_job.setdefault(shot.job, []).append(shot)

    def _hear_no_more(self, shot: Shot) -> None:
        others = [known for known in self._by_job.pop(shot.job, ()) if known is not shot]
        if others:
            self._by_job[shot.job] = others

    def _heard(self, told: Iterable[tuple[str, Event]]) -> None:
        for job, event in told:
            for shot in self._by_job.get(job, ()):
                self._touched.add(shot.id)
                if not isinstance(event, (Step, Preview)):
                    shot.revision += 1
                    shot.stands(_state_told(event))
                    if isinstance(event, (Frames, Section, Finished)):
                        self._guarded(shot, lambda shot=shot: self.fetch(shot))  # type: ignore[misc]

    def _arrived(self, shot: Shot, arrival: Arrival) -> None:
        self._touched.add(shot.id)
        for picture in arrival.frames:
            shot.arrived(picture)
        for picture in arrival.failed:
            shot.not_arrived(picture)
        if arrival.failed and arrival.source is not self.source:
            self.fetch(shot)  # from the engine that there is now
        elif arrival.fault is not None:
            self.trouble(shot, Trouble.FRAMES, arrival.fault)
        elif not shot.owes:
            self.well(shot, Trouble.FRAMES)

    def _learned(self, session: Session, shot: Shot, job: str, said: dict[str, Any]) -> None:
        told = session.learn(job, said)
        if session is not self.session or self.shots.get(shot.id) is not shot or shot.job != job:
            return
        if not shot.confirmed:
            if not shot.made_by(said):
                raise EngineError(Code.JOB_UNKNOWN, name=shot.name)
            shot.confirmed = True
        shot.revision += 1
        shot.stands(str(said.get("state")))
        self._touched.add(shot.id)
        self.well(shot, Trouble.STATE)
        self._heard(told)
        self.fetch(shot)

    def _not_learned(self, session: Session, shot: Shot, job: str, fault: EngineError) -> None:
        self._heard(session.expect_no_more(job))
        if session is not self.session or self.shots.get(shot.id) is not shot or shot.job != job:
            return
        if fault.code is Code.REFUSED and fault.params.get("status") in (404, 422):
            fault = EngineError(Code.JOB_UNKNOWN, name=shot.name)  # 422: what a file gave as its id is none
        if passes(fault):
            self._unanswered.add(shot.id)
            if not session.line.up:
                return  # that is said of the engine, once for all shots
        self.trouble(shot, Trouble.STATE, fault)

    def _guarded(self, shot: Shot, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as fault:
            log.warning("the shot %s", shot.name, exc_info=True)
            self.trouble(shot, Trouble.FRAMES, as_error(fault))


def _state_told(event: Event) -> str:
    """The state that an event brings a job into, as far as that ends an order."""
    if isinstance(event, (Finished, Failed, Cancelled)):
        return event.event
    return event.stage if isinstance(event, Progress) and event.stage == PAUSED else ""


def _is_unknown_job(fault: EngineError) -> bool:
    """Whether the engine says that it has no such job; one of 0.1.0 says so by the status alone, as of files."""
    return fault.code is Code.REFUSED and fault.params.get("problem") == "job_unknown"
