"""What the engine tells whoever made a request: the events of a shot, typed once.

Standard library only, because Blender imports it. `serialization.py` makes JSON of them and reads it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from .drift import Drift
from .errors import Code, EngineError
from .serialization import from_json

PAUSED = "paused"
GOING_ON = "going on"
"""Stages of `Progress` that change a job's state."""
NOT_ALL = "not all of "
"""How a stage of `Progress` begins that says what of a request is left out of the shot: it stays worth knowing."""


@dataclass(frozen=True)
class SectionPlan:
    """One section of the plan, as the timeline needs it; frames counted from 1, `last` included."""

    section: int
    """Position in time, from 0."""
    first: int
    last: int
    prompt: str


@dataclass(frozen=True)
class Queued:
    """The request is accepted and waits for its turn."""

    event: ClassVar[str] = "queued"
    position: int


@dataclass(frozen=True)
class Started:
    """Work begins. Exactly one of `Finished`, `Failed` and `Cancelled` follows."""

    event: ClassVar[str] = "started"
    order: str
    sections: tuple[SectionPlan, ...]
    """In the sequence in which they are made."""
    frames: int
    width: int
    height: int
    fps: float
    steps: int
    """Of a section; 0: nothing is sampled, a take is finished."""
    done: int
    """Sections finished by an earlier run of this shot."""


@dataclass(frozen=True)
class Progress:
    """What the engine does besides steps: `stage` is a short English phrase such as "loading transformer".

    A job stands still from the stage `PAUSED` to the next event, which is `GOING_ON`, or `Queued` where it waits again.
    """

    event: ClassVar[str] = "progress"
    stage: str


@dataclass(frozen=True)
class Step:
    """One denoising step is done; of a finishing take a frame of the section."""

    event: ClassVar[str] = "step"
    section: int
    step: int
    """From 1."""
    of: int
    seconds_left: float | None
    """For the whole shot; None until there is something to judge by."""


@dataclass(frozen=True)
class Preview:
    """A small picture of the section being denoised: its latent frames row by row in a square, as one JPEG."""

    event: ClassVar[str] = "preview"
    section: int
    step: int
    jpeg: str
    """Base64."""
    frames: tuple[str, ...] = ()
    """The same frames one by one in time, for a strip to play: a JPEG each, a latent a pixel, base64."""


@dataclass(frozen=True)
class Frames:
    """Frames of a section that is still being decoded. They are final and on disk; its `Section` names them again."""

    event: ClassVar[str] = "frames"
    section: int
    files: tuple[str, ...]
    """Relative to the shot's folder."""


@dataclass(frozen=True)
class Section:
    """A section is made and committed: it will never be made again. Paths are relative to the shot's folder."""

    event: ClassVar[str] = "section"
    section: int
    index: int
    """How many sections are done now, from 1."""
    of: int
    first: int
    """First frame that this section changed or added, counted from 1."""
    count: int
    files: tuple[str, ...]
    """Frames that are final now and were not before."""
    provisional: tuple[str, ...]
    """Frames that the next section may still blend; none where nobody watches."""


@dataclass(frozen=True)
class Finished:
    """All frames are final and on disk."""

    event: ClassVar[str] = "finished"
    frames: int
    seconds: float
    movie: str | None


@dataclass(frozen=True)
class Failed:
    """The shot ended with an error; finished sections stay. `detail` holds the numbers and names for the sentence."""

    event: ClassVar[str] = "failed"
    code: str
    detail: dict[str, str | int | float] = field(default_factory=dict)


@dataclass(frozen=True)
class Cancelled:
    """The artist stopped the shot; finished sections stay."""

    event: ClassVar[str] = "cancelled"
    done: int


Event = Queued | Started | Progress | Step | Preview | Frames | Section | Drift | Finished | Failed | Cancelled

EVENTS: dict[str, type[Event]] = {
    kind.event: kind
    for kind in (Queued, Started, Progress, Step, Preview, Frames, Section, Drift, Finished, Failed, Cancelled)
}


def event_from_json(data: dict[str, Any]) -> Event:
    """The event that `to_json` wrote. Raises EngineError `bad_request` for anything else."""
    rest = dict(data)
    name = rest.pop("event", None)
    kind = EVENTS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise EngineError(Code.BAD_REQUEST, detail=f"there is no event {name!r}")
    return from_json(kind, rest)
