"""How long finishing took, by upscaler and device: what an estimate goes by, as `speeds.py` for shots."""

from __future__ import annotations

import json
import logging
import statistics
import threading
from dataclasses import dataclass
from pathlib import Path

from ...errors import EngineError
from ...events import Cancelled, Failed, Finished
from ...media.files import write_whole
from ..storage.records import StoredEvent
from .speeds import is_break

_KEPT = 5
"""Of the newest measurements; their median is told."""

_ENDS = tuple(kind.event for kind in (Finished, Failed, Cancelled))

log = logging.getLogger("shotpack.speeds")


@dataclass
class _Run:
    """A take that is being finished without a break: since when, and how many pixels were told of."""

    kind: tuple[str, str]
    frame_pixels: int
    time: float
    pixels: int = 0


class FinishSpeeds:
    """Watches stored events. Calls come under the scheduler's lock, `told` from any thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._running: dict[str, _Run] = {}
        self._measured = _read(path)

    def told(self) -> list[tuple[str, str, float]]:
        """Upscaler, device, and seconds that a million pixels of the result take; the newest last."""
        with self._lock:
            return [(*kind, statistics.median(taken)) for kind, taken in self._measured.items()]

    def begun(self, event: StoredEvent, upscaler: str, device: str) -> None:
        """A `started` event: a take is finished by `upscaler` on `device` from now on."""
        said = event.event
        if said["done"] or not upscaler:
            return  # only a part of it is seen, or nothing is enlarged
        self._running[event.job] = _Run((upscaler, device), said["width"] * said["height"], event.time)

    def heard(self, event: StoredEvent) -> None:
        """Any other event: an end is written down, and a break makes the whole no measurement."""
        said, run = event.event, self._running.get(event.job)
        if run is None:
            return
        name, over = said["event"], False
        if name == "section":
            if said["index"] == 1 < said["of"]:
                run.time, run.pixels = event.time, 0  # before lies the loading of weights
            else:
                run.pixels += said["count"] * run.frame_pixels
            over = said["index"] == said["of"]
            if over and event.time > run.time:
                self._note(run.kind, (event.time - run.time) / run.pixels * 1e6)
        if over or name in _ENDS or (name == "progress" and is_break(said)):
            del self._running[event.job]

    def _note(self, kind: tuple[str, str], seconds: float) -> None:
        with self._lock:
            taken = self._measured.pop(kind, [])
            self._measured[kind] = [*taken, seconds][-_KEPT:]
            rows = [[*each, *seconds] for each, seconds in self._measured.items()]
        try:
            write_whole(self._path, json.dumps(rows).encode())
        except EngineError as fault:
            log.warning("how long finishing took is not kept: %s", fault.line)


def _read(path: Path) -> dict[tuple[str, str], list[float]]:
    """What the file holds; nothing where it makes no sense."""
    try:
        rows = json.loads(path.read_bytes())
        return {(str(upscaler), str(device)): [float(each) for each in taken] for upscaler, device, *taken in rows}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, RecursionError) as fault:
        log.warning("%s is passed over: %s", path, fault)
        return {}
