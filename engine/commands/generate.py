"""`python -m engine generate`: one shot without a server, through the same path as a server's job."""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..console import readable
from ..errors import Code, EngineError
from ..protocol import (
    FPS_MAXIMUM,
    Board,
    Cancelled,
    Event,
    Failed,
    Lora,
    Progress,
    PromptAt,
    Section,
    ShotRequest,
    Start,
    to_json,
)
from .options import add_memory
from .progress import ProgressBar

if TYPE_CHECKING:
    from ..media.boards import BoardPicture
    from ..models.folder import ModelFolder


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the `generate` command to the command line."""
    parser = subparsers.add_parser("generate", help="make one shot from a picture and a prompt")
    parser.add_argument("--image", type=Path, metavar="FILE", help="the start board, frame 1 of the shot")
    parser.add_argument(
        "--clip", type=Path, metavar="MOVIE_OR_FOLDER", help="frames the shot goes on from, where the model can"
    )
    parser.add_argument("--prompt", default="", type=readable, metavar="TEXT", help="what happens")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the shot")
    parser.add_argument(
        "--model", metavar="NAME_OR_DIR", help="an installed model or a model folder (default: the best)"
    )
    parser.add_argument("--end-image", type=Path, metavar="FILE", help="a board to end on")
    parser.add_argument(
        "--board", type=_at_frame, action="append", default=[], metavar="FRAME=FILE", help="a board to pass through"
    )
    parser.add_argument(
        "--prompt-at",
        type=_at_frame,
        action="append",
        default=[],
        metavar="FRAME=TEXT",
        help="what happens from there on",
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--frames", type=int, metavar="N", help="exactly so many frames")
    length.add_argument("--seconds", type=float, metavar="S", help="length in seconds (default: 5)")
    parser.add_argument("--fps", type=float, metavar="F", help="frame rate of the shot (default: the model's)")
    parser.add_argument(
        "--frame-for-frame",
        action="store_true",
        help="play the model's frames as they are instead of conforming to --fps",
    )
    parser.add_argument(
        "--size", type=_size, metavar="WxH", help="pixels (default: the model's size nearest the board)"
    )
    parser.add_argument("--steps", type=int, metavar="N", help="denoising steps a section")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--order", metavar="ORDER", help="inverted, forward or endpoint")
    parser.add_argument("--schedule", metavar="NAME", help="packing schedule in the paper's grammar")
    parser.add_argument("--solver", metavar="SOLVER", help="unipc or euler")
    parser.add_argument("--window", type=int, metavar="N", help="latent frames a section (default: 9, as trained)")
    parser.add_argument("--guidance", type=float, metavar="G", help="distilled guidance (default: 10)")
    parser.add_argument("--cfg", type=float, default=1.0, metavar="C", help="true guidance; above 1 doubles the time")
    parser.add_argument(
        "--negative", default="", type=readable, metavar="TEXT", help="what to avoid, with --cfg above 1"
    )
    parser.add_argument("--speed", default="exact", metavar="SPEED", help="exact, balanced or fast (default: exact)")
    parser.add_argument(
        "--cache", metavar="KIND[:X]", help="another step cache than --speed has: none, teacache, first-block, mag"
    )
    parser.add_argument(
        "--lora",
        type=_lora,
        action="append",
        default=[],
        metavar="NAME[=WEIGHT]",
        help="a LoRA from the loras folder by its whole name, and how much of it (default: 1; repeatable)",
    )
    parser.add_argument("--device", default="auto", metavar="DEVICE", help="auto, cpu, cuda:N or mps")
    add_memory(parser)
    parser.add_argument("--save-latents", type=Path, metavar="FILE", help="also write all latents as safetensors")
    parser.add_argument("--json", action="store_true", help="print events as JSON lines on stdout")
    parser.add_argument("--resume", action="store_true", help="go on with the shot in --out")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Make the shot and report it; the exit code says how it ended (README, "Exit codes")."""
    done = 0
    bar = ProgressBar(args.out)
    try:
        for event in _events(args):
            done = event.index if isinstance(event, Section) else done
            if args.json:
                _print_json(event)
            else:
                bar.show(event)
    except (EngineError, KeyboardInterrupt) as fault:
        if args.json:
            _print_json(Failed(fault.code, fault.params) if isinstance(fault, EngineError) else Cancelled(done))
        raise
    finally:
        bar.close()
    return 0


def _events(args: argparse.Namespace) -> Iterator[Event]:
    """Check the cheap things first: torch and the model's classes take seconds to import."""
    from ..generation.shot_folder import ShotFolder
    from ..media.boards import open_board
    from ..media.clip import LONGEST_SIDE, read_clip
    from ..models.catalog import find_model

    shot_folder = ShotFolder(args.out)
    stored = shot_folder.stored_request() if args.resume else None
    if shot_folder.taken() and not args.resume:
        raise EngineError(Code.FOLDER_TAKEN, path=str(args.out))
    if stored is not None and args.image is None and args.clip is None:
        request = stored[0]
        pictures = [open_board(shot_folder.boards / sha256) for sha256 in request.pictures]
        model = find_model(args.model or request.model)
    else:
        start = {1: open_board(args.image)} if args.image is not None else {}
        model = find_model(args.model)
        if not start and args.clip is None and Start.TEXT not in model.starts:
            raise EngineError(Code.BAD_REQUEST, detail="--image is missing")
        frames = _frames(args, model.native_fps)
        boards = {**start, **_other_boards(args, frames)}
        longest = max((LONGEST_SIDE, *(args.size or ())))
        clip = read_clip(args.clip, args.fps or model.native_fps, longest) if args.clip is not None else []
        request = _request(args, frames, boards, clip, _model_name(args.model, model))
        pictures = [*boards.values(), *clip]
    yield Progress("starting up")  # the next line takes seconds: diffusers
    from ..generation.job import Memory, prepare
    from ..generation.job import run as run_job

    by_hash = {picture.sha256: picture for picture in pictures}
    job = prepare(request, by_hash, model, args.device, args.out)
    memory = Memory(args.memory)
    yield from run_job(
        job, by_hash, resume=args.resume, watched=args.json, save_latents=args.save_latents, memory=memory
    )


def _request(
    args: argparse.Namespace, frames: int, boards: dict[int, BoardPicture], clip: list[BoardPicture], model: str
) -> ShotRequest:
    width, height = args.size or (None, None)
    return ShotRequest(
        model=model,
        prompt=args.prompt,
        boards=tuple(Board(frame, picture.sha256) for frame, picture in sorted(boards.items())),
        clip=tuple(picture.sha256 for picture in clip),
        frames=frames,
        fps=args.fps,
        conform=not args.frame_for_frame,
        width=width,
        height=height,
        steps=args.steps,
        seed=args.seed,
        order=args.order,
        schedule=args.schedule,
        solver=args.solver,
        window=args.window,
        guidance=args.guidance,
        cfg=args.cfg,
        negative=args.negative,
        speed=args.speed,
        cache=args.cache,
        prompts=tuple(PromptAt(frame, readable(text)) for frame, text in args.prompt_at),
        loras=tuple(args.lora),
    )


def _other_boards(args: argparse.Namespace, frames: int) -> dict[int, BoardPicture]:
    """The boards beside the start board, by frame."""
    from ..media.boards import open_board

    places = [(frame, Path(name)) for frame, name in args.board]
    if args.end_image is not None:
        places.append((frames, args.end_image))
    boards: dict[int, BoardPicture] = {}
    for frame, path in places:
        if frame == 1 or frame in boards:
            detail = "another board lies there already"
            raise EngineError(
                Code.BOARD_INVALID, frame=frame, detail=detail, advice="give each board a frame of its own"
            )
        boards[frame] = open_board(path)
    return boards


def _model_name(given: str | None, model: ModelFolder) -> str:
    """What a resumed shot finds the model by: a catalog name, or a folder's full path, wherever it is resumed from."""
    return str(Path(given).resolve()) if given and Path(given).is_dir() else given or model.name


def _frames(args: argparse.Namespace, native_fps: float) -> int:
    fps = native_fps if args.fps is None else args.fps
    if not (math.isfinite(fps) and 1 <= fps <= FPS_MAXIMUM):
        raise EngineError(Code.NUMBER_INVALID, name="fps", value=fps, allowed=f"a number from 1 to {FPS_MAXIMUM}")
    if args.frames is not None:
        return int(args.frames)
    seconds = 5.0 if args.seconds is None else args.seconds
    if not (math.isfinite(seconds) and 0 < seconds <= 3600):
        raise EngineError(Code.NUMBER_INVALID, name="--seconds", value=seconds, allowed="a number above 0, up to 3600")
    return max(1, round(seconds * fps))


def _print_json(event: Event) -> None:
    print(json.dumps(to_json(event)), flush=True)  # in ASCII: JSON in whatever code page it is printed


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,6})[xX](\d{1,6})", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"'{text}' is not a size; write it like 768x512")
    return int(match[1]), int(match[2])


def _lora(text: str) -> Lora:
    """NAME or NAME=WEIGHT. The whole text is the name where a LoRA bears it: names may hold any sign."""
    from ..models.lora_files import installed_loras

    text = readable(text)
    here = installed_loras()
    for sign in "=:":  # the colon is how 0.1.0 had it
        name, there, weight = text.rpartition(sign)
        if text not in here and there and name:
            with contextlib.suppress(ValueError):
                return Lora(name, float(weight))
    return Lora(text)


def _at_frame(text: str) -> tuple[int, str]:
    frame, equals, rest = text.partition("=")
    if not equals or not frame.isdecimal() or not rest:
        raise argparse.ArgumentTypeError(f"'{text}' does not say a frame; write it like 73=something")
    return int(frame), rest
