"""Each job's folder in the engine's home: where it is, filled from another job's, and taken away."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from ...errors import EngineError
from ...media.files import disk_faults, sweep_parts
from .continuation import PART, carry_over

DOOMED = ".removed-"
"""What a folder's name begins with once its job is removed: an engine that is killed meanwhile finds it."""

log = logging.getLogger("shotpack.folders")


class JobFolders:
    """The folders under `root`. Copying and removing take their time, one after the other, and nobody's lock."""

    def __init__(self, root: Path, executor: Executor | None = None) -> None:
        """Copying is done by `executor`, a thread of its own if none is given."""
        self._root = root
        self._executor = executor or ThreadPoolExecutor(1, "shotpack's job folders")
        self._changing = threading.Lock()

    def of(self, job: str) -> Path:
        """The folder of a job, by an id that the store made."""
        return self._root / job

    def copy(
        self, source: str, target: str, wanted: Callable[[], bool], done: Callable[[EngineError | None], None]
    ) -> None:
        """Make `target` a folder with all that `source` holds; calls `done` with what went wrong, if anything did.

        It may take its time until it begins: whether it is still `wanted` is asked then.
        """
        self._executor.submit(self._copy, source, target, wanted, done)

    @contextmanager
    def removal(self, job: str) -> Iterator[Callable[[], None]]:
        """Wait until no folder is being copied, and give what takes the job's away; it comes back if the block fails.

        Its files are deleted when the block is over.
        """
        folder, aside = self.of(job), self._root / f"{DOOMED}{job}"

        def doom() -> None:
            if folder.exists():
                shutil.rmtree(aside, ignore_errors=True)
                folder.rename(aside)

        with self._changing:
            try:
                yield doom
            except BaseException:
                if aside.exists() and not folder.exists():
                    aside.rename(folder)
                raise
        shutil.rmtree(aside, ignore_errors=True)

    def names(self) -> set[str]:
        """The folders that are there, whether or not a job has them."""
        return {folder.name for folder in self._root.iterdir() if folder.is_dir() and not _is_left(folder)}

    def put_back(self, known: Callable[[], Collection[str]]) -> None:
        """Undo removals that an engine had begun and was killed in: of jobs that are still `known`.

        That is asked while nothing is being removed: who knew a job before may know one that is gone.
        """
        with self._changing:
            self._put_back(known())

    def clear(self, known: Callable[[], Collection[str]]) -> None:
        """Delete what an engine that was killed left half-copied or half-removed, and is not `put_back`."""
        with self._changing:
            self._put_back(known())
            for left in filter(_is_left, self._root.iterdir()):
                shutil.rmtree(left, ignore_errors=True)

    def shed(self, job: str) -> None:
        """Delete what the folder of an ended job holds only for going on: that is made again where it does.

        Frames, latents and the artist's pictures stay.
        """
        folder = self.of(job)
        with self._changing:
            shutil.rmtree(folder / "provisional", ignore_errors=True)
            for encoding in (folder / "checkpoint" / "encodings").glob("*"):
                encoding.unlink(missing_ok=True)
            takes = [folder / "takes", *(folder / "checkpoint" / "takes").glob("*")]
            for place in (folder, folder / "frames", folder / "boards", folder / "checkpoint", *takes):
                sweep_parts(place)

    def is_shed(self, job: str) -> bool:
        """Whether the job's provisional frames are gone, or never were."""
        return not (self.of(job) / "provisional").is_dir()

    def drop(self, name: str) -> None:
        """Delete a folder that no job has."""
        with self._changing:
            shutil.rmtree(self.of(name), ignore_errors=True)

    def stop(self) -> None:
        """Copy nothing more."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _put_back(self, known: Collection[str]) -> None:
        for left in self._root.glob(f"{DOOMED}*"):
            job = left.name.removeprefix(DOOMED)
            if job in known and not self.of(job).exists():
                left.rename(self.of(job))

    def _copy(
        self, source: str, target: str, wanted: Callable[[], bool], done: Callable[[EngineError | None], None]
    ) -> None:
        fault: EngineError | None = None
        try:
            with self._changing, disk_faults(self.of(target)):
                if wanted():
                    carry_over(self.of(source), self.of(target))
        except EngineError as error:
            fault = error
        try:
            done(fault)
        except Exception:
            log.exception("job %s", target)


def _is_left(folder: Path) -> bool:
    return folder.name.startswith(DOOMED) or folder.name.endswith(PART)
