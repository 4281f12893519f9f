"""A guide's pictures in a folder: `0005.00.png` by the shot's frame, from 1, and its mask `0005.00-seen.png`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ..errors import Code, EngineError
from .boards import BoardPicture, open_board

_NAME = re.compile(r"(\d{1,6}(?:\.\d{1,4})?)(-seen)?\.png", re.IGNORECASE)


@dataclass(frozen=True)
class GuidePicture:
    """One picture of a guide, and where it is true; without a mask, everywhere."""

    frame: float
    image: BoardPicture
    seen: BoardPicture | None


def read_guide(folder: Path, most: int) -> list[GuidePicture]:
    """The guide of at most `most` pictures in a folder, by frames ascending; files of other names are passed over.

    Raises EngineError `guide_invalid`, and as `open_board` does for a picture.
    """
    try:
        names = sorted(path.name for path in folder.iterdir())
    except OSError as fault:
        detail = "there is no such folder" if isinstance(fault, FileNotFoundError) else (fault.strerror or "").lower()
        raise _invalid(folder, detail, "name the folder that holds its pictures") from fault
    pictures: dict[float, str] = {}
    masks: dict[float, str] = {}
    for name in names:
        if (match := _NAME.fullmatch(name)) is None:
            continue
        kind, frame = masks if match[2] else pictures, float(match[1])
        if frame in kind:
            raise _invalid(folder, f"{kind[frame]} and {name} are for the same frame", "remove one of them")
        kind[frame] = name
    if not pictures:
        raise _invalid(folder, "it has no picture", "name them by the shot's frame, like 0005.png or 0005.50.png")
    if len(pictures) > most:
        detail = f"it has {len(pictures)} pictures"
        raise _invalid(folder, detail, f"leave at most {most}, such as one for every fourth frame")
    for frame in sorted(masks.keys() - pictures.keys()):
        raise _invalid(folder, f"{masks[frame]} is a mask without a picture", "add the picture or remove the mask")
    return [
        GuidePicture(
            frame,
            open_board(folder / pictures[frame]),
            open_board(folder / masks[frame]) if frame in masks else None,
        )
        for frame in sorted(pictures)
    ]


def require_same_size(image: BoardPicture, seen: BoardPicture, frame: float) -> None:
    """Raise EngineError `guide_invalid` for a mask that is not its picture's size."""
    if (image.width, image.height) == (seen.width, seen.height):
        return
    detail = (
        f"at frame {frame:g} the mask is {seen.width}x{seen.height} pixels and the picture {image.width}x{image.height}"
    )
    raise EngineError(Code.GUIDE_INVALID, detail=detail, advice="make both the same size")


def _invalid(folder: Path, detail: str, advice: str) -> EngineError:
    return EngineError(Code.GUIDE_INVALID, detail=f"{folder}: {detail}", advice=advice)
