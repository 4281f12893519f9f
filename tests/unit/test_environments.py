"""environments.py: when an environment is made and with which Python, what uv is told, how an install fails."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

import environments

PYTHON = environments.Interpreter("/usr/bin/python3.11", "cpython", "3.11", makes_environments=True)
OTHER = replace(PYTHON, path="/usr/bin/python3.12", version="3.12")
BARE = replace(PYTHON, path="/usr/bin/bare", makes_environments=False)


# The stamp


class Install:
    """Stands for Python and pip: notes what environments.py asks of them, and fails where told to."""

    def __init__(self, environment: environments.Environment) -> None:
        self.environment = environment
        self.asked: list[str] = []
        self.fails = False

    def describe(self, command: Sequence[str]) -> environments.Interpreter | None:
        return PYTHON if Path(command[0]).exists() else None

    def make_anew(self, environment: environments.Environment) -> environments.Interpreter:
        self.asked.append("make")
        environment.python.parent.mkdir(parents=True, exist_ok=True)
        environment.python.touch()
        return PYTHON

    def install(self, environment: environments.Environment) -> None:
        self.asked.append("install")
        assert not environment.stamp.exists(), "an install that is killed now would pass for a whole one"
        if self.fails:
            raise environments.SetupError("no network")

    def make_ready(self) -> list[str]:
        """Make the environment ready; returns what that took."""
        self.asked.clear()
        environments.make_ready(self.environment)
        return self.asked


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    requirements = tmp_path / "dev.txt"
    requirements.write_text("pytest==1\n")
    (tmp_path / "torch.txt").write_text("torch==1\n")
    double = Install(environments.Environment(tmp_path / "an environment", requirements, then=tmp_path / "torch.txt"))
    for name in ("describe", "make_anew", "install"):
        monkeypatch.setattr(environments, name, getattr(double, name))
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
    with pytest.raises(environments.SetupError, match="no network"):
        install.make_ready()
    install.fails = False
    assert install.make_ready() == ["make", "install"]


def test_interrupted_update_is_made_anew(install: Install) -> None:
    install.make_ready()
    install.environment.requirements.write_text("pytest==2\n")
    install.fails = True
    with pytest.raises(environments.SetupError, match="no network"):
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
    before = environments.requirements_hash(first, second)
    first.write_bytes(b"a==1\r\nc==1\r\n")
    assert environments.requirements_hash(first, second) == before
    second.write_bytes(b"b==2\n")
    assert environments.requirements_hash(first, second) != before


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
def test_first_python_that_fits_is_chosen(
    found: list[environments.Interpreter | None], chosen: environments.Interpreter
) -> None:
    assert environments.choose_interpreter(found) is chosen


def test_no_python_is_asked_after_one_that_fits() -> None:
    def found() -> Iterator[environments.Interpreter]:
        yield PYTHON
        pytest.fail("the next one was started")

    assert environments.choose_interpreter(found()) is PYTHON


@pytest.mark.parametrize(
    ("found", "fix"),
    [
        ([None], "install Python 3.11"),
        ([replace(PYTHON, version="3.9")], "install Python 3.11"),
        ([None, replace(BARE, version="3.12")], "apt install python3.12-venv"),
    ],
)
def test_no_fitting_python_is_one_line_with_the_fix(found: list[environments.Interpreter | None], fix: str) -> None:
    with pytest.raises(environments.SetupError, match=fix) as raised:
        environments.choose_interpreter(found)
    assert "\n" not in str(raised.value)


def test_python_describes_itself() -> None:
    described = environments.describe([sys.executable])
    assert described is not None
    assert described.version == f"{sys.version_info.major}.{sys.version_info.minor}"
    # Not this environment's own Python, which goes when the environment does.
    assert described.path == getattr(sys, "_base_executable", sys.executable)


@pytest.mark.parametrize("program", ["raise SystemExit(127)", "print('this version is not installed')"])
def test_stand_in_that_does_not_run_python_is_skipped(program: str) -> None:
    assert environments.describe([sys.executable, "-c", program]) is None


def test_missing_python_is_skipped(tmp_path: Path) -> None:
    assert environments.describe([str(tmp_path / "python3.11")]) is None


def test_candidates_in_order() -> None:
    assert list(environments.candidates(windows=False)) == [
        ["python3.11"],
        [sys.executable],
        ["python3.12"],
        ["python3.13"],
    ]
    assert list(environments.candidates(windows=True))[:3] == [["python3.11"], ["py", "-3.11"], [sys.executable]]


def test_programs_of_an_environment() -> None:
    assert environments.program(Path("a b"), "uv", windows=False) == Path("a b", "bin", "uv")
    assert environments.program(Path("a b"), "uv", windows=True) == Path("a b", "Scripts", "uv.exe")


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
    assert environments.uv_environ(environ, configured).get("UV_FIND_LINKS") == links


class Programs:
    """Stands for uv and pip: notes who was started for which file, and fails where told to."""

    def __init__(self, environment: environments.Environment, failing: Sequence[str]) -> None:
        self.environment, self.failing = environment, failing
        self.started: list[str] = []
        self.options: dict[str, list[str]] = {}

    def run(self, command: Sequence[str], environ: object = None) -> int:
        called = {
            str(self.environment.python): "pip",
            str(environments.program(self.environment.folder, "uv")): "own uv",
        }
        what = "uv" if environments.UV in command else Path(command[-1]).name
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
    environment = environments.Environment(tmp_path / "environment", tmp_path / "dev.txt", then=tmp_path / "torch.txt")
    programs = Programs(environment, failing)
    monkeypatch.setattr(environments, "run", programs.run)
    monkeypatch.setattr(environments, "find_links", lambda pip: "")
    monkeypatch.setattr("environments.shutil.which", lambda name: uv_on_path)
    environments.install(environment)
    assert programs.started == started
    # A resolver that goes by what is locked, or a source that is built, would bring what no hash is known of.
    assert {"--require-hashes", "--no-deps", "--only-binary"} <= set(programs.options["dev.txt"])
    assert not {"--require-hashes", "--no-deps"} & set(programs.options["torch.txt"])


def test_install_that_fails_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = environments.Environment(tmp_path / "environment", tmp_path / "dev.txt")
    monkeypatch.setattr(environments, "run", lambda command, environ=None: 1)
    monkeypatch.setattr(environments, "find_links", lambda pip: "")
    with pytest.raises(environments.SetupError, match=r"pip .*install .*dev\.txt"):
        environments.install(environment)
