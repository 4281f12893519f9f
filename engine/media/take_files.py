"""The takes in a shot's folder: where the files of each lie, and which file shows each of its frames.

    frames/0037-t02.png         a frame that take 2 shows otherwise than the take it continues
    takes/02.json               take 2 is finished: `parent`, `remade` sections (in time, from 1), `frames`,
                                and all that `shot.json` says of the first take
    checkpoint/takes/03/request.json    with `finish` in its request: nothing is sampled, all its frames are its own,
                                and there are `frames` of them
    shot-t02.mp4                its movie
    drift-t02.json, .png        how far its sections drift
    checkpoint/takes/02/        what `checkpoint/` is for the first take, without what is kept

A take is switched to by showing another one's frames: nothing of a take is ever written over. No torch: whoever serves
or shows a take reads this, too, so no libraries either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..errors import Code, EngineError
from .files import disk_faults
from .json_objects import json_object

FIRST_TAKE = 1


@dataclass(frozen=True)
class Begun:
    """What the folder says of a take that was begun."""

    data: dict[str, Any]
    frames: int
    """How many the take has."""
    parent: int = 0
    """The take that it continues; 0: none."""
    kept: frozenset[int] = frozenset()
    """Sections, by their number of making, whose latents are the parent's."""
    kept_frames: Sequence[tuple[int, int]] = ()
    """First and last of each run of frames, counted from 1, that the parent's files show."""


class TakeFiles:
    """The files of one take of the shot in the folder `root`."""

    def __init__(self, root: Path, take: int = FIRST_TAKE, frames: int | None = None) -> None:
        """`frames` is how many the take has, where that is known; else the folder is asked."""
        first = take == FIRST_TAKE
        self._frames = frames
        self.root = root
        self.take = take
        self.mark = "" if first else f"-t{take:02d}"
        """How the names of its files end."""
        self.checkpoint = root / "checkpoint" if first else root / "checkpoint" / "takes" / f"{take:02d}"
        self.request = self.checkpoint / "request.json"
        self.record = root / "shot.json" if first else root / "takes" / f"{take:02d}.json"
        self.movie = root / f"shot{self.mark}.mp4"
        self.drift = root / f"drift{self.mark}.json"
        """How far its sections drift; a picture of that lies beside it (`generation/drift_meter.py`)."""

    @cached_property
    def begun(self) -> Begun:
        """What it was begun with. Raises EngineError `checkpoint_damaged`, also where it was not begun."""
        try:
            with disk_faults(self.record):
                stored = self.request.read_bytes()
            data = json_object(stored)
            frames = int(data.get("frames", data["request"]["frames"]))
            if self.take == FIRST_TAKE:
                return Begun(data, frames)
            parent = int(data["parent"])
            if not FIRST_TAKE <= parent < self.take:
                raise ValueError(f"a take continues an earlier one, and not take {parent}")
            runs = tuple((int(first), int(last)) for first, last in data["kept_frames"])
            return Begun(data, frames, parent, frozenset(map(int, data["kept"])), runs)
        except (ArithmeticError, ValueError, KeyError, TypeError) as fault:
            detail = " ".join(str(fault).split())[:120]
            raise EngineError(Code.CHECKPOINT_DAMAGED, path=str(self.request), detail=detail) from fault

    @property
    def finishes(self) -> bool:
        """Whether it is another take's frames, finished: what the model made is there."""
        return self.begun.data["request"].get("finish") is not None

    @cached_property
    def parent(self) -> TakeFiles | None:
        """The take that it continues."""
        return None if self.take == FIRST_TAKE else TakeFiles(self.root, self.begun.parent)

    @property
    def frames(self) -> int:
        """How many the take has."""
        return self.begun.frames if self._frames is None else self._frames

    def is_kept(self, frame: int) -> bool:
        """Whether frame `frame`, counted from 1, is the parent's."""
        return any(first <= frame <= last for first, last in self.begun.kept_frames)

    def frame(self, frame: int) -> Path:
        """The file that shows frame `frame`, counted from 1, once it is made."""
        if self.parent is not None and self.is_kept(frame):
            return self.parent.frame(frame)
        return self.root / "frames" / frame_name(frame, self.frames, self.mark)

    def provisional(self, number: int, frame: int) -> Path:
        """The file of a frame that section `number` (of making, from 0) has set and a later one may still blend."""
        name = frame_name(frame, self.frames, self.mark)
        return self.root / "provisional" / f"{number:04d}" / name


def frame_name(frame: int, frames: int, mark: str = "") -> str:
    """File name of frame `frame` (from 1) of `frames`: at least four digits, so that names sort; then `mark`."""
    return f"{frame:0{max(4, len(str(frames)))}d}{mark}.png"


def sampled_take(root: Path, take: int) -> int:
    """The take whose frames a model made: `take`, or what that finishes. As it is where no such take was begun.

    Raises EngineError `checkpoint_damaged`.
    """
    files = TakeFiles(root, take)
    while files.take != FIRST_TAKE and files.request.exists() and files.finishes:
        files = TakeFiles(root, files.begun.parent)
    return files.take


def takes_of(root: Path) -> list[int]:
    """The takes that were begun in a shot's folder, ascending; the first one is 1."""
    names = (path.parent.name for path in root.glob("checkpoint/takes/*/request.json"))
    found = [int(name) for name in names if name.isascii() and name.isdecimal()]
    return sorted([*([FIRST_TAKE] if TakeFiles(root).request.exists() else []), *found])
