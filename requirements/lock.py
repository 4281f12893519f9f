#!/usr/bin/env python3
"""Locks what is installed: of every NAME.in it makes NAME.txt, each package at one version with its files' hashes.

PyTorch's wheel differs by machine, and so do the CUDA packages that come with it: no lock can hash them, and pip checks
all hashes of an install or none. So there are two commands wherever packages are installed:

    pip install --require-hashes --no-deps --only-binary :all: -r engine.txt     everything but PyTorch
    pip install -r torch.txt                                                     PyTorch by its version

torch.txt holds what every PyTorch needs, too, at the versions that the first command has installed; nothing but
PyTorch's own wheel and its CUDA packages is then left to the second one. Run by `dev.py lock`; standard library only.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
NAMES = ("engine", "torch", "signing", "finishing", "dev", "blender-4.5", "blender-5.0")
"""In this order: the first one's versions hold for those that include it."""
WITHIN = {"torch": "engine.txt", "signing": "engine.txt", "finishing": "engine.txt", "dev": "engine.txt"}
"""Locks whose versions must be those of another lock."""
ALONE = ("finishing",)
"""Locks of the packages that are named and of none that those ask for: what they need is there, or not needed."""
MACHINES_OWN = re.compile(r"(torch|torchvision|triton|(cuda|nvidia)-[\w-]+)==")
"""Packages of which each machine gets its own; torchvision goes with a PyTorch, and nothing here needs it."""
_PINNED = re.compile(r"([\w.-]+)==([\w.!+-]+)")


def blocks(text: str) -> Iterator[str]:
    """Each package of a lock: the line with its version, and the lines that belong to it (hashes, and who wants it)."""
    block: list[str] = []
    for line in text.splitlines():
        if not line or line.startswith(("#", "-r ")):
            continue
        if not line.startswith(" ") and block:
            yield "\n".join(block)
            block = []
        block.append(line)
    if block:
        yield "\n".join(block)


def kept(name: str, block: str) -> bool:
    """Whether a package stands in the lock `name`."""
    return not MACHINES_OWN.match(block) or (name == "torch" and block.startswith("torch=="))


def pins(text: str) -> set[tuple[str, str]]:
    """Name, in its normal form, and version of everything that a lock or an input pins."""
    found = (_PINNED.match(block) for block in blocks(text))
    return {(re.sub(r"[-_.]+", "-", pinned[1]).lower(), pinned[2]) for pinned in found if pinned}


def head(folder: Path, name: str) -> str:
    """The first line of a lock: what it is made of, in a form that shows whether it still is."""
    return f"# Made of {name}.in by 'python3 dev.py lock'; inputs {_digest(folder / f'{name}.in')}\n"


def faults(folder: Path = FOLDER) -> list[str]:
    """What is wrong with the locks, as far as it can be told without a network; each is one line with the fix."""
    found = []
    engine = pins(_text(folder / "engine.txt"))
    for name in NAMES:
        text = _text(folder / f"{name}.txt")
        if not text.startswith(head(folder, name)):
            found.append(f"{name}.txt was not made of {name}.in as it is now")
        elif damaged := sorted(_damaged(folder, name, text)):
            found.append(f"{name}.txt is damaged ({', '.join(damaged[:3])})")
        elif not {
            "torch": pins(text) - _wanted(folder, "torch") <= engine,  # or it would come without a hash
            "dev": engine <= pins(text),
        }.get(name, True):
            found.append(f"{name}.txt has other versions than engine.txt")
    return [f"requirements/{fault}; run 'python3 dev.py lock'" for fault in found]


def make(uv: str, name: str, arguments: Sequence[str] = (), folder: Path = FOLDER) -> None:
    """Make one lock; versions that still fit stay as they are, unless uv is told to upgrade."""
    lock = folder / f"{name}.txt"
    command = [uv, "pip", "compile", f"{name}.in", "--universal", "--python-version", "3.11", "--fork-strategy=fewest"]
    command += ["--no-header", "--quiet", *arguments]
    command += ["-c", WITHIN[name]] if name in WITHIN else []
    # Of sources no hash tells what building them would fetch.
    command += ["--no-deps"] if name in ALONE else []
    command += [] if name == "torch" else ["--generate-hashes", "--only-binary", ":all:"]
    # A wheel that was built for this machine is not what others get.
    environ = {variable: value for variable, value in os.environ.items() if variable != "UV_FIND_LINKS"}
    with tempfile.TemporaryDirectory(dir=folder, prefix=".lock-") as place:
        made = Path(place) / "made.txt"
        made.write_text(_text(lock), encoding="utf-8")
        subprocess.run([*command, "--output-file", str(made)], cwd=folder, env=environ, check=True)
        packages = [block for block in blocks(_text(made)) if kept(name, block)]
        made.write_text(head(folder, name) + "\n".join(packages) + "\n", encoding="utf-8")
        made.replace(lock)


def _damaged(folder: Path, name: str, text: str) -> Iterator[str]:
    """What is missing of a lock, stands there without a hash, or has no place there."""
    for package, version in _wanted(folder, name) - pins(text):
        if kept(name, f"{package}=={version}"):
            yield f"{package}=={version}"
    for block in blocks(text):
        if not kept(name, block) or (name != "torch" and "--hash=sha256:" not in block):
            yield block.split()[0]


def _wanted(folder: Path, name: str) -> set[tuple[str, str]]:
    """What a lock's input, and what that includes, pins."""
    return {pin for path in inputs(folder / f"{name}.in") for pin in pins(_text(path))}


def inputs(path: Path) -> Iterator[Path]:
    """An input and those that it includes."""
    yield path
    for line in _text(path).splitlines():
        if line.startswith("-r "):
            yield from inputs(path.parent / line[3:].strip())


def _digest(path: Path) -> str:
    """A hash of an input and those that it includes, however their lines end."""
    digest = hashlib.sha256()
    for each in inputs(path):
        digest.update("".join(f"{line}\n" for line in _text(each).splitlines()).encode())
    return f"sha256:{digest.hexdigest()}"


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def main(arguments: Sequence[str]) -> int:
    """Make all locks, or say what is wrong with them; returns the exit code."""
    parser = argparse.ArgumentParser(prog="lock.py", description="Lock what Shotpack's environments are filled with.")
    parser.add_argument("--uv", help="the uv that finds the versions; all further arguments go to it (--upgrade)")
    known, passed_on = parser.parse_known_args(arguments)
    if known.uv is not None:
        for name in NAMES:
            try:
                make(known.uv, name, passed_on)
            except (OSError, subprocess.CalledProcessError) as fault:
                print(f"requirements/{name}.txt is as it was: {fault}", file=sys.stderr)
                return 1
    found = faults()
    print("\n".join(found) or f"{len(NAMES)} locks fit their inputs", file=sys.stderr)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
