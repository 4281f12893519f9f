"""What a shot's request says: a job's body as it stands in a .blend, with pictures by their names in the shot's folder.

Anybody may have written it: everything that is used of it here is looked at first, and the engine looks at the rest.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ..errors import Code, EngineError
from ..protocol import FPS_MAXIMUM, FRAMES_MAXIMUM, ShotRequest
from ..serialization import from_json, to_json, without_defaults
from .board_files import is_picture

_SAME = ("frames", "seed", "fps")
"""What nobody changes of a job once it is there."""
_PICTURES = ("image", "seen")
"""What of a condition's frame is a picture."""
_DEFAULTS = {"seed": 0, "fps": None}
_STOP = "stop_after"


@dataclass(frozen=True)
class StoredRequest:
    """A request: its pictures' names, and everything else as it goes to the engine."""

    boards: tuple[tuple[int, str], ...]
    """Frames, from 1, and the pictures that the shot shows there."""
    clip: tuple[str, ...]
    """The frames that it goes on from, in time order; a name may come more than once."""
    conditions: tuple[Mapping[str, Any], ...]
    """What it is made by besides, each as on the wire, but with its frames' pictures and masks by name."""
    rest: Mapping[str, Any]

    @property
    def names(self) -> tuple[str, ...]:
        """Every picture's name, each once."""
        return tuple(dict.fromkeys([*(name for _, name in self.boards), *self.clip, *self.guide]))

    @property
    def guide(self) -> tuple[str, ...]:
        """The names of the conditions' pictures and masks, each once."""
        held = [frame for condition in self.conditions for frame in condition["frames"]]
        return tuple(dict.fromkeys(frame[part] for frame in held for part in _PICTURES if frame.get(part) is not None))

    def body(self, sent: Mapping[str, str]) -> dict[str, Any]:
        """The job's body, its pictures by what the engine knows those of each name by."""
        body = {**self.rest, "boards": [{"frame": frame, "image": sent[name]} for frame, name in self.boards]}
        if self.clip:
            body["clip"] = [sent[name] for name in self.clip]
        if self.conditions:
            body["conditions"] = [
                {
                    **condition,
                    "frames": [
                        {**frame, **{part: sent[frame[part]] for part in _PICTURES if frame.get(part) is not None}}
                        for frame in condition["frames"]
                    ],
                }
                for condition in self.conditions
            ]
        return body


def write(request: ShotRequest, name: str, stop_after: int = 0) -> str:
    """A request as a .blend keeps it: `name` is the shot's, and pictures are named by their files beside each other.

    Its job pauses by itself after `stop_after` sections; 0: it does not.
    """
    asked = {
        "name": name,
        **without_defaults(request),
        "boards": [(board.frame, board.image) for board in request.boards],
    }
    if request.loras:  # 0.1.0 keeps their weights in any case
        asked["loras"] = [to_json(lora) for lora in request.loras]
    if stop_after:
        asked[_STOP] = stop_after
    return json.dumps(asked)


@lru_cache(maxsize=512)
def asked_for(request: str) -> ShotRequest | None:
    """What `request` asks for, its pictures by their names, for whoever only shows it; None where it makes no sense."""
    try:
        said = plain(request)
        boards = [{"frame": frame, "image": name} for frame, name in said.get("boards", ())]
        found = from_json(ShotRequest, {**said, "boards": boards})
    except (ValueError, TypeError, AttributeError, EngineError):
        return None
    within = 1 <= found.frames <= FRAMES_MAXIMUM and (found.fps is None or 1 <= found.fps <= FPS_MAXIMUM)
    return found if within else None


def plain(text: str) -> Any:
    """What is said in JSON in a file that anybody may have written: finite numbers, and text that can be shown.

    Raises ValueError for all else.
    """
    try:
        said = json.loads(text, parse_float=_finite, parse_constant=_finite)
        json.dumps(said, ensure_ascii=False).encode()  # halves of a letter are no text
    except RecursionError as fault:
        raise ValueError("it is too deep") from fault
    return said


def _finite(number: str) -> float:
    if not math.isfinite(found := float(number)):
        raise ValueError(f"{number} is no number")
    return found


def without_stop(request: str) -> str:
    """The same request, to be made to its end."""
    try:
        asked = json.loads(request)
        asked.pop(_STOP, None)
    except (ValueError, AttributeError, TypeError, RecursionError):
        return request  # a file may hold anything; it is refused when it is sent
    return json.dumps(asked)


def read(request: str) -> StoredRequest:
    """What `request` asks for.

    Raises EngineError `bad_request` where it is no request, or names anything but pictures beside each other.
    """
    try:
        rest = json.loads(request)
        boards = tuple((int(frame), name) for frame, name in rest.pop("boards"))
        clip = tuple(rest.pop("clip", ()))
        conditions = tuple(rest.pop("conditions", ()))
        if any(not isinstance(frame["image"], str) for condition in conditions for frame in condition["frames"]):
            raise ValueError("a condition's picture has no name")
        json.dumps(
            [rest, conditions], allow_nan=False, ensure_ascii=False
        ).encode()  # what cannot be sent is no request
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as fault:
        raise EngineError(Code.BAD_REQUEST, detail="the file says nothing of use about it") from fault
    asked = StoredRequest(boards, clip, conditions, rest)
    for name in (*(name for _, name in boards), *clip, *asked.guide):
        if not is_picture(name):
            raise EngineError(Code.BAD_REQUEST, detail=f"{name!r} is not a picture's plain file name")
    return asked


def agrees(request: str, job: Mapping[str, Any]) -> bool:
    """Whether the engine's `job` may have been made of `request`: its length, rate and seed are the same."""
    try:
        wanted, made = read(request).rest, job["request"]
        return all(made.get(name, _DEFAULTS.get(name)) == wanted.get(name, _DEFAULTS.get(name)) for name in _SAME)
    except (EngineError, KeyError, AttributeError):
        return False
