"""Worker processes on this machine, one a device, watched over and started again whenever they die."""

from __future__ import annotations

import contextlib
import logging
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import Code, EngineError
from ..home import logs_folder
from .exits import exit_in_words, last_lines
from .parent_process import end_with_me
from .pipes import OrderPipe, ReportPipe
from .pool import Death, Listener, TryAgainError, WorkerState
from .progress_watch import Watch, Work, measure_work
from .worker_messages import Beat, Order, Ready, report_from_line, stage_named, to_line

_STOP_SECONDS = 5.0
_END_SECONDS = 10.0
"""A killed process that is still there by then is held by the system, most likely by a driver."""
_RESTART_SECONDS = (0.0, 1.0, 5.0, 15.0, 60.0)
_AGAIN_SECONDS = (0.2, 1.0, 5.0, 15.0)
log = logging.getLogger("shotpack.pool")


class LocalPool:
    """Worker processes of this machine, one for each of `devices`, for the jobs of the engine's `home`.

    Each takes at most `limit` bytes of its device's memory, if that is given.
    """

    def __init__(self, devices: Sequence[str], home: Path, limit: int | None = None) -> None:
        self._processes = [WorkerProcess(device, home, limit) for device in devices]
        self._by_name = {process.state.name: process for process in self._processes}

    def start(self, listener: Listener) -> None:
        """Start all workers; returns at once."""
        for process in self._processes:
            process.start(listener)

    def workers(self) -> Sequence[WorkerState]:
        """What each worker is doing."""
        return [process.state for process in self._processes]

    def order(self, worker: str, order: Order) -> None:
        """Have an order written to a worker's stdin; returns at once."""
        self._by_name[worker].order(order)

    def stop(self) -> None:
        """Close every worker's stdin, which ends it, and kill what does not end."""
        for process in self._processes:
            process.stop()


@dataclass
class WorkerProcess:
    """One worker process, started again whenever it dies, and ended where it hangs (`progress_watch.py`), until `stop`.

    `clock` counts seconds, `measure` tells what a process has done, and `rest` waits so many seconds, or until `stop`:
    then it returns True.
    """

    device: str
    home: Path
    limit: int | None = None
    clock: Callable[[], float] = time.monotonic
    measure: Callable[[int], Work | None] = measure_work
    rest: Callable[[float], bool] | None = None
    tick: float = 1.0
    """Seconds between two looks at a worker that says nothing."""
    state: WorkerState = field(init=False)
    _process: subprocess.Popen[bytes] | None = None
    _orders: OrderPipe | None = None
    _keeper: threading.Thread | None = None

    def __post_init__(self) -> None:
        self.log_file = logs_folder(self.home) / f"worker-{self.device.replace(':', '')}.log"
        self.state = WorkerState(name=self.device, device=self.device)
        self._stopping = threading.Event()
        self._lock = threading.Lock()

    def start(self, listener: Listener) -> None:
        """Start the process, and the thread that keeps it going."""
        self._keeper = threading.Thread(target=self._keep, args=(listener,), name=f"worker {self.device}", daemon=True)
        self._keeper.start()

    def order(self, order: Order) -> None:
        """Have an order written; a worker that is gone means that its death will be told soon."""
        with self._lock:
            orders = self._orders
        if orders is None:
            log.warning("worker %s is gone; %s was not delivered", self.device, order.kind)
        else:
            orders.send(to_line(order))

    def stop(self) -> None:
        """End the process for good, by closing its stdin and, where that does not help, by force."""
        with self._lock:
            self._stopping.set()
            process, orders = self._process, self._orders
        if orders is not None:
            orders.close()
        if process is not None:
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
        if self._keeper is not None:
            self._keeper.join()

    def _wait(self, seconds: float) -> bool:
        return (self.rest or self._stopping.wait)(seconds)

    def _keep(self, listener: Listener) -> None:
        """Let one process follow another until the pool is stopped, whatever happens to any of them."""
        false_starts = 0
        while not self._wait(_RESTART_SECONDS[min(false_starts, len(_RESTART_SECONDS) - 1)]):
            try:
                began = self._live(listener)
            except Exception as fault:
                log.exception("worker %s cannot be started", self.device)
                words = fault.strerror if isinstance(fault, OSError) and fault.strerror else str(fault)
                self.state.doing = f"cannot be started: {words.lower() or type(fault).__name__}"
                began = False
            false_starts = 0 if began else false_starts + 1

    def _live(self, listener: Listener) -> bool:
        """Start a process, hear it out and tell of its death; returns whether it was ever ready to work.

        Raises OSError where it cannot be started.
        """
        process = self._spawn()
        if process is None:
            return False
        try:
            reason = self._hear_out(process, listener)
        except Exception as fault:
            log.exception("worker %s", self.device)
            reason = f"ended because its report could not be taken in ({type(fault).__name__}: {fault})"
        death = Death(self._end(process, reason), last_lines(self.log_file))
        was_ready, self.state.ready = self.state.ready, False
        self.state.doing, self.state.pid, self.state.memory_used = "starting", None, 0
        if self._stopping.is_set():
            return was_ready
        self.state.deaths += 1
        if not was_ready:
            self.state.doing = f"not starting: it was {death.reason}"
        log.error("worker %s was %s", self.device, death.reason)
        try:
            self._tell(lambda: listener.died(self.state.name, death))
        except Exception:
            log.exception("nobody took in that worker %s died", self.device)
        while process.poll() is None and not self._wait(self.tick):
            self.state.doing = "waiting until the system has ended the one before"
        return was_ready

    def _spawn(self) -> subprocess.Popen[bytes] | None:
        """Start the process, unless the pool is being stopped."""
        command = [sys.executable, "-m", "engine.server.workers.worker", "--device", self.device]
        command += ["--home", str(self.home.resolve())]
        if self.limit is not None:
            command += ["--memory-limit", str(self.limit)]
        root = Path(__file__).resolve().parents[3]
        self.log_file.parent.mkdir(parents=True, exist_ok=True)  # whoever wiped the engine's home took it along
        with self.log_file.open("ab") as errors:
            process = subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)
        try:
            with contextlib.suppress(OSError):  # then the end of its pipe has to do
                end_with_me(process)
            with self._lock:
                if not self._stopping.is_set():
                    assert process.stdin is not None
                    self._process, self._orders = process, OrderPipe(process.stdin, self.device)
                    self.state.doing, self.state.pid = "starting", process.pid
                    return process
        except BaseException:
            process.kill()  # nobody would know of it
            raise
        with process:
            process.kill()
        return None

    def _hear_out(self, process: subprocess.Popen[bytes], listener: Listener) -> str | None:
        """Take in what a process says until it has ended; returns why it must be ended where it does not by itself."""
        assert process.stdout is not None
        reports = ReportPipe(process.stdout, self.device)
        watch = Watch(process.pid, self.clock, self.measure)
        try:
            while True:
                line = reports.line(self.tick)
                if line is None:
                    return None
                if line:
                    watch.heard()
                    if not self._take_in(line, watch, listener):
                        return None
                elif process.poll() is not None:
                    return None  # somebody else has its pipe, and may keep it; all it said itself is told by now
                if (reason := watch.verdict(self.state.doing)) is not None:
                    return reason
        finally:
            reports.leave()

    def _take_in(self, line: bytes, watch: Watch, listener: Listener) -> bool:
        """Tell what a line says; False where the pool is stopped before anybody took it."""
        try:
            report = report_from_line(line)
        except EngineError:
            log.warning("worker %s said what makes no sense: %.200r", self.device, line)
            if line.endswith(b"\n"):
                raise  # it may have been the end of its job, and nobody would wait for another: it is begun anew
            return True  # half a line is the last one of a killed worker; its death is what counts
        if isinstance(report, Beat):
            self.state.doing, self.state.memory_used = report.doing, report.memory_used
            watch.marked(stage_named(report.stage), report.mark)
        elif isinstance(report, Ready):
            self.state.ready, self.state.title, watch.device = True, report.name, report.device
            self.state.memory_total, self.state.doing = report.memory_total, "idle"
        return self._tell(lambda: listener.heard(self.state.name, report))

    def _tell(self, told: Callable[[], None]) -> bool:
        """Call the listener until it has taken something in; False where the pool is stopped before."""
        times = 0
        while True:
            try:
                told()
                return True
            except TryAgainError as fault:
                seconds = _AGAIN_SECONDS[min(times, len(_AGAIN_SECONDS) - 1)]
                times += 1
                log.warning("worker %s waits %.0f s to be heard: %s", self.device, seconds, fault)
            if self._wait(seconds):
                return False

    def _end(self, process: subprocess.Popen[bytes], reason: str | None) -> str:
        """See that a process ends, by force where there is a `reason`; returns how it ended, in words."""
        with self._lock:
            if self._orders is not None:
                self._orders.close()
            self._orders = None
        for seconds in (0.0 if reason else _STOP_SECONDS, _END_SECONDS):
            try:
                code = process.wait(seconds)
                return reason or exit_in_words(code)
            except subprocess.TimeoutExpired:
                reason = reason or "ended because it had closed its pipe"
                process.kill()
        return f"{reason}; the system has not let go of it yet"


def parse_devices(text: str) -> list[str]:
    """The devices in a list such as `cpu` or `cuda:0,cuda:1`; each gets a worker. Raises EngineError `choice_invalid`.

    `auto` is one worker on the best device there is, which only a process with torch can tell.
    """
    devices = text.split(",")
    for device in devices:
        if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", device):
            raise EngineError(Code.CHOICE_INVALID, name="device", value=device, allowed="auto, cpu, mps, cuda, cuda:N")
    return list(dict.fromkeys(devices))
