"""The seam to whatever makes shots, and local worker processes behind it, one a device, watched over.

The foreman knows only `Pool`; a pool on an existing distributed engine can stand where local processes stand.
"""

from __future__ import annotations

import collections
import contextlib
import logging
import re
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ..errors import Code, EngineError
from .lifeline import end_with_me
from .orders import Beat, Order, Ready, Report, report_from_line, to_line

_START_SECONDS = 180.0
"""A worker that has not loaded its libraries by then is given up; the first start after an installation is slow."""
_SILENCE_SECONDS = 60.0
"""A worker that says nothing for so long hangs; it beats every second, also while it computes."""
_STOP_SECONDS = 5.0
_RESTART_SECONDS = (0.0, 1.0, 5.0, 15.0, 60.0)
_LOG_LINES = 20

log = logging.getLogger("shotpack.pool")


@dataclass(frozen=True)
class Death:
    """How a worker ended: `reason` in words, and the last lines of its log."""

    reason: str
    log: str


class TryAgainError(Exception):
    """The listener cannot take a report just now, such as on a full disk; it is to be told again."""


class Listener(Protocol):
    """Who hears of workers; calls come from threads of the pool's own."""

    def heard(self, worker: str, report: Report) -> None:
        """A worker reported something."""
        ...

    def died(self, worker: str, death: Death) -> None:
        """A worker ended without being asked; it is started again by itself."""
        ...


class Pool(Protocol):
    """Workers by name; each makes one shot at a time."""

    def start(self, listener: Listener) -> None:
        """Start all workers; returns at once."""
        ...

    def workers(self) -> Sequence[WorkerState]:
        """What each worker is doing."""
        ...

    def order(self, worker: str, order: Order) -> None:
        """Give a worker an order; one that is dead just now never gets it, and its death is told."""
        ...

    def stop(self) -> None:
        """End all workers and wait for them."""
        ...


@dataclass
class WorkerState:
    """One worker as the server sees it."""

    name: str
    device: str
    ready: bool = False
    doing: str = "starting"
    title: str = ""
    memory_used: int = 0
    memory_total: int = 0
    pid: int | None = None
    deaths: int = 0


class LocalPool:
    """Worker processes of this machine, one for each of `devices`, logging into `logs`.

    Each takes at most `limit` bytes of its device's memory, if that is given.
    """

    def __init__(self, devices: Sequence[str], logs: Path, limit: int | None = None) -> None:
        self._processes = [
            WorkerProcess(device, logs / f"worker-{device.replace(':', '')}.log", limit) for device in devices
        ]
        self._by_name = {process.state.name: process for process in self._processes}

    def start(self, listener: Listener) -> None:
        """Start all workers; returns at once."""
        for process in self._processes:
            process.start(listener)

    def workers(self) -> Sequence[WorkerState]:
        """What each worker is doing."""
        return [process.state for process in self._processes]

    def order(self, worker: str, order: Order) -> None:
        """Write an order to a worker's stdin."""
        self._by_name[worker].order(order)

    def stop(self) -> None:
        """Close every worker's stdin, which ends it, and kill what does not end."""
        for process in self._processes:
            process.stop()


@dataclass
class WorkerProcess:
    """One worker process, started again whenever it dies."""

    device: str
    log_file: Path
    limit: int | None = None
    state: WorkerState = field(init=False)
    _process: subprocess.Popen[str] | None = None
    _keeper: threading.Thread | None = None
    _heard: float = 0.0

    def __post_init__(self) -> None:
        self.state = WorkerState(name=self.device, device=self.device)
        self._stopping = threading.Event()
        self._writing = threading.Lock()

    def start(self, listener: Listener) -> None:
        """Start the process, and the thread that keeps it going."""
        self._keeper = threading.Thread(target=self._keep, args=(listener,), name=f"worker {self.device}", daemon=True)
        self._keeper.start()

    def order(self, order: Order) -> None:
        """Write an order; a closed pipe means that the death will be told soon."""
        with self._writing:
            process = self._process
            if process is None or process.stdin is None:
                return
            try:
                process.stdin.write(to_line(order))
                process.stdin.flush()
            except (BrokenPipeError, ValueError):
                log.warning("worker %s is gone; %s was not delivered", self.device, order.say)

    def stop(self) -> None:
        """End the process for good, by closing its stdin and, where that does not help, by force."""
        with self._writing:
            self._stopping.set()
            process = self._process
            if process is not None and process.stdin is not None:
                process.stdin.close()
        if process is not None:
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
        if self._keeper is not None:
            self._keeper.join()

    def _keep(self, listener: Listener) -> None:
        """Run the process, hear it out, tell of its death, and begin again."""
        false_starts = 0
        while not self._stopping.wait(_RESTART_SECONDS[min(false_starts, len(_RESTART_SECONDS) - 1)]):
            process = self._spawn()
            if process is None:
                return
            threading.Thread(target=self._guard, args=(process,), name=f"guard {self.device}", daemon=True).start()
            self._hear_out(process, listener)
            code = process.wait()
            self._close(process)
            false_starts = 0 if self.state.ready else false_starts + 1
            self.state.ready, self.state.doing, self.state.pid = False, "starting", None
            if self._stopping.is_set():
                return
            self.state.deaths += 1
            death = Death(_reason(code), self._last_lines())
            log.error("worker %s ended: %s", self.device, death.reason)
            listener.died(self.state.name, death)

    def _close(self, process: subprocess.Popen[str]) -> None:
        with self._writing, contextlib.suppress(OSError):
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()

    def _spawn(self) -> subprocess.Popen[str] | None:
        """Start the process, unless the pool is being stopped."""
        command = [sys.executable, "-m", "engine.server.worker", "--device", self.device]
        if self.limit is not None:
            command += ["--memory-limit", str(self.limit)]
        root = Path(__file__).resolve().parents[2]
        with self._writing, self.log_file.open("ab") as errors:
            if self._stopping.is_set():
                return None
            self._process = subprocess.Popen(
                command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, bufsize=1
            )
        with contextlib.suppress(OSError):  # then the end of its pipe has to do
            end_with_me(self._process)
        self._heard = time.monotonic()
        self.state.pid = self._process.pid
        return self._process

    def _hear_out(self, process: subprocess.Popen[str], listener: Listener) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self._heard = time.monotonic()
            report = report_from_line(line)
            if isinstance(report, Beat):
                self.state.doing, self.state.memory_used = report.doing, report.memory_used
            elif isinstance(report, Ready):
                self.state.ready, self.state.title = True, report.name
                self.state.memory_total, self.state.doing = report.memory_total, "idle"
            listener.heard(self.state.name, report)

    def _guard(self, process: subprocess.Popen[str]) -> None:
        """Kill a process that does not start or falls silent."""
        while process.poll() is None:
            time.sleep(1)
            silent = time.monotonic() - self._heard
            if silent > (_SILENCE_SECONDS if self.state.ready else _START_SECONDS):
                log.error("worker %s has been silent for %.0f s and is ended", self.device, silent)
                process.kill()

    def _last_lines(self) -> str:
        with self.log_file.open(encoding="utf-8", errors="replace") as lines:
            return "".join(collections.deque(lines, _LOG_LINES))


def parse_devices(text: str) -> list[str]:
    """The devices in a list such as `cpu` or `cuda:0,cuda:1`; each gets a worker. Raises EngineError `choice_invalid`.

    `auto` is one worker on the best device there is, which only a process with torch can tell.
    """
    devices = text.split(",")
    for device in devices:
        if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", device):
            raise EngineError(Code.CHOICE_INVALID, name="device", value=device, allowed="auto, cpu, mps, cuda, cuda:N")
    return list(dict.fromkeys(devices))


def _reason(code: int) -> str:
    """An exit code in words."""
    if code == -9:
        return "killed, most likely out of memory"
    if code < 0:
        return f"ended by signal {-code}"
    return f"ended with exit code {code}"
