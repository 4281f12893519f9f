"""Whether a finished shot can grow at its end without being made again, and what is asked for then: plain values."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import Code, EngineError
from ..protocol import TAKE_MAXIMUM, PromptAt
from ..serialization import to_json
from .section_borders import sections_by
from .stored_request import asked_for, read, without_stop

FORWARD = "forward"
"""The order in which a shot grows: no section has seen what lies after it."""
_MADE_FIRST = {
    "inverted": "Its last section was made first and all others look at it, so it cannot grow; make what comes after.",
    "endpoint": "Its last section was made early and others look at it, so it cannot grow; make what comes after.",
}
_ENDS_ON_BOARD = "It ends on a picture, so it cannot grow; make what comes after."


def order_of(request: str, details: Mapping[str, Any] | None) -> str:
    """The order in which a shot's sections were made, or empty where nobody says: `details` are its model's."""
    asked = read(request)
    if schedule := asked.rest.get("schedule"):
        before, _, after = str(schedule).partition("_g")
        return "inverted" if "_x" in before else "endpoint" if "_x" in after else FORWARD
    if asked.rest.get("endpoints"):
        return "endpoint"
    if order := asked.rest.get("order"):
        return str(order)
    orders = list(details["orders"]) if details is not None else [""]
    # As the engine chooses: toward a later board one that goes forward goes backward, where it was trained for that.
    later = any(frame > 1 for frame, _ in asked.boards)
    return "inverted" if later and orders[0] == FORWARD and "inverted" in orders else str(orders[0])


def why_not_longer(request: str, details: Mapping[str, Any] | None) -> str | None:
    """The sentence for the artist where a shot that was made of `request` cannot grow at its end.

    `details` are its model's, None where the engine has not told them: then only the request counts. Raises EngineError
    `bad_request` where that is no request.
    """
    asked = read(request)
    frames = asked.rest.get("frames")
    if type(frames) is not int:
        raise EngineError(Code.BAD_REQUEST, detail="the file says nothing of use about it")
    if any(frame >= max(2, frames) for frame, _ in asked.boards):
        return _ENDS_ON_BOARD
    return _MADE_FIRST.get(order_of(request, details))


def longer(
    request: str, name: str, frames: int, job: str, about: Mapping[str, Any], changes: Iterable[PromptAt] = ()
) -> str:
    """What is asked for to make the shot of `job`, which was made of `request`, `frames` long; `name` is the new one's.

    It continues that job's stored latents. `changes` of words are used in the part that is new, from its first section
    on: earlier ones would have sections made again. `about` is what the engine says of itself. Raises EngineError
    `bad_request` where `request` is none, or asks for as many frames already.
    """
    was, asked = read(without_stop(request)), asked_for(request)
    parent = 1 if asked is None or asked.take is None else asked.take.number
    if asked is None or not 1 <= parent < TAKE_MAXIMUM or asked.frames >= frames:
        raise EngineError(Code.BAD_REQUEST, detail="the file says nothing of use about it")
    rest, before = dict(was.rest), asked.frames
    rest.pop("finish", None)
    sections = sections_by(about, asked.model, asked.fps or 0, conform=asked.conform)
    if sections is not None:
        # Through boards it is the last stretch that grows, which has a clock of its own.
        start = max((frame for frame, _ in was.boards if frame <= before and sections.first_frames), default=1)
        new = sections.ranges(frames - start + 1)[sections.count(before - start + 1) :]
        first = start - 1 + new[0].start if new else frames + 1
        words: dict[int, PromptAt] = {}
        for change in changes:
            if before < change.frame:
                at = max(change.frame, first)
                words[at] = PromptAt(at, change.text)
        if new and words:
            rest["prompts"] = [*rest.get("prompts", ()), *(to_json(words[at]) for at in sorted(words) if at <= frames)]
    take = {"number": parent + 1, "job": job, "parent": parent}
    wanted = {**rest, "name": name, "frames": frames, "take": take, "boards": was.boards}
    return json.dumps(wanted | ({"clip": was.clip} if was.clip else {}))
