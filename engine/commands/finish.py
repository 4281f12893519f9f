"""`python -m engine finish`: a shot or a sequence of pictures, larger or at another rate, in another folder."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from pathlib import Path

from tqdm import tqdm

from ..console import plain
from ..errors import Code, EngineError
from ..protocol import Finish
from .finish_options import add_finish, asked_finish
from .options import add_memory

_MORE_ROOM = "close other programs, then run the same command: finished frames are kept"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the `finish` command to the command line."""
    parser = subparsers.add_parser("finish", help="make a shot or a sequence of pictures larger, smoother or slower")
    parser.add_argument("source", type=Path, metavar="DIR", help="a shot's folder, or one of numbered PNG pictures")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder for the result; one begun so is gone on with"
    )
    parser.add_argument("--take", type=int, metavar="T", help="of a shot (default: the newest that a model made)")
    parser.add_argument("--source-fps", type=float, metavar="F", help="how fast pictures are shown that are no shot's")
    add_finish(parser)
    parser.add_argument("--device", default="auto", metavar="NAME", help="auto, cpu, cuda, cuda:N or mps")
    add_memory(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Finish what is in the folder; what is wrong with the request is said before torch is imported."""
    from ..finishing.plan import finish_plan
    from ..finishing.sources import find_source
    from ..media.boards import open_board

    finish = asked_finish(args) or Finish()
    source = find_source(args.source, args.take, args.source_fps)
    board = open_board(source.frames[0])
    plan = finish_plan(len(source.frames), (board.width, board.height), source.fps, finish)
    if not finish.upscale and plan.fps == source.fps and plan.slow == 1:
        raise EngineError(Code.BAD_REQUEST, detail="nothing would change: add --upscale, --fps or --slow")
    if source.take is not None:
        _say(f"finishing take {source.take} of {source.folder}")
    if plan.note:
        _say(plan.note)
    from ..finishing.finished_folder import FinishedFolder, begun_finish
    from ..finishing.open_choices import as_begun
    from ..finishing.sequence import choose
    from ..inference.memory.measure import measure_room
    from ..inference.memory.out_of_memory import memory_faults
    from ..inference.registry import choose_device

    begun = begun_finish(args.out)
    chosen = choose(finish if begun is None else as_begun(finish, begun), plan)
    folder = FinishedFolder(args.out, source, plan, chosen)
    folder.require_free()
    device = choose_device(args.device)
    _say(f"{plan.frames} frames at {float(plan.fps):g} fps, {plan.width}x{plan.height}")
    with (
        memory_faults(device, "finishing", advice=_MORE_ROOM),
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
    tqdm.write(plain(line), file=sys.stderr)
