"""What server and worker say to each other: orders down the worker's stdin, reports up its stdout, a JSON line each.

Standard library only; both ends import it. Objects are frozen dataclasses like the protocol's, told apart by "kind".
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, get_args

from ...errors import Code, EngineError
from ...serialization import from_json, to_json


class Stage(StrEnum):
    """What kind of work a worker is at: how long it may take differs (`progress_watch.py`)."""

    STARTING = "starting"
    CHECKING = "checking"
    LOADING = "loading"
    ENCODING = "encoding"
    SAMPLING = "sampling"
    DECODING = "decoding"
    WRITING = "writing"
    RESTING = "resting"
    """Idle, paused or parked: it waits for orders."""


@dataclass(frozen=True)
class Make:
    """Make a job's shot in the job's own folder, or go on with it."""

    kind: ClassVar[str] = "make"
    job: str
    request: str
    """A `ShotRequest` as JSON, which nobody but the worker opens."""
    retry: int = 0
    """How many workers have died on this job: it takes less memory each time than the policy would."""
    stop_after: int = 0
    """Stand still after so many sections, as if told to pause there, and say so by `Paused`; 0: do not."""
    asked: int = 0
    """Sections whose drift is told already: whoever was to be asked about them has been."""


@dataclass(frozen=True)
class Pause:
    """Stop after the present step and keep everything."""

    kind: ClassVar[str] = "pause"
    job: str


@dataclass(frozen=True)
class Resume:
    """Go on with the paused job; one that would stand still by itself does so no more."""

    kind: ClassVar[str] = "resume"
    job: str


@dataclass(frozen=True)
class Cancel:
    """Give the job up after the present step; finished sections stay."""

    kind: ClassVar[str] = "cancel"
    job: str


@dataclass(frozen=True)
class Amend:
    """Make the sections not yet begun as `request` now says."""

    kind: ClassVar[str] = "amend"
    job: str
    request: str


@dataclass(frozen=True)
class Release:
    """Lay the paused job aside, for another; it goes on later at its first unfinished section.

    `Released` follows; or `Resumed` where the job goes on already; or, where it has ended already, nothing.
    """

    kind: ClassVar[str] = "release"
    job: str


@dataclass(frozen=True)
class Park:
    """Take all weights off the device after the present step, and stand still."""

    kind: ClassVar[str] = "park"


@dataclass(frozen=True)
class Unpark:
    """Put the weights back and go on."""

    kind: ClassVar[str] = "unpark"


@dataclass(frozen=True)
class Ready:
    """The worker has loaded its libraries and waits for work."""

    kind: ClassVar[str] = "ready"
    device: str
    name: str
    memory_total: int
    """Bytes the device has."""


@dataclass(frozen=True)
class Beat:
    """The worker lives; sent every second, also while it computes."""

    kind: ClassVar[str] = "beat"
    doing: str
    memory_used: int
    stage: str = ""
    """A `Stage`; text, so that one which the reader does not know is no fault."""
    mark: int = 0
    """Counts what it has got done: events told, networks loaded, orders obeyed, frames of a movie written."""


@dataclass(frozen=True)
class Happened:
    """An event of a job, as the protocol writes it."""

    kind: ClassVar[str] = "happened"
    job: str
    event: dict[str, Any]


@dataclass(frozen=True)
class Paused:
    """The job stands still."""

    kind: ClassVar[str] = "paused"
    job: str


@dataclass(frozen=True)
class Resumed:
    """The job goes on."""

    kind: ClassVar[str] = "resumed"
    job: str


@dataclass(frozen=True)
class Released:
    """The job is laid aside, and the worker free."""

    kind: ClassVar[str] = "released"
    job: str


Order = Make | Pause | Resume | Cancel | Amend | Release | Park | Unpark
Report = Ready | Beat | Happened | Paused | Resumed | Released
_ORDERS: dict[str, Any] = {kind.kind: kind for kind in get_args(Order)}
_REPORTS: dict[str, Any] = {kind.kind: kind for kind in get_args(Report)}


def stage_named(name: str) -> Stage:
    """The stage of this name; for one that is not known, the one with the most patience of those that work."""
    return Stage(name) if name in Stage.__members__.values() else Stage.SAMPLING


def to_line(message: Order | Report) -> str:
    """A message as one line of JSON, its line end included."""
    return json.dumps({"kind": message.kind, **to_json(message)}) + "\n"


def order_from_line(line: str) -> Order:
    """The order in a line; keys that it does not have are ignored. Raises EngineError `bad_request` for nonsense."""
    order: Order = _from_line(line, _ORDERS)
    return order


def report_from_line(line: str | bytes) -> Report:
    """The report in a line; keys that it does not have are ignored. Raises EngineError `bad_request` for nonsense."""
    report: Report = _from_line(line, _REPORTS)
    return report


def _from_line(line: str | bytes, kinds: dict[str, Any]) -> Any:
    try:
        data = json.loads(line)
        kind = kinds[data.pop("kind")]
        known = {field.name for field in dataclasses.fields(kind)}
        data = {name: value for name, value in data.items() if name in known}
        # An event is JSON already, and is checked where it is stored.
        return kind(**data) if kind is Happened else from_json(kind, data)
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as fault:
        raise EngineError(Code.BAD_REQUEST, detail="a line between server and worker makes no sense") from fault
