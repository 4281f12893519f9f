"""A shot as the timeline shows it: which pictures of it lie in its own folder, and which are to be fetched."""

from __future__ import annotations

import itertools
import re
import threading
import time
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from ..errors import Code, EngineError
from ..events import Section, SectionPlan, Started
from .guide_frames import GuideProgress, playing_of
from .session import Job
from .stored_request import agrees

FIRST_TAKE = 1
_FINAL = "frames/"
_DRAFT = "-draft"
_TAKE = "(?:-t[0-9]{2,4})?"
"""How a frame's name ends that a later take shows otherwise."""
_DRAFT_NAME = re.compile(rf"[0-9]+({_TAKE}){_DRAFT}[0-9]+\.png")
_PART_NAME = re.compile(rf"\.[0-9]+{_TAKE}({_DRAFT}[0-9]+)?\.png\.([0-9-]+\.)?part")
_PART_SECONDS = 3600.0
_CARRIED_OUT = {
    "pause": ("paused", "finished", "failed", "cancelled"),
    "cancel": ("finished", "failed", "cancelled"),
}
"""The states of a job in which an order has nothing left to do."""
_PATH = re.compile(rf"(?:frames|provisional/([0-9]{{1,9}}))/([0-9]{{1,9}})({_TAKE})\.png")


class Trouble(StrEnum):
    """What went wrong with a shot: each is mended by something else."""

    SENDING = "sending"
    ORDER = "order"
    """Pause, resume, cancel."""
    STATE = "state"
    """What the engine knows of it."""
    FRAMES = "frames"


@dataclass(frozen=True)
class RemoteFrame:
    """A frame that should come to the shot's folder: what the engine has, and what it is to be called here."""

    frame: int
    path: str
    """Under the job's folder, and under its address."""
    name: str

    @property
    def final(self) -> bool:
        """Whether it will never change again."""
        return self.path.startswith(_FINAL)


@dataclass(frozen=True)
class MovingPreview:
    """A section in the making as its strip plays it: a small picture a latent frame, in a folder for a while."""

    section: int
    step: int
    folder: Path
    names: tuple[str, ...]


@dataclass
class Shot:
    """One shot. `pictures` names the best picture of each frame that is in `folder` so far.

    A call costs what is new since the last one, and not what the shot has: a tick's time is short.
    """

    id: str
    name: str
    folder: Path
    """Changed by `EngineClient.move` alone while the shot is followed: frames are placed in it from other threads."""
    frames: int
    job: str = ""
    """The engine's name for it; empty until the engine has accepted it."""
    request: str = ""
    """What was asked for, as JSON: a job's body whose pictures are files in `folder`, a board's with its frame."""
    key: str = ""
    """One deliberate sending, however often it is tried: the engine makes one job of it. Empty: the shot's id is it."""
    confirmed: bool = True
    """Whether `job` is known to be this shot's: a file may claim anything, and no frame comes before the engine says so
    (`made_by`)."""
    guide: GuideProgress = field(default_factory=GuideProgress)
    """How far the pictures are that are to lead it."""
    playing: tuple[str, ...] = ()
    """Where pictures lead it and these are here: the one to show at each frame until a section shows it."""
    moving: MovingPreview | None = None
    """What is seen of the section that is being denoised."""
    hidden: int = 0
    """How many of its first frames its strip does not show: the board, where the strip before it shows that already."""
    trusted: bool = True
    """Whether its folder may be read and written: False while it is not where shots of this file lie."""
    take: int = FIRST_TAKE
    """Which take of the shot it is. All lie in one folder; each is a record, and a job, of its own."""
    under: Mapping[int, str] = field(default_factory=dict)
    """What a take's strips show of frames that it does not have yet: the pictures of the take that it continues."""
    gone: bool = False
    """Whether it was removed: no frame of it is placed any more."""
    ordered: str = ""
    """`pause` or `cancel`, from the order until the engine says that it is so: after the present step."""
    pictures: dict[int, str] = field(default_factory=dict)
    finals: set[int] = field(default_factory=set)
    complete: bool = False
    """Whether it is made, and every frame is here."""
    revision: int = 0
    """Rises with all that its strips could show: a step is not of that kind, nor a preview that is no file yet."""
    placing: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)
    """Held while a file appears in `folder`, and while `folder` is exchanged: one lock for all takes in it."""
    _faults: dict[Trouble, EngineError] = field(default_factory=dict, repr=False)
    _asked: set[str] = field(default_factory=set, repr=False)
    _asked_finals: set[int] = field(default_factory=set, repr=False)
    _owed: dict[str, RemoteFrame] = field(default_factory=dict, repr=False)
    """Named by the engine, and not on their way here."""
    _sections: Mapping[int, Section] = field(default_factory=dict, repr=False)
    """The job's, of which `_told` have been looked at."""
    _told: int = field(default=0, repr=False)
    _all_told: bool = field(default=False, repr=False)
    _plan: Started | None = field(default=None, repr=False)
    _borders: list[tuple[int, int, int]] = field(default_factory=list, repr=False)
    """First and last frame of each planned section in time order, and its number."""
    _runs: dict[int, tuple[int, int, int]] = field(default_factory=dict, repr=False)
    """The first and last frame of each section that is here, and how many are."""
    _uncounted: list[int] = field(default_factory=list, repr=False)

    @property
    def fault(self) -> EngineError | None:
        """What keeps it from being sent, or its frames from coming: the newest that has not healed."""
        return next(reversed(self._faults.values()), None)

    @fault.setter
    def fault(self, fault: EngineError | None) -> None:
        self.healed(*Trouble)
        if fault is not None:
            self.troubled(Trouble.SENDING, fault)

    @property
    def owes(self) -> bool:
        """Whether frames are known of that are neither here nor on their way."""
        return bool(self._owed)

    def troubled(self, trouble: Trouble, fault: EngineError) -> None:
        """Something went wrong."""
        self._faults.pop(trouble, None)
        self._faults[trouble] = fault
        if trouble is Trouble.ORDER or fault.code in (Code.JOB_UNKNOWN, Code.NOT_SENT):
            self.ordered = ""
        self.revision += 1

    def healed(self, *troubles: Trouble) -> bool:
        """What went wrong before went well; returns whether there was such a fault."""
        found = [trouble for trouble in troubles if self._faults.pop(trouble, None) is not None]
        self.revision += bool(found)
        return bool(found)

    def fault_of(self, trouble: Trouble) -> EngineError | None:
        """What is wrong in this respect."""
        return self._faults.get(trouble)

    def made_by(self, job: Mapping[str, Any]) -> bool:
        """Whether `job`, as the engine tells of it, is this shot's: it was sent under this shot's key.

        One that goes on from a cancelled job has no key, as none of an engine of 0.1.0 has: then length, rate and seed
        are compared.
        """
        if job.get("id") != self.job:
            return False
        if key := job.get("key"):
            return key in (self.key, self.id)
        return agrees(self.request, job)

    def filmed(self) -> None:
        """The pictures that were taken of its films are in its folder: those that lead it play until it is made."""
        self.playing = playing_of(self.request, self.frames)
        self.revision += 1

    def previewed(self, moving: MovingPreview | None) -> None:
        """What is seen of the open section is this now."""
        if moving != self.moving:
            self.moving = moving
            self.revision += 1

    def stands(self, state: str) -> None:
        """The engine says how the shot's job stands: an order may be carried out with that."""
        if state in _CARRIED_OUT.get(self.ordered, ()):
            self.ordered = ""

    def missing(self, job: Job) -> list[RemoteFrame]:
        """The frames that `job` has and that nobody has asked for yet; they count as asked for now.

        Raises EngineError `bad_request` where the engine names a frame by a path that is none of this shot's, once for
        each; the other frames are named by the next call.
        """
        if job.sections is not self._sections:
            self._sections, self._told, self._all_told = job.sections, 0, False
        told = list(itertools.islice(job.sections.values(), self._told, None))
        self._told += len(told)
        wrong = [*self._note(path for section in told for path in section.files)]
        wrong += self._note(job.ahead.files if job.ahead is not None else ())
        # What a section left open another may have set already, and then the engine may have it no more.
        wrong += self._note(path for section in told for path in section.provisional)
        if job.state == "finished" and not self._all_told and self.take == FIRST_TAKE:
            # Of a take each file is told: some are those of the take that it continues.
            self._all_told = True
            digits = max(4, len(str(self.frames)))  # as the engine names them
            # Sections have told of a take's, which may be called otherwise.
            untold = (frame for frame in range(1, self.frames + 1) if frame not in self._asked_finals)
            self._note([f"{_FINAL}{frame:0{digits}d}.png" for frame in untold])
        if wrong:
            raise EngineError(Code.BAD_REQUEST, detail=f"{wrong[0]!r} is not a frame's path")
        owed, self._owed = self._owed, {}
        return [each for each in owed.values() if each.final or each.frame not in self._asked_finals]

    def arrived(self, picture: RemoteFrame) -> None:
        """A picture lies in the folder now; it is shown unless its frame is final already."""
        if picture.frame in self.finals:
            return
        if picture.final:
            self.finals.add(picture.frame)
        if picture.frame not in self.pictures:
            self._uncounted.append(picture.frame)
        self.pictures[picture.frame] = picture.name
        self.revision += 1

    def not_arrived(self, picture: RemoteFrame) -> None:
        """It could not be had; `missing` names it again."""
        if picture.final or picture.frame not in self._asked_finals:
            self._owed[picture.path] = picture

    def visible(self, job: Job) -> Mapping[int, range]:
        """The frames of each section that can be shown, by its place in time.

        A section whose neighbour is not made yet lacks the few frames that the two make together.
        """
        if job.plan is None:
            return {}
        if job.plan is not self._plan:
            self._plan, self._runs, self._uncounted = job.plan, {}, list(self.pictures)
            self._borders = sorted((plan.first, plan.last, plan.section) for plan in job.plan.sections)
        for frame in self._uncounted:
            self._count(frame)
        self._uncounted.clear()
        return {
            section: range(first, last + 1)
            for section, (first, last, count) in self._runs.items()
            if count == last - first + 1
        }

    def awaited(self, job: Job, plan: SectionPlan) -> range:
        """The frames of a section in the making that are not to be seen yet: the first of them may be."""
        here = self.visible(job).get(plan.section)
        if here is None:
            return range(plan.first, plan.last + 1)
        made = plan.section in job.sections or here.start > plan.first
        return range(0) if made else range(here.stop, plan.last + 1)

    def _note(self, paths: Iterable[str]) -> list[str]:
        """Owe the frames of these paths that are new; returns what is no path of ours."""
        wrong = []
        for path in paths:
            if path in self._asked:
                continue
            self._asked.add(path)
            try:
                found = remote_frame(path)
            except EngineError:
                wrong.append(path)
                continue
            if not 1 <= found.frame <= self.frames:
                wrong.append(path)
                continue
            if found.final:
                self._asked_finals.add(found.frame)
            self._owed[path] = found
        return wrong

    def _count(self, frame: int) -> None:
        place = bisect_right(self._borders, frame, key=lambda border: border[0]) - 1
        if place < 0 or frame > self._borders[place][1]:
            return
        section = self._borders[place][2]
        first, last, count = self._runs.get(section, (frame, frame, 0))
        self._runs[section] = min(first, frame), max(last, frame), count + 1


def remote_frame(path: str) -> RemoteFrame:
    """A frame by the path that the engine gives it, such as frames/0007.png or provisional/0002/0041.png.

    A provisional frame gets a name of its own here: a picture that a strip may hold open is not rewritten. Raises
    EngineError `bad_request` for any other path.
    """
    found = _PATH.fullmatch(path)
    if found is None:
        raise EngineError(Code.BAD_REQUEST, detail=f"{path!r} is not a frame's path")
    section, frame, take = found.groups()
    name = f"{frame}{take}.png" if section is None else f"{frame}{take}{_DRAFT}{section}.png"
    return RemoteFrame(int(frame), path, name)


def mark_of(take: int) -> str:
    """How the names of a take's own frames end."""
    return "" if take == FIRST_TAKE else f"-t{take:02d}"


def remove_drafts(folder: Path, take: int = FIRST_TAKE) -> None:
    """Remove a take's provisional frames, and what a Blender that was killed left of frames in the folder long ago.

    What is younger may be another Blender's that has the same file open.
    """
    mark = mark_of(take)
    for path in folder.glob("*.p*"):
        draft = _DRAFT_NAME.fullmatch(path.name)
        if (draft and draft[1] == mark) or (_PART_NAME.fullmatch(path.name) and _is_old(path)):
            path.unlink(missing_ok=True)


def _is_old(path: Path) -> bool:
    try:
        return time.time() - path.lstat().st_mtime > _PART_SECONDS
    except FileNotFoundError:
        return False
