"""Bringing finished frames from the engine to the shots' folders, several at once, on threads of its own.

Each shot's frames come in the order asked for, and shots take turns: one that has trouble rests for a while, all of it
at once, and holds up no other.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import Code, EngineError
from .background_calls import as_error
from .frame_files import Destination, FixedFolder, Source, bring
from .shot import RemoteFrame

_HANDS = 4
"""Frames under way at once: few connections, which stay open."""
_WAITS = (0.5, 2.0, 5.0, 15.0)
"""Seconds that a shot rests before its frames are tried again, one after the other; then they count as failed."""
_BATCH = 32
"""Frames that are told of at once, at most: taking them in is part of a tick."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Arrival:
    """What became of one batch: frames that are there now, and why others are not."""

    shot: str
    frames: tuple[RemoteFrame, ...]
    failed: tuple[RemoteFrame, ...] = ()
    fault: EngineError | None = None
    source: Source | None = None
    to: Destination | None = None


@dataclass(eq=False)
class _Batch:
    source: Source
    job: str
    frames: Sequence[RemoteFrame]
    left: int
    there: set[str] = field(default_factory=set)
    fault: EngineError | None = None


@dataclass(eq=False)
class _Turn:
    """What is to come for one shot. It is looked at and changed under the fetcher's lock."""

    shot: str
    to: Destination
    todo: deque[tuple[_Batch, RemoteFrame]] = field(default_factory=deque)
    underway: int = 0
    trouble: EngineError | None = None
    """Why no more is begun; it is seen to once nothing is under way."""
    failures: int = 0
    """How often in a row it had trouble."""
    due: float = 0.0
    """When it may be tried again."""


class FrameFetcher:
    """Fetches frames; `drain` tells what has come."""

    def __init__(self, waits: Sequence[float] | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._waits = _WAITS if waits is None else waits
        self._clock = clock
        self._arrivals: queue.Queue[Arrival] = queue.Queue()
        self._changed = threading.Condition()
        self._turns: deque[_Turn] = deque()
        self._line_up = True
        self._hands = 0
        self._closed = False

    def fetch(
        self, source: Source, shot: str, job: str, folder: Path | Destination, frames: Sequence[RemoteFrame]
    ) -> None:
        """Bring `frames` of `job` to `folder`, which may be exchanged meanwhile where it is a Destination."""
        to = FixedFolder(folder) if isinstance(folder, Path) else folder
        with self._changed:
            if self._closed:
                return
            turn = next((turn for turn in self._turns if turn.to is to), None)
            if turn is None:
                turn = _Turn(shot, to)
                self._turns.append(turn)
            for begin in range(0, len(frames), _BATCH):
                some = frames[begin : begin + _BATCH]
                batch = _Batch(source, job, some, len(some))
                turn.todo.extend((batch, wanted) for wanted in some)
            while self._hands < _HANDS:
                self._hands += 1
                threading.Thread(target=self._run, name="shotpack frames", daemon=True).start()
            self._changed.notify_all()

    def drain(self, most: int = 8) -> list[Arrival]:
        """The batches that have come since, at most `most`."""
        arrivals: list[Arrival] = []
        with contextlib.suppress(queue.Empty):
            while len(arrivals) < most:
                arrivals.append(self._arrivals.get_nowait())
        return arrivals

    def line(self, up: bool) -> None:
        """Whether the engine answers: while it does not, what must be asked of it rests, and then is tried at once."""
        with self._changed:
            self._line_up = up
            if up:
                for turn in self._turns:
                    turn.failures, turn.due = 0, 0.0
                self._changed.notify_all()

    def forget(self) -> None:
        """Begin nothing that has been asked for so far."""
        with self._changed:
            self._turns.clear()

    def close(self) -> None:
        """Fetch nothing more."""
        with self._changed:
            self._closed = True
            self._turns.clear()
            self._changed.notify_all()

    def _run(self) -> None:
        while (task := self._next()) is not None:
            turn, batch, wanted = task
            fault: EngineError | None = None
            try:
                bring(batch.source, batch.job, wanted, turn.to)
            except EngineError as error:
                fault = error
            except Exception as unforeseen:
                log.warning("%s of job %s", wanted.path, batch.job, exc_info=True)
                fault = as_error(unforeseen)
            self._done(turn, batch, wanted, fault)
            del task, turn, batch

    def _next(self) -> tuple[_Turn, _Batch, RemoteFrame] | None:
        """The next frame to bring, of the shot whose turn it is; waits for one. None: nothing more."""
        with self._changed:
            while not self._closed:
                now, due = self._clock(), []
                for _ in range(len(self._turns)):
                    turn = self._turns[0]
                    self._turns.rotate(-1)
                    if not self._may(turn):
                        continue
                    if turn.due <= now:
                        turn.underway += 1
                        return (turn, *turn.todo.popleft())
                    due.append(turn.due - now)
                self._changed.wait(min(due, default=None))
            return None

    def _may(self, turn: _Turn) -> bool:
        """Whether a frame may be begun when it is due; one hand is always left for another shot."""
        most = 1 if turn.failures else _HANDS - 1
        if not turn.todo or turn.trouble is not None or turn.underway >= most:
            return False
        return self._line_up or turn.todo[0][0].source.home is not None

    def _done(self, turn: _Turn, batch: _Batch, wanted: RemoteFrame, fault: EngineError | None) -> None:
        with self._changed:
            turn.underway -= 1
            if fault is not None and _of_all(fault):
                turn.todo.appendleft((batch, wanted))
                turn.trouble = fault
            else:
                if fault is None:
                    batch.there.add(wanted.path)
                    turn.failures = 0
                elif wanted.final:  # one that was not final has been followed by what is
                    batch.fault = fault
                self._one_less(turn, batch)
            if turn.trouble is not None and turn.underway == 0:
                self._see_to(turn, turn.trouble)
            if not turn.todo and not turn.underway and turn in self._turns:
                self._turns.remove(turn)
            self._changed.notify_all()

    def _see_to(self, turn: _Turn, trouble: EngineError) -> None:
        """A shot has trouble: let it rest, or give up what was asked for."""
        turn.trouble = None
        if passes(trouble):
            if not self._line_up and turn.todo[0][0].source.home is None:
                return  # until the line is up again
            turn.failures += 1
            if turn.failures <= len(self._waits):
                turn.due = self._clock() + self._waits[turn.failures - 1]
                return
        turn.failures = 0
        while turn.todo:
            batch, _ = turn.todo.popleft()
            batch.fault = trouble
            self._one_less(turn, batch)

    def _one_less(self, turn: _Turn, batch: _Batch) -> None:
        batch.left -= 1
        if not batch.left:
            there = tuple(wanted for wanted in batch.frames if wanted.path in batch.there)
            failed = tuple(wanted for wanted in batch.frames if wanted.path not in batch.there)
            self._arrivals.put(Arrival(turn.shot, there, failed, batch.fault, batch.source, turn.to))


def passes(fault: EngineError) -> bool:
    """Whether it may be over in a moment."""
    return fault.code is Code.ENGINE_UNREACHABLE or (
        fault.code is Code.REFUSED and int(fault.params.get("status", 0)) >= 500
    )


def _of_all(fault: EngineError) -> bool:
    """Whether what keeps one frame away keeps the shot's others away too: the line, the disk, an unknown job."""
    return fault.code is not Code.REFUSED or passes(fault) or fault.params.get("problem") == "job_unknown"


def place(source: Source, job: str, wanted: RemoteFrame, target: Path) -> None:
    """Put one frame at `target`, whole. Raises EngineError."""
    bring(source, job, RemoteFrame(wanted.frame, wanted.path, target.name), FixedFolder(target.parent))
