"""A shot made again by what a picture or a movie says of its making, without Blender.

Anybody may have made the file. It says what is asked for, and which pictures that wants by their SHA-256; where those
lie it cannot say: they are looked for in folders that the artist knows, by what is in them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import Code, EngineError
from ..media.provenance import Provenance, read
from ..protocol import (
    BOARDS_MAXIMUM,
    CLIP_MAXIMUM,
    ENDPOINTS_MAXIMUM,
    FPS_MAXIMUM,
    FRAMES_MAXIMUM,
    Condition,
    ShotRequest,
)
from ..serialization import from_json
from . import board_files
from .guide_frames import mask_name, picture_name

_FRAME = re.compile(r"[0-9]+(-t[0-9]+)?(-draft[0-9]+)?\.png")
"""A shot's own frames, which are many: the pictures that it is made of are called otherwise."""
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MOST_FILES = 20_000
"""Looked at in one search."""
_ANOTHER = "choose another file"
_DIGITS = 12
"""Of a picture's SHA-256, as it is told."""


@dataclass(frozen=True)
class Found:
    """A picture that a request wants: in which folder it lies, and what it is called there."""

    folder: Path
    name: str


def said_by(path: Path) -> Provenance:
    """What the PNG or movie at `path` says of a shot. Raises EngineError `remake_impossible` where it says nothing."""
    try:
        said = read(path)
    except OSError as fault:
        raise _impossible(path, (fault.strerror or str(fault)).lower(), _ANOTHER) from fault
    except ValueError as fault:
        raise _impossible(path, str(fault), "choose a frame or a movie that Shotpack has made") from fault
    if said is None or not said.shot:
        raise _impossible(path, "it says nothing of a shot", "choose a frame or a movie that Shotpack has made")
    return said


def asked_by(path: Path, said: Provenance) -> ShotRequest:
    """The request in what the file at `path` says, its pictures by SHA-256. Raises EngineError `remake_impossible`."""
    request = said.shot.get("request")
    if request is None:
        large = "request_sha256" in said.shot
        detail = (
            "its request is too large for a frame" if large else "an earlier release made it, which did not say all"
        )
        advice = "choose the shot's movie, or its strip" if large else "choose the shot's strip"
        raise _impossible(path, detail, advice)
    try:
        asked = replace(from_json(ShotRequest, request), take=None, finish=None)
    except EngineError as fault:
        raise _impossible(path, f"what it asks for makes no sense ({fault.params['detail']})", _ANOTHER) from fault
    if asked.schedule is not None or asked.window is not None:
        detail = "it was made by a packing schedule that only the command line can ask for"
        raise _impossible(path, detail, "make it again with 'generate --schedule'")
    within = (
        1 <= asked.frames <= FRAMES_MAXIMUM
        and (asked.fps is None or 1 <= asked.fps <= FPS_MAXIMUM)
        and len(asked.boards) <= BOARDS_MAXIMUM
        and len(asked.pictures) <= BOARDS_MAXIMUM + 4 * CLIP_MAXIMUM
        and all(_SHA256.fullmatch(sha256) for sha256 in asked.pictures)
        and len({board.frame for board in asked.boards}) == len(asked.boards)
        and all(1 <= board.frame <= asked.frames + 1 for board in asked.boards)
        and len(asked.endpoints) <= ENDPOINTS_MAXIMUM
        and all(1 <= frame <= asked.frames for frame in asked.endpoints)
    )
    if not within:
        raise _impossible(path, "what it asks for makes no sense", _ANOTHER)
    return asked


def find_pictures(wanted: Collection[str], folders: Iterable[Path], stores: Iterable[Path] = ()) -> dict[str, Found]:
    """Where the pictures with these SHA-256 lie, as far as they are found, in `folders` themselves.

    `stores` hold pictures under their SHA-256 as names. Links are not followed; only whole PNG and JPEG files count.
    """
    found: dict[str, Found] = {}
    for place, name in _candidates(wanted, folders, stores):
        if len(found) == len(wanted):
            break
        sha256 = _digest(place, name)
        if sha256 is not None and sha256 in wanted:
            found.setdefault(sha256, Found(place, name))
    return found


def missing(asked: ShotRequest, found: Mapping[str, Found], path: Path) -> EngineError | None:
    """The error that names the first picture that is not there, if there is any."""
    names = {
        sha256: f"the board at frame {board.frame}" for board in reversed(asked.boards) for sha256 in [board.image]
    }
    for sha256 in asked.pictures:
        if sha256 not in found:
            what = names.get(sha256) or (
                "a frame that it goes on from" if sha256 in asked.clip else "a guide's picture"
            )
            detail = f"{what} (SHA-256 {sha256[:_DIGITS]}…) is in no shot's folder here"
            return _impossible(path, detail, "put that picture beside the file, and remake it again")
    return None


def named(asked: ShotRequest, first: str, last: str) -> tuple[ShotRequest, dict[str, str]]:
    """The request with its pictures by names for a folder of its own; and those names, with each one's SHA-256.

    `first` is what the board at frame 1 is called, `last` the latest other one.
    """
    names: dict[str, str] = {}

    def take(name: str, sha256: str) -> str:
        names[name] = sha256
        return name

    latest = max((board.frame for board in asked.boards if board.frame != 1), default=0)
    special = {1: first, latest: last}
    boards = tuple(
        replace(each, image=take(special.get(each.frame) or f"board-{each.frame:04d}.png", each.image))
        for each in asked.boards
    )
    clip = tuple(take(f"clip-{number:04d}.png", each) for number, each in enumerate(asked.clip, 1))
    conditions = tuple(_named_condition(number, each, take) for number, each in enumerate(asked.conditions))
    return replace(asked, boards=boards, clip=clip, conditions=conditions), names


def _named_condition(number: int, condition: Condition, take: Callable[[str, str], str]) -> Condition:
    mark = f"guide{number}-" if number else ""
    return replace(
        condition,
        frames=tuple(
            replace(
                each,
                image=take(f"{mark}{picture_name(each.frame)}", each.image),
                seen=None if each.seen is None else take(f"{mark}{mask_name(each.frame)}", each.seen),
            )
            for each in condition.frames
        ),
    )


def _candidates(wanted: Collection[str], folders: Iterable[Path], stores: Iterable[Path]) -> Iterator[tuple[Path, str]]:
    for store in stores:
        yield from ((store, sha256) for sha256 in wanted)
    looked = 0
    for folder in dict.fromkeys(folders):
        try:
            names = sorted(each.name for each in folder.iterdir())
        except OSError:
            continue
        for name in names:
            if _FRAME.fullmatch(name) or not (board_files.is_picture(name) or _SHA256.fullmatch(name)):
                continue
            looked += 1
            if looked > _MOST_FILES:
                return
            yield folder, name


def _digest(folder: Path, name: str) -> str | None:
    """The SHA-256 of a whole picture file; None for anything else."""
    path = folder / name
    try:
        if not board_files.is_whole(path) or path.stat().st_size > board_files.LARGEST:
            return None
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _impossible(path: Path, detail: str, advice: str) -> EngineError:
    return EngineError(Code.REMAKE_IMPOSSIBLE, name=path.name, detail=detail, advice=advice)
