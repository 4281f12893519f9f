#!/usr/bin/env python3
"""Makes a release: the extension's zip and, beside it, the listing by which the folder is an extension repository.

What builds, checks and lists is Blender's own command line program, so this runs where Blender's module is installed:
`dev.py release` sees to that. Standard library only. Exit codes: 0; 1 nothing was made, and all is as it was.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

ROOT = Path(__file__).resolve().parent
UNFINISHED = ".part-"
"""How folders begin in which a release is being made; Blender lists nothing that lies in them."""
NAMED = 5
"""How many files a message names."""


class ReleaseError(Exception):
    """No release can be made; the text says why and what to do."""


@dataclass(frozen=True)
class ExtensionProgram:
    """Blender's program for extensions, which `blender --command extension` runs as well."""

    path: Path
    tags: Path
    """The tags that Blender knows; the program looks at none unless it is told where they are."""

    def build(self, source: Path, folder: Path) -> Path:
        """Make the zip of the extension in `source`, and check it as Blender does; returns where it lies."""
        self._run("build", "--source-dir", str(source), "--output-dir", str(folder))
        (package,) = folder.glob("*.zip")
        self._run("validate", "--valid-tags", str(self.tags), str(package))
        return package

    def write_listing(self, folder: Path) -> None:
        """Write `index.json`, which Blender reads, and `index.html`, from which an artist drags, of a folder's zips."""
        self._run("server-generate", "--repo-dir", str(folder), "--html")

    def _run(self, command: str, *arguments: str) -> None:
        ran = subprocess.run([sys.executable, str(self.path), command, *arguments], capture_output=True, text=True)
        if ran.returncode != 0:
            said = " ".join(f"{ran.stdout} {ran.stderr}".split())
            raise ReleaseError(f"Blender's extension {command} refused it: {said}")


def find_program() -> ExtensionProgram:
    """Return the program of the Blender module that is installed; raises ReleaseError where there is none."""
    module = importlib.util.find_spec("bpy")
    for scripts in Path(module.origin).parent.glob("*/scripts") if module and module.origin else ():
        path = scripts / "addons_core/bl_pkg/cli/blender_ext.py"
        tags = scripts / "modules/_bpy_internal/extensions/tags.py"
        if path.exists() and tags.exists():
            return ExtensionProgram(path, tags)
    raise ReleaseError("Blender's module with its extension program is missing here; run 'python3 dev.py release'.")


def uncommitted(source: Path, packed: set[str]) -> list[str]:
    """Return what keeps a zip from being what was committed: changed files, and packed ones that git does not know."""

    def files(*command: str) -> set[str]:
        ran = subprocess.run(["git", *command, "-z"], cwd=source, capture_output=True, text=True, check=True)
        return set(filter(None, ran.stdout.split("\0")))

    try:
        return sorted(files("diff", "HEAD", "--relative", "--name-only") | (packed - files("ls-files")))
    except (OSError, subprocess.CalledProcessError) as error:
        raise ReleaseError(
            f"git cannot say what is committed in {source}; release from a checkout, or with --uncommitted."
        ) from error


def check_listing(folder: Path, package: Path) -> None:
    """Raise ReleaseError unless a folder's listing offers this zip and no other: the program only warns of such."""
    listed = json.loads((folder / "index.json").read_text(encoding="utf-8"))["data"]
    if [(each["archive_url"], each["archive_size"]) for each in listed] != [
        (f"./{package.name}", package.stat().st_size)
    ]:
        raise ReleaseError(f"Blender's listing does not offer {package.name} alone: {listed}")


def make(program: ExtensionProgram, source: Path, out: Path, *, as_it_lies: bool = False) -> Path:
    """Make the release of the extension in `source` and put it into `out`; returns where the zip lies.

    It is made aside, then moved, the listing last: whoever reads the folder meanwhile, as a server may, finds a whole
    release, the old one or the new one, unless the same version is released again. Raises ReleaseError, with `out` as
    it was, and OSError where the disk refuses.
    """
    there = out.exists()
    out.mkdir(parents=True, exist_ok=True)
    try:
        for left in out.glob(f"{UNFINISHED}*"):  # by a release that was killed
            shutil.rmtree(left)
        with tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=out) as made:
            package = program.build(source, Path(made))
            with ZipFile(package) as archive:
                packed = {name for name in archive.namelist() if not name.endswith("/")}
            if not as_it_lies and (strange := uncommitted(source, packed)):
                named = ", ".join(strange[:NAMED]) + (f" and {len(strange) - NAMED} more" if strange[NAMED:] else "")
                raise ReleaseError(f"Not committed: {named}; commit or remove it, or release with --uncommitted.")
            program.write_listing(Path(made))
            check_listing(Path(made), package)
            for name in (package.name, "index.html", "index.json"):  # the listing after what it names
                (Path(made) / name).replace(out / name)
    except BaseException:
        if not there:
            with contextlib.suppress(OSError):
                out.rmdir()
        raise
    released = out / package.name
    identifier = package.name.partition("-")[0]
    for older in set(out.glob(f"{identifier}-*.zip")) - {released}:
        older.unlink()
    return released


def main(arguments: Sequence[str]) -> int:
    """Make a release; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="dev.py release", description="Make the extension's zip, and the repository that it is updated from."
    )
    parser.add_argument("--source", type=Path, default=ROOT, help="the extension's folder; default: this checkout")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="where the release goes; default: dist")
    parser.add_argument("--uncommitted", action="store_true", help="make it of the files as they lie here, to try it")
    known = parser.parse_args(arguments)
    try:
        released = make(find_program(), known.source.resolve(), known.out.resolve(), as_it_lies=known.uncommitted)
    except (ReleaseError, OSError) as error:
        print(f"dev.py release: {error}", file=sys.stderr)
        return 1
    print(f"{released} ({released.stat().st_size / 1e6:.1f} MB), to be dropped into Blender")
    print(f"{released.parent} is the repository: put it on a web server, its address ends in /index.json")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
