"""What a command line asks to be done to a shot once it is made: a finishing take in the same folder."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import Code, EngineError
from ..media.take_files import TakeFiles, takes_of
from ..protocol import FPS_MAXIMUM, SLOW_MAXIMUM, Event, Finish, ShotRequest, Take
from ..serialization import from_json

if TYPE_CHECKING:
    from ..generation.job import Job
    from ..generation.shot_folder import ShotFolder

_UPSCALE = re.compile("[24]|[0-9]{2,4}x[0-9]{2,4}")
_OPTIONS = {
    "upscale": "upscale",
    "upscaler": "upscaler",
    "finish_fps": "fps",
    "slow": "slow",
    "finish_between": "between",
}
"""Options, and the field of `Finish` that each is; None where one is not given."""


def add_finish(parser: argparse.ArgumentParser) -> None:
    """Add what is done to a finished shot."""
    parser.add_argument(
        "--upscale", metavar="2|4|WxH", help="then make it larger, as a take beside it: what the model made is kept"
    )
    parser.add_argument("--upscaler", metavar="NAME", help="what enlarges (default: the best one here)")
    parser.add_argument("--finish-fps", type=float, metavar="F", help="then bring it to this frame rate, as that take")
    parser.add_argument("--slow", type=float, metavar="X", help="then in slow motion: a second lasts X")
    parser.add_argument(
        "--finish-between", metavar="HOW", help="what makes frames in between: flow, motion or nearest (default: best)"
    )


def asked_finish(args: argparse.Namespace) -> Finish | None:
    """What the options ask for; None: nothing. Raises EngineError for what cannot be done to any shot."""
    given = {field: value for option, field in _OPTIONS.items() if (value := getattr(args, option)) is not None}
    if not given:
        return None
    if (size := given.get("upscale")) is not None and not _UPSCALE.fullmatch(size.lower()):
        raise EngineError(Code.CHOICE_INVALID, name="--upscale", value=size, allowed="2, 4 or a size such as 1920x1080")
    for option, least, most in (("finish_fps", 1, FPS_MAXIMUM), ("slow", 1, SLOW_MAXIMUM)):
        value = getattr(args, option)
        if value is not None and not (math.isfinite(value) and least <= value <= most):
            name = f"--{option.replace('_', '-')}"
            raise EngineError(Code.NUMBER_INVALID, name=name, value=value, allowed=f"a number from {least} to {most}")
    if given.get("between", "flow") not in ("flow", "motion", "nearest"):
        allowed = "flow, motion, nearest"
        raise EngineError(Code.CHOICE_INVALID, name="--finish-between", value=given["between"], allowed=allowed)
    if not {"upscale", "fps", "slow"} & given.keys():
        alone = "--upscaler" if "upscaler" in given else "--finish-between"
        raise EngineError(Code.BAD_REQUEST, detail=f"{alone} goes with --upscale, --finish-fps or --slow")
    return Finish(**given | ({"upscale": size.lower()} if size is not None else {}))


def require_finishable(job: Job, finish: Finish) -> None:
    """Raise EngineError where the shot of `job`, once it is made, could not be finished so."""
    from ..generation.finish_take import plan_of

    resolved = job.resolved
    plan_of(resolved.request.frames, (resolved.width, resolved.height), resolved.exact_fps, finish)


def finishing(folder: ShotFolder, finish: Finish | None, device: str, limit: int | None) -> Iterator[Event]:
    """Finish the take in `folder`, which is made: as was begun, else as is asked for; nothing where neither is."""
    request = finishing_take(folder, finish)
    if request is None:
        return
    from ..generation.finish_take import prepare_finish, run_finish
    from ..generation.job import Memory

    yield from run_finish(prepare_finish(request, device, folder.root), resume=True, memory=Memory(limit))


def finishing_take(folder: ShotFolder, finish: Finish | None) -> ShotRequest | None:
    """What is asked of the finishing take of the one in `folder`; None: nothing.

    One that was begun so is gone on with, without a `finish` the newest that is not finished yet; else it is a new one.
    """
    stored, parent, takes = folder.stored_request(), folder.files.take, takes_of(folder.root)
    if stored is None:
        return None
    for number in reversed(takes):
        files = TakeFiles(folder.root, number)
        if not files.finishes or files.begun.parent != parent:
            continue
        begun = from_json(Finish, files.begun.data["request"]["finish"])
        if not files.record.exists() if finish is None else _is_same(finish, begun):
            return replace(stored[0], take=Take(number, parent=parent), finish=begun)
    return None if finish is None else replace(stored[0], take=Take(max(takes) + 1, parent=parent), finish=finish)


def _is_same(asked: Finish, begun: Finish) -> bool:
    """Whether what is asked for is what was begun, but for names that are left open, or of no use there."""
    open_names = {
        name: getattr(begun, name)
        for name in ("upscaler", "between")
        if not (getattr(asked, name) and getattr(begun, name))
    }
    return replace(asked, **open_names) == begun
