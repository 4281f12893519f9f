"""dev.py: when an environment is made and with which Python, what uv is told, which tiers run, how failures end."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

import dev

PYTHON = dev.Interpreter("/usr/bin/python3.11", "cpython", "3.11", makes_environments=True)
OTHER = replace(PYTHON, path="/usr/bin/python3.12", version="3.12")
BARE = replace(PYTHON, path="/usr/bin/bare", makes_environments=False)


# The stamp


class Install:
    """Stands for Python and pip: notes what dev.py asks of them, and fails where told to."""

    def __init__(self, environment: dev.Environment) -> None:
        self.environment = environment
        self.asked: list[str] = []
        self.fails = False

    def describe(self, command: Sequence[str]) -> dev.Interpreter | None:
        return PYTHON if Path(command[0]).exists() else None

    def make_anew(self, environment: dev.Environment) -> dev.Interpreter:
        self.asked.append("make")
        environment.python.parent.mkdir(parents=True, exist_ok=True)
        environment.python.touch()
        return PYTHON

    def install(self, environment: dev.Environment) -> None:
        self.asked.append("install")
        assert not environment.stamp.exists(), "an install that is killed now would pass for a whole one"
        if self.fails:
            raise dev.SetupError("no network")

    def make_ready(self) -> list[str]:
        """Make the environment ready; returns what that took."""
        self.asked.clear()
        dev.make_ready(self.environment)
        return self.asked


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    requirements = tmp_path / "dev.txt"
    requirements.write_text("pytest==1\n")
    (tmp_path / "torch.txt").write_text("torch==1\n")
    double = Install(dev.Environment(tmp_path / "an environment", requirements, then=tmp_path / "torch.txt"))
    for name in ("describe", "make_anew", "install"):
        monkeypatch.setattr(dev, name, getattr(double, name))
    return double


def test_environment_is_made_once(install: Install) -> None:
    assert install.make_ready() == ["make", "install"]
    assert install.make_ready() == []


def test_changed_requirements_are_installed_into_the_same_environment(install: Install) -> None:
    install.make_ready()
    for changed in (install.environment.requirements, install.environment.then):
        assert changed is not None
        changed.write_text("changed==2\n")
        assert install.make_ready() == ["install"]
    assert install.make_ready() == []


def test_interrupted_install_is_made_anew(install: Install) -> None:
    install.fails = True
    with pytest.raises(dev.SetupError, match="no network"):
        install.make_ready()
    install.fails = False
    assert install.make_ready() == ["make", "install"]


def test_interrupted_update_is_made_anew(install: Install) -> None:
    install.make_ready()
    install.environment.requirements.write_text("pytest==2\n")
    install.fails = True
    with pytest.raises(dev.SetupError, match="no network"):
        install.make_ready()
    install.fails = False
    assert install.make_ready() == ["make", "install"]


@pytest.mark.parametrize("stamp", ["", "3.11", "3.12 0123", "rubbish"])
def test_stamp_that_does_not_fit_is_not_trusted(install: Install, stamp: str) -> None:
    install.make_ready()
    install.environment.stamp.write_text(stamp)
    assert "install" in install.make_ready()
    assert install.make_ready() == []


def test_environment_whose_python_is_gone_is_made_anew(install: Install) -> None:
    install.make_ready()
    install.environment.python.unlink()
    assert install.make_ready() == ["make", "install"]


def test_requirements_hash_sees_every_file_and_not_line_ends(tmp_path: Path) -> None:
    first, second = tmp_path / "first.txt", tmp_path / "second.txt"
    first.write_bytes(b"a==1\nc==1\n")
    second.write_bytes(b"b==1\n")
    before = dev.requirements_hash(first, second)
    first.write_bytes(b"a==1\r\nc==1\r\n")
    assert dev.requirements_hash(first, second) == before
    second.write_bytes(b"b==2\n")
    assert dev.requirements_hash(first, second) != before


# The Python


@pytest.mark.parametrize(
    ("found", "chosen"),
    [
        ([PYTHON, OTHER], PYTHON),
        ([OTHER, PYTHON], OTHER),
        ([None, OTHER], OTHER),
        ([replace(PYTHON, version="3.10"), OTHER], OTHER),
        ([replace(PYTHON, version="3.14"), OTHER], OTHER),
        ([replace(PYTHON, implementation="pypy"), OTHER], OTHER),
        ([BARE, OTHER], OTHER),
    ],
)
def test_first_python_that_fits_is_chosen(found: list[dev.Interpreter | None], chosen: dev.Interpreter) -> None:
    assert dev.choose_interpreter(found) is chosen


def test_no_python_is_asked_after_one_that_fits() -> None:
    def found() -> Iterator[dev.Interpreter]:
        yield PYTHON
        pytest.fail("the next one was started")

    assert dev.choose_interpreter(found()) is PYTHON


@pytest.mark.parametrize(
    ("found", "fix"),
    [
        ([None], "install Python 3.11"),
        ([replace(PYTHON, version="3.9")], "install Python 3.11"),
        ([None, replace(BARE, version="3.12")], "apt install python3.12-venv"),
    ],
)
def test_no_fitting_python_is_one_line_with_the_fix(found: list[dev.Interpreter | None], fix: str) -> None:
    with pytest.raises(dev.SetupError, match=fix) as raised:
        dev.choose_interpreter(found)
    assert "\n" not in str(raised.value)


def test_python_describes_itself() -> None:
    described = dev.describe([sys.executable])
    assert described is not None
    assert described.version == f"{sys.version_info.major}.{sys.version_info.minor}"
    # Not this environment's own Python, which goes when the environment does.
    assert described.path == getattr(sys, "_base_executable", sys.executable)


@pytest.mark.parametrize("program", ["raise SystemExit(127)", "print('this version is not installed')"])
def test_stand_in_that_does_not_run_python_is_skipped(program: str) -> None:
    assert dev.describe([sys.executable, "-c", program]) is None


def test_missing_python_is_skipped(tmp_path: Path) -> None:
    assert dev.describe([str(tmp_path / "python3.11")]) is None


def test_candidates_in_order() -> None:
    assert list(dev.candidates(windows=False)) == [["python3.11"], [sys.executable], ["python3.12"], ["python3.13"]]
    assert list(dev.candidates(windows=True))[:3] == [["python3.11"], ["py", "-3.11"], [sys.executable]]


def test_programs_of_an_environment() -> None:
    assert dev.program(Path("a b"), "uv", windows=False) == Path("a b", "bin", "uv")
    assert dev.program(Path("a b"), "uv", windows=True) == Path("a b", "Scripts", "uv.exe")


# Installing


@pytest.mark.parametrize(
    ("environ", "configured", "links"),
    [
        ({}, "", None),
        ({}, "/wheels\n", "/wheels"),
        ({}, "\n/wheels\n/more\n", "/wheels,/more"),
        ({"PIP_FIND_LINKS": "/more /wheels"}, "/wheels\n", "/wheels,/more"),
        ({"UV_FIND_LINKS": "/mine", "PIP_FIND_LINKS": "/more"}, "/wheels\n", "/mine"),
    ],
)
def test_uv_looks_where_pip_looks(environ: dict[str, str], configured: str, links: str | None) -> None:
    assert dev.uv_environ(environ, configured).get("UV_FIND_LINKS") == links


class Programs:
    """Stands for uv and pip: notes who was started for which file, and fails where told to."""

    def __init__(self, environment: dev.Environment, failing: Sequence[str]) -> None:
        self.environment, self.failing = environment, failing
        self.started: list[str] = []
        self.options: dict[str, list[str]] = {}

    def run(self, command: Sequence[str], environ: object = None) -> int:
        called = {str(self.environment.python): "pip", str(dev.program(self.environment.folder, "uv")): "own uv"}
        what = "uv" if dev.UV in command else Path(command[-1]).name
        self.started.append(f"{called.get(command[0], command[0])} {what}")
        self.options[what] = [word for word in command if word.startswith("--") and word != "--python"]
        return int(self.started[-1] in self.failing)


@pytest.mark.parametrize(
    ("uv_on_path", "failing", "started"),
    [
        ("uv", (), ["uv dev.txt", "uv torch.txt"]),
        ("uv", ("uv dev.txt",), ["uv dev.txt", "pip dev.txt", "pip torch.txt"]),
        ("uv", ("uv torch.txt",), ["uv dev.txt", "uv torch.txt", "pip dev.txt", "pip torch.txt"]),
        (None, (), ["pip uv", "own uv dev.txt", "own uv torch.txt"]),
        (None, ("pip uv",), ["pip uv", "pip dev.txt", "pip torch.txt"]),
        (None, ("own uv dev.txt",), ["pip uv", "own uv dev.txt", "pip dev.txt", "pip torch.txt"]),
    ],
)
def test_install_goes_on_without_uv(
    uv_on_path: str | None,
    failing: tuple[str, ...],
    started: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    environment = dev.Environment(tmp_path / "environment", tmp_path / "dev.txt", then=tmp_path / "torch.txt")
    programs = Programs(environment, failing)
    monkeypatch.setattr(dev, "run", programs.run)
    monkeypatch.setattr(dev, "find_links", lambda pip: "")
    monkeypatch.setattr("dev.shutil.which", lambda name: uv_on_path)
    dev.install(environment)
    assert programs.started == started
    # A resolver that goes by what is locked, or a source that is built, would bring what no hash is known of.
    assert {"--require-hashes", "--no-deps", "--only-binary"} <= set(programs.options["dev.txt"])
    assert not {"--require-hashes", "--no-deps"} & set(programs.options["torch.txt"])


def test_install_that_fails_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = dev.Environment(tmp_path / "environment", tmp_path / "dev.txt")
    monkeypatch.setattr(dev, "run", lambda command, environ=None: 1)
    monkeypatch.setattr(dev, "find_links", lambda pip: "")
    with pytest.raises(dev.SetupError, match=r"pip .*install .*dev\.txt"):
        dev.install(environment)


# The command line


@pytest.mark.parametrize(
    ("arguments", "tiers", "for_pytest"),
    [
        (["test"], ["unit", "engine", "host", "desktop"], []),
        (["test", "--gpu"], ["unit", "engine", "host", "desktop", "gpu"], []),
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


@pytest.mark.parametrize("command", ["bench", "demo", "lock", "release"])
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
    monkeypatch.setattr("dev.shutil.which", lambda name: "/usr/bin/uv")
    monkeypatch.setattr(dev, "run", lambda command, environ=None: commands.append(command) or 0)
    assert dev.main(["lock", "--upgrade-package", "numpy"]) == 0
    [command] = commands
    assert command[1:] == [str(dev.LOCK), "--uv", "/usr/bin/uv", "--upgrade-package", "numpy"]


def test_release_needs_blender_and_no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[dev.Environment] = []
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

    def make_ready(environment: dev.Environment) -> None:
        if environment is newer:
            raise dev.SetupError("There is none for this machine.")

    monkeypatch.setattr(dev, "make_ready", make_ready)
    assert not dev.test(["host", "engine"], [])
    assert tiers.ran == ["tests/host", "tests/engine"]
    said = capsys.readouterr().err
    assert "There is none for this machine." in said
    assert f"host ({older.folder.name}) tests passed" in said
    assert f"host ({newer.folder.name}) tests FAILED" in said
    assert "engine tests passed" in said


def test_tier_without_tests_is_skipped(tiers: Tiers) -> None:
    assert dev.test(["unit", "gpu"], [])
    assert tiers.ran == ["tests/unit"]


def test_run_without_any_test_is_a_fault(tiers: Tiers) -> None:
    with pytest.raises(dev.SetupError, match="gpu"):
        dev.test(["gpu"], [])


def test_only_a_selection_may_leave_a_tier_without_tests(tiers: Tiers) -> None:
    tiers.codes["tests/unit"] = dev.NO_TESTS_COLLECTED
    assert dev.test(["unit"], ["-k", "resume"])
    assert not dev.test(["unit"], [])


def test_setup_that_fails_is_one_line_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def make_ready(environment: dev.Environment) -> None:
        raise dev.SetupError("no Python; install one")

    monkeypatch.setattr(dev, "make_ready", make_ready)
    assert dev.main(["check"]) == 2
    assert capsys.readouterr().err == "dev.py: no Python; install one\n"
