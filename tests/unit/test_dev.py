"""dev.py: which tiers run and where, what a command line means, how failures end."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

import dev
from environments import Environment, Interpreter, SetupError

PYTHON = Interpreter("/usr/bin/python3.11", "cpython", "3.11", makes_environments=True)


# The command line


@pytest.mark.parametrize(
    ("arguments", "tiers", "for_pytest"),
    [
        (["test"], ["unit", "engine", "lab", "host", "desktop"], []),
        (["test", "--gpu"], ["unit", "engine", "lab", "host", "desktop", "gpu"], []),
        (["test", "gpu"], ["gpu"], []),
        (["test", "gpu", "--gpu"], ["gpu"], []),
        (["test", "engine", "--", "-k", "resume", "--", "-x"], ["engine"], ["-k", "resume", "--", "-x"]),
    ],
)
def test_tiers_of_a_command_line(arguments: list[str], tiers: list[str], for_pytest: list[str]) -> None:
    known, passed_on = dev.parse(arguments)
    assert (known.tiers, passed_on) == (tiers, for_pytest)


@pytest.mark.parametrize("arguments", [["test", "nope"], ["test", "-x"], ["check", "engine"], ["nope"], []])
def test_bad_command_line_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        dev.parse(arguments)
    assert raised.value.code == 2
    assert "error: " in capsys.readouterr().err


@pytest.mark.parametrize("command", ["bench", "demo", "lab", "lock", "release"])
def test_some_commands_get_every_argument(command: str) -> None:
    assert dev.parse([command, "--help", "--", "x"])[1] == ["--help", "--", "x"]


def test_locks_are_made_where_the_ones_that_are_there_install_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock that two branches have changed may be beyond use; it must not stand in its own way."""
    commands: list[Sequence[str]] = []
    monkeypatch.setattr(dev, "make_ready", lambda environment: pytest.fail("it would be installed first"))
    monkeypatch.setattr(dev, "make_anew", lambda environment: PYTHON)
    monkeypatch.setattr(dev, "describe", lambda command: None)
    monkeypatch.setattr("environments.shutil.which", lambda name: "/usr/bin/uv")
    monkeypatch.setattr(dev, "run", lambda command, environ=None: commands.append(command) or 0)
    assert dev.main(["lock", "--upgrade-package", "numpy"]) == 0
    [command] = commands
    assert command[1:] == [str(dev.LOCK), "--uv", "/usr/bin/uv", "--upgrade-package", "numpy"]


def test_release_needs_blender_and_no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Environment] = []
    commands: list[Sequence[str]] = []
    monkeypatch.setattr(dev, "make_ready", made.append)
    monkeypatch.setattr(dev, "run", lambda command, environ=None: commands.append(command) or 1)
    assert dev.main(["release", "--out", "there"]) == 1
    (environment,) = made
    assert environment in dev.TIERS["host"].environments
    assert commands == [[str(environment.python), str(dev.RELEASE), "--out", "there"]]
    assert dev.RELEASE.is_file()


class Tiers:
    """A checkout with three tiers, and pytest's exit code for each."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.codes = {"tests/unit": 0, "tests/engine": 0}
        self.ran: list[str] = []
        for folder in self.codes:
            (root / folder).mkdir(parents=True)
            (root / folder / "test_it.py").touch()
        (root / "tests/gpu").mkdir()

    def run(self, command: Sequence[str], environ: object = None) -> int:
        self.ran.append(command[3])
        return self.codes[command[3]]


@pytest.fixture
def tiers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tiers:
    double = Tiers(tmp_path)
    monkeypatch.setattr(dev, "ROOT", tmp_path)
    monkeypatch.setattr(dev, "run", double.run)
    monkeypatch.setattr(dev, "make_ready", lambda environment: None)
    return double


def test_tier_that_fails_stops_none_and_fails_the_run(tiers: Tiers, capsys: pytest.CaptureFixture[str]) -> None:
    tiers.codes["tests/unit"] = 1
    assert not dev.test(["unit", "engine"], [])
    assert tiers.ran == ["tests/unit", "tests/engine"]
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert "unit tests FAILED" in said[0]
    assert "engine tests passed" in said[1]


MEETING = """
import pathlib, sys, time
mine, other = map(pathlib.Path, sys.argv[1:3])
mine.touch()
while not other.exists():
    time.sleep(0.01)
print("said by", mine.name)
sys.exit(int(sys.argv[3]))
"""


def test_programs_run_side_by_side_and_each_is_judged(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    commands = [[sys.executable, "-c", MEETING, *map(str, (one, two)), "0"]]
    commands += [[sys.executable, "-c", MEETING, *map(str, (two, one)), "3"]]
    assert [code for code, _ in dev.run_beside(commands, os.environ)] == [0, 3]
    assert capfd.readouterr().out.split() == ["said", "by", "one", "said", "by", "two"]


def test_what_was_begun_beside_an_interrupted_program_ends_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    begun = tmp_path / "begun"
    beside = (
        "import pathlib, sys, time; print('so far', flush=True); pathlib.Path(sys.argv[1]).touch(); time.sleep(600)"
    )

    def interrupted(*_: object) -> int:
        while not begun.exists():
            time.sleep(0.01)
        raise KeyboardInterrupt

    monkeypatch.setattr(dev, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        dev.run_beside([["it"], [sys.executable, "-c", beside, str(begun)]], os.environ)
    assert "so far" in capfd.readouterr().out


def test_an_environment_that_cannot_be_made_costs_its_own_tests_only(
    tiers: Tiers, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tiers.root / "tests/host").mkdir()
    (tiers.root / "tests/host/test_it.py").touch()
    tiers.codes["tests/host"] = 0
    older, newer = dev.TIERS["host"].environments

    def make_ready(environment: Environment) -> None:
        if environment is newer:
            raise SetupError("There is none for this machine.")

    monkeypatch.setattr(dev, "make_ready", make_ready)
    assert not dev.test(["host", "engine"], [])
    assert tiers.ran == ["tests/host", "tests/engine"]
    said = capsys.readouterr().err
    assert "There is none for this machine." in said
    assert f"host ({older.folder.name}) tests passed" in said
    assert f"host ({newer.folder.name}) tests FAILED" in said
    assert "engine tests passed" in said


def test_a_tier_runs_beside_another_where_both_are_asked_for(tiers: Tiers, monkeypatch: pytest.MonkeyPatch) -> None:
    together: list[list[str]] = []

    def run_beside(commands: Sequence[Sequence[str]], environ: object) -> list[tuple[int, float]]:
        together.append([command[3] for command in commands])
        return [(0, 1.0) for _ in commands]

    for folder in ("tests/host", "tests/desktop"):
        (tiers.root / folder).mkdir()
        (tiers.root / folder / "test_it.py").touch()
    monkeypatch.setattr(dev, "run_beside", run_beside)
    assert dev.test(["unit", "host", "desktop"], [])
    assert together == [["tests/unit"], ["tests/host", "tests/host", "tests/desktop"]]
    assert dev.test(["desktop"], [])
    assert together[2:] == [["tests/desktop"]]
    assert dev.test(["host", "desktop"], ["--pdb"])
    assert together[3:] == [["tests/host"], ["tests/host"], ["tests/desktop"]]


def test_tier_without_tests_is_skipped(tiers: Tiers) -> None:
    assert dev.test(["unit", "gpu"], [])
    assert tiers.ran == ["tests/unit"]


def test_run_without_any_test_is_a_fault(tiers: Tiers) -> None:
    with pytest.raises(SetupError, match="gpu"):
        dev.test(["gpu"], [])


def test_only_a_selection_may_leave_a_tier_without_tests(tiers: Tiers) -> None:
    tiers.codes["tests/unit"] = dev.NO_TESTS_COLLECTED
    assert dev.test(["unit"], ["-k", "resume"])
    assert not dev.test(["unit"], [])


def test_setup_that_fails_is_one_line_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def make_ready(environment: Environment) -> None:
        raise SetupError("no Python; install one")

    monkeypatch.setattr(dev, "make_ready", make_ready)
    assert dev.main(["check"]) == 2
    assert capsys.readouterr().err == "dev.py: no Python; install one\n"
