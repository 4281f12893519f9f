"""A folder of finished frames: begun, gone on with after a kill, and at its end a movie and a record beside them.

frames/0001.png …         the frames, each whole, each saying what it was made of and how
checkpoint/finish.json    what is being made of what; its presence makes the folder a finish
shot.mp4, shot.json       the movie and the record: what a model made, and what finishing did
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from ..errors import Code, EngineError
from ..media.files import make_folder, require_space, sweep_parts, write_whole
from ..media.json_objects import json_object
from ..media.lock import folder_lock
from ..media.movie import movie_by_frames
from ..media.number_runs import numbers_text
from ..media.provenance import Provenance, finished, read_if_whole
from ..media.shot_digests import file_digests
from ..media.take_files import FIRST_TAKE, TakeFiles
from ..protocol import ENGINE_VERSION, Finish
from ..serialization import from_json, to_json, without_defaults
from .extras import versions
from .open_choices import open_as_begun
from .plan import FinishPlan
from .sequence import Finisher, made_between
from .sources import Source

_VERSION = 1
_TOOL = f"Shotpack {ENGINE_VERSION}"
_BYTES_PER_PIXEL = 2
"""Of a PNG, about."""
_UNREADABLE = (OSError, ValueError, KeyError, TypeError, EngineError)
"""What a record of what was begun raises that is damaged."""
_PACKAGES = ("torch", "numpy", "pillow", "av", "opencv-python-headless", "spandrel")


@dataclass(frozen=True)
class Progress:
    """How far a finish is: frames that are there, of how many; or the movie, likewise."""

    stage: str
    done: int
    of: int


class FinishedFolder:
    """What `finish` makes of a source, in a folder of its own; the source is only read."""

    def __init__(self, root: Path, source: Source, plan: FinishPlan, finish: Finish) -> None:
        """`finish` as `sequence.choose` has it."""
        self._root, self._source, self._plan, self._finish = root, source, plan, finish
        self._files = TakeFiles(root, FIRST_TAKE, plan.frames)
        self._begun = _begun_file(root)
        self._said = lru_cache(4)(read_if_whole)

    @property
    def frames(self) -> list[Path]:
        """The files of the result, in time order."""
        return [self._files.frame(frame) for frame in range(1, self._plan.frames + 1)]

    def require_free(self) -> None:
        """Raise EngineError where the folder is the source's, holds something else, or another finish was begun."""
        here, source = self._root.resolve(), self._source.folder.resolve()
        if here == source or here in source.parents or source in here.parents:
            detail = f"--out {self._root} and what is finished lie in each other; choose a folder apart"
            raise EngineError(Code.BAD_REQUEST, detail=detail)
        if self._begun.exists():
            self._require_same()
        elif self._files.record.exists() or self._files.request.exists() or any((self._root / "frames").glob("*.png")):
            raise EngineError(Code.FOLDER_TAKEN, path=str(self._root), advice="choose another folder")

    def make(self, device: torch.device, memory: int | None) -> Generator[Progress]:
        """Make the frames that are not there yet, the movie and the record; tells how far it is after each frame.

        Closed at any time, what is finished stays and is gone on with. Raises as `Finisher` does, and EngineError
        `folder_busy` where another process is at it.
        """
        began = time.monotonic()
        plan, frames = self._plan, self.frames
        if not self._begun.exists():
            require_space(self._root, plan.frames * plan.width * plan.height * _BYTES_PER_PIXEL, "the finished shot")
        make_folder(self._begun.parent)
        make_folder(frames[0].parent)
        with folder_lock(self._begun.with_name("lock"), self._root):
            self.require_free()
            write_whole(self._begun, _json(self._asked()))
            for folder in (self._root, frames[0].parent):
                sweep_parts(folder)
            finisher = Finisher(self._source.frames, plan, self._finish, device, memory)
            with closing(finisher.write(self._files.frame, self._facts)) as making:
                for written in making:
                    yield Progress("frames", written, plan.frames)
            said = finished(self._movie_said(), self._done(between=True), _TOOL)
            with closing(movie_by_frames(self._files.movie, frames, plan.fps, said)) as writing:
                for written in writing:
                    yield Progress("movie", written, plan.frames)
            seconds = round(time.monotonic() - began, 3)
            write_whole(self._files.record, _json(self._record(finisher, device, seconds)))

    def _require_same(self) -> None:
        try:
            begun, source = _read_begun(self._begun)
        except _UNREADABLE as fault:
            advice = f"choose another folder: {self._begun.name}, which says what was begun in this one, is damaged"
            raise EngineError(Code.FOLDER_TAKEN, path=str(self._root), advice=advice) from fault
        was = to_json(begun) | {"source": source}
        now = to_json(open_as_begun(self._finish, begun)) | {"source": self._asked()["source"]}
        for name, value in now.items():
            if was[name] != value:
                told = {"was": str(was[name])[:40], "now": str(value)[:40]}
                raise EngineError(Code.RESUME_MISMATCH, path=str(self._root), name=name, **told)

    def _asked(self) -> dict[str, Any]:
        """What is made of what, for whoever goes on with it."""
        digest = hashlib.sha256(str(self._plan.source_fps).encode())
        for path in self._source.frames:
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        return {"version": _VERSION, "finish": to_json(self._finish), "source": digest.hexdigest()}

    def _facts(self, frame: int, made: bool) -> dict[str, str]:
        """What a frame, from 1, says of its making: what the frame says that it shows or follows, and what was done."""
        before = self._source.frames[int(self._plan.position(frame - 1))]
        return finished(self._said(before), self._done(between=made), _TOOL).texts()

    def _done(self, *, between: bool) -> Mapping[str, Any]:
        """What was done; what makes frames between is said only of those."""
        done = without_defaults(self._finish)
        return done if between else {name: value for name, value in done.items() if name != "between"}

    def _movie_said(self) -> Provenance | None:
        return (self._source.movie and self._said(self._source.movie)) or self._said(self._source.frames[0])

    def _record(self, finisher: Finisher, device: torch.device, seconds: float) -> dict[str, Any]:
        """What a model made, and what finishing made of it; sizes are bytes and times seconds."""
        plan, source = self._plan, self._source
        record = dict(source.record or {})
        for name in ("sha256", "seconds", "memory"):
            record.pop(name, None)
        return {
            "finish": to_json(self._finish),
            "finished": {
                "frames": plan.frames,
                "fps": float(plan.fps),
                "width": plan.width,
                "height": plan.height,
                "between": numbers_text(made_between(self.frames)),
                "steadied": finisher.steadies,
                "upscaler_sha256": finisher.upscaler_sha256,
                "note": plan.note,
            },
            "source": {
                "folder": source.folder.name,
                "take": source.take,
                "frames": plan.source_frames,
                "fps": float(plan.source_fps),
                "made_by": record or None,
            },
            "versions": versions(*_PACKAGES),
            "device": str(device),
            "memory": {"tile": finisher.tile, "predicted_bytes": finisher.predicted_bytes},
            "sha256": file_digests(self._root, [*self.frames, self._files.movie]),
            "seconds": seconds,
        }


def begun_finish(root: Path) -> Finish | None:
    """What was begun in a folder; None: nothing, or nobody can tell, as `require_free` will say."""
    try:
        return _read_begun(_begun_file(root))[0]
    except _UNREADABLE:
        return None


def _read_begun(path: Path) -> tuple[Finish, object]:
    """What was begun, and the digest of what it is made of. Raises one of `_UNREADABLE`."""
    begun = json_object(path.read_bytes())
    return from_json(Finish, begun["finish"]), begun["source"]


def _begun_file(root: Path) -> Path:
    return root / "checkpoint" / "finish.json"


def _json(data: Mapping[str, Any]) -> bytes:
    return (json.dumps(data, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")
