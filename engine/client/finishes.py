"""Finishing a made shot, without Blender: what is asked for, at which size, and what it will take."""

from __future__ import annotations

import json
from dataclasses import dataclass

from ..errors import Code, EngineError
from ..protocol import Finish
from ..serialization import without_defaults
from .stored_request import asked_for, without_stop

FIT = "FIT"
"""As large as the scene's render; the other sizes are factors."""
SIDE_MAXIMUM = 8192
"""Pixels: what an engine finishes at the most."""
_SAME_SHAPE = 2
"""Pixels of a side by which a picture may miss the scene's shape: a model's sizes are rounded."""


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


@dataclass(frozen=True)
class FinishEstimate:
    """What a finish makes. `seconds` is None where none like it was measured on the device."""

    width: int
    height: int
    frames: int
    seconds: float | None
    bytes: int


def result_size(size: tuple[int, int], wanted: str, scene: tuple[int, int]) -> tuple[int, int]:
    """Width and height that frames of `size` get: `wanted` times as large, or as large as covers the scene's (`FIT`).

    A shot of another shape than the scene's is shown cut at its longer sides, so it is made larger than the scene.
    """
    if wanted != FIT:
        return size[0] * int(wanted), size[1] * int(wanted)
    even = scene[0] // 2 * 2, scene[1] // 2 * 2  # as a movie's sides are
    factor = max(even[0] / size[0], even[1] / size[1])
    exact = size[0] * factor, size[1] * factor
    if all(side - shown <= _SAME_SHAPE for side, shown in zip(exact, even, strict=True)):
        return even
    return 2 * round(exact[0] / 2), 2 * round(exact[1] / 2)
