"""release.py: what may be released, that a repository is never half made, that what fails is told in a line."""

from __future__ import annotations

import json
import subprocess
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest

import release
from engine.protocol import ENGINE_VERSION

ROOT = Path(__file__).resolve().parents[2]


class Program:
    """Stands for Blender's program: packs every file of a folder, and lists the zips; fails where told to."""

    def __init__(self, version: str) -> None:
        self.version = version
        self.fails = ""
        self.lists = True

    def build(self, source: Path, folder: Path) -> Path:
        package = folder / f"shotpack-{self.version}.zip"
        with ZipFile(package, "w") as archive:
            for path in source.rglob("*"):
                if path.is_file() and ".git" not in path.parts:
                    archive.write(path, path.relative_to(source))
        if self.fails == "build":
            raise release.ReleaseError("the manifest is wrong")
        return package

    def write_listing(self, folder: Path) -> None:
        assert not (folder.parent / f"shotpack-{self.version}.zip").exists(), "what no listing names is served already"
        found = [
            {"archive_url": f"./{package.name}", "archive_size": package.stat().st_size}
            for package in folder.glob("*.zip")
            if self.lists
        ]
        (folder / "index.json").write_text(json.dumps({"data": found}))
        (folder / "index.html").write_text(f"<a>{self.version}</a>")
        if self.fails == "listing":
            raise KeyboardInterrupt


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A checkout with everything committed."""
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "__init__.py").write_text("x = 1\n")
    (folder / "ein Bär.txt").write_text("a name that git would quote\n")
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "-c", "user.name=n", "-c", "user.email=e", "commit", "--quiet", "--message=all")
    return folder


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_newer_release_takes_the_place_of_the_old_one(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "here" / "dist"
    assert release.make(Program("1.0.0"), source, out) == out / "shotpack-1.0.0.zip"
    (out / "CNAME").write_text("what a server wants there")
    (out / "others-1.0.0.zip").touch()
    assert release.make(Program("1.0.1"), source, out) == out / "shotpack-1.0.1.zip"
    assert {*contents(out)} == {"index.json", "index.html", "shotpack-1.0.1.zip", "CNAME", "others-1.0.0.zip"}
    assert b"shotpack-1.0.1.zip" in contents(out)["index.json"]


@pytest.mark.parametrize("fails", ["build", "listing", "lists nothing"])
def test_a_release_that_fails_leaves_all_as_it_was(fails: str, source: Path, tmp_path: Path) -> None:
    program = Program("1.0.1")
    program.fails, program.lists = fails, fails != "lists nothing"
    out = tmp_path / "dist"
    with pytest.raises((release.ReleaseError, KeyboardInterrupt)):
        release.make(program, source, out)
    assert not out.exists()
    release.make(Program("1.0.0"), source, out)
    before = contents(out)
    with pytest.raises((release.ReleaseError, KeyboardInterrupt)):
        release.make(program, source, out)
    assert contents(out) == before


def test_what_a_killed_release_left_goes(source: Path, tmp_path: Path) -> None:
    left = tmp_path / "dist" / f"{release.UNFINISHED}x"
    left.mkdir(parents=True)
    (left / "shotpack-0.9.0.zip").touch()
    release.make(Program("1.0.0"), source, left.parent)
    assert not left.exists()


def test_the_listing_comes_after_what_it_names(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moved: list[str] = []
    replace = Path.replace
    monkeypatch.setattr(Path, "replace", lambda path, to: moved.append(to.name) or replace(path, to))
    release.make(Program("1.0.0"), source, tmp_path / "dist")
    assert moved[0] == "shotpack-1.0.0.zip"
    assert moved[-1] == "index.json"


@pytest.mark.parametrize("way", ["changed", "staged", "new", "ignored", "removed"])
def test_only_what_is_committed_is_released(way: str, source: Path, tmp_path: Path) -> None:
    name = "__init__.py" if way in ("changed", "staged", "removed") else "stray.py"
    (source / name).write_text("x = 2\n")
    if way == "staged":
        git(source, "add", ".")
    if way == "ignored":
        (source / ".git" / "info" / "exclude").write_text("stray.py\n")
    if way == "removed":
        (source / name).unlink()
    with pytest.raises(release.ReleaseError, match=rf"Not committed: {name};.*--uncommitted"):
        release.make(Program("1.0.0"), source, tmp_path / "dist")
    assert release.make(Program("1.0.0"), source, tmp_path / "dist", as_it_lies=True).exists()


def test_a_message_names_some_of_many_files(source: Path, tmp_path: Path) -> None:
    for number in range(8):
        (source / f"{number}.py").touch()
    with pytest.raises(release.ReleaseError, match=r"0\.py, 1\.py, 2\.py, 3\.py, 4\.py and 3 more;"):
        release.make(Program("1.0.0"), source, tmp_path / "dist")


@pytest.mark.parametrize("missing", ["checkout", "git"])
def test_without_git_nobody_knows_what_is_committed(
    missing: str, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if missing == "git":
        monkeypatch.setenv("PATH", str(tmp_path))
    else:
        monkeypatch.setenv("GIT_DIR", str(tmp_path / "none"))
    with pytest.raises(release.ReleaseError, match=r"release from a checkout, or with --uncommitted"):
        release.make(Program("1.0.0"), source, tmp_path / "dist")
    assert release.make(Program("1.0.0"), source, tmp_path / "dist", as_it_lies=True).exists()


def test_without_blender_it_is_told_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert release.main(["--out", str(tmp_path / "dist")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("dev.py release: Blender's module")
    assert not (tmp_path / "dist").exists()


def test_what_the_program_says_is_told(tmp_path: Path) -> None:
    refusing = tmp_path / "blender_ext.py"
    refusing.write_text("raise SystemExit('the tag\\nis unknown')")
    with pytest.raises(release.ReleaseError, match="extension build refused it: the tag is unknown"):
        release.ExtensionProgram(refusing, tmp_path).build(tmp_path, tmp_path)


def test_a_release_has_one_version() -> None:
    manifest = tomllib.loads((ROOT / "blender_manifest.toml").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert manifest["version"] == project["project"]["version"] == ENGINE_VERSION
