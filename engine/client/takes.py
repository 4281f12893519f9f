"""Takes of a shot, without Blender: which sections one makes again, what is asked for, and whose files show its frames.

A take lies in its shot's folder. Frames that it shows otherwise than the take that it continues have names of their own
(0041-t02.png); `take-02.json` there keeps its number for it, so that no two takes ever share a name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

from ..errors import Code, EngineError
from ..events import SectionPlan, Started, event_from_json
from ..protocol import FRAMES_MAXIMUM, TAKE_MAXIMUM, SectionChange, ShotRequest
from ..serialization import to_json_text
from .estimate import devices_of, section_seconds
from .section_borders import sections_by
from .shot import FIRST_TAKE, mark_of
from .stored_request import asked_for, plain, without_stop

_NOTE = re.compile(r"take-([0-9]{2,4})\.json")
_FRAME = re.compile(r"[0-9]+(?:-t([0-9]{2,4}))?\.png")
_OWN = re.compile(r"[0-9]+-t([0-9]{2,4})(?:-draft[0-9]+)?\.png")
_RUN = re.compile(r"([0-9]{1,9})-([0-9]{1,9}):([0-9]{1,4})")
_SEEDS = 2**31
"""Larger ones are more than Blender's numbers hold."""


@dataclass(frozen=True)
class Change:
    """How a take differs from the one that it continues; None: not in this."""

    section: int | None = None
    """Of a section alone, by its place in time from 1; None: of the whole shot."""
    seed: int | None = None
    prompt: str | None = None
    guidance: float | None = None
    on_drift: str | None = None
    """What is done where a section drifts beyond a limit (`OnDrift`)."""


# What is asked for.


def take_request(parent: str, change: Change, *, number: int, job: str, parent_number: int) -> str:
    """The request of take `number`, which continues take `parent_number` that `job` has and `parent` asked for.

    A whole shot's other seed is that of all its sections, also of those that had one of their own. It is made to its
    end, also where the shot was to stop before. Raises EngineError `bad_request` where `parent` makes no sense.
    """
    if asked_for(parent) is None:
        raise EngineError(Code.BAD_REQUEST, detail="the file says nothing of use about it")
    asked = dict(json.loads(without_stop(parent)))
    asked.pop("finish", None)  # what a model makes is never of finished frames
    given = {name: value for name in ("seed", "prompt", "guidance") if (value := getattr(change, name)) is not None}
    own = {int(each["section"]): dict(each) for each in asked.pop("sections", ())}
    take: dict[str, Any] = {"number": number, "job": job, "parent": parent_number}
    if change.section is not None:
        own[change.section] = {"section": change.section, **own.get(change.section, {}), **given}
        take["again"] = [change.section]
    else:
        asked |= given
        if change.seed is not None:
            own = {section: {key: each[key] for key in each if key != "seed"} for section, each in own.items()}
    if change.on_drift is not None:
        asked |= {"on_drift": change.on_drift}
    sections = [each for _, each in sorted(own.items()) if len(each) > 1]
    return json.dumps({**asked, **({"sections": sections} if sections else {}), "take": take})


def without_take(request: str, name: str = "") -> str:
    """The request of a shot of its own that is as the take, made to its end; `name` is what it is to be called."""
    asked = dict(json.loads(without_stop(request)))
    asked.pop("take", None)
    asked.pop("finish", None)
    return json.dumps(asked | ({"name": name} if name else {}))


def change_of(request: str) -> Change | None:
    """What a take's request says that it changes; None for a first take, or where it says nothing of use."""
    asked = asked_for(request)
    if asked is None or asked.take is None:
        return None
    section = next(iter(asked.take.again), None)
    own = asked if section is None else _own(asked, section)
    return Change(section, own.seed, own.prompt, own.guidance)


def parent_of(request: str) -> int:
    """The number of the take that a take continues; 0 for a first one."""
    asked = asked_for(request)
    return 0 if asked is None or asked.take is None else asked.take.parent


def value_of(request: str, section: int | None, name: str) -> Any:
    """What a request says of `name` (seed, prompt, guidance) for a section, from 1, or for the shot; None: nothing."""
    asked = asked_for(request)
    if asked is None:
        return None
    own = getattr(_own(asked, section), name, None) if section is not None else None
    return getattr(asked, name) if own is None else own


def is_same(parent: str, change: Change) -> bool:
    """Whether a take with `change` would be the same as the one that asked for `parent`."""
    asked = asked_for(parent)
    if asked is None:
        return False
    own = asked if change.section is None else _own(asked, change.section)
    return (change.prompt, change.guidance) == (None, None) and change.seed in (None, own.seed)


def usual_seed(request: str, number: int) -> int:
    """The seed of take `number` where none is given: the shot's, one higher for each take."""
    return (max(0, value_of(request, None, "seed") or 0) + number - 1) % _SEEDS


def _own(asked: ShotRequest, section: int) -> SectionChange:
    """What a section of a request has for itself."""
    return next((each for each in asked.sections if each.section == section), SectionChange(section))


# Which sections are made again.


def plan_text(plan: Started) -> str:
    """A plan as a strip keeps it."""
    return to_json_text(replace(plan, done=0))


@lru_cache(maxsize=512)
def plan_of(kept: str) -> Started | None:
    """What a strip keeps of a plan; None where that makes no sense."""
    try:
        plan = event_from_json(plain(kept))
    except (ValueError, TypeError, AttributeError, EngineError):
        return None
    return plan if isinstance(plan, Started) and _is_plan(plan) else None


def _is_plan(plan: Started) -> bool:
    """Whether its sections are those of a shot, each once."""
    places = sorted(each.section for each in plan.sections)
    within = range(FRAMES_MAXIMUM + 2)  # a short section may end before it begins, at either end of the shot
    return (
        0 < plan.frames < within.stop
        and 0 < len(places) < within.stop
        and places == [*range(len(places))]
        and all(each.first in within and each.last in within for each in plan.sections)
    )


def expected_plan(request: str, about: Mapping[str, Any], size: tuple[int, int]) -> Started | None:
    """The plan of a shot whose strip keeps none, by what the engine says of its model; None where it does not tell.

    A shot through boards is planned in stretches that nothing here tells of.
    """
    asked = asked_for(request)
    if asked is None or asked.fps is None:
        return None
    model, frames = asked.model or next(iter(about.get("models", ())), ""), asked.frames
    details = about.get("details", {}).get(model)
    sections = sections_by(about, model, asked.fps, conform=asked.conform)
    if details is None or sections is None or any(1 < board.frame < frames for board in asked.boards):
        return None
    order = asked.order or ("endpoint" if asked.endpoints else str(details["orders"][0]))
    timed = [
        SectionPlan(place, shown.start, shown.stop - 1, asked.prompt)
        for place, shown in enumerate(sections.ranges(frames))
    ]
    first = {sections.beginning_at(frame, len(timed)) for frame in asked.endpoints}
    width, height, steps = asked.width or size[0], asked.height or size[1], asked.steps or int(details["steps"])
    return Started(order, tuple(_made(timed, order, first)), frames, width, height, asked.fps, steps, 0)


def section_at(plan: Started, frame: int) -> int:
    """The section, from 1, that shows a frame of the shot, from 1; the first or the last where the frame is outside."""
    timed = sorted(plan.sections, key=lambda each: each.first)
    return next((place for place, each in enumerate(timed, 1) if frame <= each.last), len(timed))


def section_of(plan: Started, section: int) -> SectionPlan | None:
    """A section by its place in time, from 1."""
    return next((each for each in plan.sections if each.section == section - 1), None)


def made_again(plan: Started, section: int, boards: Iterable[int] = ()) -> list[int]:
    """The sections, from 1 in time, that are made again with `section`, itself included: those made from it.

    `boards` are the frames, from 1, at which the shot has boards: sections see nothing beyond the next one. Within a
    stretch each section is made from all that were made before it; but endpoint order begins with sections that look at
    no other, unless it is their neighbour, and what it fills a gap with sees nothing beyond the later end of it. Where
    a board is held in the first one, it does; so through boards, and in gaps between ends that were planned, one may be
    named here and be kept. A test compares this with `framepack/continuation.py`.
    """
    borders = sorted(frame for frame in boards if 1 < frame < plan.frames)

    def stretch(each: SectionPlan) -> int:
        return sum(border <= each.first for border in borders)

    own = section_of(plan, section)
    if own is None:
        return []
    beside = [each for each in plan.sections if stretch(each) == stretch(own)]
    place = beside.index(own)
    again = beside[place:]
    if plan.order == "endpoint" and not borders:
        ends = [each.section for each in beside[: beside.index(max(beside, key=lambda each: each.section)) + 1]]
        again = [each for each in again if _sees(each.section, own.section, ends)]
    return sorted(each.section + 1 for each in again)


def _sees(section: int, other: int, ends: Sequence[int]) -> bool:
    """Whether a section of endpoint order, by its place in time, is made from an `other` that is not made later.

    `ends` are those that it begins with, ascending. Neighbours among them are made from each other.
    """
    if other not in ends:
        return True
    first = other
    while first - 1 in ends:
        first -= 1
    if section in ends:
        return all(each in ends for each in range(other, section + 1))
    return section > max((end for end in ends if end < first), default=-1)


def boards_of(request: str) -> list[int]:
    """The frames at which a shot has boards."""
    asked = asked_for(request)
    return [] if asked is None else [board.frame for board in asked.boards]


def seconds_for(plan: Started, sections: int, request: str, about: Mapping[str, Any]) -> float | None:
    """How long making so many sections of a shot takes; None where that was never measured on the device."""
    model = value_of(request, None, "model") or next(iter(about.get("models", ())), "")
    kind = {"model": model, "width": plan.width, "height": plan.height, "steps": plan.steps}
    speed = value_of(request, None, "speed") or "exact"
    pace = section_seconds(about.get("speeds", ()), devices_of(about), speed=speed, **kind)
    return None if pace is None else pace * sections


def _made(timed: Sequence[SectionPlan], order: str, first: Iterable[int]) -> list[SectionPlan]:
    """Sections in the sequence of making; in endpoint order, those in `first` with the two at the ends before the rest.

    A test compares this with `framepack/plan.py`.
    """
    if order == "inverted":
        return list(reversed(timed))
    if order == "endpoint":
        ends = sorted({0, *first, len(timed) - 1})
        gaps = (timed[earlier + 1 : later] for earlier, later in pairwise(ends))
        inward = (each for gap in gaps for pair in zip(gap, reversed(gap), strict=True) for each in pair)
        return list(dict.fromkeys([*(timed[end] for end in ends), *inward]))
    return list(timed)


# Whose files show it.


def runs_of(names: Sequence[str]) -> str:
    """Which take's file shows each frame, by the files' names in order, such as "1-36:1 37-72:2"; empty: not all do."""
    found = [_FRAME.fullmatch(name) for name in names]
    if not all(found):
        return ""
    marks = enumerate((int(each[1] or FIRST_TAKE) for each in found if each), 1)
    runs = [(take, [frame for frame, _ in run]) for take, run in groupby(marks, key=lambda each: each[1])]
    said = " ".join(f"{frames[0]}-{frames[-1]}:{take}" for take, frames in runs)
    # A shot of five digits that goes on from one of four has names of both.
    return said if names_of(said, len(names)) == [*names] else ""


def names_of(runs: str, frames: int) -> list[str]:
    """The files that `runs_of` tells of, of a shot of so many frames; none where it makes no sense."""
    digits, names = max(4, len(str(frames))), list[str]()
    if frames > FRAMES_MAXIMUM:
        return []
    for run in runs.split():
        said = _RUN.fullmatch(run)
        if said is None:
            return []
        first, last, take = map(int, said.groups())
        if not (first == len(names) + 1 <= last <= frames and FIRST_TAKE <= take <= TAKE_MAXIMUM):
            return []
        names += [f"{frame:0{digits}d}{mark_of(take)}.png" for frame in range(first, last + 1)]
    return names if len(names) == frames else []


@lru_cache(maxsize=512)
def telling_picture(runs: str, take: int, frames: int) -> str:
    """The file of the frame in the middle of those that are this take's own, else of all; empty where none is known."""
    names = names_of(runs, frames)
    own = [name for name in names if name.endswith(f"{mark_of(take)}.png")] if take != FIRST_TAKE else []
    there = own or names
    return there[len(there) // 2] if there else ""


def keep_number(folder: Path, taken: Iterable[int], note: Mapping[str, Any]) -> int:
    """A number that no take in the folder has, or ever had as far as it shows; it is kept by a file from now on.

    `taken` are numbers that are known beside that. Raises OSError, also where there are too many takes.
    """
    number = newest(folder, taken)
    while number < TAKE_MAXIMUM:
        number += 1
        try:
            with (folder / f"take-{number:02d}.json").open("x", encoding="utf-8") as file:
                json.dump({"take": number, **note}, file)
        except FileExistsError:
            continue  # of another Blender that has the same file open
        return number
    raise FileExistsError(f"{folder} holds too many takes")


def newest(folder: Path, taken: Iterable[int]) -> int:
    """The highest number that a take in the folder has or had. Raises OSError."""
    said = (_OWN.fullmatch(path.name) or _NOTE.fullmatch(path.name) for path in folder.iterdir())
    return max([FIRST_TAKE, *taken, *(int(each[1]) for each in said if each is not None)])


def remove_files(folder: Path, take: int) -> list[OSError]:
    """Remove a take's own frames from a shot's folder, and no other's; returns what could not be removed.

    Its note stays, so that its number is never another's: an undo may bring back strips that list it.
    """
    faults = []
    for path in folder.iterdir() if take > FIRST_TAKE and folder.is_dir() else ():
        said = _OWN.fullmatch(path.name)
        if said is not None and int(said[1]) == take:
            try:
                path.unlink(missing_ok=True)
            except OSError as fault:
                faults.append(fault)
    return faults
