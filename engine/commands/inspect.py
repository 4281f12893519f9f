"""`python -m engine inspect`: what a picture, a movie or a shot's folder says of itself, and whether that holds."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..console import plain, say
from ..errors import Code, EngineError
from ..media.inspection import Inspection, inspect
from ..media.provenance import Provenance

_CHANGED = 5
_MARKS = {True: "ok  ", False: "LOOK", None: "?   "}
_SETTINGS = ("steps", "solver", "schedule", "section", "take", "provisional")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the `inspect` command to the command line."""
    parser = subparsers.add_parser("inspect", help="what a picture, movie or shot says of itself, and whether it holds")
    parser.add_argument("paths", type=Path, nargs="+", metavar="FILE", help="PNG pictures, movies, shots' folders")
    parser.add_argument("--json", action="store_true", help="print a JSON object a line for each")
    parser.add_argument(
        "--trust", type=Path, metavar="PEM", help="certificates of those whose signatures are to be trusted"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Tell of each file; 5 where one is not as it was made, else 2 where one cannot be read, else 0."""
    anchors = None if args.trust is None else _anchors(args.trust)
    code = 0
    for path in args.paths:
        try:
            found = inspect(path, anchors)
        except EngineError as error:
            if args.json:
                print(json.dumps({"path": str(path), "failed": error.code, "detail": error.params}), flush=True)
            say(f"shotpack: {error.line}")
            code = code or error.exit_code
            continue
        if args.json:
            print(json.dumps(found.as_json()), flush=True)
        else:
            print("\n".join(_lines(found)), flush=True)
        code = code if found.holds else _CHANGED
    return code


def _anchors(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeError) as fault:
        detail = getattr(fault, "strerror", None) or "it holds no certificates in PEM"
        raise EngineError(Code.SIGNING_FAILED, path=str(path), detail=detail.lower()) from fault


def _lines(found: Inspection) -> Iterator[str]:
    yield plain(f"{found.path}")
    if found.pictures:
        saying = found.pictures - found.sources.get("", 0)
        yield f"  {found.pictures} pictures, {saying} of them say what made them"
    yield from (f"  {plain(_without_bytes(line))}" for line in _said(found.said))
    for check in found.checks:
        yield f"  {_MARKS[check.holds]} {plain(check.name)}: {plain(check.detail)}"


def _said(said: Provenance | None) -> Iterator[str]:
    """What is said, to be a line each; whoever made the file may have put anything into it."""
    if said is None:
        yield "says nothing of what made it"
        return
    if said.source:
        yield f"{said.words or 'of another kind'} ({said.source})"
    else:
        yield "claims no source type"
    facts: dict[str, Any] = {"tool": said.tool, "prompt": said.shot.get("prompt", said.description)}
    shot = said.shot
    facts |= {"seed": shot.get("seed"), "model": shot.get("model"), "model's SHA-256": shot.get("model_sha256")}
    facts |= {name: shot.get(name) for name in _SETTINGS}
    boards = shot.get("boards")
    for frame, sha256 in boards.items() if isinstance(boards, Mapping) else ():
        facts[f"board at {frame}"] = sha256
    finishing = shot.get("finishing")
    for number, done in enumerate(finishing if isinstance(finishing, list) else (), 1):
        facts[f"finishing {number}"] = json.dumps(done, ensure_ascii=False)
    for name, value in facts.items():
        if value not in (None, ""):
            yield f"{name}: {value}"
    if shot and "request" not in shot:
        yield "the whole request is not in it: it is in the shot's movie"


def _without_bytes(text: str) -> str:
    """A text that is no file's name has no bytes that are no text, whatever JSON has escaped."""
    return text.encode("utf-8", "backslashreplace").decode()
