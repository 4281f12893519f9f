"""What an artist's side keeps of its engine: the shots it makes, the frames that come. The engine itself is a line's.

`poll` is called on one thread again and again and never waits; whatever takes time is a background call.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import Code, EngineError
from .background_calls import BackgroundCalls
from .engine_info import starts, understood
from .engine_line import EngineLine
from .engine_location import EngineLocation
from .engine_state import EngineState
from .film_render import FilmRenderer, films_to_take
from .frame_files import Source
from .job_keeping import JobKeeping
from .safe_names import is_id
from .session import Job, Session
from .shot import Shot, Trouble, remove_drafts
from .shot_tracker import ShotTracker
from .stored_request import read
from .submit import hear_film, move_up, queue

__all__ = ["EngineClient", "EngineLocation", "EngineState"]

_NO_ENGINE = (Code.ENGINE_UNREACHABLE, Code.ENGINE_START_FAILED, Code.REMOTE_OFFLINE, Code.REQUESTS_BROKEN)


class EngineClient(EngineLine):
    """One engine and the shots that it makes for us."""

    def __init__(self, film_renderer: FilmRenderer | None = None) -> None:
        """`film_renderer` takes films' pictures."""
        super().__init__()
        self.news = False
        """Whether the last poll brought anything, be it of the engine alone: what shows it is out of date."""
        self._tracker = ShotTracker()
        self.shots = self._tracker.shots
        self._asking: Session | None = None
        """Whose engine is being asked what it has to say of itself."""
        self._filming = BackgroundCalls()
        """Apart from the others: a film takes seconds, and a shot that is made may be cancelled meanwhile."""
        self._film_renderer = film_renderer or FilmRenderer()
        self.keeping = JobKeeping(self._calls, self._connection)

    def send(self, shot: Shot) -> None:
        """Have `shot` made as its request says."""
        if not shot.trusted:
            return
        self._tracker.keep(shot)
        shot.fault = None
        try:
            asked = read(shot.request)  # a file may hold anything
        except EngineError as fault:
            self.refuse(shot, fault)
            return
        if films := films_to_take(folder := shot.folder, asked.clip, asked.guide):
            self._filming.send(
                lambda: self._film_renderer.take_all(folder, films, lambda line: hear_film(shot, self.shots, line)),
                lambda _: self._filmed(shot),
                lambda fault: self.refuse(shot, fault),
            )
        else:
            self._calls.send(
                lambda: queue(self._connection(), shot),
                lambda job: self._taken_in(shot, str(job["id"])),
                lambda fault: self.refuse(shot, fault),
            )

    def starts(self, model: str) -> tuple[str, ...]:
        """What a shot of `model` (empty: the best one) may start from: `board`, `text`, `clip`."""
        return starts(self.about, model)

    def follow(self, shot: Shot) -> None:
        """Go on with a shot: the engine is asked how far it is, where that is not known."""
        self._tracker.keep(shot)
        self._tracker.look_into(shot)

    def forget(self, shot: Shot | None = None) -> None:
        """Follow a shot no more, or none any more; the engine goes on with them."""
        self._tracker.let_go(shot) if shot is not None else self._tracker.forget()

    def remove(self, shot: Shot) -> None:
        """Have the engine forget a shot, with all that it has of it, and follow it no more; waits for nothing."""
        self.forget(shot)
        self.keeping.remove(shot)

    def refuse(self, shot: Shot, fault: EngineError) -> None:
        """Say what keeps a shot from being sent."""
        self._tracker.trouble(shot, Trouble.SENDING, fault)

    def act(self, shot: Shot, action: str) -> None:
        """`pause`, `resume` or `cancel`; resuming one that failed or was cancelled makes it go on as a new job."""
        self._tracker.well(shot, Trouble.SENDING, Trouble.ORDER)
        shot.ordered = "" if action == "resume" else action
        if not shot.job and action == "cancel":
            return  # a shot that is on its way is not sent, or cancelled as soon as it is taken in
        self._calls.send(
            lambda: self._ordered(shot, action),
            lambda job: self._tracker.took(shot, str(job["id"])),
            lambda fault: self._tracker.trouble(shot, Trouble.ORDER, fault),
        )

    def advance(self, shot: Shot, *, first: bool) -> None:
        """Move a shot that waits one place up in the engine's queue, or, with `first`, before all that wait."""
        self._tracker.well(shot, Trouble.ORDER)
        self._calls.send(
            lambda: move_up(self._connection(), shot.job, first=first),
            lambda _: None,
            lambda fault: self._tracker.trouble(shot, Trouble.ORDER, fault),
        )

    def ask(self) -> None:
        """Hear anew what the engine has to say of itself; it is in `about` a moment later. One that is slow is asked
        once at a time."""
        if (session := self._session) is None or self._asking is session:
            return
        self._asking = session
        self._tracker.questions.send(
            session.connection.engine,
            lambda about: self._answered(session, about),
            lambda _fault: self._answered(session, None),
        )

    def job(self, shot: Shot) -> Job | None:
        """What the engine has told of a shot's job; None before it has told anything."""
        return self._tracker.job(shot)

    def poll(self, seconds: float) -> list[Shot]:
        """Take in what has happened since, for about `seconds`; returns the shots that look different now."""
        until = time.perf_counter() + seconds
        before = self.state
        handed = sum(calls.drain() for calls in (self._calls, self._filming, self._tracker.questions))
        self._look_after_engine()
        self.news = handed > 0 or self.state is not before
        self._tracker.hear(lambda: time.perf_counter() < until)
        self._tracker.receive()
        self.keeping.poll(self._session if self.state is EngineState.READY else None)
        return self._tracker.changed()

    def retry(self, shot: Shot) -> None:
        """Try once more whatever went wrong with a shot: sending it, asking for it, fetching its frames."""
        if not shot.job:
            shot.ordered = ""
            self.send(shot)
            return
        self._tracker.keep(shot)
        self._tracker.well(shot, *Trouble)
        self._tracker.ask(shot)
        self._tracker.fetch(shot)

    def move(self, shot: Shot, folder: Path, carry: Callable[[Path, Path], None]) -> None:
        """Let a shot's pictures lie in `folder` from now on: `carry(old, new)` puts there what there is.

        No frame is placed meanwhile, and those that are on their way come to `folder`. What `carry` raises comes out,
        and the folder stays the old one.
        """
        with shot.placing:
            carry(shot.folder, folder)
            shot.folder = folder
        shot.revision += 1

    def tidy(self, shot: Shot) -> None:
        """Remove a complete shot's provisional frames, which no strip shows any more."""
        if shot.trusted:
            self._calls.send(lambda: remove_drafts(shot.folder, shot.take), lambda _: None, lambda _fault: None)

    def close(self) -> None:
        """Let go of everything, waiting for nothing: a thread sees to it that an engine of ours ends."""
        self._closed.set()  # first: a background call that is just starting an engine sees it, or has told of it
        self._wakings += 1
        engine, session = self._called, self._session
        self._engine = self._called = self._session = None
        self.state = EngineState.OFF
        self._lease.close()
        self._calls.close()
        self._film_renderer.close()
        self._filming.close()
        self._tracker.close()
        if session is not None:
            session.close(wait=False)
        if engine is not None:
            threading.Thread(target=engine.stop, name="shotpack's engine ends", daemon=True).start()

    def _taken_in(self, shot: Shot, job: str) -> None:
        self._tracker.took(shot, job)
        if shot.ordered == "cancel":
            self.act(shot, "cancel")

    def _ordered(self, shot: Shot, action: str) -> dict[str, Any]:
        """A background call: the engine's answer to an order."""
        connection, job = self._connection(), shot.job
        if not is_id(job) or not (shot.confirmed or shot.made_by(connection.job(job))):
            raise EngineError(
                Code.JOB_UNKNOWN, name=shot.name
            )  # of another shot's job that a file names, nothing is changed
        return connection.act(job, action)

    def _use(self, session: Session | None, source: Source | None) -> None:
        self._tracker.session, self._tracker.source = session, source

    def _is_away(self) -> None:
        self._tracker.fetcher.line(False)

    def _begin_anew(self) -> None:
        self._tracker.fetcher.line(True)
        for shot in list(self.shots.values()):
            fault = shot.fault_of(Trouble.SENDING)
            if not shot.job and fault is not None and fault.code in _NO_ENGINE:
                self.send(shot)
            elif shot.job and not shot.complete:
                if (order := shot.fault_of(Trouble.ORDER)) is not None and order.code in _NO_ENGINE:
                    self._tracker.well(shot, Trouble.ORDER)
                self._tracker.ask(shot)

    def _answered(self, session: Session, about: dict[str, Any] | None) -> None:
        if session is self._asking:
            self._asking = None
        if session is self._session and about is not None:
            self.about = understood(about)
            self._tracker.ask_again()

    def _filmed(self, shot: Shot) -> None:
        """Go on with sending, unless another file is open now; a shot whose folder has moved is filmed there again."""
        if self.shots.get(shot.id) is shot:
            shot.filmed()
            self.send(shot)
