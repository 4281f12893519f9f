"""The models that can be had and those that are here, as the engine's own command tells; fetches one at a time.

Each question is a program on a thread, so Blender never waits; what a stopped download has fetched is kept.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from ..errors import Code, EngineError, error_of
from ..vocabulary import Vocabulary
from . import subprocesses
from .engine_info import vocabulary_or_none
from .launcher import engine_environ

_LAST_LINES = 5


@dataclass(frozen=True)
class Terms:
    """A licence: what it is called, where it can be read, and the sentence an artist must know before agreeing."""

    name: str
    url: str
    note: str


@dataclass(frozen=True)
class Model:
    """A model by the engine's catalog, or a folder that the artist put beside it; `bytes` is about right."""

    name: str
    title: str
    state: str
    """`installed`, `partial` (a download that was stopped), `missing` or `damaged`."""
    bytes: int | None
    terms: tuple[Terms, ...]
    prompt_tokens: int | None = None
    """Tokens of a prompt that it reads at most; None where it is not here."""
    vocabulary: Vocabulary | None = None
    """The words it was taught, of a model that knows some only."""
    licence: str = ""
    quality: str = ""
    """In a word: `draft`, `final`; empty where nobody says."""
    good_for: str = ""
    gpu_bytes: int = 0
    """The least that a GPU must have for it; 0: a processor does, or nobody says."""
    gpu_bytes_whole: int = 0
    """From where on its weights stay on the GPU, which is several times as fast."""


class _StoppedError(Exception):
    """The artist asked to stop, or Blender quits."""


class ModelList:
    """What `python -m engine models` knows; `models` and `fault` are the latest, and may be read from any thread."""

    def __init__(self, python: Path, folder: Path, models_home: Path | None = None) -> None:
        """`python` runs the engine and `folder` holds its package; `models_home` replaces the engine's own choice."""
        self._command = (str(python), "-m", "engine", "models")
        self._folder, self._environ = folder, engine_environ(models_home)
        self.models: tuple[Model, ...] = ()
        self.fault: EngineError | None = None
        self.fetching = ""
        """The name of the model that is being fetched."""
        self.done, self.total = 0, 0
        """Bytes of it that are here, and of all its files; 0 before they are known."""
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def busy(self) -> bool:
        """Whether a question is being asked, or a model fetched."""
        return self._thread is not None and self._thread.is_alive()

    def look(self) -> None:
        """Bring `models` up to date; does nothing while busy."""
        self._begin(self._look)

    def fetch(self, name: str, *, agreed: bool) -> None:
        """Fetch a model, or go on with one; `agreed` says that the artist has accepted its terms."""
        if not self.busy:
            self.fetching, self.done, self.total = name, 0, 0
            self._begin(lambda: self._fetch(name, agreed))

    def cancel(self) -> None:
        """Stop what runs; fetched bytes stay."""
        self._stop.set()

    def wait(self, seconds: float | None = None) -> None:
        """Wait for what was begun."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _begin(self, work: Callable[[], None]) -> None:
        if self.busy:
            return
        self.fault = None
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, args=(work,), name="shotpack models", daemon=True)
        atexit.register(self._leave)
        self._thread.start()

    def _leave(self) -> None:
        self.cancel()
        self.wait(3.0)

    def _run(self, work: Callable[[], None]) -> None:
        try:
            with contextlib.suppress(_StoppedError):
                work()
        except EngineError as error:
            self.fault = error
        except Exception as fault:
            self.fault = EngineError(Code.INTERNAL, detail=f"{type(fault).__name__}: {fault}")
        finally:
            self.fetching = ""
            atexit.unregister(self._leave)

    def _fetch(self, name: str, agreed: bool) -> None:
        try:
            self._ask("download", name, "--json", *(["--accept-licence"] if agreed else []))
        finally:
            # Whatever became of it: what is here has changed.
            self._stop.clear()
            self._look()

    def _look(self) -> None:
        lines = self._ask("list", "--json").splitlines()
        # A library may say something of its own before and after.
        rows = json.loads("\n".join(lines[lines.index("[") : lines.index("]") + 1]))
        self.models = tuple(map(_model, rows))

    def _ask(self, *arguments: str) -> str:
        """What the command prints. Raises EngineError with its own, or with its last words."""
        said: list[str] = []
        told: list[EngineError] = []

        def hear(line: str | None) -> None:
            if self._stop.is_set():
                raise _StoppedError
            if line and (news := _news(line)) is not None:
                if "failed" in news:
                    told.append(error_of(news["failed"], news["detail"]))
                self.done, self.total = news.get("done", self.done), news.get("total", self.total)
            elif line:
                said.append(line)

        try:
            code = subprocesses.run([*self._command, *arguments], self._environ, self._folder, hear)
        except OSError as fault:
            detail = subprocesses.why_not(Path(self._command[0]), self._folder, fault)
            raise EngineError(Code.ENGINE_START_FAILED, detail=detail, log="") from fault
        if code:
            words = " ".join("".join(said[-_LAST_LINES:]).split()) or f"it ended with exit code {code}"
            raise told[-1] if told else EngineError(Code.INTERNAL, detail=words)
        return "".join(said)


def _model(row: dict[str, Any]) -> Model:
    """A model by a row of the list; one of an earlier release has fewer keys, one of a later more."""
    known = {each.name for each in fields(Model)} & row.keys() - {"terms", "vocabulary"}
    terms = tuple(Terms(**each) for each in row["terms"])
    return Model(
        **{name: row[name] for name in known}, terms=terms, vocabulary=vocabulary_or_none(row.get("vocabulary"))
    )


def _news(line: str) -> dict[str, Any] | None:
    """One JSON line of a download; None for anything else."""
    if not line.startswith('{"'):
        return None
    try:
        news = json.loads(line)
    except ValueError:
        return None
    return news if isinstance(news, dict) else None
