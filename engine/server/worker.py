"""A worker: the process that has torch. It takes orders on stdin, makes shots on one device, and reports on stdout.

It holds nothing that is not on disk or in the store: killed at any instant, its job goes on elsewhere at the first
unfinished section. It ends when its stdin does.
"""

from __future__ import annotations

import argparse
import logging
import os
import queue
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import Code, EngineError
from ..protocol import Cancelled, Event, Failed, Finished, Section, ShotRequest, to_json
from ..quiet import quiet_libraries
from .lifeline import die_with_parent
from .orders import (
    Amend,
    Beat,
    Cancel,
    Happened,
    Make,
    Order,
    Park,
    Pause,
    Paused,
    Ready,
    Release,
    Released,
    Report,
    Resume,
    Resumed,
    Unpark,
    order_from_line,
    to_line,
)

if TYPE_CHECKING:
    from ..framepack.job import Job
    from ..media.boards import BoardPicture

_BEAT_SECONDS = 1.0

log = logging.getLogger("shotpack.worker")


class _GivenUpError(Exception):
    """The artist cancelled the job that is being made."""


class _LaidAsideError(Exception):
    """The paused job makes room for another."""


class Worker:
    """One device's worker; `reports` is where lines for the server go, `limit` the device's bytes it may take."""

    def __init__(self, device: str, reports: int, limit: int | None = None) -> None:
        self._device = device
        self._limit = limit
        self._reports = reports
        self._saying = threading.Lock()
        self._orders: queue.Queue[Order] = queue.Queue()
        self._doing = "starting up"
        self._parked = False
        self._request: ShotRequest | None = None
        """What the job under way asks for by now; None between two jobs."""
        self._amended = False

    def run(self) -> None:
        """Serve until stdin ends."""
        threading.Thread(target=self._listen, name="orders", daemon=True).start()
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()
        self._begin()
        while True:
            order = self._orders.get()
            if isinstance(order, Make):
                self._make(order)
            elif isinstance(order, (Park, Unpark)):
                self._park(isinstance(order, Park))

    def _begin(self) -> None:
        self._doing = "loading libraries"
        from ..framepack import job  # noqa: F401  diffusers takes seconds, and the first job should not wait for it
        from ..models.families import Families, choose_device

        self._families = Families(self._loading)
        device = choose_device(self._device)
        self._say(Ready(str(device), *_describe(device)))
        self._doing = "idle"

    def _make(self, order: Make) -> None:
        """Make one job and report how it ended; whatever goes wrong is told, and the worker lives on."""
        done = 0
        self._request, self._amended = order.request, False
        try:
            for event in self._shot(order):
                if isinstance(event, Section):
                    done = event.index
                self._happened(order.job, event)
                # Once the end is told the next job's order may be there already, and is not this one's to read.
                if not isinstance(event, Finished):
                    self._obey(order.job)
        except _GivenUpError:
            self._happened(order.job, Cancelled(done))
        except _LaidAsideError:
            self._say(Released(order.job))
        except EngineError as error:
            self._happened(order.job, Failed(error.code, error.params))
        except Exception as fault:
            log.exception("job %s", order.job)
            self._happened(order.job, Failed(Code.INTERNAL, {"detail": f"{type(fault).__name__}: {fault}"}))
        finally:
            self._doing = "idle"

    def _shot(self, order: Make) -> Iterator[Event]:
        from ..framepack.job import Memory, run

        job, pictures = self._prepare(order)
        memory = Memory(self._limit, leaner=order.thrifty)
        shot = run(job, pictures, resume=True, families=self._families, memory=memory, revised=self._revised)
        with closing(shot) as events:
            yield from events

    def _revised(self) -> ShotRequest | None:
        """The request, once after it was changed."""
        amended, self._amended = self._amended, False
        return self._request if amended else None

    def _prepare(self, order: Make) -> tuple[Job, dict[str, BoardPicture]]:
        from ..framepack.job import prepare
        from ..media.boards import open_board
        from ..models.catalog import find_model

        self._doing = "checking the job"
        pictures = {sha256: open_board(Path(path)) for sha256, path in order.images.items()}
        request = self._request or order.request
        model = find_model(request.model or None)
        return prepare(request, pictures, model, self._device, Path(order.folder)), pictures

    def _happened(self, job: str, event: Event) -> None:
        data = to_json(event)
        self._doing = data.get("stage") or data["event"]
        self._say(Happened(job, data))

    def _obey(self, job: str) -> None:
        """Follow what was ordered meanwhile: cancel, change, or stand still until told otherwise."""
        paused = False
        while paused or self._parked or not self._orders.empty():
            order = self._orders.get()
            if isinstance(order, (Park, Unpark)):
                self._park(isinstance(order, Park))
            elif order.job != job:
                continue  # it came too late for its own job
            elif isinstance(order, Cancel):
                raise _GivenUpError
            elif isinstance(order, Amend):
                self._request, self._amended = order.request, True
            elif isinstance(order, Pause) and not paused:
                paused, self._doing = True, "paused"
                self._say(Paused(job))
            elif isinstance(order, Resume) and paused:
                paused = False
                self._say(Resumed(job))
            elif isinstance(order, Release) and paused:
                raise _LaidAsideError

    def _park(self, park: bool) -> None:
        """Take the weights off the device, or put them back."""
        if park == self._parked:
            return
        self._parked, self._doing = park, "parked" if park else "idle"
        if (family := self._families.last) is not None:
            (family.park if park else family.unpark)()

    def _loading(self, what: str) -> None:
        self._doing = what

    def _listen(self) -> None:
        for line in sys.stdin:
            self._orders.put(order_from_line(line))
        os._exit(0)  # the server is gone: whatever is half-made is made again by whoever takes the job

    def _beat(self) -> None:
        alarm = threading.Event()
        while not alarm.wait(_BEAT_SECONDS):
            self._say(Beat(self._doing, _memory_used()))

    def _say(self, report: Report) -> None:
        data = to_line(report).encode()
        with self._saying:
            while data:
                data = data[os.write(self._reports, data) :]


def _describe(device: object) -> tuple[str, int]:
    """The device's name and memory in bytes."""
    import psutil
    import torch

    assert isinstance(device, torch.device)
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        return properties.name, properties.total_memory
    return device.type, psutil.virtual_memory().total


def _memory_used() -> int:
    """Bytes that this process holds on its GPU, or in main memory where it uses none."""
    import psutil

    # The first beats come while another thread is still importing torch: a part of it may be missing.
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    initialized = getattr(cuda, "is_initialized", None)
    if cuda is not None and initialized is not None and initialized():
        return int(cuda.memory_reserved())
    return int(psutil.Process().memory_info().rss)


def _step_back() -> None:
    """Let the server, and Blender, go first where processors are short: a CPU shot would take them all."""
    import psutil

    psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS if sys.platform == "win32" else 5)


def main() -> None:
    """Run as `python -m engine.server.worker --device DEVICE`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", required=True)
    parser.add_argument("--memory-limit", type=int, metavar="BYTES")
    args = parser.parse_args()
    die_with_parent()
    _step_back()
    # Reports own stdout; anything a library prints goes to the log on stderr instead of between them.
    reports = os.dup(1)
    os.dup2(2, 1)
    quiet_libraries()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    Worker(args.device, reports, args.memory_limit).run()


if __name__ == "__main__":
    main()
