"""A Blender with the built extension installed from its zip, a real engine beside it, and pictures to work with.

Importing it starts Blender's module with a user folder of its own; `bpy` is imported only after that.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import release
from tests.patience import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests" / "fixtures"
ENGINE_PYTHON = os.environ.get("SHOTPACK_TEST_PYTHON", str(ROOT / ".venvs" / "engine" / "bin" / "python"))
ADDON = "bl_ext.user_default.shotpack"

# A test that kills Blenders gives them one place, which outlives them.
_place = Path(os.environ.get("SHOTPACK_TEST_PLACE") or tempfile.mkdtemp(prefix="shotpack-host-"))
if "SHOTPACK_TEST_PLACE" not in os.environ:
    atexit.register(shutil.rmtree, _place, ignore_errors=True)
os.environ["BLENDER_USER_RESOURCES"] = str(_place / "user")
os.environ["SHOTPACK_HOME"] = str(_place / "models-home")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import bpy  # noqa: E402


def build_zip(folder: Path) -> Path:
    """The extension's zip as a release has it, made and checked by Blender's own program."""
    return release.find_program().build(ROOT, folder)


def make_models(folder: Path) -> None:
    """The tiny random checkpoint as an installed model, at sizes that a test can wait for."""
    model = folder / "models" / "tiny"
    model.mkdir(parents=True)
    for path in (FIXTURES / "tiny-framepack").iterdir():
        (model / path.name).symlink_to(path, target_is_directory=path.is_dir())
    facts = {"sizes": [[64, 64], [96, 64], [112, 64]], "steps": 4}
    (model / "shotpack.json").write_text(json.dumps(facts), encoding="utf-8")


def install() -> None:
    """Install the zip and enable the extension."""
    folder = Path(tempfile.mkdtemp(prefix="dist-", dir=_place))
    if not (_place / "models-home").exists():
        make_models(_place / "models-home")
    bpy.ops.extensions.package_install_files(
        filepath=str(build_zip(folder)), repo="user_default", enable_on_install=True, overwrite=True
    )
    configure()


def configure() -> None:
    """Name the engine's interpreter and the model; an extension that is enabled anew has forgotten them."""
    preferences = bpy.context.preferences.addons[ADDON].preferences
    preferences.python, preferences.device, preferences.model = ENGINE_PYTHON, "cpu", "tiny"


def part(name: str) -> Any:
    """A module of the installed extension."""
    return importlib.import_module(f"{ADDON}.{name}")


def step_until(reached: Callable[[], Any], limit: float = PATIENCE) -> Any:
    """Tick the runtime as Blender's timer would, until `reached` says so; returns what it says."""
    runtime = part("operators.runtime")
    begun = time.monotonic()
    while not (found := reached()):
        runtime.step()
        assert time.monotonic() - begun < limit, "it did not come to that in time"
        time.sleep(0.02)
    return found


def new_file() -> Any:
    """An empty file; returns its scene, ready to edit at 30 frames a second."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = 30, 1.0
    scene.render.resolution_x, scene.render.resolution_y = 192, 128
    scene.view_settings.view_transform = "Standard"
    scene.sequence_editor_create()
    return scene


def add_board(scene: Any, *, start: int = 1, length: int = 73, channel: int = 1, name: str = "Panel 1") -> Any:
    """An image strip that shows a drawing, selected and active."""
    strip = scene.sequence_editor.strips.new_image(
        name, str(FIXTURES / "pictures" / "ink-cap.png"), channel, start, fit_method="FIT"
    )
    strip.frame_final_duration = length
    scene.sequence_editor.active_strip = strip
    strip.select = True
    return strip


def metas_of(scene: Any) -> list[Any]:
    """The meta strips of shots, in the order of their making."""
    return [strip for strip in scene.sequence_editor.strips if strip.type == "META" and strip.shotpack.shot]


def of_role(meta: Any, role: str) -> list[Any]:
    """The strips inside a shot that play this part."""
    return [strip for strip in meta.strips if strip.shotpack.role == role]
