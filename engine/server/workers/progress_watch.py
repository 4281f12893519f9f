"""Whether a worker still gets on, judged from outside: by its marks, and where they stand still by what it computes.

A worker beats from a thread of its own, so a beat says only that the process lives. What it gets done moves its mark
(`Beat.mark`); how long a mark may stand still is a matter of the stage. Where one piece of work takes long by its
nature, a process that computes, reads or fills its memory is taken to be at it, for longer but not for ever: a graphics
card that hangs makes its process spin.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from .worker_messages import Stage

_HOUR = 3600.0
_LOOK_SECONDS = 15.0
"""How often a process is looked at, once it seems to stand still; it costs a few milliseconds on a busy machine."""
_GAP_SECONDS = 10.0
"""Time between two calls of `verdict` that counts at most: beyond it nobody watched, or the machine slept."""
_BUSY_SHARE = 0.05
"""Of one processor, above what beats and the memory's account take; less is a process that waits."""
_BUSY_BYTES = 2**20
_BUSY_MEMORY = 2**24


@dataclass(frozen=True)
class Patience:
    """Seconds for which a mark may stand still: where the process does nothing (`quiet`), and in any case (`busy`)."""

    quiet: float
    busy: float


_SILENCE = Patience(60, 600)
"""For beats, which come every second. A library that is loaded, or memory that is swapped, can hold them up."""

_PATIENCE = {
    # After an installation everything is compiled and, on Windows, looked at by a virus scanner.
    Stage.STARTING: Patience(180, 0.5 * _HOUR),
    # 40 GB are read for their checksum: at 10 MB/s an hour.
    Stage.CHECKING: Patience(600, 2 * _HOUR),
    # 26 GB of weights: from a network disk at 5 MB/s an hour and a half; a disk that was asleep or busy says nothing.
    Stage.LOADING: Patience(600, 2 * _HOUR),
    Stage.ENCODING: Patience(900, 2 * _HOUR),
    # A step of a 13B model on a small card, its weights coming from a disk, takes minutes and no processor; before
    # the first one its blocks may be compiled, which takes processors only.
    Stage.SAMPLING: Patience(0.5 * _HOUR, 2 * _HOUR),
    Stage.DECODING: Patience(0.5 * _HOUR, 2 * _HOUR),
    # The mark moves with every frame, but a network disk may be gone for a while.
    Stage.WRITING: Patience(900, 0.5 * _HOUR),
    # It waits for orders: only its beats count.
    Stage.RESTING: Patience(math.inf, math.inf),
}
_ON_CPU_SECONDS = 12 * _HOUR
"""A step of a 13B model at 768x512 on two cores takes about two and a half hours; one that swaps takes longer."""
_ON_CPU = (Stage.ENCODING, Stage.SAMPLING, Stage.DECODING)


@dataclass(frozen=True)
class Work:
    """What a process and its children have done since they began."""

    seconds: float
    """Of processor time."""
    disk: int
    """Bytes read and written; 0 where the system does not tell."""
    memory: int
    """Bytes of main memory that they hold."""


def measure_work(pid: int) -> Work | None:
    """What a process has done so far, with its children: compilers are. None where it cannot be seen."""
    seconds, disk, memory = 0.0, 0, 0
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.Error:
        return None
    for member in family:
        with contextlib.suppress(psutil.Error):  # it may have ended meanwhile
            times = member.cpu_times()
            seconds += times.user + times.system
            memory += member.memory_info().rss
            if hasattr(member, "io_counters"):  # not on macOS, where memory has to tell
                counted = member.io_counters()
                disk += counted.read_bytes + counted.write_bytes
    return Work(seconds, disk, memory)


def patience_in(stage: Stage, device: str) -> Patience:
    """How long a worker on `device` may stand still in a stage."""
    patience = _PATIENCE[stage]
    return Patience(patience.quiet, _ON_CPU_SECONDS) if device == "cpu" and stage in _ON_CPU else patience


class Watch:
    """Watches one process. Its time runs only while `verdict` is called, so nobody is blamed for what nobody saw."""

    def __init__(
        self,
        pid: int,
        clock: Callable[[], float] = time.monotonic,
        measure: Callable[[int], Work | None] = measure_work,
    ) -> None:
        self.device = ""
        """What it computes on, once it has said so."""
        self._pid = pid
        self._clock = clock
        self._measure = measure
        self._seen = clock()
        self._now = self._heard = self._moved = self._worked = self._looked = 0.0
        self._stage = Stage.STARTING
        self._mark = 0
        self._work: Work | None = None

    def heard(self) -> None:
        """It said something."""
        self._heard = self._now

    def marked(self, stage: Stage, mark: int) -> None:
        """It said how far it is."""
        if (stage, mark) != (self._stage, self._mark):
            self._stage, self._mark = stage, mark
            self._moved = self._worked = self._now
            self._work = None

    def verdict(self, doing: str) -> str | None:
        """Why it must be ended, in words that follow "it was"; None while it gets on. To be called every few seconds.

        `doing` is what it said last that it does.
        """
        now = self._clock()
        self._now += min(now - self._seen, _GAP_SECONDS)
        self._seen = now
        patience = patience_in(self._stage, self.device)
        silent, still = self._now - self._heard, self._now - self._moved
        if silent >= _LOOK_SECONDS or (still >= _LOOK_SECONDS and patience.busy < math.inf):
            self._look()
        quiet = self._now - self._worked
        silence = patience if self._stage is Stage.STARTING else _SILENCE
        if silent > silence.busy or min(silent, quiet) > silence.quiet:
            return f"ended because it said nothing for {silent:.0f} s while {doing}"
        if still > patience.busy or min(still, quiet) > patience.quiet:
            return f"ended because it stood still for {still:.0f} s while {doing}"
        return None

    def _look(self) -> None:
        """See whether the process works, every now and then."""
        seconds = self._now - self._looked
        if self._work is not None and seconds < _LOOK_SECONDS:
            return
        before, self._work, self._looked = self._work, self._measure(self._pid), self._now
        if before is None or self._work is None:
            return
        if (
            self._work.seconds - before.seconds >= _BUSY_SHARE * seconds
            or self._work.disk - before.disk >= _BUSY_BYTES
            or abs(self._work.memory - before.memory) >= _BUSY_MEMORY
        ):
            self._worked = self._now
