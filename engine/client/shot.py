"""A shot as the timeline shows it: which pictures of it lie in its own folder, and which are to be fetched."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import Code, EngineError
from .session import Job

_FINAL = "frames/"
_DRAFT = "-draft"
_PATH = re.compile(r"(?:frames|provisional/([0-9]+))/([0-9]+)\.png")


@dataclass(frozen=True)
class Wanted:
    """A frame that should come to the shot's folder: what the engine has, and what it is to be called here."""

    frame: int
    path: str
    """Under the job's folder, and under its address."""
    name: str

    @property
    def final(self) -> bool:
        """Whether it will never change again."""
        return self.path.startswith(_FINAL)


@dataclass
class Shot:
    """One shot. `pictures` names the best picture of each frame that is in `folder` so far."""

    id: str
    name: str
    folder: Path
    frames: int
    job: str = ""
    """The engine's name for it; empty until the engine has accepted it."""
    request: str = ""
    """What was asked for, as JSON: a job's body whose pictures are files in `folder`, a board's with its frame."""
    key: str = ""
    """One deliberate sending, however often it is tried: the engine makes one job of it. Empty: the shot's id is it."""
    pictures: dict[int, str] = field(default_factory=dict)
    finals: set[int] = field(default_factory=set)
    complete: bool = False
    """Whether it is made, and every frame is here."""
    fault: EngineError | None = None
    """What keeps it from being sent, or its frames from coming."""
    _asked: set[str] = field(default_factory=set)

    def missing(self, job: Job) -> list[Wanted]:
        """The frames that `job` has and that nobody has asked for yet; they count as asked for now.

        Raises EngineError `bad_request` where the engine names a frame by a path that is none.
        """
        paths = [path for section in job.sections.values() for path in (*section.files, *section.provisional)]
        if job.state == "finished":
            digits = max(4, len(str(self.frames)))  # as the engine names them
            paths = [f"{_FINAL}{frame:0{digits}d}.png" for frame in range(1, self.frames + 1)]
        new = [wanted(path) for path in paths if path not in self._asked]
        self._asked.update(each.path for each in new)
        return [each for each in new if each.final or each.frame not in self.finals]

    def arrived(self, picture: Wanted) -> None:
        """A picture lies in the folder now; it is shown unless its frame is final already."""
        if picture.frame in self.finals:
            return
        if picture.final:
            self.finals.add(picture.frame)
        self.pictures[picture.frame] = picture.name

    def not_arrived(self, picture: Wanted) -> None:
        """It could not be had; `missing` names it again."""
        self._asked.discard(picture.path)

    def visible(self, job: Job) -> Mapping[int, range]:
        """The frames of each section that can be shown, by its place in time.

        A section whose neighbour is not made yet lacks the few frames that the two make together.
        """
        shown = {}
        for plan in job.plan.sections if job.plan else ():
            frames = [frame for frame in range(plan.first, plan.last + 1) if frame in self.pictures]
            if frames and len(frames) == frames[-1] - frames[0] + 1:
                shown[plan.section] = range(frames[0], frames[-1] + 1)
        return shown


def wanted(path: str) -> Wanted:
    """A frame by the path that the engine gives it, such as frames/0007.png or provisional/0002/0041.png.

    A provisional frame gets a name of its own here: a picture that a strip may hold open is not rewritten. Raises
    EngineError `bad_request` for any other path.
    """
    found = _PATH.fullmatch(path)
    if found is None:
        raise EngineError(Code.BAD_REQUEST, detail=f"{path!r} is not a frame's path")
    section, frame = found.groups()
    name = f"{frame}.png" if section is None else f"{frame}{_DRAFT}{section}.png"
    return Wanted(int(frame), path, name)


def remove_drafts(folder: Path) -> None:
    """Remove the provisional frames in a shot's folder."""
    for path in folder.glob(f"*{_DRAFT}*.png"):
        path.unlink(missing_ok=True)
