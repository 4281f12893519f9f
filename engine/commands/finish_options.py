"""Options that say what is done to a finished shot's frames: those of `finish`, and the same of `generate`."""

from __future__ import annotations

import argparse
import math
import re

from ..errors import Code, EngineError
from ..protocol import FPS_MAXIMUM, SLOW_MAXIMUM, Finish

_UPSCALE = re.compile("[24]|[0-9]{2,4}x[0-9]{2,4}")
_BETWEEN = ("flow", "motion", "nearest")


def add_finish(parser: argparse.ArgumentParser, then: str = "") -> None:
    """Add what is done; `then` stands before the names of options that a shot has of its own."""
    parser.add_argument("--upscale", metavar="2|4|WxH", help="make it larger, twice, four times or to a size")
    parser.add_argument(
        "--upscaler",
        metavar="NAME",
        help="what enlarges: waifu2x (default), waifu2x-photo, realesrgan, or a file of your own by its name",
    )
    parser.add_argument(f"--{then}fps", dest="finish_fps", type=float, metavar="F", help="bring it to this frame rate")
    parser.add_argument("--slow", type=float, metavar="X", help="slow motion: a second lasts X seconds")
    parser.add_argument(
        f"--{then}between",
        dest="finish_between",
        metavar="HOW",
        help="what is shown between two frames: one made along the flow or the motion of both, or the nearest of them"
        " (default: flow where OpenCV is installed, else motion)",
    )
    parser.add_argument(
        "--steady",
        action=argparse.BooleanOptionalAction,
        help="average what is enlarged over neighbouring frames, so that detail does not flicker"
        " (default: where OpenCV is installed)",
    )


def asked_finish(args: argparse.Namespace, then: str = "") -> Finish | None:
    """What the options ask for; None: nothing. Raises EngineError for what cannot be done to any shot."""
    options = {
        "upscale": "upscale",
        "upscaler": "upscaler",
        f"{then}fps": "fps",
        "slow": "slow",
        f"{then}between": "between",
        "steady": "steady",
    }
    values = (args.upscale, args.upscaler, args.finish_fps, args.slow, args.finish_between, args.steady)
    given = {option: value for option, value in zip(options, values, strict=True) if value is not None}
    if not given:
        return None
    size, between = given.get("upscale"), given.get(f"{then}between")
    if size is not None:
        given["upscale"] = size.lower()
        if not _UPSCALE.fullmatch(size.lower()):
            allowed = "2, 4 or a size such as 1920x1080"
            raise EngineError(Code.CHOICE_INVALID, name="--upscale", value=size, allowed=allowed)
    for option, most in ((f"{then}fps", FPS_MAXIMUM), ("slow", SLOW_MAXIMUM)):
        number = given.get(option, 1)
        if not (math.isfinite(number) and 1 <= number <= most):
            raise EngineError(
                Code.NUMBER_INVALID, name=f"--{option}", value=number, allowed=f"a number from 1 to {most}"
            )
    if between not in (None, *_BETWEEN):
        raise EngineError(Code.CHOICE_INVALID, name=f"--{then}between", value=between, allowed=", ".join(_BETWEEN))
    if not {"upscale", f"{then}fps", "slow"} & given.keys():
        detail = f"--{next(iter(given))} goes with --upscale, --{then}fps or --slow"
        raise EngineError(Code.BAD_REQUEST, detail=detail)
    return Finish(**{options[option]: value for option, value in given.items()})
