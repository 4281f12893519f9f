"""How much of a shot's end its boards show, found out by a program on a thread before anything is made."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Sequence
from pathlib import Path

from ..errors import EngineError
from .background_calls import as_error
from .film_render import GUIDE, take
from .guide_frames import GuideProgress


class LookAhead:
    """One look: the program is told the film `guide.blend` in a folder, which goes with the look.

    `ended` comes true once, with `fault` or with all that `guide` holds.
    """

    def __init__(self, command: Sequence[str], folder: Path, names: Sequence[str]) -> None:
        """Begin; `names` are the pictures that the film is of."""
        self.guide = GuideProgress()
        self.fault: EngineError | None = None
        self._command = command
        self._folder = folder
        self._names = tuple(names)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="shotpack look ahead", daemon=True)
        self._thread.start()

    @property
    def ended(self) -> bool:
        """Whether there is nothing more to come."""
        return not self._thread.is_alive()

    def close(self) -> None:
        """Nobody waits for it any more: the program is killed."""
        self._closed.set()

    def _run(self) -> None:
        try:
            take(self._command, self._folder, GUIDE, self._names, self._closed, self.guide.hear)
        except Exception as fault:
            self.fault = as_error(fault)
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)
