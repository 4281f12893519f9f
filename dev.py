#!/usr/bin/env python3
"""Shotpack's development script: tests, checks, benchmark, formatting and release, each in its environment.

Standard library only, any Python from 3.9, Linux, macOS, Windows. Exit codes: 0; 1 something failed; 2 nothing was run.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from environments import (
    CHILD_ENVIRON,
    Environment,
    SetupError,
    describe,
    get_uv,
    make_anew,
    make_ready,
    run,
    say,
)

ROOT = Path(__file__).resolve().parent
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


@dataclass(frozen=True)
class Tier:
    """Tests that need the same things to run; they run once in each environment."""

    folder: str
    environments: tuple[Environment, ...]
    on_request: bool = False
    processes: int = 1
    """How many share its files among them; most of these tests wait for processes of their own to start."""
    beside: str = ""
    """The tier that it runs beside, where both are asked for."""


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
    "lab": Tier("tests/lab", (ENGINE,)),
    "host": Tier("tests/host", (blender("4.5"), blender("5.0")), processes=3),
    "desktop": Tier("tests/desktop", (ENGINE,), beside="host"),
    "gpu": Tier("tests/gpu", (ENGINE,), on_request=True),
}


def run_beside(commands: Sequence[Sequence[str]], environ: Mapping[str, str]) -> list[tuple[int, float]]:
    """Run programs side by side; returns exit codes and seconds. What one waits for is the others' time to compute.

    What the first says is visible at once, and it may be talked to; what the others say comes after it.
    """

    def waited(process: subprocess.Popen[bytes]) -> tuple[int, float]:
        return process.wait(), time.monotonic() - started

    if not commands:
        return []
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
        if TIERS[name].beside not in present:
            together = [name, *(each for each in present if TIERS[each].beside == name)]
            for called, passed, seconds in run_tiers(together, pytest_arguments):
                results[called] = passed, seconds
    for name, (passed, seconds) in results.items():
        say(f"{name} tests {'passed' if passed else 'FAILED'} in {seconds:.0f} s")
    return all(passed for passed, _ in results.values())


def run_tiers(names: Sequence[str], pytest_arguments: Sequence[str]) -> Iterator[tuple[str, bool, float]]:
    """Run tiers side by side, each in all its environments; yields what each run is called, whether its tests passed,
    and in how many seconds."""
    runs: list[tuple[str, list[str]]] = []
    for name in names:
        for environment in TIERS[name].environments:
            called = name if environment is ENGINE else f"{name} ({environment.folder.name})"
            if was_made_ready(environment):
                runs.append((called, [str(environment.python), "-m", "pytest", *shared_out(TIERS[name])]))
            else:
                yield called, False, 0.0
    commands = [[*command, *pytest_arguments] for _, command in runs]
    groups = [[each] for each in commands] if TALKS & {*pytest_arguments} else [commands]
    ended = [each for group in groups for each in run_beside(group, TEST_ENVIRON)]
    for (called, _), (code, seconds) in zip(runs, ended):
        # Arguments such as -k may leave a tier without tests; that is what was asked for.
        yield called, code == 0 or (code == NO_TESTS_COLLECTED and len(pytest_arguments) > 0), seconds


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
    commands.add_parser("demo", help="make a shot of a sample, with --ui or --previs another way; see demo-output/")
    commands.add_parser("check", help="locks, format, lint and types")
    commands.add_parser("lock", help="lock what requirements/*.in ask for; all arguments go to uv", add_help=False)
    commands.add_parser("bench", help="print the benchmark table; all arguments go to tests.bench", add_help=False)
    commands.add_parser("lab", help="what is tried beyond the released recipe; all arguments go to lab", add_help=False)
    commands.add_parser("release", help="make the extension's zip and repository in dist/", add_help=False)
    commands.add_parser("format", help="lay out every file and mend what ruff can mend")
    if arguments[:1] in (["bench"], ["demo"], ["lab"], ["lock"], ["release"]):
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
        if known.command == "lab":
            return run([str(ENGINE.python), "-m", "lab", *passed_on])
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
