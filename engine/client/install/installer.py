"""Installing the engine: an environment of its own in the user's folder, made on a thread while Blender goes on.

Beside the environment lie install.log, what the last install did, and, after a failure, install-cache, so that the next
try goes on with what was downloaded. What uv and pip keep elsewhere stays as it is.
"""

from __future__ import annotations

import atexit
import collections
import contextlib
import platform
import shutil
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from ...errors import Code, EngineError
from .. import subprocesses
from . import extras, report, uv
from .environment import WHOLE, Place, environment_python, locks, remove, state_of

CHECK = "import torch, diffusers, fastapi, uvicorn"
NEEDED_BYTES = 8 * 2**30
FITTING = ((3, 11), (3, 12), (3, 13), (3, 14))
"""Versions of Python that the pinned packages come for; uv gets the first one where there is none of them."""


class Stage(StrEnum):
    """What goes on, in the artist's words."""

    WAITING = "Waiting"
    TOOL = "Getting the installer"
    ENVIRONMENT = "Making a place for the engine"
    PACKAGES = "Downloading packages"
    CHECKING = "Checking that the engine works"
    DONE = "The engine is installed"
    CANCELLED = "Cancelled"
    FAILED = "The engine is not installed"


_BEGINS = {Stage.TOOL: 0.0, Stage.ENVIRONMENT: 0.04, Stage.PACKAGES: 0.05, Stage.CHECKING: 0.93, Stage.DONE: 1.0}
"""Where on the bar each stage begins."""
_TORCH_BEGINS = 0.2
"""How much of the packages' part of the bar is for all but PyTorch, which is by far the largest."""
_HASHED = ("--require-hashes", "--no-deps", "--only-binary", ":all:")
"""Options, for uv as for pip, of an install that takes the locked files and nothing else."""


@dataclass(frozen=True)
class InstallProgress:
    """How far an install is: `fraction` of the whole, 0 to 1, None where it can't be told; `detail` is one line."""

    stage: Stage = Stage.WAITING
    fraction: float | None = 0.0
    detail: str = ""


@dataclass(frozen=True)
class InstallResult:
    """How an install ended: well, with an error, or cancelled."""

    error: EngineError | None = None
    cancelled: bool = False

    @property
    def ok(self) -> bool:
        """Whether the environment is ready."""
        return self.error is None and not self.cancelled


class _CancelledError(Exception):
    """The artist asked to stop."""


class Installation:
    """One install of the engine's environment into `folder`, on a thread of its own.

    `python` is what the environment is made of; `online` is Blender's leave to use the network. Nothing here raises
    into Blender: how far it is stands in `progress`, how it ended in `result`.
    """

    def __init__(
        self,
        folder: Path,
        requirements: Path,
        python: Path,
        *,
        online: bool,
        torch_backend: str = "auto",
        index: str | None = None,
        uv_program: Path | None = None,
        check: str = CHECK,
    ) -> None:
        """`torch_backend` is uv's (cpu, cu128...; empty for the index's own); `uv_program` replaces the pinned one."""
        self.folder, self.requirements, self.python, self._online = folder, requirements, python, online
        self._torch_backend, self._index, self._uv_program, self._check = torch_backend, index, uv_program, check
        self._place = Place(folder, requirements)
        self._needed_bytes = NEEDED_BYTES
        self._beside, self._log, self._cache = (
            folder.parent,
            folder.parent / report.LOG,
            folder.parent / "install-cache",
        )
        self._progress = InstallProgress()
        self._result: InstallResult | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="engine's installation", daemon=True)

    @property
    def progress(self) -> InstallProgress:
        """The latest; may be read from any thread."""
        return self._progress

    @property
    def result(self) -> InstallResult | None:
        """None until it has ended."""
        return self._result

    def start(self) -> None:
        """Begin."""
        atexit.register(self._leave)
        self._thread.start()

    def cancel(self) -> None:
        """Ask it to stop: what runs is killed at once, and `result` comes when what it left is removed."""
        self._stop.set()

    def wait(self, seconds: float | None = None) -> InstallResult | None:
        """Wait for the end of what was started; returns `result`."""
        self._thread.join(seconds)
        return self._result

    def report(self) -> str:
        """What to copy into an issue."""
        return report.report(self.folder, self.requirements, f"{self._progress.stage} {self._progress.detail}".strip())

    def _leave(self) -> None:
        """Blender quits: leave no program behind."""
        self.cancel()
        self.wait(3.0)

    def _run(self) -> None:
        result, last = InstallResult(), InstallProgress(Stage.DONE, 1.0)
        try:
            if not self._online:
                raise EngineError(Code.INSTALL_OFFLINE)
            self._beside.mkdir(parents=True, exist_ok=True)
            with self._place.held():
                self._log.write_text("", encoding="utf-8")
                self._install()
        except _CancelledError:
            result, last = InstallResult(cancelled=True), InstallProgress(Stage.CANCELLED)
        except Exception as fault:
            error = fault if isinstance(fault, EngineError) else uv.explained(str(fault) or type(fault).__name__)
            result, last = InstallResult(error), InstallProgress(Stage.FAILED, detail=error.line)
            if error is not fault:
                self._say(traceback.format_exc())
        self._say(f"{last.stage} {last.detail}")
        self._progress, self._result = last, result
        atexit.unregister(self._leave)

    def _install(self) -> None:
        self._place.clear()
        self._require_space()
        try:
            program = self._get_uv()
            self._tell(Stage.ENVIRONMENT)
            self._place.begin()
            self._make(program)
            self._fill(program)
            for name in extras.there(self.folder):  # what the environment had that was there goes on
                self._add_extra(program, self._place.new, name)
            self._tell(Stage.CHECKING)
            self._call([str(environment_python(self._place.new)), "-I", "-c", self._check])
            self._place.finish()
        finally:
            with contextlib.suppress(OSError):  # what is left does not look whole, and the next install removes it
                self._place.abandon()
        with contextlib.suppress(OSError):
            remove(self._cache)

    def _require_space(self) -> None:
        free, needed = shutil.disk_usage(self._beside).free, self._needed_bytes
        if free < needed:
            sizes = {"free": uv.readable_bytes(free), "needed": uv.readable_bytes(needed)}
            raise EngineError(Code.DISK_SHORT, path=str(self._beside), model="the engine", **sizes)

    def _get_uv(self) -> str | None:
        """A uv that runs here; None where there is none to be had and pip must do."""
        self._tell(Stage.TOOL)
        try:
            program = str(self._uv_program or uv.fetch(self._cache, self.python, self._call, index=self._index))
        except uv.UvMissingError as missing:
            reason = str(missing)
        else:
            try:
                self._call([program, "--version"])
                return program
            except (EngineError, OSError) as fault:
                reason = f"uv does not run here ({fault})"
        # On Windows pip would take the PyTorch that knows no graphics card, and every shot would take for ever.
        if platform.system() == "Windows" and shutil.which("nvidia-smi"):
            raise uv.explained(reason)
        if uv.pip(self.python) is None:
            raise uv.explained(f"this Blender's Python has no pip, and {reason}")
        self._say(f"{reason}; going on with pip")
        return None

    def _make(self, program: str | None) -> None:
        """Make the environment, without a pip in it: uv needs none, and the given Python's installs into another."""
        if program is None:
            self._call([str(self.python), "-m", "venv", "--without-pip", str(self._place.new)])
            return
        command = [program, "venv", "--no-project", "--relocatable", "--allow-existing", str(self._place.new)]
        given = [["--python", str(self.python)]] if sys.version_info[:2] in FITTING else []
        (major, lowest), (_, highest) = FITTING[0], FITTING[-1]
        found = ["--no-python-downloads", "--python", f">={major}.{lowest},<{major}.{highest + 1}"]
        for python in (*given, found, ["--python", f"{major}.{lowest}"]):
            try:
                self._call([*command, *python])
                return
            except EngineError as fault:
                reason = str(fault.params["detail"])
                self._say(f"{python[-1]} will not do")
        detail = f"no Python {major}.{lowest} to {major}.{highest} was found, and uv could not get one ({reason})"
        advice = f"install Python {major}.{highest} or use Blender's own build, and install again"
        raise EngineError(Code.INSTALL_FAILED, detail=detail, advice=advice)

    def _fill(self, program: str | None) -> None:
        """Install what is locked by its hashes, then PyTorch by its version: its wheel differs by machine."""
        self._tell(Stage.PACKAGES)
        backend = [f"--torch-backend={self._torch_backend}"] if self._torch_backend and program else []
        packages, *torch = locks(self.requirements)
        if not torch:  # an engine's folder of an earlier release
            self._add(program, ["-r", str(packages), *backend], 0.0, 1.0)
            return
        self._add(program, [*_HASHED, "-r", str(packages)], 0.0, _TORCH_BEGINS)
        self._add(program, ["-r", str(torch[0]), *backend], _TORCH_BEGINS, 1.0)

    def _add_extra(self, program: str | None, environment: Path, name: str, begin: float = 1.0) -> None:
        """Install an addition into an environment, at its own place there."""
        lock, new = extras.requirements_of(self.requirements, name), extras.begin(environment, name)
        try:
            self._add(program, ["--target", str(new), *_HASHED, "-r", str(lock)], begin, 1.0, environment)
            seen = f"import sys; sys.path.append({str(new)!r}); {extras.CHECKS[name]}"
            self._call([str(environment_python(environment)), "-I", "-c", seen])
            extras.finish(environment, self.requirements, name)
        finally:
            with contextlib.suppress(OSError):  # what is left is not looked at, and the next install removes it
                extras.abandon(environment, name)

    def _add(
        self, program: str | None, wanted: Sequence[str], begin: float, end: float, environment: Path | None = None
    ) -> None:
        """Have uv, or pip, install something; it takes the packages' part of the bar from `begin` to `end`."""
        python = str(environment_python(environment or self._place.new))
        if program is None:
            pip = [*(uv.pip(self.python) or ()), "--python", python, "install", "--progress-bar", "off"]
            self._call(
                [*pip, "--disable-pip-version-check", "--no-input", *wanted],
                lambda line: self._tell(Stage.PACKAGES, None, line) if line else None,
            )
            return
        downloads, free = uv.Downloads(), shutil.disk_usage(self._beside).free

        def heard(line: str | None) -> None:
            downloads.read(line or "")
            written = free - shutil.disk_usage(self._beside).free
            within = begin + (end - begin) * downloads.fraction(written)
            self._tell(Stage.PACKAGES, within, downloads.under_way())

        self._call([program, "pip", "install", "--python", python, *wanted], heard)

    def _call(self, command: Sequence[str], heard: subprocesses.Heard | None = None) -> None:
        """Run a program with its output in the log. Raises EngineError `install_failed` in the program's own words."""
        said: collections.deque[str] = collections.deque(maxlen=report.LINES)

        def hear(line: str | None) -> None:
            self._go_on()
            if line := (line or "").rstrip():
                said.append(line)
                self._say(line)
            if heard is not None:
                heard(line)

        self._go_on()
        self._say(f"> {subprocess.list2cmdline(command)}")
        environ = uv.child_environ(self._cache, self._beside / "python")
        if code := subprocesses.run(command, environ, self._beside, hear):
            raise uv.explained("\n".join(said) or f"{Path(command[0]).name} ended with exit code {code}")

    def _go_on(self) -> None:
        if self._stop.is_set():
            raise _CancelledError

    def _tell(self, stage: Stage, within: float | None = 0.0, detail: str = "") -> None:
        """Tell how far a stage is; the bar never goes back."""
        fraction = None
        if within is not None:
            begin, end = _BEGINS[stage], min(later for later in _BEGINS.values() if later > _BEGINS[stage])
            fraction = max(begin + (end - begin) * within, self._progress.fraction or 0.0)
        self._progress = InstallProgress(stage, fraction, detail.strip())

    def _say(self, line: str) -> None:
        with contextlib.suppress(OSError), self._log.open("a", encoding="utf-8") as log:
            log.write(f"{time.strftime('%H:%M:%S')} {line.rstrip()}\n")


class ExtraInstallation(Installation):
    """One addition to an environment that is there, which goes on working whatever becomes of this."""

    def __init__(self, folder: Path, requirements: Path, python: Path, name: str, **options: Any) -> None:
        """As an installation of the environment; `name` is one of `extras.NAMES`."""
        super().__init__(folder, requirements, python, **options)
        self._name, self._needed_bytes = name, extras.NEEDED_BYTES

    def _install(self) -> None:
        try:
            self._add_it()
        except EngineError as fault:
            if fault.code is not Code.INSTALL_FAILED:
                raise
            raise EngineError(Code.ADDITION_FAILED, **fault.params) from fault

    def _add_it(self) -> None:
        if state_of(self.folder, self.requirements) not in WHOLE:
            detail = "the engine itself is not installed"
            raise EngineError(Code.INSTALL_FAILED, detail=detail, advice="install the engine first")
        self._require_space()
        program = self._get_uv()
        self._tell(Stage.PACKAGES)
        self._add_extra(program, self.folder, self._name, 0.0)
        with contextlib.suppress(OSError):
            remove(self._cache)
