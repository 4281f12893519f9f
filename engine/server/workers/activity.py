"""What a worker is at, as its heartbeat tells it: in words, by stage, and with a mark that moves as things get done."""

from __future__ import annotations

from ...drift import Drift
from ...events import Event, Frames, Preview, Progress, Section, Started, Step
from ...serialization import to_json
from .worker_messages import Stage

_BY_FIRST_WORD = {
    "checking": Stage.CHECKING,
    "encoding": Stage.ENCODING,
    "sampling": Stage.SAMPLING,
    "decoding": Stage.DECODING,
    "finishing": Stage.DECODING,
    "writing": Stage.WRITING,
}


class Activity:
    """One thread says what it does, another reads it for the heartbeat; the same words stand in a job's progress."""

    def __init__(self) -> None:
        self.doing = "starting up"
        self.stage = Stage.STARTING
        self.mark = 0

    def begin(self, doing: str, stage: Stage | None = None) -> None:
        """Something begins; without a `stage` its first word tells which: "loading transformer 5/5"."""
        self.doing, self.stage = doing, stage or _BY_FIRST_WORD.get(doing.partition(" ")[0], Stage.LOADING)
        self.advance()

    def advance(self) -> None:
        """A bit of it is done."""
        self.mark += 1

    def happened(self, event: Event) -> None:
        """An event was told: what follows it has begun."""
        data = to_json(event)
        self.begin(data.get("stage") or data["event"], _stage_after(event))


def _stage_after(event: Event) -> Stage | None:
    if isinstance(event, Progress):
        return None
    if isinstance(event, Frames):
        return Stage.DECODING
    if isinstance(event, Step):
        return Stage.DECODING if event.step == event.of else Stage.SAMPLING
    if isinstance(event, (Preview, Section, Drift)):
        return Stage.SAMPLING
    return Stage.LOADING if isinstance(event, Started) else Stage.RESTING
