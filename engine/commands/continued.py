"""What a command line asks of a stored shot: another take of it, or a longer one, in that shot's own folder."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..drift import tries_left
from ..errors import Code, EngineError
from ..media.take_files import FIRST_TAKE, sampled_take, takes_of
from ..protocol import SectionChange, ShotRequest, Take
from ..serialization import to_json
from .requested import Asked, given_frames

if TYPE_CHECKING:
    from ..generation.shot_folder import ShotFolder

_SECTION = ("seed", "prompt", "steps", "guidance")
"""Options that say how a take is made."""
_NEVER = (
    *("image", "clip", "end_image", "board", "prompt_at", "fps", "conform", "size", "order", "schedule", "solver"),
    *("packing", "window", "cfg", "negative", "speed", "cache", "lora", "slate", "between", "endpoints", "out"),
)
_ALONE = {"take_of": (*_NEVER, "frames", "seconds"), "extend": (*_NEVER, *_SECTION, "section")}
"""Options that do not go with `--take-of` and with `--extend`: there a shot is as it is stored."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what continues a finished shot."""
    parser.add_argument("--take-of", type=Path, metavar="DIR", help="make another take of the shot in DIR")
    parser.add_argument("--section", type=int, metavar="K", help="of this section alone, counted in time from 1")
    parser.add_argument("--extend", type=Path, metavar="DIR", help="make the shot in DIR longer: --frames N in all")
    parser.add_argument("--parent", type=int, metavar="T", help="the take to continue (default: the first, 1)")


def continued_folder(args: argparse.Namespace) -> Path | None:
    """The folder of the shot that is to be continued; None where the command asks for another shot.

    Raises EngineError `bad_request` for options that do not go together.
    """
    ways = [name for name in _ALONE if getattr(args, name) is not None]
    if not ways:
        for name in ("section", "parent"):
            if getattr(args, name) is not None:
                raise EngineError(Code.BAD_REQUEST, detail=f"--{name} goes with --take-of DIR or --extend DIR")
        return None
    alone = [name for name in _ALONE[ways[0]] if getattr(args, name) is not None]
    if len(ways) > 1 or alone:
        other = ways[1] if len(ways) > 1 else alone[0]
        detail = f"--{other.replace('_', '-')} does not go with --{ways[0].replace('_', '-')}"
        raise EngineError(Code.BAD_REQUEST, detail=detail)
    folder: Path = getattr(args, ways[0])
    return folder


def continued_take(args: argparse.Namespace, root: Path) -> tuple[ShotFolder, ShotRequest]:
    """The take that the options ask for, and its place in the folder `root`.

    With `--resume` the newest one that was begun there, where there is any: what is given must be as it was then. What
    only finishes a take is none here.
    """
    from ..generation.shot_folder import ShotFolder

    there = takes_of(root)
    newest = max((take for take in there if sampled_take(root, take) == take), default=FIRST_TAKE)
    if args.resume and newest > FIRST_TAKE:
        folder = ShotFolder(root, newest)
        stored = folder.stored_request()
        assert stored is not None, "it was begun"
        begun = stored[0] if args.on_drift is None else replace(stored[0], on_drift=args.on_drift)
        parent = args.parent or (begun.take.parent if begun.take is not None else FIRST_TAKE)
        if any(getattr(args, name) is not None for name in ("section", "frames", "seconds", *_SECTION)):
            asked = _asked(args, root, newest, parent)
            folder.require_same(to_json(begun), to_json(replace(begun, **_differences(asked))))
        return folder, begun
    number = max(there, default=FIRST_TAKE) + 1
    return ShotFolder(root, number), _asked(args, root, number, args.parent or FIRST_TAKE)


def continued_shot(request: ShotRequest, folder: ShotFolder) -> Asked:
    """The request with the pictures that the folder keeps."""
    from ..media.boards import open_board

    return Asked(request, [open_board(folder.boards / sha256) for sha256 in request.pictures])


def _differences(asked: ShotRequest) -> dict[str, Any]:
    names = ("frames", "prompt", "prompts", "seed", "steps", "guidance", "sections", "take")
    return {name: getattr(asked, name) for name in names}


def _asked(args: argparse.Namespace, root: Path, number: int, parent: int) -> ShotRequest:
    from ..generation.shot_folder import ShotFolder

    parent = sampled_take(root, parent)
    stored = ShotFolder(root, parent).stored_request()
    if stored is None:
        if parent == FIRST_TAKE:
            raise EngineError(Code.SHOT_MISSING, path=str(root))
        there = ", ".join(map(str, takes_of(root)))
        raise EngineError(Code.CHOICE_INVALID, name="--parent", value=parent, allowed=there)
    before = stored[0]
    if args.on_drift is not None:
        before = replace(before, on_drift=args.on_drift)
    if args.extend is not None:
        frames = given_frames(args, before.fps or 0)
        if frames is None:
            raise EngineError(Code.BAD_REQUEST, detail="--extend wants --frames N, how many the shot is to have in all")
        if frames <= before.frames:
            allowed = f"more than the {before.frames} that it has"
            raise EngineError(Code.NUMBER_INVALID, name="--frames", value=frames, allowed=allowed)
        return replace(before, frames=frames, take=Take(number, parent=parent))
    given = {name: value for name in _SECTION if (value := getattr(args, name)) is not None}
    # Without a word on what is to be different another noise is: the same one whenever the command is given again.
    given = given or {"seed": before.seed + number - 1}
    if args.section is None:
        return replace(before, **given, take=Take(number, parent=parent))
    return _with_section(before, args.section, given, Take(number, parent=parent, again=(args.section,)))


def _with_section(before: ShotRequest, section: int, given: Mapping[str, Any], take: Take) -> ShotRequest:
    """The take of a shot of which one section, from 1 in time, is to be otherwise."""
    others = tuple(change for change in before.sections if change.section != section)
    own = next((change for change in before.sections if change.section == section), SectionChange(section))
    changes = sorted((*others, replace(own, **given)), key=lambda change: change.section)
    return replace(before, sections=tuple(changes), take=take)


def drifted_take(folder: ShotFolder, section: int) -> tuple[ShotFolder, ShotRequest]:
    """The take, and its folder, that makes `section` (from 1 in time) of the finished take in `folder` again."""
    from ..generation.shot_folder import ShotFolder

    stored = folder.stored_request()
    assert stored is not None, "it is finished"
    before = replace(stored[0], on_drift=tries_left(stored[0].on_drift, is_take=stored[0].take is not None))
    number = max(takes_of(folder.root)) + 1
    take = Take(number, parent=folder.files.take, again=(section,))
    return ShotFolder(folder.root, number), _with_section(before, section, {"seed": before.seed + number - 1}, take)
