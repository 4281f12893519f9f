"""Getting an engine: adopt the one that runs, or start one and wait until it is ready."""

from __future__ import annotations

import collections
import json
import os
import queue
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ..errors import EXPLANATIONS, Code, EngineError
from ..protocol import ENGINE_FILE, PROTOCOL_VERSION
from . import subprocesses
from .connection import Connection

_READY_SECONDS = 30.0
_STOP_SECONDS = 10.0
_AGAIN_SECONDS = 0.5
_LAST_WORDS = 400
"""Letters at the end of the log in which a refusal to start is looked for."""
_LOG_LINES = 20
_TAKEN = EXPLANATIONS[Code.ENGINE_RUNNING].sentence.partition("{")[0].strip()


@dataclass
class Engine:
    """A running engine; `process` is None for one that somebody else started."""

    connection: Connection
    ready: dict[str, Any]
    process: subprocess.Popen[str] | None = None

    @property
    def alive(self) -> bool:
        """Whether its process still runs, as far as we can see; True where only its line can tell: on another machine,
        and on Windows."""
        if self.process is not None:
            return self.process.poll() is None
        pid = self.ready.get("pid")
        if pid is None or os.name != "posix":
            return True
        try:
            os.kill(pid, 0)
        except PermissionError:
            return True
        except (OSError, OverflowError):
            return False
        return True

    def stop(self) -> None:
        """End an engine that we started, by closing its stdin; leave an adopted one alone."""
        self.connection.close()
        if self.process is None:
            return
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def find_or_start(
    python: Path,
    folder: Path,
    home: Path,
    *,
    device: str = "auto",
    models: Path | None = None,
    memory: float = 0.0,
    options: Sequence[str] = (),
) -> Engine:
    """The engine that serves `home`: the running one where it speaks our protocol, else a new one.

    `python` is the interpreter of the engine's environment and `folder` the one that holds the package `engine`; a new
    engine looks for models in `models` where that is given, and takes at most `memory` gigabytes of its device, 0: all;
    `options` are more of `serve`'s. Raises EngineError `engine_start_failed` with the end of its log.
    """
    until = time.monotonic() + _STOP_SECONDS
    while True:
        if (running := adopt(home)) is not None:
            return running
        try:
            return start(python, folder, home, device=device, models=models, memory=memory, options=options)
        except EngineError as fault:
            # One that is just ending answers no more and still holds the home: a Blender closed a moment ago, say.
            if _TAKEN not in str(fault.params["log"])[-_LAST_WORDS:] or time.monotonic() > until:
                raise
        time.sleep(_AGAIN_SECONDS)


def adopt(home: Path) -> Engine | None:
    """The engine that `home`/engine.json tells of, if it answers and speaks our protocol; else None."""
    try:
        ready = json.loads((home / ENGINE_FILE).read_text(encoding="utf-8"))
        connection = Connection(str(ready["url"]), str(ready["token"]))
        found = connection.engine()
        ready = {**ready, "pid": int(ready["pid"])} if "pid" in ready else ready
    except (OSError, ValueError, KeyError, TypeError, EngineError):
        return None
    if found.get("protocol") != PROTOCOL_VERSION:
        connection.close()
        return None
    return Engine(connection, ready)


def start(
    python: Path,
    folder: Path,
    home: Path,
    *,
    device: str = "auto",
    models: Path | None = None,
    memory: float = 0.0,
    options: Sequence[str] = (),
) -> Engine:
    """Start an engine of our own; it ends with us. Raises EngineError `engine_start_failed`, without a log where there
    was nothing to begin."""
    log = home / "logs" / "server.log"
    command = [str(python), "-m", "engine", "serve", "--home", str(home), "--device", device]
    if memory:
        command += ["--memory", f"{memory:g}"]
    command += options
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as errors:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=engine_environ(models),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                encoding="utf-8",
                errors="replace",
                creationflags=subprocesses.NO_WINDOW,
            )
    except OSError as fault:
        raise EngineError(
            Code.ENGINE_START_FAILED, detail=subprocesses.why_not(python, folder, fault), log=""
        ) from fault
    ready = _ready_line(process, log)
    return Engine(Connection(ready["url"], ready["token"]), ready, process)


def engine_environ(models: Path | None) -> dict[str, str]:
    """The environment of an engine, or of its commands, that looks for models in `models` where that is given."""
    return subprocesses.environ(**({} if models is None else {"SHOTPACK_HOME": str(models)}))


def _ready_line(process: subprocess.Popen[str], log: Path) -> dict[str, Any]:
    """What the engine says once it is ready; it is given a limit, and killed beyond it."""
    lines: queue.Queue[str] = queue.Queue()
    stdout = process.stdout
    assert stdout is not None
    threading.Thread(target=_put_line, args=(stdout, lines), name="engine's ready line", daemon=True).start()
    begun = time.monotonic()
    try:
        ready: dict[str, Any] = json.loads(lines.get(timeout=_READY_SECONDS))
        ready = {**ready, "url": str(ready["url"]), "token": str(ready["token"])}
    except (queue.Empty, ValueError, KeyError, TypeError) as fault:
        process.kill()
        code = process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        waited = time.monotonic() - begun
        detail = (
            f"it ended with exit code {code}" if waited < _READY_SECONDS else f"it was not ready after {waited:.0f} s"
        )
        raise EngineError(Code.ENGINE_START_FAILED, detail=detail, log=_tail(log)) from fault
    return ready


def _put_line(pipe: IO[str], lines: queue.Queue[str]) -> None:
    line = ""
    try:
        line = pipe.readline()
    finally:
        lines.put(line)


def _tail(log: Path) -> str:
    with log.open(encoding="utf-8", errors="replace") as lines:
        return "".join(collections.deque(lines, _LOG_LINES))
