"""What there is to finish in a folder: a shot's take, a sequence that was finished before, or pictures by number.

No torch: what is wrong is said before it is there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

from ..errors import Code, EngineError
from ..media import png_chunks
from ..media.json_objects import json_object
from ..media.take_files import FIRST_TAKE, TakeFiles, takes_of
from ..protocol import FPS_MAXIMUM, FRAMES_MAXIMUM
from .plan import exact_rate

FRAMES = "frames"
RECORD = "shot.json"
_NUMBERED = re.compile(r"(.*?)(\d+)(\D*)$")


@dataclass(frozen=True)
class Source:
    """Frames in time order, all of which are there, and what is known of them."""

    folder: Path
    frames: tuple[Path, ...]
    fps: Fraction
    take: int | None = None
    """Of a shot."""
    record: Mapping[str, Any] | None = None
    """What is said of their making, where anything is."""
    movie: Path | None = None


def find_source(folder: Path, take: int | None = None, fps: float | None = None) -> Source:
    """What there is to finish in `folder`: of a shot the take `take`, else its newest that a model made; `fps` is the
    rate of pictures that do not say theirs.

    Raises EngineError `finish_impossible` where there is nothing, or no rate, `number_invalid` for one that is none,
    and `choice_invalid` for a take that is not there or not finished.
    """
    if folder.name == FRAMES and not (folder / RECORD).exists() and (folder.parent / RECORD).exists():
        folder = folder.parent
    if not folder.is_dir():
        what = "it is a file" if folder.exists() else "there is no such folder"
        raise _impossible(folder, what, "name a shot's folder, or one of PNG pictures")
    takes = takes_of(folder)
    if (takes or (folder / RECORD).exists()) and fps is not None:
        raise EngineError(Code.BAD_REQUEST, detail="a shot knows its rate: leave out --source-fps")
    if takes:
        return _of_take(folder, takes, take)
    if take is not None:
        raise _impossible(folder, "there are no takes in it", "leave out --take")
    if fps is not None and not 1 <= fps <= FPS_MAXIMUM:
        allowed = f"a number from 1 to {FPS_MAXIMUM}"
        raise EngineError(Code.NUMBER_INVALID, name="--source-fps", value=fps, allowed=allowed)
    return _of_record(folder) if (folder / RECORD).exists() else _of_pictures(folder, fps)


def _of_take(folder: Path, begun: list[int], asked: int | None) -> Source:
    """The frames of a shot's take."""
    there = [take for take in begun if TakeFiles(folder, take).record.exists()]
    if not there:
        raise _impossible(folder, "the shot in it is not finished", "go on with it first: generate --resume")
    if asked is not None and asked not in there:
        raise EngineError(Code.CHOICE_INVALID, name="--take", value=asked, allowed=", ".join(map(str, there)))
    made = [take for take in there if not TakeFiles(folder, take).begun.data["request"].get("finish")]
    files = TakeFiles(folder, asked or max(made, default=FIRST_TAKE))
    if files.frames > FRAMES_MAXIMUM:
        told = f"it says that it has {files.frames} frames, and {FRAMES_MAXIMUM} are the most"
        raise _impossible(folder, told, "finish a shorter shot")
    record = _read(files.record)
    return Source(
        folder,
        _require_all(folder, [files.frame(frame) for frame in range(1, files.frames + 1)]),
        _rate(files.record, record),
        files.take,
        record,
        files.movie if files.movie.exists() else None,
    )


def _of_record(folder: Path) -> Source:
    """The frames of what was finished into `folder`, or of a shot's copy without what it was made of."""
    record = _read(folder / RECORD)
    try:
        count = int(record["finished"]["frames"] if "finished" in record else record["request"]["frames"])
        if not 1 <= count <= FRAMES_MAXIMUM:
            raise ValueError(count)
    except (ArithmeticError, KeyError, TypeError, ValueError) as fault:
        raise _impossible(folder, f"{RECORD} does not say how many frames there are", "make it again") from fault
    files = TakeFiles(folder, FIRST_TAKE, count)
    movie = files.movie if files.movie.exists() else None
    frames = _require_all(folder, [files.frame(frame) for frame in range(1, count + 1)])
    return Source(folder, frames, _rate(folder / RECORD, record), None, record, movie)


def _of_pictures(folder: Path, fps: float | None) -> Source:
    """The pictures in a folder, by their numbers. A second sequence or a number without a picture is refused."""
    pictures = [path for path in folder.iterdir() if path.suffix.lower() == ".png" and not path.name.startswith(".")]
    numbered = [(match, path) for path in pictures if (match := _NUMBERED.fullmatch(path.stem))]
    if not numbered:
        raise _impossible(folder, "it holds neither a shot nor numbered PNG pictures", "name another folder")
    names = sorted({(match[1], match[3]) for match, _ in numbered})
    if len(names) > 1:
        examples = " and ".join(f"{before}…{after}.png" for before, after in names[:2])
        raise _impossible(folder, f"it holds more than one sequence ({examples})", "give each a folder of its own")
    by_number = {int(match[2]): path for match, path in numbered}
    numbers = sorted(by_number)
    gap = next((before + 1 for before, after in pairwise(numbers) if after > before + 1), None)
    if gap is not None or len(by_number) < len(numbered):
        told = f"picture {gap} is missing" if gap is not None else "two pictures have the same number"
        raise _impossible(folder, told, "number them without gaps")
    if fps is None:
        raise _impossible(folder, "pictures do not say how fast they are shown", "add --source-fps F, such as 24")
    pictures = [by_number[number] for number in numbers]
    _require_one_size(pictures)
    return Source(folder, tuple(pictures), exact_rate(fps))


def _require_one_size(pictures: Sequence[Path]) -> None:
    """Say before hours of work what the last of them would: by heads alone, and of what has one."""
    sizes = ((path, _size(path)) for path in pictures)
    there = [(path, size) for path, size in sizes if size is not None]
    for path, size in there:
        if size != there[0][1]:
            raise other_size((path, size), there[0])


def _size(path: Path) -> tuple[int, int] | None:
    """(width, height) of a PNG picture; None of anything else, which is told once it is read."""
    try:
        with path.open("rb") as file:
            return png_chunks.size(file)
    except (OSError, ValueError):
        return None


def other_size(picture: tuple[Path, tuple[int, int]], first: tuple[Path, tuple[int, int]]) -> EngineError:
    """The error for a picture that is not as large as the first one of its sequence."""
    (path, size), (start, usual) = picture, first
    detail = f"{path.name} is {size[0]}x{size[1]} and {start.name} {usual[0]}x{usual[1]}"
    return _impossible(path.parent, detail, "give a sequence of pictures of one size")


def _require_all(folder: Path, frames: list[Path]) -> tuple[Path, ...]:
    for path in frames:
        if not path.exists():
            advice = "make the shot whole again: generate --resume"
            raise _impossible(folder, f"{path.name} is not there any more", advice)
    return tuple(frames)


def _rate(path: Path, record: Mapping[str, Any]) -> Fraction:
    try:
        fps = float(record.get("finished", record.get("request", {}))["fps"])
        if not 1 <= fps <= FPS_MAXIMUM:
            raise ValueError(fps)
        return exact_rate(fps)
    except (ArithmeticError, KeyError, TypeError, ValueError, AttributeError) as fault:
        raise _impossible(path, "it does not say how fast its frames are shown", "make it again") from fault


def _read(path: Path) -> Mapping[str, Any]:
    try:
        return json_object(path.read_bytes())
    except OSError as fault:
        raise _impossible(path, (fault.strerror or str(fault)).lower(), "make it again") from fault
    except ValueError as fault:
        raise _impossible(path, "it is no record of a shot", "make it again") from fault


def _impossible(path: Path, detail: str, advice: str) -> EngineError:
    return EngineError(Code.FINISH_IMPOSSIBLE, path=str(path), detail=detail, advice=advice)
