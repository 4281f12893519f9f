"""Finishing a made shot, without Blender: what is asked for, at which size, and what it will take."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import Code, EngineError
from ..protocol import Finish
from ..serialization import without_defaults
from .estimate import devices_of
from .stored_request import asked_for, without_stop

FIT = "FIT"
"""As large as the scene's render; the other sizes are factors."""
SIDE_MAXIMUM = 8192
"""Pixels: what an engine finishes at the most."""
_SAME_SHAPE = 2
"""Pixels of a side by which a picture may miss the scene's shape: a model's sizes are rounded."""
_COPIES = 2
"""A frame is kept here and by the engine."""


@dataclass(frozen=True)
class FinishEstimate:
    """What a finish makes. `seconds` is None where none like it was measured on the device."""

    width: int
    height: int
    frames: int
    seconds: float | None
    bytes: int


def finish_of(request: str) -> Finish | None:
    """What a take's request says is done to the frames of the take before; None: it is made by a model."""
    asked = asked_for(request)
    return asked.finish if asked is not None else None


def finish_request(parent: str, finish: Finish, *, number: int, job: str, parent_number: int) -> str:
    """The request of take `number`, which finishes take `parent_number` that `job` has and `parent` asked for.

    Raises EngineError `bad_request` where `parent` makes no sense.
    """
    if asked_for(parent) is None:
        raise EngineError(Code.BAD_REQUEST, detail="the file says nothing of use about it")
    asked = json.loads(without_stop(parent))
    take = {"number": number, "job": job, "parent": parent_number}
    return json.dumps({**asked, "take": take, "finish": without_defaults(finish)})


def upscalers(about: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Name and title of what enlarges pictures in the engine, the best first; none: its addition is not installed."""
    said = about.get("finishing") or {}
    return [(each["name"], each["title"]) for each in said.get("upscalers", ())]


def title_of(about: Mapping[str, Any], upscaler: str) -> str:
    """What an upscaler is called; one that is not in the engine any more by its name."""
    return dict(upscalers(about)).get(upscaler, upscaler)


def betweens(about: Mapping[str, Any]) -> list[str]:
    """What can make frames between two of the model's in the engine, the best first."""
    return list((about.get("finishing") or {}).get("between", ()))


def result_size(size: tuple[int, int], wanted: str, scene: tuple[int, int]) -> tuple[int, int]:
    """Width and height that frames of `size` get: `wanted` times as large, or as large as covers the scene's (`FIT`).

    A shot of another shape than the scene's is shown cut at its longer sides, so it is made larger than the scene.
    """
    if wanted != FIT:
        return size[0] * int(wanted), size[1] * int(wanted)
    even = scene[0] // 2 * 2, scene[1] // 2 * 2  # as a movie's sides are
    within, over = sorted((even[0] / size[0], even[1] / size[1]))
    if all(shown - side * within <= _SAME_SHAPE for side, shown in zip(size, even, strict=True)):
        return even  # as the engine sees it
    return 2 * round(size[0] * over / 2), 2 * round(size[1] * over / 2)


def why_not_size(size: tuple[int, int], result: tuple[int, int]) -> str | None:
    """The sentence for a size that frames of `size` are not finished to."""
    if max(result) > SIDE_MAXIMUM:
        return f"{result[0]} x {result[1]} is too large; {SIDE_MAXIMUM} is the longest side."
    if result[0] <= size[0] and result[1] <= size[1]:
        return "The shot is as large as the scene already."
    return None


def estimate(
    about: Mapping[str, Any], upscaler: str, result: tuple[int, int], frames: int, pixel_bytes: float
) -> FinishEstimate:
    """What a finish will take, by what the engine says of itself; `pixel_bytes` is what a pixel of the source takes."""
    pixels = result[0] * result[1] * frames
    pace = _megapixel_seconds(about, upscaler)
    seconds = None if pace is None else pace * pixels / 1e6
    return FinishEstimate(*result, frames, seconds, round(pixels * pixel_bytes * _COPIES))


def _megapixel_seconds(about: Mapping[str, Any], upscaler: str) -> float | None:
    """How long a million pixels of the result take, as measured last on the devices that there are now."""
    devices = devices_of(about)
    for each in reversed((about.get("finishing") or {}).get("speeds", ())):
        if each["upscaler"] == upscaler and (not devices or each["device"] in devices):
            return float(each["megapixel_seconds"])
    return None
