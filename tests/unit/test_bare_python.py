"""Installing the engine with a Python that has neither pip nor ensurepip, as Debian's Blender brings it.

The Python is this machine's own program with its standard library laid out anew, less what Debian leaves out.
"""

# ruff: noqa: F811
from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from engine.client.install import installer, package_index, uv
from engine.client.install.installer import Installation
from engine.errors import EngineError
from tests.unit.test_installer import REAL_UV, folder, index, publish, requirements  # noqa: F401  (fixtures)

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Blender's Python for Windows comes with everything")


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python without ensurepip, pip and other packages."""
    prefix, library = tmp_path_factory.mktemp("bare"), Path(sysconfig.get_path("stdlib"))
    place = prefix / "lib" / library.name
    (place / "site-packages").mkdir(parents=True)
    for part in library.iterdir():
        if part.name not in ("ensurepip", "site-packages"):
            (place / part.name).symlink_to(part)
    for part in library.parent.iterdir():
        if part.name != library.name:
            (prefix / "lib" / part.name).symlink_to(part)
    program = prefix / "bin" / library.name
    program.parent.mkdir()
    shutil.copy(Path(sys._base_executable).resolve(), program)  # type: ignore[attr-defined]
    return program


@pytest.fixture(autouse=True)
def _small_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installer, "NEEDED_BYTES", 1)


def installed(folder: Path, requirements: Path, python: Path, **more: str) -> Installation:
    """Install, and return what was installed by when it ended."""
    installation = Installation(folder, requirements, python, online=True, check="import tiny", **more)  # type: ignore[arg-type]
    installation.start()
    assert installation.wait(120) is not None
    return installation


def sentence(installation: Installation) -> EngineError:
    """What the artist is told of an install that failed."""
    assert installation.result is not None
    assert installation.result.error is not None
    return installation.result.error


def test_it_is_as_bare_as_debians(bare: Path) -> None:
    for words in (["-m", "pip"], ["-m", "ensurepip"]):
        ran = subprocess.run([bare, *words], capture_output=True, text=True)
        assert "No module named" in ran.stderr
    assert uv.pip(bare) is None


@pytest.mark.skipif(REAL_UV is None, reason="no uv here")
def test_uv_comes_without_pip_and_makes_the_engine(
    bare: Path,
    folder: Path,
    requirements: Path,
    index: tuple[str, Path],
) -> None:
    publish(index[1], Path(str(REAL_UV)).read_bytes())
    installation = installed(folder, requirements, bare, index=index[0])
    assert installation.result is not None
    assert installation.result.ok, installation.report()
    prefix = subprocess.run(
        [folder / "bin" / "python", "-c", "import sys; print(sys.base_prefix)"], capture_output=True, text=True
    ).stdout.strip()
    assert Path(prefix) == bare.parents[1]


def test_a_swapped_uv_is_refused_without_pip_as_with_it(
    bare: Path,
    folder: Path,
    requirements: Path,
    index: tuple[str, Path],
) -> None:
    index[1].write_bytes(b"another")
    fault = sentence(installed(folder, requirements, bare, index=index[0]))
    assert "is not the file that Shotpack knows" in fault.line
    assert not list((folder.parent / "install-cache").glob("uv-*"))


@pytest.mark.parametrize(
    ("system", "advice"),
    [
        ({"ID": "debian"}, "sudo apt install python3-venv"),
        ({"ID": "linuxmint", "ID_LIKE": "ubuntu debian"}, "sudo apt install python3-venv"),
        ({"ID": "fedora"}, "your system's packages for pip and venv"),
        (None, "your system's packages for pip and venv"),
    ],
)
def test_what_cannot_work_ends_in_one_sentence(
    bare: Path,
    folder: Path,
    requirements: Path,
    index: tuple[str, Path],
    monkeypatch: pytest.MonkeyPatch,
    system: dict[str, str] | None,
    advice: str,
) -> None:
    def told() -> dict[str, str]:
        if system is None:
            raise OSError("no os-release here")
        return system

    monkeypatch.setattr(platform, "freedesktop_os_release", told)
    fault = sentence(installed(folder, requirements, bare, index=f"{index[0]}/nothing"))
    assert str(fault.params["detail"]).startswith("this Blender's Python has no pip, and uv ")
    assert "HTTP Error 404" in fault.line
    assert advice in fault.line
    assert ("apt" in fault.line) == ("apt" in advice)
    assert "\n" not in fault.line


def test_pip_alone_makes_the_engine_where_only_ensurepip_is_missing(
    bare: Path,
    folder: Path,
    requirements: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    whole = tmp_path / "with-pip"
    shutil.copytree(bare.parents[1], whole, symlinks=True)
    program = whole / "bin" / bare.name
    shutil.copytree(
        Path(sysconfig.get_path("purelib", vars={"base": sys.base_prefix})) / "pip",
        whole / "lib" / bare.name / "site-packages" / "pip",
    )
    monkeypatch.setattr(uv, "SHA256", {})
    assert uv.pip(program) == [str(program), "-m", "pip"]
    installation = installed(folder, requirements, program)
    assert installation.result is not None
    assert installation.result.ok, installation.report()
    assert "going on with pip" in installation.report()


def test_the_index_is_the_one_that_is_named() -> None:
    assert package_index.of({}) is None
    assert package_index.of({"PIP_INDEX_URL": "https://mirror.example/simple"}) == "https://mirror.example/simple"
    page = '<a href="../../files/uv-1.whl#sha256=00ff">a</a><a href="../b.whl#sha256=11&amp;x">b</a>'
    assert package_index.address(page, "https://x.example/simple/uv/", "00ff") == "https://x.example/files/uv-1.whl"
    assert package_index.address(page, "https://x.example/simple/uv/", "22") is None
