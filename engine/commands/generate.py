"""`python -m engine generate`: one shot without a server, through the same path as a server's job."""

from __future__ import annotations

import argparse
import contextlib
import json
import re
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from ..console import readable
from ..drift import OnDrift
from ..errors import Code, EngineError
from ..events import Cancelled, Event, Failed, Progress, Section
from ..protocol import SLATE_USUAL, Finish, Lora, ShotRequest, Start
from ..serialization import to_json
from .continued import add_options, continued_folder, continued_shot, continued_take, drifted_take
from .drifted import Drifted
from .finish_options import add_finish, asked_finish
from .finished import finishing, require_finishable
from .moves import add_move
from .options import add_memory
from .progress import ProgressBar
from .requested import Asked, new_shot, stored_shot

if TYPE_CHECKING:
    from ..generation.shot_folder import ShotFolder
    from ..models.folder import ModelFolder

_FINISH = "finish-"
"""Before the names of a finish's options that a shot has of its own."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the `generate` command to the command line.

    What makes up a request is None where it is not given: of a shot that is gone on with it stays as it is.
    """
    parser = subparsers.add_parser("generate", help="make one shot from a picture and a prompt")
    parser.add_argument("--image", type=Path, metavar="FILE", help="the start board, frame 1 of the shot")
    parser.add_argument(
        "--clip", type=Path, metavar="MOVIE_OR_FOLDER", help="frames the shot goes on from, where the model can"
    )
    parser.add_argument("--prompt", type=readable, metavar="TEXT", help="what happens")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for the shot")
    add_options(parser)
    add_finish(parser, _FINISH)
    parser.add_argument(
        "--model", metavar="NAME_OR_DIR", help="an installed model or a model folder (default: the best)"
    )
    parser.add_argument("--end-image", type=Path, metavar="FILE", help="a board to end on")
    parser.add_argument(
        "--board",
        type=_at_frame,
        action="append",
        metavar="FRAME=FILE",
        help="a board to pass through; at the frame after the last one: what the shot arrives at and does not show",
    )
    parser.add_argument(
        "--prompt-at",
        type=_at_frame,
        action="append",
        metavar="FRAME=TEXT",
        help="what happens from there on",
    )
    parser.add_argument(
        "--endpoints",
        type=_frames,
        metavar="FRAME[,FRAME]",
        help="make the sections there first, each from the start and its own --prompt-at (one right behind another goes"
        " on from that), and fill the gaps afterwards, as far as the model was trained for it",
    )
    parser.add_argument(
        "--guide",
        type=Path,
        metavar="DIR",
        help="pictures to follow, where the model can: 0005.png or 0005.50.png by the shot's frame, counted from 1, and"
        " 0005-seen.png white where one is true",
    )
    add_move(parser)
    parser.add_argument("--guide-strength", type=float, metavar="S", help="how closely, 0 to 1 (default: 1)")
    parser.add_argument(
        "--guide-until", type=float, metavar="U", help="for which share of the steps, 0 to 1 (default: 1)"
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--frames", type=int, metavar="N", help="exactly so many frames")
    length.add_argument("--seconds", type=float, metavar="S", help="length in seconds (default: 5)")
    parser.add_argument("--fps", type=float, metavar="F", help="frame rate of the shot (default: the model's)")
    parser.add_argument(
        "--frame-for-frame",
        dest="conform",
        action="store_const",
        const=False,
        help="play the model's frames as they are instead of conforming to --fps",
    )
    parser.add_argument(
        "--between", metavar="HOW", help="make frames between two of the model's: flow or motion (default: the nearest)"
    )
    parser.add_argument(
        "--size", type=_size, metavar="WxH", help="pixels (default: the model's size nearest the board)"
    )
    parser.add_argument("--steps", type=int, metavar="N", help="denoising steps a section")
    parser.add_argument("--seed", type=int, metavar="N", help="of the noise (default: 0)")
    parser.add_argument("--order", metavar="ORDER", help="inverted, forward or endpoint")
    parser.add_argument("--schedule", metavar="NAME", help="packing schedule in the paper's grammar")
    parser.add_argument(
        "--packing",
        metavar="HOW",
        help="which frames of those made a section sees: by time (the nearest), similarity (those most like what comes)"
        " or hybrid, as far as the model was trained for it",
    )
    parser.add_argument("--solver", metavar="SOLVER", help="unipc or euler")
    parser.add_argument("--window", type=int, metavar="N", help="latent frames a section (default: 9, as trained)")
    parser.add_argument("--guidance", type=float, metavar="G", help="distilled guidance (default: 10)")
    parser.add_argument("--cfg", type=float, metavar="C", help="true guidance; above 1 doubles the time")
    parser.add_argument("--negative", type=readable, metavar="TEXT", help="what to avoid, with --cfg above 1")
    parser.add_argument("--speed", metavar="SPEED", help="exact, balanced or fast (default: exact)")
    parser.add_argument(
        "--cache", metavar="KIND[:X]", help="another step cache than --speed has: none, teacache, first-block, mag"
    )
    parser.add_argument(
        "--lora",
        type=_lora,
        action="append",
        metavar="NAME[=WEIGHT]",
        help="a LoRA from the loras folder by its whole name, and how much of it (default: 1; repeatable)",
    )
    parser.add_argument(
        "--slate",
        nargs="?",
        const=SLATE_USUAL,
        metavar="TEXT",
        help="words in a corner of the movie, and of no frame (without TEXT: AI previs)",
    )
    parser.add_argument(
        "--on-drift",
        choices=("mark", "ask", "stop", "again"),
        metavar="WHAT",
        help="where a section drifts beyond a limit: mark (say so), ask, stop, or again: make it again with another"
        " seed, as a take (default: mark)",
    )
    parser.add_argument("--device", default="auto", metavar="DEVICE", help="auto, cpu, cuda:N or mps")
    add_memory(parser)
    parser.add_argument("--save-latents", type=Path, metavar="FILE", help="also write all latents as safetensors")
    parser.add_argument("--json", action="store_true", help="print events as JSON lines on stdout")
    parser.add_argument(
        "--resume", action="store_true", help="go on with the shot in --out; what is not given is as it was begun"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Make the shot and report it; the exit code says how it ended (README, "Exit codes")."""
    args.on_drift = str(OnDrift.MARK) if args.on_drift == "mark" else args.on_drift
    done = 0
    bar: ProgressBar | None = None
    folder: ShotFolder | None = None
    try:
        from ..generation.shot_folder import ShotFolder

        finish = asked_finish(args, _FINISH)
        root = continued_folder(args)
        if root is None and args.out is None:
            raise EngineError(Code.BAD_REQUEST, detail="--out DIR is missing, the folder for the shot")
        bar = ProgressBar(root or args.out)
        folder = ShotFolder(root or args.out)
        continued = None
        if root is not None:
            folder, continued = continued_take(args, root)
        show = _print_json if args.json else bar.show
        while True:
            drifted = Drifted()
            with closing(_events(args, folder, continued, finish)) as events:
                for event in events:
                    done = event.index if isinstance(event, Section) else done
                    show(event)
                    drifted.heard(event, bar, may_ask=not args.json)
            if (section := drifted.again()) is None:
                break
            folder, continued = drifted_take(folder, section)
            args.resume = False
            bar.close()
        for event in finishing(folder, finish, args.device, args.memory):
            done = event.index if isinstance(event, Section) else done
            show(event)
    except (EngineError, KeyboardInterrupt) as fault:
        if args.json:
            _print_json(Failed(fault.code, fault.params) if isinstance(fault, EngineError) else Cancelled(done))
        if isinstance(fault, KeyboardInterrupt) and folder is not None and folder.begun():
            raise KeyboardInterrupt("finished sections are kept, go on with --resume") from fault
        raise
    finally:
        if bar is not None:
            bar.close()
    return 0


def _events(
    args: argparse.Namespace, folder: ShotFolder, continued: ShotRequest | None, finish: Finish | None
) -> Generator[Event]:
    """Check the cheap things first: torch and the model's classes take seconds to import.

    `continued` is what is asked of a stored shot that is to be continued, `finish` what is to be done to it then.
    """
    from ..models.catalog import find_model, require_start

    if continued is not None:
        model = find_model(args.model or continued.model or None)
        asked = continued_shot(continued, folder)
    else:
        model, asked = _own_shot(args, folder)
    require_start(model, asked.request.start)
    yield Progress("starting up")  # the next line takes seconds: diffusers
    from ..inference.lean_imports import import_families

    import_families([(model.name, model.path)], args.device, fast=asked.request.speed == "fast")
    from ..generation.job import Memory, prepare
    from ..generation.job import run as run_job

    by_hash = {picture.sha256: picture for picture in asked.pictures}
    job = prepare(asked.request, by_hash, model, args.device, folder.root)
    if finish is not None:
        require_finishable(job, finish)
    memory = Memory(args.memory)
    yield from run_job(
        job, by_hash, resume=args.resume, watched=args.json, save_latents=args.save_latents, memory=memory
    )


def _own_shot(args: argparse.Namespace, folder: ShotFolder) -> tuple[ModelFolder, Asked]:
    """The shot of a folder of its own, begun there or new, and its model."""
    from ..models.catalog import find_model

    stored = folder.stored_request() if args.resume else None
    if folder.taken() and not args.resume:
        raise EngineError(Code.FOLDER_TAKEN, path=str(args.out))
    if stored is not None:
        model = find_model(args.model or stored[0].model or None)  # a server's job may name none: the best one
        return model, stored_shot(args, folder, stored, model)
    model = find_model(args.model)
    if args.image is None and args.clip is None:
        words_do = Start.TEXT in model.starts
        if args.resume and not (words_do and args.prompt):
            raise EngineError(Code.SHOT_MISSING, path=str(args.out))
        if not words_do:
            raise EngineError(Code.BAD_REQUEST, detail="--image is missing")
    return model, new_shot(args, model)


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


def _frames(text: str) -> tuple[int, ...]:
    frames = text.split(",")
    if not all(frame.strip().isdecimal() for frame in frames):
        raise argparse.ArgumentTypeError(f"'{text}' does not say frames; write them like 73,145")
    return tuple(sorted(map(int, frames)))


def _at_frame(text: str) -> tuple[int, str]:
    frame, equals, rest = text.partition("=")
    if not equals or not frame.isdecimal() or not rest:
        raise argparse.ArgumentTypeError(f"'{text}' does not say a frame; write it like 73=something")
    return int(frame), rest
