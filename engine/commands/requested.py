"""What a command line asks of a shot: a request out of the options that are given, the rest as stored or by default.

Of a shot that is gone on with, an option that is not given is what the shot was begun with, and one that is given must
be the same: it is refused here, and what only the model can compare (`BY_MODEL`) in `generation/job.py`.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..client.led_moves import Clock
from ..console import readable
from ..errors import Code, EngineError
from ..framings import Easing
from ..protocol import CLIP_MAXIMUM, FPS_MAXIMUM, GUIDE, Board, Condition, ConditionFrame, PromptAt, ShotRequest
from ..serialization import to_json
from .moves import moved

if TYPE_CHECKING:
    from ..generation.shot_folder import ShotFolder
    from ..media.boards import BoardPicture
    from ..models.folder import ModelFolder

T = TypeVar("T")
_AS_GIVEN = (
    *("prompt", "fps", "steps", "seed", "order", "schedule", "packing", "solver", "window", "guidance", "cfg"),
    *("negative", "speed", "cache", "conform", "slate", "on_drift", "between", "endpoints"),
)
"""Options that are a request's fields of the same name; None where one is not given."""
BY_MODEL = ("steps", "negative", "model")
"""Fields whose value a model rounds, fills in or is known by."""
_SAID_ONLY = ("on_drift",)
"""Fields that are no part of how a shot is made (`generation/resolve.py`, which is not imported for that)."""
_SECONDS = 5.0


@dataclass(frozen=True)
class Asked:
    """A request, and the pictures that it names."""

    request: ShotRequest
    pictures: Sequence[BoardPicture]


def new_shot(args: argparse.Namespace, model: ModelFolder) -> Asked:
    """The shot that the options ask for. Raises EngineError for pictures and lengths that are of no use."""
    frames = given_frames(args, model.native_fps)
    frames = _frames_of(_SECONDS, args.fps or model.native_fps) if frames is None else frames
    fps = args.fps or model.native_fps
    boards = _boards(args, frames)
    clip = _clip(args, fps, args.size or ())
    conditions, guide = _led(args, boards, model, Clock(frames, fps, args.conform is not False))
    given = _given(args) | {"boards": _placed(boards), "clip": _named(clip), "conditions": conditions}
    blank = ShotRequest(_model_name(args.model, model), frames=frames)
    return Asked(replace(blank, **given), [*boards.values(), *clip, *guide])


def stored_shot(
    args: argparse.Namespace, folder: ShotFolder, stored: tuple[ShotRequest, Mapping[str, str]], model: ModelFolder
) -> Asked:
    """The shot that `folder` was begun with. Raises EngineError `resume_mismatch` for an option that says otherwise."""
    from ..media.boards import open_board
    from ..models.checksums import fingerprint

    begun, made_with = stored
    if args.model is not None:
        folder.require_same({"model": made_with.get("weights")}, {"model": fingerprint(model)})
    fps = begun.fps or model.native_fps
    given = _given(args)
    if (frames := given_frames(args, fps)) is not None:
        given["frames"] = frames
    frames = given.get("frames", begun.frames)
    boards = _boards(args, frames)
    sides = (begun.width, begun.height) if begun.width and begun.height else None
    conditions, guide = _led(args, boards, model, Clock(frames, fps, given.get("conform", begun.conform)), sides)
    given["boards"] = _among(_placed(boards), begun.boards)
    clip = _clip_again(args, args.fps or fps, begun)
    given["clip"] = _named(clip) or begun.clip
    given["conditions"] = conditions or begun.conditions
    given["prompts"] = _among(given.get("prompts", ()), begun.prompts)
    given["loras"] = _among(given.get("loras", ()), begun.loras)
    request = replace(begun, **given)
    was = to_json(begun)
    # In the sequence of a request's fields: what a person set comes before what follows from it.
    folder.require_same(
        was, {name: now for name, now in to_json(request).items() if name not in (*BY_MODEL, *_SAID_ONLY)}
    )
    here = {picture.sha256: picture for picture in (*boards.values(), *clip, *guide)}
    return Asked(request, [here.get(sha256) or open_board(folder.boards / sha256) for sha256 in begun.pictures])


def _given(args: argparse.Namespace) -> dict[str, Any]:
    """A request's fields as far as the options say them; without frames, boards and clip, which want more."""
    from ..framepack.packing import parse

    given = {name: value for name in _AS_GIVEN if (value := getattr(args, name)) is not None}
    if args.schedule is not None:
        given["schedule"] = str(parse(args.schedule))
    if args.size is not None:
        given["width"], given["height"] = args.size
    if args.prompt_at is not None:
        given["prompts"] = tuple(PromptAt(frame, readable(text)) for frame, text in args.prompt_at)
    if args.lora is not None:
        given["loras"] = tuple(args.lora)
    return given


def _among(given: tuple[T, ...], stored: tuple[T, ...]) -> tuple[T, ...]:
    """What is stored where all that is given is part of it, else what is given."""
    return stored if set(given) <= set(stored) else given


def _placed(boards: Mapping[int, BoardPicture]) -> tuple[Board, ...]:
    return tuple(Board(frame, picture.sha256) for frame, picture in sorted(boards.items()))


def _boards(args: argparse.Namespace, frames: int) -> dict[int, BoardPicture]:
    """The boards that are given, by frame, in a shot of so many frames."""
    from ..media.boards import open_board

    places = [(frame, Path(name)) for frame, name in args.board or ()]
    if args.end_image is not None:
        places.append((frames, args.end_image))
    boards = {1: open_board(args.image)} if args.image is not None else {}
    for frame, path in places:
        if frame == 1 or frame in boards:
            detail = "another board lies there already"
            raise EngineError(
                Code.BOARD_INVALID, frame=frame, detail=detail, advice="give each board a frame of its own"
            )
        boards[frame] = open_board(path)
    return boards


def _clip(args: argparse.Namespace, fps: float, sides: Sequence[int]) -> list[BoardPicture]:
    """The frames that the shot goes on from at `fps`, no larger than a shot with such sides wants them."""
    from ..media.clip import LONGEST_SIDE, read_clip

    return read_clip(args.clip, fps, max((LONGEST_SIDE, *sides))) if args.clip is not None else []


def _clip_again(args: argparse.Namespace, fps: float, begun: ShotRequest) -> list[BoardPicture]:
    """The clip as the shot's own command may have read it: its size may have been given then or not."""
    clip = _clip(args, fps, args.size or ())
    return clip if _named(clip) == begun.clip else _clip(args, fps, (begun.width or 0, begun.height or 0))


def _led(
    args: argparse.Namespace,
    boards: dict[int, BoardPicture],
    model: ModelFolder,
    clock: Clock,
    size: tuple[int, int] | None = None,
) -> tuple[tuple[Condition, ...], list[BoardPicture]]:
    """What leads the shot, as a condition, and its pictures: a folder's, or those of a move, which changes the start
    board in `boards` for what its first framing shows. `size` is the shot's where the options do not say it.
    """
    from ..media.guide_files import read_guide

    shares = {"--guide-strength": args.guide_strength, "--guide-until": args.guide_until}
    for name, share in shares.items():
        if share is not None and not 0 <= share <= 1:
            raise EngineError(Code.NUMBER_INVALID, name=name, value=share, allowed="a number from 0 to 1")
        if share is not None and args.guide is None and args.move is None:
            raise EngineError(Code.BAD_REQUEST, detail=f"{name} says how a guide is followed, and there is no --guide")
    if args.move_easing is not None and args.move is None:
        raise EngineError(Code.BAD_REQUEST, detail="--move-easing says how a move passes, and there is no --move")
    if args.move is not None:
        move = replace(args.move, easing=Easing(args.move_easing or Easing.LINEAR))
        after = min((frame for frame in boards if frame > 1), default=None)
        boards[1], pictures = moved(_moved_over(args, boards), move, model, args.size or size, clock, after)
    elif args.guide is not None:
        pictures = read_guide(args.guide, CLIP_MAXIMUM)
    else:
        return (), []
    if not pictures:  # a shot of a frame or two stands still
        return (), []
    frames = tuple(
        ConditionFrame(each.frame, each.image.sha256, each.seen.sha256 if each.seen else None) for each in pictures
    )
    strength, until = (1.0 if share is None else share for share in shares.values())
    held = [each.image for each in pictures] + [each.seen for each in pictures if each.seen]
    return (Condition(GUIDE, frames, strength, until),), held


def _moved_over(args: argparse.Namespace, boards: Mapping[int, BoardPicture]) -> BoardPicture:
    """The board that a move goes over. Raises EngineError `bad_request` where the shot has none, or a guide as well."""
    if args.guide is not None:
        raise EngineError(Code.BAD_REQUEST, detail="--move is a guide of its own; give it or --guide")
    if 1 not in boards:
        raise EngineError(Code.BAD_REQUEST, detail="--move goes over the picture that --image names")
    return boards[1]


def _named(clip: Sequence[BoardPicture]) -> tuple[str, ...]:
    return tuple(picture.sha256 for picture in clip)


def _model_name(given: str | None, model: ModelFolder) -> str:
    """What a resumed shot finds the model by: a catalog name, or a folder's full path, wherever it is resumed from."""
    return str(Path(given).resolve()) if given and Path(given).is_dir() else given or model.name


def given_frames(args: argparse.Namespace, native_fps: float) -> int | None:
    """The length that is given, in frames at `--fps` or else at `native_fps`."""
    fps = native_fps if args.fps is None else args.fps
    if not (math.isfinite(fps) and 1 <= fps <= FPS_MAXIMUM):
        raise EngineError(Code.NUMBER_INVALID, name="fps", value=fps, allowed=f"a number from 1 to {FPS_MAXIMUM}")
    if args.seconds is None:
        return None if args.frames is None else int(args.frames)
    if not (math.isfinite(args.seconds) and 0 < args.seconds <= 3600):
        allowed = "a number above 0, up to 3600"
        raise EngineError(Code.NUMBER_INVALID, name="--seconds", value=args.seconds, allowed=allowed)
    return _frames_of(args.seconds, fps)


def _frames_of(seconds: float, fps: float) -> int:
    return max(1, round(seconds * fps))
