"""The virtual environments that Shotpack is developed in: made of locked packages, and brought up to date.

Standard library only, any Python from 3.9; `dev.py` asks for them.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent
WINDOWS = os.name == "nt"
FITTING = ("3.11", "3.12", "3.13")
UV = "uv==0.13.8"
CHILD_ENVIRON = {**os.environ, "HF_HUB_DISABLE_TELEMETRY": "1", "TOKENIZERS_PARALLELISM": "false"}
# On a machine whose cores are shared, waiting threads that spin slow everything down by an order of magnitude.
CHILD_ENVIRON.setdefault("OMP_WAIT_POLICY", "PASSIVE")


class SetupError(Exception):
    """Nothing can be run; the text is one line that says why and what to do."""


@dataclass(frozen=True)
class Interpreter:
    """A Python that runs, as it describes itself."""

    path: str
    implementation: str
    version: str
    makes_environments: bool


# Asked of the Python itself: a version manager's stand-in may bear the name and not run. The path is that of the Python
# behind it, so that an environment never hangs on a stand-in or on another environment.
_DESCRIBE = """
import importlib.util, json, sys
path = getattr(sys, "_base_executable", None) or sys.executable
version = "%d.%d" % sys.version_info[:2]
print(json.dumps([path, sys.implementation.name, version, importlib.util.find_spec("ensurepip") is not None]))
"""


def describe(command: Sequence[str]) -> Interpreter | None:
    """Return what the Python started by `command` says of itself; None where there is none or it does not run."""
    try:
        return Interpreter(*json.loads(output([*command, "-c", _DESCRIBE])))
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


def candidates(windows: bool = WINDOWS) -> Iterator[list[str]]:
    """Yield commands that may start a fitting Python, the best first: 3.11 is what Blender 4.5 LTS runs on."""

    def named(version: str) -> Iterator[list[str]]:
        yield [f"python{version}"]
        if windows:
            yield ["py", f"-{version}"]

    best, *others = FITTING
    yield from named(best)
    yield [sys.executable]
    for version in others:
        yield from named(version)


def choose_interpreter(found: Iterable[Interpreter | None], versions: Sequence[str] = FITTING) -> Interpreter:
    """Return the first of these versions that can make an environment; raises SetupError with the fix."""
    incomplete = None
    for interpreter in found:
        if interpreter and interpreter.implementation == "cpython" and interpreter.version in versions:
            if interpreter.makes_environments:
                return interpreter
            incomplete = incomplete or interpreter
    if incomplete:
        package = f"python{incomplete.version}-venv"
        raise SetupError(
            f"{incomplete.path} has no venv module; install it (on Debian and Ubuntu: apt install {package})."
        )
    raise SetupError(f"No CPython {', '.join(versions)} found; install Python {versions[0]} and put it on the PATH.")


@dataclass(frozen=True)
class Environment:
    """A virtual environment and the locks that fill it (requirements/lock.py)."""

    folder: Path
    requirements: Path
    versions: tuple[str, ...] = FITTING
    """Versions of Python that it can be made of."""
    then: Path | None = None
    """What is installed after the requirements, by versions alone: PyTorch, whose wheel differs by machine."""

    @property
    def steps(self) -> list[list[str]]:
        """The arguments of one install after the other, for uv as for pip."""
        hashed = ["--require-hashes", "--no-deps", "--only-binary", ":all:", "-r", str(self.requirements)]
        return [hashed, *([["-r", str(self.then)]] if self.then else [])]

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        return program(self.folder, "python")

    @property
    def stamp(self) -> Path:
        """What the environment was filled with; written last and removed first: it is there while all is whole."""
        return self.folder / "shotpack-stamp"


def program(folder: Path, name: str, windows: bool = WINDOWS) -> Path:
    """Return where the environment in `folder` keeps a program."""
    return folder / "Scripts" / f"{name}.exe" if windows else folder / "bin" / name


def requirements_hash(*paths: Path) -> str:
    """Return a hash of what files of requirements hold, however their lines end."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update("".join(f"{line}\n" for line in path.read_text(encoding="utf-8").splitlines()).encode())
    return digest.hexdigest()


def make_ready(environment: Environment) -> None:
    """Make the environment, or bring it up to date; does nothing where it is whole and current."""
    interpreter = describe([str(environment.python)])
    stamp = environment.stamp.read_text(encoding="utf-8").split() if environment.stamp.exists() else []
    wanted = requirements_hash(environment.requirements, *([environment.then] if environment.then else []))
    if interpreter is None or stamp[:1] != [interpreter.version]:
        interpreter = make_anew(environment)
    elif stamp == [interpreter.version, wanted]:
        return
    environment.stamp.unlink(missing_ok=True)
    install(environment)
    environment.stamp.write_text(f"{interpreter.version} {wanted}\n", encoding="utf-8")


def make_anew(environment: Environment) -> Interpreter:
    """Make the environment with nothing but pip in it; returns the Python that it is made of."""
    interpreter = choose_interpreter((describe(command) for command in candidates()), environment.versions)
    say(f"making {environment.folder} with {interpreter.path}")
    try:
        # What an interrupted install left cannot be trusted: a package may be there by name and not whole.
        if environment.folder.exists():
            shutil.rmtree(environment.folder)
    except OSError as error:
        raise SetupError(f"Cannot replace {environment.folder} ({error}); end what uses it, or remove it.") from error
    require([interpreter.path, "-m", "venv", str(environment.folder)])
    return interpreter


def install(environment: Environment) -> None:
    """Install what is locked: with uv for its speed, else with the environment's own pip."""
    started = time.monotonic()
    say(f"installing {environment.requirements}")
    pip = [str(environment.python), "-m", "pip", "--disable-pip-version-check"]
    uv = get_uv(environment)
    into = ["pip", "install", "--python", str(environment.python)]
    environ = uv_environ(CHILD_ENVIRON, find_links(pip))
    if uv is None or any(run([uv, *into, *step], environ) != 0 for step in environment.steps):
        say("going on without uv, which takes longer")
        for step in environment.steps:
            require([*pip, "install", "--progress-bar", "off", *step])
    say(f"installed in {time.monotonic() - started:.0f} s")


def get_uv(environment: Environment) -> str | None:
    """Return the uv that is on the PATH, else one that pip puts into the environment; None where there is none."""
    uv = shutil.which("uv")
    pip = [str(environment.python), "-m", "pip", "--disable-pip-version-check"]
    if uv is None and run([*pip, "install", "--quiet", UV]) == 0:
        uv = str(program(environment.folder, "uv"))
    return uv


def find_links(pip: Sequence[str]) -> str:
    """Return the folders of wheels that pip's settings name, parted by white space."""
    try:
        return output([*pip, "config", "get", "global.find-links"])
    except subprocess.SubprocessError:
        return ""


def uv_environ(environ: Mapping[str, str], configured: str) -> dict[str, str]:
    """Return `environ` with pip's find-links, from its settings and its variable, where uv looks for them.

    uv reads none of pip's settings, and a wheel that was built for this machine may lie nowhere else. Where
    pip parts them by white space, uv takes a comma: with a space, two folders are one that is not there.
    """
    links = dict.fromkeys([*configured.split(), *environ.get("PIP_FIND_LINKS", "").split()])
    if not links or "UV_FIND_LINKS" in environ:
        return dict(environ)
    return {**environ, "UV_FIND_LINKS": ",".join(links)}


def run(command: Sequence[str], environ: Mapping[str, str] = CHILD_ENVIRON) -> int:
    """Run a program at the repository's root with its output visible; returns its exit code, 127 without a start."""
    try:
        return subprocess.run(command, cwd=ROOT, env=environ).returncode
    except OSError as error:
        say(str(error))
        return 127


def require(command: Sequence[str]) -> None:
    """Run a program that must succeed; raises SetupError where it fails."""
    if run(command) != 0:
        raise SetupError(f"Failed, see above; mend that and try again: {subprocess.list2cmdline(command)}")


def output(command: Sequence[str]) -> str:
    """Return what a program prints; raises subprocess.SubprocessError where it fails, OSError where it won't start."""
    finished = subprocess.run(
        command, env=CHILD_ENVIRON, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, timeout=60
    )
    return finished.stdout


def say(line: str) -> None:
    """Tell what goes on; on stderr, so that stdout holds the programs' output alone."""
    print(f"dev.py: {line}", file=sys.stderr, flush=True)
