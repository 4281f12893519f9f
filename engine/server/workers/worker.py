"""A worker: the process that has torch. It takes orders on stdin, makes shots on one device, and reports on stdout.

It holds nothing that is not on disk or in the store: killed at any instant, its job goes on elsewhere at the first
unfinished section. It ends when its stdin does.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ...drift import Drift, OnDrift
from ...errors import Code, EngineError
from ...events import Cancelled, Event, Failed, Finished, Section, Started
from ...protocol import ShotRequest
from ...quiet import quiet_libraries
from ...serialization import from_json, to_json
from ..home import jobs_folder, picture_file
from .activity import Activity
from .inbox import Inbox
from .own_process import memory_used, step_back
from .parent_process import die_with_parent
from .worker_messages import (
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
    Stage,
    Unpark,
    order_from_line,
    to_line,
)

if TYPE_CHECKING:
    from ...generation.job import Job
    from ...media.boards import BoardPicture

_BEAT_SECONDS = 1.0

log = logging.getLogger("shotpack.worker")


class _GivenUpError(Exception):
    """The artist cancelled the job that is being made."""


class _LaidAsideError(Exception):
    """The paused job makes room for another."""


class Worker:
    """One device's worker, for jobs of the engine's `home`.

    `reports` is where lines for the server go, `limit` the device's bytes it may take.
    """

    def __init__(self, device: str, reports: int, home: Path, limit: int | None = None) -> None:
        self._device = device
        self._home = home
        self._limit = limit
        self._reports = reports
        self._saying = threading.Lock()
        self._orders = Inbox()
        self._activity = Activity()
        self._parked = self._paused = False
        self._stop_after = 0
        self._request: ShotRequest | None = None
        """What the job under way asks for by now; None between two jobs."""
        self._amended = False
        self._uses_networks = False
        """Whether the job under way may hold networks of its model."""

    def run(self) -> None:
        """Serve until stdin ends."""
        threading.Thread(target=self._listen, name="orders", daemon=True).start()
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()
        self._begin()
        while True:
            self._serve(self._orders.get())

    def _begin(self) -> None:
        self._activity.begin("loading libraries", Stage.STARTING)
        from ...inference.lean_imports import import_families
        from ...models.catalog import installed

        import_families(installed(), self._device)  # it takes seconds, and no job should wait for that
        from ...generation import job  # noqa: F401
        from ...generation.preload import preload
        from ...inference.registry import Families, choose_device, describe_device

        self._families = Families(self._activity.begin)
        device = choose_device(self._device)
        self._say(Ready(str(device), *describe_device(device)))
        preload(self._families, installed(), device, self._limit, wanted=lambda: not self._orders.empty())
        self._rest()

    def _serve(self, order: Order) -> None:
        """Obey an order while no job is under way."""
        if isinstance(order, Make):
            self._make(order)
        elif isinstance(order, (Park, Unpark)):
            self._park(isinstance(order, Park))
        else:
            log.info("%s came after the end of job %s", order.kind, order.job)

    def _make(self, order: Make) -> None:
        """Make one job and report how it ended; whatever goes wrong is told, and the worker lives on."""
        done = 0
        self._request, self._amended, self._paused, self._uses_networks = None, False, False, False
        self._stop_after = order.stop_after
        try:
            self._request = _opened(order.request)
            with _let_go(self._shot(order)) as shot:
                event = next(shot, None)
                while event is not None:
                    if isinstance(event, Section):
                        done = event.index
                        if 0 < self._stop_after <= done < event.of:
                            self._orders.put_first(Pause(order.job))  # before an order to go on that is here already
                    elif isinstance(event, Drift) and event.then == OnDrift.ASK and event.index > order.asked:
                        self._orders.put_first(Pause(order.job))
                    self._uses_networks |= isinstance(event, Started) and event.steps > 0
                    self._happened(order.job, event)
                    # Once the end is told nothing can hold the job back or change it any more.
                    event = next(shot, None) if isinstance(event, Finished) else self._go_on(shot, order.job)
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
            self._rest()

    def _go_on(self, shot: Generator[Event], job: str) -> Event | None:
        """The next event, once no order holds the job back.

        Where its networks are lost on their way, the shot hears of it as if it had happened to itself.
        """
        lost = self._obey(job)
        if lost is None or not self._uses_networks:
            return next(shot, None)
        self._uses_networks = False
        event = shot.throw(lost)
        self._obey(job)  # it may still be paused or parked, and has nothing to lose now
        return event

    def _shot(self, order: Make) -> Generator[Event]:
        from ...generation.finish_take import prepare_finish, run_finish
        from ...generation.job import Memory, run

        def asked() -> bool:
            self._activity.advance()
            return self._orders.holds(order.job)

        memory = Memory(self._limit, retry=order.retry)
        if self._request is not None and self._request.finish is not None:
            self._activity.begin("checking the job")
            finishing = prepare_finish(self._request, self._device, jobs_folder(self._home) / order.job)
            return run_finish(finishing, resume=True, families=self._families, memory=memory, asked=asked)
        job, pictures = self._prepare(order)
        return run(
            job,
            pictures,
            resume=True,
            families=self._families,
            memory=memory,
            revised=self._revised,
            asked=asked,
            stop_after=order.stop_after,
        )

    def _revised(self) -> ShotRequest | None:
        """The request, once after it was changed."""
        amended, self._amended = self._amended, False
        return self._request if amended else None

    def _prepare(self, order: Make) -> tuple[Job, dict[str, BoardPicture]]:
        from ...generation.job import prepare
        from ...media.boards import open_board
        from ...models.catalog import find_model

        self._activity.begin("checking the job")
        request = self._request
        assert request is not None, "only a job under way is prepared"
        pictures = {sha256: open_board(picture_file(self._home, sha256)) for sha256 in request.pictures}
        model = find_model(request.model or None)
        return prepare(request, pictures, model, self._device, jobs_folder(self._home) / order.job), pictures

    def _happened(self, job: str, event: Event) -> None:
        self._activity.happened(event)
        self._say(Happened(job, to_json(event)))

    def _obey(self, job: str) -> EngineError | None:
        """Follow what was ordered meanwhile: cancel, change, or stand still until told otherwise.

        Returns at once where that has cost the job its networks, with the reason.
        """
        doing, stage = self._activity.doing, self._activity.stage
        lost = self._follow(job)
        self._activity.begin(doing, stage)  # where it was kept from it, it goes on with it now
        return lost

    def _follow(self, job: str) -> EngineError | None:
        while (order := self._orders.take(job, wait=self._paused or self._parked)) is not None:
            self._activity.advance()
            if isinstance(order, (Park, Unpark)):
                if (lost := self._park(isinstance(order, Park))) is not None:
                    return lost
            elif isinstance(order, Cancel):
                raise _GivenUpError
            elif isinstance(order, Amend):
                self._request, self._amended = _opened(order.request), True
            elif isinstance(order, Pause) and not self._paused:
                self._paused = True
                self._rest()
                self._say(Paused(job))
            elif isinstance(order, Resume):
                self._stop_after = 0
                if self._paused:
                    self._paused = False
                    self._say(Resumed(job))
            elif isinstance(order, Release):
                if self._paused:
                    raise _LaidAsideError
                self._say(Resumed(job))  # it went on before it was to be laid aside: whoever waits must hear of it
        return None

    def _park(self, park: bool) -> EngineError | None:
        """Take the weights off the device, or put them back.

        Where that fails half of a model is here and half of it there: all of it is let go, and the reason returned.
        """
        if park == self._parked:
            return None
        self._parked, lost = park, None
        if (family := self._families.last) is not None:
            from ...inference.memory.out_of_memory import memory_faults

            stage = "taking the weights off the device" if park else "putting the weights back"
            self._activity.begin(stage, Stage.LOADING)
            try:
                with memory_faults(family.device, stage):
                    (family.park if park else family.unpark)()
            except EngineError as error:
                log.warning("%s", error.line)
                lost = EngineError(error.code, **error.params)  # without what the traceback of this one holds
            except Exception as fault:
                log.exception("parking" if park else "unparking")
                lost = EngineError(Code.INTERNAL, detail=f"{type(fault).__name__}: {fault}")
            del family
            if lost is not None:
                self._families.close()
        self._rest()
        return lost

    def _rest(self) -> None:
        """Nothing is done until an order comes, or the job goes on."""
        self._activity.begin("parked" if self._parked else "paused" if self._paused else "idle", Stage.RESTING)

    def _listen(self) -> None:
        """Take orders until the server is gone; one that makes no sense would leave somebody waiting for ever."""
        code = 1
        try:
            for line in sys.stdin:
                self._orders.put(order_from_line(line))
            code = 0
        except Exception:
            log.exception("an order makes no sense")
        os._exit(code)  # whatever is half-made is made again by whoever takes the job

    def _beat(self) -> None:
        alarm = threading.Event()
        memory = 0
        while not alarm.wait(_BEAT_SECONDS):
            try:
                memory = memory_used()
            except Exception:  # a library that is half loaded, or a device that is lost: its own thread will say so
                log.debug("memory is not known", exc_info=True)
            activity = self._activity
            self._say(Beat(activity.doing, memory, activity.stage, activity.mark))

    def _say(self, report: Report) -> None:
        data = to_line(report).encode()
        with self._saying:
            while data:
                data = data[os.write(self._reports, data) :]


def _opened(request: str) -> ShotRequest:
    """The request in an order. Raises EngineError `bad_request` where only another release can read it."""
    try:
        return from_json(ShotRequest, json.loads(request))
    except (ValueError, RecursionError) as fault:
        raise EngineError(Code.BAD_REQUEST, detail="what is stored of it makes no sense") from fault


@contextmanager
def _let_go(shot: Generator[Event]) -> Iterator[Generator[Event]]:
    """Close a shot in the end; what goes wrong only then is logged, and does not hide what has happened."""
    try:
        yield shot
    finally:
        try:
            shot.close()
        except Exception:
            log.exception("closing the shot")


def main() -> None:
    """Run as `python -m engine.server.workers.worker --device DEVICE --home HOME`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", required=True)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--memory-limit", type=int, metavar="BYTES")
    args = parser.parse_args()
    die_with_parent()
    step_back()
    # Reports own stdout; anything a library prints goes to the log on stderr instead of between them.
    reports = os.dup(1)
    os.dup2(2, 1)
    quiet_libraries()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    Worker(args.device, reports, args.home, args.memory_limit).run()


if __name__ == "__main__":
    main()
