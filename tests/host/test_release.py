"""A release by Blender's own program: what the zip holds, what the listing says, which manifests are refused."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from zipfile import ZipFile

import pytest

import release
from tests.host import studio

MANIFEST = """
schema_version = "1.0.0"
id = "small"
version = "1.0.0"
name = "Small"
tagline = "As small as it can be"
maintainer = "Nobody"
type = "add-on"
tags = ["Sequencer"]
blender_version_min = "4.5.0"
license = ["SPDX:GPL-3.0-or-later"]
[permissions]
files = "Store boards"
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """An extension of two files."""
    source = tmp_path / "small"
    source.mkdir()
    (source / "__init__.py").write_text("def register(): ...\n", encoding="utf-8")
    (source / "blender_manifest.toml").write_text(MANIFEST, encoding="utf-8")
    return source


@pytest.mark.skipif(not (studio.ROOT / ".git").exists() or shutil.which("git") is None, reason="no git checkout")
def test_the_zip_holds_what_an_artist_needs_and_nothing_else(tmp_path: Path) -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=studio.ROOT, capture_output=True, text=True, check=True)
    committed = set(listed.stdout.split("\0"))  # what else lies in a checkout, a release refuses
    needed = {"__init__.py", "blender_manifest.toml", "LICENSE"}
    needed |= {f"requirements/{name}.txt" for name in ("engine", "torch", "signing", "finishing")}
    rooms = ("engine/", "operators/", "panels/")
    needed |= {name for name in committed if name.startswith(rooms) and name.endswith(".py")}
    needed |= {name for name in committed if name.startswith("engine/sketch/weights/")}
    with ZipFile(studio.build_zip(tmp_path)) as archive:
        assert committed & set(archive.namelist()) == needed


def test_the_listing_offers_the_zip(small: Path, tmp_path: Path) -> None:
    package = release.make(release.find_program(), small, tmp_path / "dist", as_it_lies=True)
    assert package.name == "small-1.0.0.zip"
    listing = json.loads((package.parent / "index.json").read_text(encoding="utf-8"))
    (offered,) = listing["data"]
    assert offered["version"] == "1.0.0"
    assert offered["archive_hash"] == f"sha256:{hashlib.sha256(package.read_bytes()).hexdigest()}"
    assert "small-1.0.0.zip?repository=.%2Findex.json" in (package.parent / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"Store boards"', '"Store boards."', "must not end with punctuation"),
        ('"Store boards"', f'"{"Store boards " * 5}"', "no longer than 64"),
        ("files =", "disk =", "disk"),
        ('"As small as it can be"', '"As small as it can be!"', "must not end with punctuation"),
        ('"Sequencer"', '"Storyboards"', "Storyboards"),
        ('["SPDX:GPL-3.0-or-later"]', "[]", "license"),
    ],
)
def test_a_manifest_that_breaks_the_platforms_rules_is_refused(
    old: str, new: str, said: str, small: Path, tmp_path: Path
) -> None:
    assert MANIFEST.count(old) == 1
    (small / "blender_manifest.toml").write_text(MANIFEST.replace(old, new), encoding="utf-8")
    with pytest.raises(release.ReleaseError, match=said):
        release.make(release.find_program(), small, tmp_path / "dist", as_it_lies=True)
    assert not (tmp_path / "dist").exists()
