"""How long finished shots took, by model, size, steps and device: what an estimate of the next one goes by.

Kept in a small file beside the store: it outlives the jobs that were measured, and holds nothing but that.
"""

from __future__ import annotations

import itertools
import json
import logging
import statistics
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from ...errors import EngineError
from ...events import PAUSED
from ...media.files import write_whole
from ..storage.records import StoredEvent

_KEPT = 5
"""Of the newest measurements of a kind; their median is told."""
_KINDS = 200

log = logging.getLogger("shotpack.speeds")


@dataclass(frozen=True)
class Kind:
    """Shots that take the same time a section."""

    model: str
    device: str
    width: int
    height: int
    steps: int
    speed: str


@dataclass
class _Run:
    """A shot that is being made without a break: when its sections were told."""

    kind: Kind
    times: list[float] = field(default_factory=list)


class Speeds:
    """Watches stored events. Calls come under the scheduler's lock, `told` from any thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._running: dict[str, _Run] = {}
        self._measured = _read(path)

    def told(self) -> list[tuple[Kind, float, int]]:
        """Each kind with its seconds a section, and of how many shots that is."""
        with self._lock:
            return [(kind, statistics.median(taken), len(taken)) for kind, taken in self._measured.items()]

    def begun(self, event: StoredEvent, model: str, device: str, speed: str) -> None:
        """A `started` event: a shot is made by `model` (its name in full) on `device` from now on."""
        said = event.event
        if said["done"]:
            return  # only a part of it is seen
        kind = Kind(model, device, said["width"], said["height"], said["steps"], speed)
        self._running[event.job] = _Run(kind, [event.time])

    def heard(self, event: StoredEvent) -> None:
        """Any other event: sections are timed, an end is written down, and a break makes the whole no measurement."""
        name, run = event.event["event"], self._running.get(event.job)
        if run is None or name in ("started", "drift"):
            return
        if name == "section":
            run.times.append(event.time)
            return
        if name == "progress" and not is_break(event.event):
            return
        del self._running[event.job]
        if name == "finished":
            self._note(run)

    def _note(self, run: _Run) -> None:
        # The first section's time holds the loading of weights: it counts only where there is no other.
        times = run.times[1:] if len(run.times) > 2 else run.times
        if len(times) < 2:
            return  # nothing of it was made here
        # Their median: a section during which the engine was parked tells nothing of the device.
        pace = statistics.median(after - before for before, after in itertools.pairwise(times))
        with self._lock:
            taken = self._measured.pop(run.kind, [])
            self._measured[run.kind] = [*taken, pace][-_KEPT:]
            rows = [asdict(kind) | {"seconds": each} for kind, each in list(self._measured.items())[-_KINDS:]]
        try:
            write_whole(self._path, json.dumps(rows).encode())
        except EngineError as fault:
            log.warning("how long a shot took is not kept: %s", fault.line)


def is_break(progress: Mapping[str, Any]) -> bool:
    """Whether a stage means that nothing is computed, or by another worker."""
    stage = str(progress["stage"])
    return stage == PAUSED or stage.startswith("the worker was")


def _read(path: Path) -> dict[Kind, list[float]]:
    """What the file holds; nothing where it makes no sense."""
    try:
        rows = json.loads(path.read_bytes())
        return {
            Kind(*(row[each.name] for each in fields(Kind))): [float(each) for each in row["seconds"]] for row in rows
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as fault:
        log.warning("%s is passed over: %s", path, fault)
        return {}
