"""`python -m engine finish`: a shot or a sequence of pictures, larger or at another rate, in another folder."""

from __future__ import annotations

import argparse
import math
import re
import sys
from contextlib import closing
from pathlib import Path

from tqdm import tqdm

from ..errors import Code, EngineError
from ..protocol import FPS_MAXIMUM, SLOW_MAXIMUM, Finish
from .options import add_memory

_UPSCALE = re.compile(r"[24]|\d{2,4}x\d{2,4}")
_BETWEEN = ("flow", "motion", "nearest")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the `finish` command to the command line."""
    parser = subparsers.add_parser("finish", help="make a shot or a sequence of pictures larger, smoother or slower")
    parser.add_argument("source", type=Path, metavar="DIR", help="a shot's folder, or one of numbered PNG pictures")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder for the result; one begun so is gone on with"
    )
    parser.add_argument("--take", type=int, metavar="T", help="of a shot (default: the newest that a model made)")
    parser.add_argument("--source-fps", type=_rate, metavar="F", help="how fast pictures are shown that are no shot's")
    parser.add_argument("--upscale", type=_upscale, default="", metavar="2|4|WxH", help="how large they become")
    parser.add_argument(
        "--upscaler",
        default="",
        metavar="NAME",
        help="what enlarges: waifu2x (default), waifu2x-photo, realesrgan, or a file of your own by its name",
    )
    parser.add_argument("--fps", type=_rate, metavar="F", help="frames a second of the result (default: as it is)")
    parser.add_argument("--slow", type=_slow, default=1.0, metavar="X", help="slow motion: a second lasts X seconds")
    parser.add_argument(
        "--between",
        choices=_BETWEEN,
        default="",
        help="what is shown between two frames: one made along the flow or the motion of both, or the nearest of them"
        " (default: flow where OpenCV is installed, else motion)",
    )
    parser.add_argument("--device", default="auto", metavar="NAME", help="auto, cpu, cuda, cuda:N or mps")
    add_memory(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Finish what is in the folder; what is wrong with the request is said before torch is imported."""
    from ..finishing.plan import finish_plan
    from ..finishing.sources import find_source
    from ..media.boards import open_board

    finish = Finish(args.upscale, args.upscaler, args.fps, args.slow, args.between)
    source = find_source(args.source, args.take, args.source_fps)
    board = open_board(source.frames[0])
    plan = finish_plan(len(source.frames), (board.width, board.height), source.fps, finish)
    if not args.upscale and plan.fps == source.fps and plan.slow == 1:
        raise EngineError(Code.BAD_REQUEST, detail="nothing would change: add --upscale, --fps or --slow")
    if source.take is not None:
        _say(f"finishing take {source.take} of {source.folder}")
    if plan.note:
        _say(plan.note)
    from ..finishing.finished_folder import FinishedFolder
    from ..finishing.sequence import choose
    from ..inference.memory.measure import measure_room
    from ..inference.registry import choose_device

    folder = FinishedFolder(args.out, source, plan, choose(finish, plan))
    folder.require_free()
    device = choose_device(args.device)
    _say(f"{plan.frames} frames at {float(plan.fps):g} fps, {plan.width}x{plan.height}")
    with (
        closing(folder.make(device, measure_room(device, args.memory).free)) as making,
        tqdm(total=plan.frames, unit="frame", file=sys.stderr, dynamic_ncols=True) as bar,
    ):
        try:
            for progress in making:
                bar.set_description(progress.stage, refresh=False)
                bar.update(progress.done - bar.n)
        except KeyboardInterrupt as stopped:
            raise KeyboardInterrupt("finished frames are kept, the same command goes on") from stopped
    _say(f"{plan.frames} frames in {args.out / 'frames'}, movie in {args.out / 'shot.mp4'}")
    return 0


def _say(line: str) -> None:
    tqdm.write(line, file=sys.stderr)


def _upscale(text: str) -> str:
    if not _UPSCALE.fullmatch(text.lower()):
        raise argparse.ArgumentTypeError(f"'{text}' is no size; write 2, 4, or one such as 1920x1080")
    return text.lower()


def _rate(text: str) -> float:
    return _number(text, FPS_MAXIMUM)


def _slow(text: str) -> float:
    return _number(text, SLOW_MAXIMUM)


def _number(text: str, most: float) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 1 <= number <= most:
        raise argparse.ArgumentTypeError(f"'{text}' is no number from 1 to {most}")
    return number
