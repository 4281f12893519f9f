"""The installer: what it leaves on the disk however it ends, what it trusts, and what it tells.

Most run against a uv that is a script; some make a real environment, with the real uv and with pip.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import textwrap
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from engine.client import subprocesses
from engine.client.install import installer, report, uv
from engine.client.install.environment import EnvironmentState, Place, environment_python, requirements_hash, state_of
from engine.client.install.installer import Installation, InstallProgress, InstallResult, Stage
from engine.errors import Code
from tests.patience import PATIENCE

PYTHON = Path(sys.executable)
REAL_UV = shutil.which("uv") or shutil.which("uv", path=str(PYTHON.parent))
posix_only = pytest.mark.skipif(os.name == "nt", reason="the scripts that play uv need a shebang")
STAMP = "shotpack-environment.json"
HERE = ("Linux", "x86_64")


@pytest.fixture(autouse=True)
def _small_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environments here are small, and the machine's disk may be as well."""
    monkeypatch.setattr(installer, "NEEDED_BYTES", 1)


def lay_wheel(wheels: Path, name: str, version: str, *needs: str) -> str:
    """Put a tiny wheel that needs other packages into a folder; returns its SHA-256."""
    wheels.mkdir(exist_ok=True)
    info = f"{name}-{version}.dist-info"
    needed = "".join(f"Requires-Dist: {need}\n" for need in needs)
    files = {
        f"{name}.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needed}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{file},,\n" for file in [*files, f"{info}/RECORD"])
    path = wheels / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for file, text in files.items():
            wheel.writestr(file, text)
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def requirements(tmp_path: Path) -> Path:
    """A requirements file of one tiny package, with the folder that holds its wheel."""
    wheels = tmp_path / "wheels"
    lay_wheel(wheels, "tiny", "1.0")
    path = tmp_path / "requirements.txt"
    path.write_text(f"# pinned\n--no-index\n--find-links {wheels.as_posix()}\ntiny==1.0\n", encoding="utf-8")
    return path


@pytest.fixture
def locked(tmp_path: Path) -> Path:
    """Requirements in two files, as Shotpack's are: hashes for `tiny` and `pure`, and `torch` by its version.

    `tiny` needs torch and torch needs `pure`, of which there is a newer one that no hash is known of.
    """
    wheels, place = tmp_path / "wheels", tmp_path / "requirements"
    place.mkdir()
    hashes = {"tiny": lay_wheel(wheels, "tiny", "1.0", "torch>=1"), "pure": lay_wheel(wheels, "pure", "1.0")}
    lay_wheel(wheels, "torch", "2.0", "pure")
    lay_wheel(wheels, "torch", "3.0", "pure")
    lay_wheel(wheels, "pure", "2.0")
    links = f"# pinned\n--no-index\n--find-links {wheels.as_posix()}\n"
    pins = "".join(f"{name}==1.0 \\\n    --hash=sha256:{known}\n    # via x\n" for name, known in hashes.items())
    (place / "engine.txt").write_text(links + pins, encoding="utf-8")
    (place / "torch.txt").write_text(f"{links}pure==1.0\ntorch==2.0\n", encoding="utf-8")
    return place / "engine.txt"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the environment goes; its parent is not there yet."""
    return tmp_path / "user" / "engine-env"


@pytest.fixture
def play_uv(tmp_path: Path) -> Callable[..., Path]:
    """Make a uv that is a script: `venv` and `pip` are what it does for each, with its arguments in `words`."""

    def make(pip: str = "", venv: str = "") -> Path:
        script = tmp_path / "played" / "uv"
        script.parent.mkdir(exist_ok=True)
        script.write_text(
            f"#!{sys.executable}\n"
            "import os, pathlib, subprocess, sys, time\n"
            "words = sys.argv[1:]\n"
            "if words[0] == 'venv':\n"
            f"{textwrap.indent(textwrap.dedent(venv) or 'pass', '    ')}\n"
            "    python = pathlib.Path(words[words.index('--allow-existing') + 1]) / 'bin' / 'python'\n"
            "    python.parent.mkdir(exist_ok=True)\n"
            "    python.symlink_to(sys.executable)\n"
            "elif words[0] == 'pip':\n"
            f"{textwrap.indent(textwrap.dedent(pip) or 'pass', '    ')}\n",
            encoding="utf-8",
        )
        script.chmod(0o755)
        return script

    return make


def publish(wheel: Path, program: bytes) -> None:
    """Put a wheel that holds a uv, and members that want to lie elsewhere, on an index and pin its checksum."""
    name = "uv.exe" if os.name == "nt" else "uv"
    info = f"uv-{uv.VERSION}.dist-info"
    members = {
        f"uv-{uv.VERSION}.data/scripts/{name}": program,
        "../../evil": b"",
        "/evil": b"",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: uv\nVersion: {uv.VERSION}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": b"",
    }
    with zipfile.ZipFile(wheel, "w") as archive:
        for member, data in members.items():
            archive.writestr(member, data)
    uv.SHA256[HERE] = hashlib.sha256(wheel.read_bytes()).hexdigest()
    page = wheel.parent / "uv" / "index.html"
    page.parent.mkdir(exist_ok=True)
    link = f"../{wheel.name}#sha256={uv.SHA256[HERE]}"
    page.write_text(f'<a href="{link}">{wheel.name}</a>', encoding="utf-8")


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and prints nothing."""

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Path]]:
    """A package index on this machine that has the pinned uv: its URL and the wheel it gives."""
    root = tmp_path / "index"
    root.mkdir()
    monkeypatch.setattr(uv.platform, "system", lambda: HERE[0])
    monkeypatch.setattr(uv.platform, "machine", lambda: HERE[1])
    monkeypatch.setattr(uv, "SHA256", {})
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)  # a machine's own folders of wheels
    wheel = root / f"uv-{uv.VERSION}-py3-none-any.whl"
    publish(wheel, b"#!/bin/sh\n")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(root))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", wheel
        server.shutdown()
        thread.join()


def install(folder: Path, requirements: Path, uv_program: Path | str | None = None, **more: object) -> Installation:
    """Install, and return what was installed by when it ended."""
    program = Path(uv_program) if uv_program else None
    options: dict[str, object] = {"online": True, "check": "pass", **more}
    installation = Installation(folder, requirements, PYTHON, uv_program=program, **options)  # type: ignore[arg-type]
    installation.start()
    assert installation.wait(PATIENCE) is not None
    return installation


def ended(installation: Installation) -> InstallResult:
    """How an install ended."""
    assert installation.result is not None
    return installation.result


def detail(installation: Installation) -> str:
    """What was wrong, where it failed to install."""
    error = ended(installation).error
    assert error is not None
    assert error.code is Code.INSTALL_FAILED
    return str(error.params["detail"])


def call(command: Sequence[str]) -> None:
    """Run a program as an installation does."""
    ran = subprocess.run(command, capture_output=True, text=True)
    if ran.returncode:
        raise uv.explained(ran.stdout + ran.stderr)


def names(folder: Path) -> set[str]:
    """What lies in a folder, without hidden files."""
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}


def until(happened: Callable[[], bool]) -> None:
    """Wait until something has happened."""
    limit = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < limit, "it did not happen"
        time.sleep(0.02)


def runs(pid: int) -> bool:
    """Whether a process runs: one that was killed may still wait for its parent to notice."""
    try:
        os.kill(pid, 0)
        stat = Path(f"/proc/{pid}/stat")
        return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


@pytest.mark.skipif(REAL_UV is None, reason="no uv here")
def test_uv_makes_an_environment_that_works_where_it_lies(
    folder: Path, requirements: Path, index: tuple[str, Path]
) -> None:
    publish(index[1], Path(str(REAL_UV)).read_bytes())
    installation = install(folder, requirements, index=index[0], check="import tiny")
    assert ended(installation).ok, installation.report()
    assert installation.progress == InstallProgress(Stage.DONE, 1.0)
    assert state_of(folder, requirements) is EnvironmentState.READY
    assert names(folder.parent) == {"engine-env", "install.log"}
    place = str(environment_python(folder))
    program = "import sys, tiny; assert tiny.__file__.startswith(sys.prefix), tiny.__file__"
    assert subprocesses.run([place, "-c", program], uv.child_environ(folder, folder), folder, lambda line: None) == 0


LOCKED = "import tiny, pure, torch; assert (tiny.VERSION, pure.VERSION, torch.VERSION) == ('1.0', '1.0', '2.0')"
FILLERS = [
    pytest.param(REAL_UV, marks=pytest.mark.skipif(REAL_UV is None, reason="no uv here"), id="uv"),
    pytest.param(None, marks=pytest.mark.slow, id="pip"),
]
"""What fills an environment: uv, or pip where there is none."""


@pytest.mark.parametrize("program", FILLERS)
def test_what_is_locked_is_installed_and_pytorch_after_it(
    folder: Path, locked: Path, program: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uv, "SHA256", {})
    installation = install(folder, locked, program, check=LOCKED, torch_backend="")
    assert ended(installation).ok, installation.report()
    assert state_of(folder, locked) is EnvironmentState.READY
    assert "Requirements: tiny==1.0, pure==1.0, torch==2.0\n" in installation.report()
    assert ("going on with pip" in installation.report()) == (program is None)
    torch = locked.with_name("torch.txt")
    torch.write_text(torch.read_text(encoding="utf-8").replace("2.0", "3.0"), encoding="utf-8")
    assert state_of(folder, locked) is EnvironmentState.OUTDATED


@pytest.mark.parametrize("program", FILLERS)
def test_file_that_is_not_the_locked_one_is_refused(
    folder: Path, locked: Path, program: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uv, "SHA256", {})
    lay_wheel(locked.parents[1] / "wheels", "tiny", "1.0", "torch>=2")
    installation = install(folder, locked, program, check="pass", torch_backend="")
    assert "hash" in detail(installation).lower()
    assert "from another network" in installation.progress.detail
    assert state_of(folder, locked) is EnvironmentState.ABSENT


@pytest.mark.skipif(REAL_UV is None, reason="no uv here")
def test_pytorch_brings_nothing_that_the_lock_does_not_know(folder: Path, locked: Path) -> None:
    lay_wheel(locked.parents[1] / "wheels", "torch", "2.0", "pure>=2")
    installation = install(folder, locked, REAL_UV, check="pass", torch_backend="")
    assert "pure" in detail(installation)
    assert state_of(folder, locked) is EnvironmentState.ABSENT


@posix_only
def test_only_pytorch_is_left_to_the_resolver(folder: Path, locked: Path, play_uv: Callable[..., Path]) -> None:
    installation = install(folder, locked, play_uv("print('words', *words[4:])"), torch_backend="cu128")
    assert ended(installation).ok
    lines = (folder.parent / report.LOG).read_text(encoding="utf-8").splitlines()
    first, second = [line.partition(" words ")[2] for line in lines if " words " in line]
    assert first == f"--require-hashes --no-deps --only-binary :all: -r {locked}"
    assert second == f"-r {locked.with_name('torch.txt')} --torch-backend=cu128"


@posix_only
def test_progress_goes_on_from_one_file_to_the_next(folder: Path, locked: Path, play_uv: Callable[..., Path]) -> None:
    go = [locked.with_name(f"go{number}") for number in range(2)]
    program = play_uv(f"""
        torch = any(word.endswith("torch.txt") for word in words)
        print("Downloading torch (800.0MiB)" if torch else "Downloading numpy (10.0MiB)", flush=True)
        while not os.path.exists({list(map(str, go))!r}[torch]): time.sleep(0.02)
    """)
    installation = Installation(folder, locked, PYTHON, online=True, uv_program=program, check="pass")
    installation.start()
    fractions = []
    for name, pressed in zip(("numpy (10 MiB)", "torch (800 MiB)"), go, strict=True):
        until(lambda name=name: installation.progress.detail == name)  # type: ignore[misc]
        fractions.append(installation.progress.fraction or 0.0)
        pressed.touch()
    assert installation.wait(PATIENCE) == InstallResult()
    assert 0.05 <= fractions[0] < fractions[1] < 0.93


@posix_only
def test_uv_that_does_not_run_is_done_without(
    folder: Path, requirements: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "uv"
    broken.write_text("#!/bin/sh\nexit 127\n")
    broken.chmod(0o755)
    monkeypatch.setattr(Installation, "_make", lambda self, program: self._call([str(program)]))
    assert "None" in detail(install(folder, requirements, broken))


def test_on_windows_pip_is_no_way_out_for_a_graphics_card(
    folder: Path, requirements: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installer.platform, "system", lambda: "Windows")
    monkeypatch.setattr(installer.platform, "machine", lambda: "IA64")
    monkeypatch.setattr(installer.shutil, "which", lambda name: name)
    assert detail(install(folder, requirements)) == "there is no uv for Windows on IA64"


def test_offline_nothing_is_begun(folder: Path, requirements: Path) -> None:
    error = ended(install(folder, requirements, online=False)).error
    assert error is not None
    assert error.code is Code.INSTALL_OFFLINE
    assert not folder.parent.exists()


def test_disk_must_have_room(folder: Path, requirements: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installer, "NEEDED_BYTES", 1 << 60)
    error = ended(install(folder, requirements)).error
    assert error is not None
    assert error.code is Code.DISK_SHORT
    assert state_of(folder, requirements) is EnvironmentState.ABSENT


@posix_only
def test_progress_follows_uv(folder: Path, requirements: Path, play_uv: Callable[..., Path]) -> None:
    go = requirements.with_name("go")
    program = play_uv(f"""
        print("Downloading torch (800.0MiB)", flush=True)
        while not os.path.exists({str(go)!r}): time.sleep(0.02)
    """)
    installation = Installation(folder, requirements, PYTHON, online=True, uv_program=program, check="pass")
    assert installation.progress == InstallProgress(Stage.WAITING, 0.0)
    installation.start()
    until(lambda: installation.progress.detail != "")
    progress = installation.progress
    assert (progress.stage, progress.detail) == (Stage.PACKAGES, "torch (800 MiB)")
    assert progress.fraction is not None
    assert 0.05 <= progress.fraction < 0.93
    assert installation.result is None
    assert state_of(folder, requirements) is EnvironmentState.INCOMPLETE
    go.touch()
    assert installation.wait(PATIENCE) == InstallResult()


@posix_only
def test_cancel_kills_everything_and_leaves_nothing(
    folder: Path, requirements: Path, play_uv: Callable[..., Path]
) -> None:
    pids = requirements.with_name("pids")
    program = play_uv(f"""
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        pathlib.Path({str(pids)!r} + ".part").write_text(f"{{os.getpid()}} {{child.pid}}")
        os.rename({str(pids)!r} + ".part", {str(pids)!r})
        time.sleep(60)
    """)
    installation = Installation(folder, requirements, PYTHON, online=True, uv_program=program)
    installation.start()
    until(pids.exists)
    begun = time.monotonic()
    installation.cancel()
    assert installation.wait(PATIENCE) == InstallResult(cancelled=True)
    assert time.monotonic() - begun < 10
    assert installation.progress.stage is Stage.CANCELLED
    for pid in map(int, pids.read_text().split()):
        until(lambda pid=pid: not runs(pid))  # type: ignore[misc]
    assert state_of(folder, requirements) is EnvironmentState.ABSENT
    assert names(folder.parent) == {"install.log"}
    assert ended(install(folder, requirements, play_uv())).ok


@posix_only
def test_failure_is_told_in_the_programs_words(folder: Path, requirements: Path, play_uv: Callable[..., Path]) -> None:
    said = "Using Python\nerror: Failed to fetch: nowhere\n  cause: dns error"
    installation = install(folder, requirements, play_uv(f"print({said!r}); sys.exit(2)"))
    assert detail(installation) == "Failed to fetch: nowhere cause: dns error"
    assert installation.progress.stage is Stage.FAILED
    assert "network" in installation.progress.detail
    assert state_of(folder, requirements) is EnvironmentState.ABSENT


@posix_only
def test_what_does_not_work_does_not_count(folder: Path, requirements: Path, play_uv: Callable[..., Path]) -> None:
    installation = install(folder, requirements, play_uv(), check="import no_such_thing")
    assert detail(installation) == "ModuleNotFoundError: No module named 'no_such_thing'"
    assert state_of(folder, requirements) is EnvironmentState.ABSENT


@posix_only
def test_other_python_is_looked_for_where_the_given_one_will_not_do(
    folder: Path, requirements: Path, play_uv: Callable[..., Path]
) -> None:
    installation = install(folder, requirements, play_uv(venv="if words[-1] != '>=3.11,<3.15': sys.exit(2)"))
    assert ended(installation).ok
    assert f"{PYTHON} will not do" in installation.report()


@posix_only
def test_no_python_at_all_is_one_sentence(folder: Path, requirements: Path, play_uv: Callable[..., Path]) -> None:
    said = "error: No download found for request: cpython-3.11"
    installation = install(folder, requirements, play_uv(venv=f"print({said!r}); sys.exit(2)"))
    lines = (folder.parent / report.LOG).read_text(encoding="utf-8").splitlines()
    tried = [line.rpartition("--python ")[2] for line in lines if " venv " in line]
    assert tried == [str(PYTHON), ">=3.11,<3.15", "3.11"]
    assert detail(installation).startswith("no Python 3.11 to 3.14 was found, and uv could not get one (No download")
    assert ended(installation).error is not None
    assert "install Python 3.14 or use Blender's own build" in ended(installation).error.line  # type: ignore[union-attr]


@posix_only
def test_a_python_that_the_packages_do_not_come_for_is_not_tried(
    folder: Path, requirements: Path, play_uv: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installer, "FITTING", ((3, 9),))
    install(folder, requirements, play_uv())
    [made] = [line for line in (folder.parent / report.LOG).read_text().splitlines() if " venv " in line]
    assert made.endswith("--no-python-downloads --python >=3.9,<3.10")


@posix_only
@pytest.mark.parametrize(("backend", "flag"), [("auto", "--torch-backend=auto"), ("", "engine-env.new")])
def test_torch_backend_is_passed_on(
    folder: Path, requirements: Path, play_uv: Callable[..., Path], backend: str, flag: str
) -> None:
    installation = install(folder, requirements, play_uv("print('words', words)"), torch_backend=backend)
    [line] = [line for line in installation.report().splitlines() if " words " in line]
    assert flag in line
    assert ("--torch-backend" in line) == bool(backend)


@posix_only
def test_failed_upgrade_keeps_the_old_environment(
    folder: Path, requirements: Path, play_uv: Callable[..., Path]
) -> None:
    assert ended(install(folder, requirements, play_uv("(pathlib.Path(words[3]).parent / 'first').touch()"))).ok
    requirements.write_text("other==2\n", encoding="utf-8")
    assert state_of(folder, requirements) is EnvironmentState.OUTDATED
    assert not ended(install(folder, requirements, play_uv("sys.exit(1)"))).ok
    assert state_of(folder, requirements) is EnvironmentState.OUTDATED
    assert (folder / "bin" / "first").exists()
    assert ended(install(folder, requirements, play_uv())).ok
    assert state_of(folder, requirements) is EnvironmentState.READY
    assert not (folder / "bin" / "first").exists()
    assert names(folder.parent) == {"engine-env", "install.log"}


@posix_only
def test_environment_that_cannot_take_its_place_gives_it_back(
    folder: Path, requirements: Path, play_uv: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ended(install(folder, requirements, play_uv("(pathlib.Path(words[3]).parent / 'first').touch()"))).ok
    rename = Path.rename

    def refuse(path: Path, target: Path) -> Path:
        if path.name.endswith(".new"):
            raise PermissionError(13, "Permission denied")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    assert "Permission denied" in detail(install(folder, requirements, play_uv()))
    assert (folder / "bin" / "first").exists()
    assert state_of(folder, requirements) is EnvironmentState.READY


def made(folder: Path, requirements: Path, state: str = "ready") -> None:
    """Lay an environment with a stamp on the disk."""
    environment_python(folder).parent.mkdir(parents=True)
    environment_python(folder).touch()
    stamp = {"state": state, "requirements": requirements_hash(requirements)}
    (folder / STAMP).write_text(json.dumps(stamp), encoding="utf-8")


def test_states(folder: Path, requirements: Path) -> None:
    assert state_of(folder, requirements) is EnvironmentState.ABSENT
    made(folder, requirements, "incomplete")
    assert state_of(folder, requirements) is EnvironmentState.INCOMPLETE
    shutil.rmtree(folder)
    made(folder, requirements)
    assert state_of(folder, requirements) is EnvironmentState.READY
    requirements.write_bytes(requirements.read_bytes().replace(b"\n", b"\r\n"))
    assert state_of(folder, requirements) is EnvironmentState.READY
    requirements.write_text("other==1\n", encoding="utf-8")
    assert state_of(folder, requirements) is EnvironmentState.OUTDATED
    environment_python(folder).unlink()
    assert state_of(folder, requirements) is EnvironmentState.INCOMPLETE
    (folder / STAMP).write_text("[]", encoding="utf-8")
    assert state_of(folder, requirements) is EnvironmentState.INCOMPLETE
    folder.rename(Place(folder, requirements).new)
    assert state_of(folder, requirements) is EnvironmentState.INCOMPLETE


def test_environment_moved_aside_by_a_killed_install_comes_back(folder: Path, requirements: Path) -> None:
    place = Place(folder, requirements)
    made(place.old, requirements)
    made(place.new, requirements, "incomplete")
    assert state_of(folder, requirements) is EnvironmentState.INCOMPLETE
    place.clear()
    assert state_of(folder, requirements) is EnvironmentState.READY
    assert names(folder.parent) == {"engine-env"}


@posix_only
def test_half_made_environment_is_made_afresh(folder: Path, requirements: Path, play_uv: Callable[..., Path]) -> None:
    made(folder, requirements, "incomplete")
    made(Place(folder, requirements).new, requirements, "incomplete")
    (folder / "half").touch()
    assert ended(install(folder, requirements, play_uv())).ok
    assert not (folder / "half").exists()


def test_folder_of_other_things_is_left_alone(folder: Path, requirements: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "thesis.txt").touch()
    assert detail(install(folder, requirements)).endswith("holds something else")
    assert names(folder) == {"thesis.txt"}


def test_only_one_installs_at_a_time(folder: Path, requirements: Path) -> None:
    folder.parent.mkdir()
    with Place(folder, requirements).held():
        assert detail(install(folder, requirements)) == "another Blender is installing it"


@pytest.mark.parametrize("fault", [RuntimeError("odd"), OSError(28, "No space left on device")])
def test_nothing_is_raised_into_blender(
    folder: Path, requirements: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise fault

    monkeypatch.setattr(uv, "fetch", fail)
    installation = install(folder, requirements)
    assert detail(installation) == str(fault)
    assert "Traceback" in installation.report()


def test_children_get_nothing_of_blenders_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {"UV_INDEX_URL": "https://mirror.example/simple", "UV_FIND_LINKS": "/wheels", "PIP_INDEX_URL": "https://m"}
    dropped = {"PYTHONHOME": "/blender", "PYTHONPATH": "/blender/lib", "PIP_TARGET": "/x", "VIRTUAL_ENV": "/y"}
    for name, value in {**kept, **dropped}.items():
        monkeypatch.setenv(name, value)
    environ = uv.child_environ(tmp_path / "cache", tmp_path / "python")
    assert kept.items() <= environ.items()
    assert not dropped.keys() & environ.keys()
    assert Path(environ["UV_CACHE_DIR"]).is_relative_to(tmp_path)


def test_report_names_versions_and_nobody(
    folder: Path, requirements: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "mmustermann"
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(home))
    for name in ("USER", "USERNAME", "LOGNAME"):
        monkeypatch.setenv(name, "erika")
    folder.parent.mkdir()
    lines = [f"line {number}" for number in range(100)]
    lines += [f"{home}/x", f"{home}!", "/tmp/erika/y", "numerika", "https://erika:secret@mirror.example/simple"]
    (folder.parent / "install.log").write_text("\n".join(lines), encoding="utf-8")
    text = report.report(folder, requirements, "Downloading packages")
    assert "mmustermann" not in text
    assert "secret" not in text
    for part in ("~/x", "~!", "/tmp/USER/y", "numerika", "https://***@mirror.example/simple", "tiny==1.0"):
        assert part in text
    for part in (uv.VERSION, "Downloading packages", "absent", "line 99"):
        assert part in text
    assert "line 44\n" not in text
    assert "line 45\n" in text


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("error: No solution found\n cause: Because there is no version of torch==2.13.0 and", "graphics driver"),
        ("error: Failed to fetch: https://x\n cause: dns error", "network"),
        ("error: Failed to download `x==1`\n cause: Hash mismatch for `x==1`", "from another network"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "from another network"),
        ("error: invalid peer certificate: UnknownIssuer", "SSL_CERT_FILE"),
        ("this Blender's Python has no pip, and uv could not be downloaded (certificate verify failed)", "SSL_CERT"),
        ("this Blender's Python has no pip, and uv could not be downloaded (timed out)", "check the network"),
        ("this Blender's Python has no pip, and uv could not be downloaded (HTTP Error 404)", "Blender's own build"),
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "free some"),
        ("error: No solution found when resolving dependencies", "report"),
    ],
)
def test_advice_fits_the_fault(said: str, advice: str) -> None:
    assert advice in uv.explained(said).advice


def test_downloads_go_by_size_and_by_what_the_disk_took() -> None:
    downloads = uv.Downloads()
    assert downloads.fraction(1e9) == 0.0
    for line in ("Using Python 3.11.7", "Downloading torch (300.0MiB)\n", "Downloading numpy (100.0MiB)\n"):
        downloads.read(line)
    assert downloads.under_way() == "torch (300 MiB), numpy (100 MiB)"
    assert downloads.fraction(0) == 0.0
    assert 0.1 < downloads.fraction(100 * 2**20) < 0.2
    downloads.read(" Downloaded torch\n")
    assert downloads.fraction(0) == 0.75
    assert downloads.under_way() == "numpy (100 MiB)"
    assert downloads.fraction(1e12) == pytest.approx(0.97)
    downloads.read("Prepared 14 packages in 1.35s\n")
    assert downloads.fraction(0) == 1.0


def test_uv_is_fetched_once_and_only_the_program_is_unpacked(index: tuple[str, Path], tmp_path: Path) -> None:
    cache = tmp_path / "a" / "b" / "cache"
    program = uv.fetch(cache, PYTHON, call, index=index[0])
    assert program.parent == cache
    assert program.read_text() == "#!/bin/sh\n"
    assert names(cache) == {"uv", "uv.txt", index[1].name}
    assert not list(tmp_path.rglob("evil"))
    assert uv.fetch(cache, PYTHON, lambda _: pytest.fail("it is here already"), index=index[0]) == program


def test_file_that_is_not_the_pinned_one_is_refused(index: tuple[str, Path], folder: Path, requirements: Path) -> None:
    uv.SHA256[HERE] = "1" * 64
    installation = install(folder, requirements, index=index[0])
    assert "is not the file that Shotpack knows" in detail(installation)
    assert names(folder.parent / "install-cache") <= {"uv.txt", "pip-cache"}


def test_damaged_copy_is_fetched_again(index: tuple[str, Path], tmp_path: Path) -> None:
    uv.fetch(tmp_path, PYTHON, call, index=index[0])
    [wheel] = tmp_path.glob("uv-*.whl")
    wheel.write_bytes(b"half")
    assert uv.fetch(tmp_path, PYTHON, call, index=index[0]).read_text() == "#!/bin/sh\n"


def test_uv_is_missing_where_pip_cannot_get_it(
    index: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(uv.UvMissingError, match="could not be downloaded"):
        uv.fetch(tmp_path, PYTHON, call, index=f"{index[0]}/nothing")
    monkeypatch.setattr(uv, "SHA256", {})
    with pytest.raises(uv.UvMissingError, match="no uv for Linux on x86_64"):
        uv.fetch(tmp_path, PYTHON, call, index=index[0])


def test_pip_is_the_one_that_python_keeps_for_new_environments() -> None:
    found = uv.pip(PYTHON)
    assert found is not None
    assert Path(found[1]).parent.suffix == ".whl"
    said = subprocess.run([*found, "--version"], capture_output=True, text=True, check=True).stdout
    assert said.startswith("pip ")


def test_pinned_uv_is_the_one_that_development_uses() -> None:
    script = (Path(__file__).resolve().parents[2] / "environments.py").read_text(encoding="utf-8")
    assert f'UV = "uv=={uv.VERSION}"' in script
    assert all(len(bytes.fromhex(checksum)) == 32 for checksum in uv.SHA256.values())
