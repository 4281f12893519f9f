"""Every message between an artist's side and the engine: the request, the events, and their JSON.

Standard library only, because Blender imports it. Objects are frozen dataclasses; `to_json` and `from_json` are exact
inverses; `from_json` ignores keys that it does not know, which a later release may write, and refuses missing keys and
wrong types, naming each.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, TypeVar, Union

from .errors import Code, EngineError

PROTOCOL_VERSION = 1
ENGINE_VERSION = "0.1.0"
ENGINE_FILE = "engine.json"
"""In the engine's home while it serves: its ready line, with address and token; only its user can read it."""
PAUSED = "paused"
GOING_ON = "going on"
"""Stages of `Progress` that change a job's state."""
NOT_ALL = "not all of "
"""How a stage of `Progress` begins that says what of a request is left out of the shot: it stays worth knowing."""
FRAMES_MAXIMUM = 36_000
STEPS_MAXIMUM = 1_000
SEED_MAXIMUM = 2**63 - 1
GUIDANCE_MAXIMUM = 100
FPS_MAXIMUM = 240
CLIP_MAXIMUM = 1_200
LORA_WEIGHT_MAXIMUM = 10

T = TypeVar("T")


@dataclass(frozen=True)
class Board:
    """A still the artist supplies. The shot shows it at `frame`, counted from 1; the board at 1 is the start board."""

    frame: int
    image: str
    """SHA-256 of the picture's file, in hex: the name under which the shot's folder keeps it."""


@dataclass(frozen=True)
class PromptAt:
    """What happens from `frame` on (counted from 1, moved to the nearest section border)."""

    frame: int
    text: str


@dataclass(frozen=True)
class Lora:
    """A small addition to the model's weights, by its name on the engine's machine, and how much of it."""

    name: str
    weight: float = 1.0


class Start(StrEnum):
    """What a shot may begin from: a picture, nothing but words, or the frames that precede it."""

    BOARD = "board"
    TEXT = "text"
    CLIP = "clip"


@dataclass(frozen=True)
class ShotRequest:
    """One shot as the artist asked for it. None means: as the model recommends."""

    model: str
    prompt: str
    boards: tuple[Board, ...]
    """None, and no `clip` either: out of words alone."""
    frames: int
    """Pixel frames at `fps`, at least 1."""
    fps: float | None = None
    conform: bool = True
    """True: motion keeps its speed, made at the model's own rate and resampled. False: frame for frame."""
    width: int | None = None
    height: int | None = None
    steps: int | None = None
    seed: int = 0
    order: str | None = None
    schedule: str | None = None
    solver: str | None = None
    window: int | None = None
    guidance: float | None = None
    cfg: float = 1.0
    negative: str = ""
    speed: str = "exact"
    cache: str | None = None
    """A step cache by name, where it is to be another than `speed` has."""
    prompts: tuple[PromptAt, ...] = ()
    loras: tuple[Lora, ...] = ()
    clip: tuple[str, ...] = ()
    """The frames that the shot goes on from, at `fps` and in time order: SHA-256 of each one's picture."""

    @property
    def pictures(self) -> tuple[str, ...]:
        """SHA-256 of every picture that the request names, each once."""
        return tuple(dict.fromkeys([*(board.image for board in self.boards), *self.clip]))

    @property
    def start(self) -> Start:
        """What the shot begins from."""
        return Start.CLIP if self.clip else Start.BOARD if self.boards else Start.TEXT


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
    """One denoising step is done."""

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


Event = Queued | Started | Progress | Step | Preview | Section | Finished | Failed | Cancelled

EVENTS: dict[str, type[Event]] = {
    kind.event: kind for kind in (Queued, Started, Progress, Step, Preview, Section, Finished, Failed, Cancelled)
}


def to_json(message: Any) -> dict[str, Any]:
    """A message as JSON-ready data; events carry their name under "event"."""
    data = _plain(message)
    name = getattr(type(message), "event", None)
    return {"event": name, **data} if name else data


def event_from_json(data: dict[str, Any]) -> Event:
    """The event that `to_json` wrote. Raises EngineError `bad_request` for anything else."""
    rest = dict(data)
    name = rest.pop("event", None)
    kind = EVENTS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise EngineError(Code.BAD_REQUEST, detail=f"there is no event {name!r}")
    return from_json(kind, rest)


def from_json(kind: type[T], data: object, where: str = "") -> T:
    """Build a `kind` from JSON data. Raises EngineError `bad_request` naming the first fault and its place."""
    if not isinstance(data, dict):
        raise EngineError(Code.BAD_REQUEST, detail=f"{where or kind.__name__} must be an object")
    hints = typing.get_type_hints(kind)
    fields = {f.name: f for f in dataclasses.fields(kind) if f.init}  # type: ignore[arg-type]
    values = {}
    for name, entry in fields.items():
        if name in data:
            values[name] = _typed(hints[name], data[name], f"{where}{name}")
        elif entry.default is dataclasses.MISSING and entry.default_factory is dataclasses.MISSING:
            raise EngineError(Code.BAD_REQUEST, detail=f"missing key {where}{name}")
    return kind(**values)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _typed(hint: Any, value: Any, where: str) -> Any:
    origin = typing.get_origin(hint)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in typing.get_args(hint):
            return None
        options = [option for option in typing.get_args(hint) if option is not type(None)]
        return _first_match(options, value, where)
    if origin is tuple:
        if not isinstance(value, list):
            raise EngineError(Code.BAD_REQUEST, detail=f"{where} must be a list")
        item = typing.get_args(hint)[0]
        return tuple(_typed(item, entry, f"{where}[{n}]") for n, entry in enumerate(value))
    if origin is dict:
        if not isinstance(value, dict):
            raise EngineError(Code.BAD_REQUEST, detail=f"{where} must be an object")
        item = typing.get_args(hint)[1]
        return {key: _typed(item, entry, f"{where}.{key}") for key, entry in value.items()}
    if dataclasses.is_dataclass(hint):
        return from_json(typing.cast(type, hint), value, f"{where}.")
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint:
        raise EngineError(Code.BAD_REQUEST, detail=f"{where} must be {_WORDS[hint]}")
    return value


_WORDS = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}


def _first_match(options: list[Any], value: Any, where: str) -> Any:
    for option in options[:-1]:
        if type(value) is option:
            return value
    return _typed(options[-1], value, where)
