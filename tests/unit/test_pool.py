"""What keeps a worker going: it outlives whatever its process says, does or does not do, and whoever listens."""

from __future__ import annotations

import errno
import queue
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.server.home import logs_folder
from engine.server.workers import local_pool
from engine.server.workers.local_pool import WorkerProcess
from engine.server.workers.pool import Death, TryAgainError
from engine.server.workers.worker_messages import Beat, Make, Ready, Released, Report, to_line
from tests.patience import PATIENCE

"""Seconds after which something that must come counts as never coming; nothing waits for it where all is well."""
RELEASED = to_line(Released("a job")).encode()
READY = to_line(Ready("cpu", "cpu", 8)).encode()
BEAT = b'{"kind": "beat", "doing": "loading transformer 5/5", "memory_used": 1}\n'
POPEN = subprocess.Popen


class Pipe:
    """One end of a process's pipe: what it says until it ends, or what it was told."""

    def __init__(self) -> None:
        self.lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self.written: queue.SimpleQueue[str | bytes] = queue.SimpleQueue()
        self.closed = threading.Event()
        self.stuck: threading.Event | None = None

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.lines.get, None)

    def write(self, data: str | bytes) -> None:
        if self.stuck is not None:
            self.stuck.wait()
            raise BrokenPipeError
        self.written.put(data)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        self.closed.set()

    def __enter__(self) -> Pipe:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class ScriptedProcess:
    """A process that says `lines`, and with a `code` ends then; else it goes on until it is killed.

    Ended with its pipe `held`, somebody else keeps that open.
    """

    pid = 2**22 + 1
    """More than a system gives by itself."""

    def __init__(self, *lines: bytes, code: int | None = None, held: bool = False) -> None:
        self.stdin, self.stdout = Pipe(), Pipe()
        self.returncode: int | None = None
        self._held = held
        self._ended = threading.Event()
        for line in lines:
            self.stdout.lines.put(line)
        if code is not None:
            self.end(code)

    def end(self, code: int) -> None:
        if self.returncode is None:
            self.returncode = code
            self._ended.set()
            if self.stdin.stuck is not None:
                self.stdin.stuck.set()
            if not self._held:
                self.stdout.lines.put(None)

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if not self._ended.wait(timeout):
            raise subprocess.TimeoutExpired("a script", timeout or 0)
        assert self.returncode is not None
        return self.returncode

    def kill(self) -> None:
        self.end(-9)

    def __enter__(self) -> ScriptedProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.wait()


class Ear:
    """Notes what it hears, and raises what it is given first, one fault a call."""

    def __init__(self, *, on_report: tuple[Exception, ...] = (), on_death: tuple[Exception, ...] = ()) -> None:
        self.reports: queue.SimpleQueue[Report] = queue.SimpleQueue()
        self.deaths: queue.SimpleQueue[Death] = queue.SimpleQueue()
        self.calls: list[Report | Death] = []
        self._on_report, self._on_death = list(on_report), list(on_death)

    def heard(self, _worker: str, report: Report) -> None:
        self.calls.append(report)
        if self._on_report:
            raise self._on_report.pop(0)
        self.reports.put(report)

    def died(self, _worker: str, death: Death) -> None:
        self.calls.append(death)
        if self._on_death:
            raise self._on_death.pop(0)
        self.deaths.put(death)


class Kept:
    """A worker process out of scripts: one after the other is started, the last of them to stay."""

    def __init__(self, patch: pytest.MonkeyPatch, home: Path, ear: Ear, *scripts: object, **settings: object) -> None:
        self.scripts = list(scripts)
        self.started: queue.SimpleQueue[object] = queue.SimpleQueue()
        self.seen: list[str] = []
        self.process = WorkerProcess("cpu", home)
        self.process.tick = 0.01
        for name, value in settings.items():
            setattr(self.process, name, value)
        patch.setattr(local_pool.subprocess, "Popen", self._popen)
        patch.setattr(local_pool, "_RESTART_SECONDS", settings.pop("restarts", (0.0,)))
        patch.setattr(local_pool, "_STOP_SECONDS", 0.1)
        self.process.start(ear)

    def _popen(self, *args: Any, **kwargs: Any) -> Any:
        self.seen.append(self.process.state.doing)
        script = self.scripts.pop(0) if self.scripts else ScriptedProcess()
        if isinstance(script, Exception):
            raise script
        if callable(script):
            script = script(*args, **kwargs)
        self.started.put(script)
        return script


Keep = Callable[..., Kept]


@pytest.fixture
def keep(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Keep]:
    """Have scripts kept going, and all of it ended with the test."""
    kept: list[Kept] = []

    def start(ear: Ear, *scripts: object, home: Path = tmp_path, **settings: object) -> Kept:
        kept.append(Kept(monkeypatch, home, ear, *scripts, **settings))
        return kept[-1]

    yield start
    for each in kept:
        ended = threading.Thread(target=each.process.stop, daemon=True)
        process = each.process._process
        if isinstance(process, ScriptedProcess):
            process.end(0)
        ended.start()
        ended.join(PATIENCE)
        assert not ended.is_alive(), "stop hangs"


SENSELESS = [b'{"kind": "happ', b"\xff\xfe\x80\n", b"\n", b'{"kind": "jump"}\n', b'{"kind": "paused"}\n', b"[" * 9999]


@pytest.mark.parametrize("line", SENSELESS)
def test_a_line_without_sense_costs_one_worker_and_no_more(keep: Keep, line: bytes) -> None:
    ear = Ear()
    whole = line if line.endswith(b"\n") else line + b"\n"
    kept = keep(ear, ScriptedProcess(RELEASED, whole), ScriptedProcess(RELEASED, code=-9))
    assert "could not be taken in" in ear.deaths.get(timeout=PATIENCE).reason  # it may have been the end of its job
    assert ear.deaths.get(timeout=PATIENCE).reason == "killed, most likely out of memory"
    assert [type(call) for call in ear.calls] == [Released, Death, Released, Death]
    for _ in range(3):
        kept.started.get(timeout=PATIENCE)


def test_half_a_line_of_a_process_that_is_killed(keep: Keep) -> None:
    """The same with a real pipe and a real kill."""
    program = 'import os, signal; os.write(1, b\'{"kind": "happened", "job\'); os.kill(os.getpid(), signal.SIGKILL)'
    ear = Ear()
    kept = keep(ear, lambda _command, **pipes: POPEN([sys.executable, "-c", program], **pipes))
    assert ear.deaths.get(timeout=PATIENCE).reason == "killed, most likely out of memory"
    assert kept.started.get(timeout=PATIENCE).returncode == -9  # type: ignore[attr-defined]
    kept.started.get(timeout=PATIENCE)


def test_keys_that_are_not_known_are_ignored(keep: Keep) -> None:
    ear = Ear()
    keep(ear, ScriptedProcess(b'{"kind": "released", "job": "a job", "mood": "good"}\n', code=0))
    assert ear.reports.get(timeout=PATIENCE) == Released("a job")


def test_what_cannot_be_started_is_tried_again(keep: Keep) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    kept = keep(Ear(), full, MemoryError(), full)
    kept.started.get(timeout=PATIENCE)
    assert kept.seen[1:] == [
        "cannot be started: no space left on device",
        "cannot be started: MemoryError",
        "cannot be started: no space left on device",
    ]


def test_a_false_start_is_followed_by_growing_waits(keep: Keep) -> None:
    waits: list[float] = []
    over = threading.Event()

    def rest(seconds: float) -> bool:
        waits.append(seconds)
        return over.is_set()

    faults = [OSError(errno.EACCES, "Permission denied") for _ in range(3)]
    kept = keep(Ear(), *faults, ScriptedProcess(code=1), restarts=(0.0, 1.0, 5.0), rest=rest)
    for _ in range(2):
        kept.started.get(timeout=PATIENCE)
    over.set()
    assert waits[:5] == [0.0, 1.0, 5.0, 5.0, 5.0]


def test_the_logs_folder_may_be_gone(keep: Keep, tmp_path: Path) -> None:
    kept = keep(Ear(), home=tmp_path / "home")
    kept.started.get(timeout=PATIENCE)


def test_a_log_that_is_gone_costs_its_lines_only(keep: Keep, tmp_path: Path) -> None:
    ear = Ear()
    script = ScriptedProcess(RELEASED)
    kept = keep(ear, script)
    ear.reports.get(timeout=PATIENCE)
    kept.process.log_file.unlink()
    script.end(1)
    assert ear.deaths.get(timeout=PATIENCE).reason == "ended with exit code 1"


def test_a_listener_that_fails_at_a_report_costs_the_worker(keep: Keep) -> None:
    """Its job cannot go on as if the report had been taken in; it goes on as after any other death."""
    ear = Ear(on_report=(sqlite3.OperationalError("database or disk is full"),))
    script = ScriptedProcess(RELEASED, RELEASED)
    kept = keep(ear, script)
    death = ear.deaths.get(timeout=PATIENCE)
    assert "database or disk is full" in death.reason
    assert script.returncode == -9
    assert ear.reports.empty(), "after a report that was lost none is told"
    kept.started.get(timeout=PATIENCE)
    kept.started.get(timeout=PATIENCE)


def test_a_listener_that_fails_at_a_death_is_outlived(keep: Keep) -> None:
    ear = Ear(on_death=(sqlite3.OperationalError("database is locked"), KeyError("job")))
    kept = keep(ear, *(ScriptedProcess(code=1) for _ in range(3)))
    assert ear.deaths.get(timeout=PATIENCE).reason == "ended with exit code 1"
    for _ in range(4):
        kept.started.get(timeout=PATIENCE)


def test_what_cannot_be_taken_in_now_is_told_again(keep: Keep) -> None:
    """A full disk: the same report until it is taken, none before it is, and the death just so."""
    full = [TryAgainError("the disk is full") for _ in range(8)]
    waits: list[float] = []

    def rest(seconds: float) -> bool:
        waits.append(seconds)
        return False

    ear = Ear(on_report=tuple(full[:6]), on_death=tuple(full[6:]))
    kept = keep(ear, ScriptedProcess(READY, RELEASED, code=-9), rest=rest)
    death = ear.deaths.get(timeout=PATIENCE)
    assert ear.calls[:11] == [*[Ready("cpu", "cpu", 8)] * 7, Released("a job"), *[death] * 3]
    assert [wait for wait in waits if wait] == [0.2, 1.0, 5.0, 15.0, 15.0, 15.0, 0.2, 1.0]
    kept.process.rest = None


def test_stopping_does_not_wait_for_a_listener_that_cannot_take_it_in(keep: Keep) -> None:
    class Full(Ear):
        def heard(self, worker: str, report: Report) -> None:
            self.reports.put(report)
            raise TryAgainError("the disk is full")

    ear = Full()
    keep(ear, ScriptedProcess(RELEASED))
    ear.reports.get(timeout=PATIENCE)


def test_a_dead_worker_whose_pipe_somebody_holds_is_dead(keep: Keep) -> None:
    """A compiler that it had started lives on, with the pipe it inherited."""
    ear = Ear()
    kept = keep(ear, ScriptedProcess(RELEASED, code=-11, held=True))
    assert ear.deaths.get(timeout=PATIENCE).reason == "ended by signal 11"
    assert ear.reports.get(timeout=PATIENCE) == Released("a job")
    kept.started.get(timeout=PATIENCE)
    kept.started.get(timeout=PATIENCE)


def test_a_worker_that_closes_its_pipe_and_lives_is_ended(keep: Keep) -> None:
    ear = Ear()
    script = ScriptedProcess(RELEASED)
    script.stdout.lines.put(None)
    keep(ear, script)
    assert ear.deaths.get(timeout=PATIENCE).reason == "ended because it had closed its pipe"


def test_nobody_waits_for_a_worker_that_reads_no_orders(keep: Keep) -> None:
    """Its pipe holds 64 KB; whoever gives an order holds the queue's lock."""
    ear = Ear()
    script = ScriptedProcess(READY)
    script.stdin.stuck = threading.Event()
    kept = keep(ear, script)
    ear.reports.get(timeout=PATIENCE)
    make = Make("a job", "{" + " " * 1000 + "}")
    given = threading.Thread(target=lambda: [kept.process.order(make) for _ in range(2)], daemon=True)
    given.start()
    given.join(PATIENCE / 10)
    stuck = given.is_alive()
    script.end(-9)
    assert not stuck
    ear.deaths.get(timeout=PATIENCE)


class Steps:
    """A clock that goes on by so many seconds with every look at it."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._now = 0.0

    def __call__(self) -> float:
        self._now += self._seconds
        return self._now


def test_a_worker_that_beats_on_but_gets_nothing_done_is_ended(keep: Keep) -> None:
    ear = Ear()
    script = ScriptedProcess(*[BEAT] * 400)
    kept = keep(ear, script, clock=Steps(9.0), measure=lambda _pid: None)
    reason = ear.deaths.get(timeout=PATIENCE).reason
    assert reason.startswith("ended because it stood still for ")
    assert reason.endswith(" s while loading transformer 5/5")
    assert script.returncode == -9
    kept.started.get(timeout=PATIENCE)
    kept.started.get(timeout=PATIENCE)


def test_a_worker_that_says_nothing_is_ended(keep: Keep) -> None:
    ear = Ear()
    keep(ear, ScriptedProcess(READY, to_line(Beat("idle", 1, "resting", 7)).encode()), clock=Steps(9.0))
    assert ear.deaths.get(timeout=PATIENCE).reason == "ended because it said nothing for 63 s while idle"


def test_no_process_is_left_where_the_pool_is_stopped_meanwhile(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Stopped while it is being started, a worker must not live on."""
    begun, go_on = threading.Event(), threading.Event()
    script = ScriptedProcess()

    def popen(*_: object, **__: object) -> ScriptedProcess:
        begun.set()
        go_on.wait(PATIENCE)
        return script

    monkeypatch.setattr(local_pool.subprocess, "Popen", popen)
    process = WorkerProcess("cpu", tmp_path)
    process.start(Ear())
    begun.wait(PATIENCE)
    process._stopping.set()
    go_on.set()
    process.stop()
    assert script.returncode == -9


def test_the_end_of_a_long_log(tmp_path: Path, keep: Keep) -> None:
    log_file = logs_folder(tmp_path) / "worker-cpu.log"
    log_file.parent.mkdir()
    log_file.write_text("".join(f"line {n} of many\n" for n in range(100_000)), encoding="utf-8")
    ear = Ear()
    keep(ear, ScriptedProcess(code=3))
    lines = ear.deaths.get(timeout=PATIENCE).log.splitlines()
    assert (len(lines), lines[-1]) == (20, "line 99999 of many")
