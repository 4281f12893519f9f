"""`python -m engine sign`: copies of finished movies and pictures that a studio vouches for with its own key.

It is a command of its own, and the last one: everything that writes a file anew, finishing as well, drops a signature,
and a signature is never the same twice, whereas a shot is. Nothing that is there is changed.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from ..errors import Code, EngineError
from ..media.content_credentials import Signer
from ..media.files import make_folder
from ..media.inspection import SIGNATURE, inspect
from ..media.provenance import Provenance


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the `sign` command to the command line."""
    parser = subparsers.add_parser("sign", help="sign copies of finished movies and pictures with a studio's own key")
    parser.add_argument("paths", type=Path, nargs="+", metavar="FILE", help="movies, PNG pictures, shots' folders")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the signed copies")
    parser.add_argument(
        "--chain", type=Path, required=True, metavar="PEM", help="the signer's certificate, then those above it"
    )
    parser.add_argument("--key", type=Path, required=True, metavar="PEM", help="the signer's private key")
    parser.add_argument("--frames", action="store_true", help="of a shot's folder, the frames as well as the movies")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Sign each, after all were looked at: what is not as it was made, or says nothing of that, is not signed."""
    signer = Signer(args.chain, args.key)
    work = {}
    for source, name in (each for path in args.paths for each in _files(path, frames=args.frames)):
        target = args.out / name
        if target in work or target.exists():
            raise _refused(f"{target} is there already, and nothing is written over")
        work[target] = source, _vouched(source)
    for target, (source, said) in work.items():
        make_folder(target.parent)
        signer.sign(source, target, said)
        print(target, flush=True)
    return 0


def _files(path: Path, *, frames: bool) -> Iterator[tuple[Path, Path]]:
    """What is signed of `path`, and what it is called in the folder for the copies."""
    if not path.is_dir():
        yield path, Path(path.name)
        return
    found = [*sorted(path.glob("shot*.mp4")), *(sorted(path.glob("frames/*.png")) if frames else ())]
    if not found:
        raise _refused(f"there is no movie of a shot in {path}")
    yield from ((each, Path(path.resolve().name) / each.relative_to(path)) for each in found)


def _vouched(path: Path) -> Provenance:
    """What a file says of its making, where nothing tells against it."""
    found = inspect(path)
    wrong = next((f"{each.name}: {each.detail}" for each in found.checks if each.holds is False), None)
    if wrong is not None:
        raise _refused(f"{path} is not as it was made ({wrong})")
    if found.said is None or not found.said.source:
        raise _refused(f"{path} says nothing of what made it")
    if any(each.name == SIGNATURE for each in found.checks):
        raise _refused(f"{path} bears a signature already")
    return found.said


def _refused(detail: str) -> EngineError:
    return EngineError(Code.BAD_REQUEST, detail=detail)
