"""Additions to the engine's environment: installed beside its packages, whole or not at all, and kept by an update."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.client.install import extras
from engine.client.install.environment import EnvironmentState, environment_python, state_of
from engine.client.install.installer import ExtraInstallation, InstallResult
from engine.errors import Code
from tests.patience import PATIENCE
from tests.unit.test_installer import (  # noqa: F401  (fixtures)
    PYTHON,
    REAL_UV,
    _small_disk,
    ended,
    folder,
    install,
    lay_wheel,
    locked,
    play_uv,
    posix_only,
)

NAME = extras.FINISHING
uv_there = pytest.mark.skipif(REAL_UV is None, reason="no uv here")


@pytest.fixture
def lock(locked: Path, monkeypatch: pytest.MonkeyPatch) -> Path:  # noqa: F811
    """The engine's lock, with that of an addition beside it, whose wheel has a module of the engine's, too."""
    monkeypatch.setitem(extras.CHECKS, NAME, "import larger, tiny")
    write_lock(locked, "1.0")
    return locked


def write_lock(lock: Path, version: str) -> None:
    known = lay_wheel(lock.parents[1] / "wheels", "larger", version)
    links = "\n".join(lock.read_text(encoding="utf-8").splitlines()[:3])
    pinned = f"{links}\nlarger=={version} \\\n    --hash=sha256:{known}\n"
    lock.with_name(f"{NAME}.txt").write_text(pinned, encoding="utf-8")


def add(environment: Path, requirements: Path, program: Path | str | None = REAL_UV, **more: object) -> InstallResult:
    options: dict[str, object] = {"online": True, **more}
    uv_program = Path(program) if program else None
    installation = ExtraInstallation(environment, requirements, PYTHON, NAME, uv_program=uv_program, **options)
    installation.start()
    assert installation.wait(PATIENCE) is not None
    return ended(installation)


def said_by(environment: Path, program: str) -> str:
    ran = subprocess.run([environment_python(environment), "-I", "-c", program], capture_output=True, text=True)
    return ran.stdout.strip() or ran.stderr.strip().splitlines()[-1]


@uv_there
def test_an_addition_is_found_after_the_engines_packages_and_goes_on_with_an_update(folder: Path, lock: Path) -> None:  # noqa: F811
    assert ended(install(folder, lock, REAL_UV, torch_backend="")).ok
    assert extras.state_of(folder, lock, NAME) is EnvironmentState.ABSENT
    assert "No module named 'larger'" in said_by(folder, "import larger")
    assert add(folder, lock).ok
    assert extras.state_of(folder, lock, NAME) is EnvironmentState.READY
    assert state_of(folder, lock) is EnvironmentState.READY
    assert said_by(folder, "import larger; print(larger.VERSION)") == "1.0"
    place = said_by(folder, "import larger; print(larger.__file__)")
    assert Path(place).is_relative_to(folder / "extras" / NAME)
    # A module of the same name would never hide one of the engine's.
    (folder / "extras" / NAME / "tiny.py").write_text("VERSION = 'wrong'\n", encoding="utf-8")
    assert said_by(folder, "import tiny; print(tiny.VERSION)") == "1.0"
    # A release with another version of it: the engine's update brings that.
    write_lock(lock, "2.0")
    assert extras.state_of(folder, lock, NAME) is EnvironmentState.OUTDATED
    assert said_by(folder, "import larger; print(larger.VERSION)") == "1.0"
    assert ended(install(folder, lock, REAL_UV, torch_backend="")).ok
    assert extras.state_of(folder, lock, NAME) is EnvironmentState.READY
    assert said_by(folder, "import larger; print(larger.VERSION)") == "2.0"


@uv_there
def test_what_does_not_work_or_is_not_the_locked_file_changes_nothing(
    folder: Path,  # noqa: F811
    lock: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert ended(install(folder, lock, REAL_UV, torch_backend="")).ok
    lay_wheel(lock.parents[1] / "wheels", "larger", "1.0", "tiny")  # other bytes under the same name
    result = add(folder, lock)
    assert result.error is not None
    assert "hash" in result.error.line.lower()
    assert extras.state_of(folder, lock, NAME) is EnvironmentState.ABSENT
    assert state_of(folder, lock) is EnvironmentState.READY
    monkeypatch.setitem(extras.CHECKS, NAME, "import larger; assert larger.VERSION == '2.0'")
    write_lock(lock, "1.0")
    result = add(folder, lock)
    assert result.error is not None
    assert result.error.line.startswith("The addition could not be installed: AssertionError;")
    assert not list((folder / "extras").iterdir())
    write_lock(lock, "2.0")
    assert add(folder, lock).ok


@posix_only
def test_what_a_kill_leaves_is_not_taken_for_an_addition(
    folder: Path,  # noqa: F811
    lock: Path,
    play_uv: Callable[..., Path],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    program = play_uv("print('words', *words)")
    assert ended(install(folder, lock, program)).ok
    monkeypatch.setitem(extras.CHECKS, NAME, "pass")
    half = extras.begin(folder, NAME)
    (half / "larger.py").touch()
    assert extras.state_of(folder, lock, NAME) is EnvironmentState.ABSENT
    assert extras.there(folder) == []
    half.rename(half.with_suffix(""))  # a folder that never was whole
    assert extras.state_of(folder, lock, NAME) is EnvironmentState.INCOMPLETE
    assert add(folder, lock, program).ok
    assert extras.state_of(folder, lock, NAME) is EnvironmentState.READY
    assert {path.name for path in (folder / "extras").iterdir()} == {NAME}


def test_nothing_is_added_to_an_engine_that_is_not_there_or_without_a_network(folder: Path, lock: Path) -> None:  # noqa: F811
    result = add(folder, lock)
    assert result.error is not None
    assert "the engine itself is not installed" in result.error.line
    result = add(folder, lock, online=False)
    assert result.error is not None
    assert result.error.code is Code.INSTALL_OFFLINE
