#!/usr/bin/env python3
"""Shotpack's development script: tests, checks, benchmark and formatting, in an environment that it makes itself.

Standard library only, any Python from 3.9, Linux, macOS, Windows. Exit codes: 0; 1 something failed; 2 nothing was run.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent
WINDOWS = os.name == "nt"
FITTING = ("3.11", "3.12", "3.13")
UV = "uv==0.13.8"
CHILD_ENVIRON = {**os.environ, "HF_HUB_DISABLE_TELEMETRY": "1", "TOKENIZERS_PARALLELISM": "false"}
# On a machine whose cores are shared, waiting threads that spin slow everything down by an order of magnitude.
CHILD_ENVIRON.setdefault("OMP_WAIT_POLICY", "PASSIVE")
TALKS = {"-s", "--pdb", "--trace", "--capture=no"}
"""Arguments of pytest with which somebody watches or answers: then nothing runs beside it."""
SLOWEST = "20"
"""How many of a tier's slowest tests are named."""
TEST_ENVIRON = {
    # Tests' networks are too small to share out, and several processes share the cores already.
    "OMP_NUM_THREADS": "1",
    # glibc keeps what a tensor leaves behind for the next one: to fetch it anew, page by page, is a third of the time.
    "MALLOC_MMAP_THRESHOLD_": str(2**30),
    "MALLOC_TRIM_THRESHOLD_": str(2**31),
    **CHILD_ENVIRON,
}
NO_TESTS_COLLECTED = 5
"""pytest's exit code where it found no test to run."""


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


@dataclass(frozen=True)
class Tier:
    """Tests that need the same things to run; they run once in each environment."""

    folder: str
    environments: tuple[Environment, ...]
    on_request: bool = False
    processes: int = 1
    """How many share its files among them; most of these tests wait for processes of their own to start."""


def blender(version: str) -> Environment:
    """Return the environment that holds this Blender as a Python module, which fits one Python only."""
    return Environment(
        ROOT / ".venvs" / f"blender-{version}", ROOT / "requirements" / f"blender-{version}.txt", ("3.11",)
    )


ENGINE = Environment(
    ROOT / ".venvs" / "engine", ROOT / "requirements" / "dev.txt", then=ROOT / "requirements" / "torch.txt"
)
LOCK = ROOT / "requirements" / "lock.py"
RELEASE = ROOT / "release.py"
TIERS = {
    "unit": Tier("tests/unit", (ENGINE,), processes=2),
    "engine": Tier("tests/engine", (ENGINE,), processes=4),
    "host": Tier("tests/host", (blender("4.5"), blender("5.0")), processes=3),
    "desktop": Tier("tests/desktop", (ENGINE,)),
    "gpu": Tier("tests/gpu", (ENGINE,), on_request=True),
}


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


def run_beside(commands: Sequence[Sequence[str]], environ: Mapping[str, str]) -> list[tuple[int, float]]:
    """Run programs side by side; returns exit codes and seconds. What one waits for is the others' time to compute.

    What the first says is visible at once, and it may be talked to; what the others say comes after it.
    """

    def waited(process: subprocess.Popen[bytes]) -> tuple[int, float]:
        return process.wait(), time.monotonic() - started

    started = time.monotonic()
    first, *others = commands
    with ThreadPoolExecutor() as beside, ExitStack() as files:
        logs = [files.enter_context(tempfile.TemporaryFile()) for _ in others]
        processes = [
            subprocess.Popen(each, cwd=ROOT, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            for each, log in zip(others, logs)
        ]
        waiting = [beside.submit(waited, process) for process in processes]
        try:
            ended = [(run(first, environ), time.monotonic() - started)]
            ended += [each.result() for each in waiting]
        except BaseException:  # Ctrl-C: what was begun beside it ends with it
            for process in processes:
                process.terminate()
            raise
        finally:
            for process, log in zip(processes, logs):
                process.wait()
                log.seek(0)
                sys.stdout.flush()
                shutil.copyfileobj(log, sys.stdout.buffer)
                sys.stdout.flush()
        return ended


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


def in_engine(module: str, *arguments: str) -> bool:
    """Run a module in the engine's environment; returns whether it succeeded."""
    return run([str(ENGINE.python), "-m", module, *arguments]) == 0


def test(tiers: Sequence[str], pytest_arguments: Sequence[str]) -> bool:
    """Run every tier, whatever became of the one before; returns whether all passed."""
    present = [name for name in tiers if any((ROOT / TIERS[name].folder).rglob("test_*.py"))]
    if not present:
        raise SetupError(f"No tests of {', '.join(tiers)} here; is this a whole checkout?")
    results: dict[str, tuple[bool, float]] = {}
    for name in present:
        for environment, passed, seconds in run_tier(TIERS[name], pytest_arguments):
            called = name if environment is ENGINE else f"{name} ({environment.folder.name})"
            results[called] = passed, seconds
    for name, (passed, seconds) in results.items():
        say(f"{name} tests {'passed' if passed else 'FAILED'} in {seconds:.0f} s")
    return all(passed for passed, _ in results.values())


def run_tier(tier: Tier, pytest_arguments: Sequence[str]) -> Iterator[tuple[Environment, bool, float]]:
    """Run a tier in each of its environments; yields for each whether its tests passed, and in how many seconds."""
    ready = []
    for environment in tier.environments:
        if was_made_ready(environment):
            ready.append(environment)
        else:
            yield environment, False, 0.0
    arguments = ["-m", "pytest", *shared_out(tier), *pytest_arguments]
    commands = [[str(environment.python), *arguments] for environment in ready]
    alone = bool(TALKS & {*pytest_arguments})
    ended: list[tuple[int, float]] = []
    for group in [[each] for each in commands] if alone or not commands else [commands]:
        ended += run_beside(group, TEST_ENVIRON)
    for environment, (code, seconds) in zip(ready, ended):
        # Arguments such as -k may leave a tier without tests; that is what was asked for.
        yield environment, code == 0 or (code == NO_TESTS_COLLECTED and len(pytest_arguments) > 0), seconds


def was_made_ready(environment: Environment) -> bool:
    """Make an environment ready; one that cannot be made is said and costs only its own tests."""
    try:
        make_ready(environment)
    except SetupError as error:
        say(str(error))
        return False
    return True


def shared_out(tier: Tier) -> list[str]:
    """Return pytest's arguments that name a tier's folder and share its files among processes."""
    sharing = ["-n", str(tier.processes), "--dist", "loadfile", "--no-loadscope-reorder"]
    return [tier.folder, "--durations", SLOWEST, *(sharing if tier.processes > 1 else [])]


def lock(arguments: Sequence[str]) -> int:
    """Make the locks of what is written in requirements/*.in; returns the exit code."""
    # An environment that the locks as they are cannot fill has a uv all the same.
    if describe([str(ENGINE.python)]) is None:
        make_anew(ENGINE)
    uv = get_uv(ENGINE)
    if uv is None:
        raise SetupError("The locks are made with uv, and it cannot be installed; see above.")
    return run([str(ENGINE.python), str(LOCK), "--uv", uv, *arguments])


def demo(arguments: Sequence[str]) -> int:
    """Run the main job end to end in a headless Blender; returns its exit code."""
    environment = TIERS["host"].environments[-1]
    make_ready(environment)
    return run(
        [str(environment.python), "-m", "samples.demo", str(ENGINE.python), str(ROOT / "demo-output"), *arguments]
    )


def release(arguments: Sequence[str]) -> int:
    """Make the extension's zip and repository with Blender's own program; returns the exit code."""
    environment = TIERS["host"].environments[-1]
    make_ready(environment)
    return run([str(environment.python), str(RELEASE), *arguments])


def parse(arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Return the command line and, apart, what is meant for pytest or the benchmark."""
    parser = argparse.ArgumentParser(prog="dev.py", description="Test, check and measure Shotpack.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    tests = commands.add_parser("test", help="run the tests that can run here; after '--', arguments for pytest")
    tests.add_argument("tiers", nargs="*", metavar="tier", help=f"{', '.join(TIERS)}; without any, all but gpu")
    tests.add_argument("--gpu", action="store_true", help="run the gpu tier too")
    commands.add_parser("demo", help="make a shot of the sample storyboard, headless or with --ui; see demo-output/")
    commands.add_parser("check", help="locks, format, lint and types")
    commands.add_parser("lock", help="lock what requirements/*.in ask for; all arguments go to uv", add_help=False)
    commands.add_parser("bench", help="print the benchmark table; all arguments go to tests.bench", add_help=False)
    commands.add_parser("release", help="make the extension's zip and repository in dist/", add_help=False)
    commands.add_parser("format", help="lay out every file and mend what ruff can mend")
    if arguments[:1] in (["bench"], ["demo"], ["lock"], ["release"]):
        return parser.parse_args(arguments[:1]), list(arguments[1:])
    split = list(arguments).index("--") if "--" in arguments else len(arguments)
    known = parser.parse_args(arguments[:split])
    if known.command == "test":
        for name in known.tiers:
            if name not in TIERS:
                tests.error(f"no tier is called {name}; there are {', '.join(TIERS)}")
        known.tiers = known.tiers or [name for name, tier in TIERS.items() if not tier.on_request]
        known.tiers += ["gpu"] if known.gpu and "gpu" not in known.tiers else []
    return known, list(arguments[split + 1 :])


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # what a console cannot write must not end what is done
            stream.reconfigure(errors="backslashreplace")
    known, passed_on = parse(arguments)
    try:
        if known.command == "lock":
            return lock(passed_on)
        if known.command == "release":  # which needs no engine
            return release(passed_on)
        make_ready(ENGINE)
        if known.command == "test":
            return int(not test(known.tiers, passed_on))
        if known.command == "demo":
            return demo(passed_on)
        if known.command == "bench":
            return run([str(ENGINE.python), "-m", "tests.bench", *passed_on])
        if known.command == "format":
            return int(not all([in_engine("ruff", "check", "--fix"), in_engine("ruff", "format")]))
        # All of them, even where the first fails.
        locked = run([str(ENGINE.python), str(LOCK)]) == 0
        return int(
            not all([locked, in_engine("ruff", "format", "--check"), in_engine("ruff", "check"), in_engine("mypy")])
        )
    except SetupError as error:
        say(str(error))
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
