"""Runs inside Blender's window: an artist adds the repository by its address, installs Shotpack, later updates it.

Arguments after `--`: the status file, the repository's address, and a file that appears when there is a newer release.
"""

import contextlib
import importlib
import json
import os
import sys
import tomllib
import traceback
from collections.abc import Callable
from pathlib import Path

import bpy

STATUS, ADDRESS, RELEASED = sys.argv[sys.argv.index("--") + 1 :]


def or_end(step: Callable[[], float | None]) -> Callable[[], float | None]:
    """A timer's step that ends Blender where it fails: the test would wait in vain."""

    def run() -> float | None:
        try:
            return step()
        except Exception:
            traceback.print_exc()
            os._exit(1)

    return run


def begin() -> None:
    bpy.context.preferences.view.show_splash = False
    for repository in bpy.context.preferences.extensions.repos:  # nothing outside this machine is asked
        repository.enabled = not repository.use_remote_url
    bpy.context.preferences.system.use_online_access = True
    bpy.ops.preferences.extension_repo_add(remote_url=ADDRESS, type="REMOTE")
    bpy.ops.extensions.repo_sync(repo_index=repository_number())
    bpy.ops.extensions.package_install(repo_index=repository_number(), pkg_id="shotpack")
    chosen = bpy.context.preferences.addons[addon()].preferences
    chosen.device, chosen.keep_days = "cpu", 12
    folder = importlib.import_module(f"{addon()}.operators.settings").user_folder()
    (folder / "engine").mkdir()
    (folder / "engine" / "kept").write_text("a shot", encoding="utf-8")
    tell("installed")
    bpy.app.timers.register(or_end(update), first_interval=0.2)


def update() -> float | None:
    if not Path(RELEASED).exists():
        return 0.2
    bpy.ops.extensions.repo_sync_all()
    bpy.ops.extensions.package_upgrade_all()
    bpy.ops.wm.save_userpref()
    bpy.ops.screen.userpref_show(section="EXTENSIONS")
    bpy.ops.extensions.package_show_set(repo_index=repository_number(), pkg_id="shotpack")
    tell("updated")
    return None


def repository_number() -> int:
    """The number of the repository that was added last, as Blender's operators count: those that are on."""
    return sum(each.enabled for each in bpy.context.preferences.extensions.repos) - 1


def addon() -> str:
    """The extension's name, which hangs on the repository that it comes from."""
    (name,) = [each.module for each in bpy.context.preferences.addons if each.module.endswith(".shotpack")]
    return name


def tell(stage: str) -> None:
    chosen = bpy.context.preferences.addons[addon()].preferences
    settings = importlib.import_module(f"{addon()}.operators.settings")
    kept = settings.user_folder() / "engine" / "kept"
    manifest = Path(sys.modules[addon()].__file__).with_name("blender_manifest.toml")
    status = {
        "stage": stage,
        "addon": addon(),
        "version": tomllib.loads(manifest.read_text(encoding="utf-8"))["version"],
        "running": importlib.import_module(f"{addon()}.engine.protocol").ENGINE_VERSION,
        "operators": sorted(name for name in dir(bpy.ops.shotpack) if not name.startswith("_")),
        "panel": hasattr(bpy.types.Scene, "shotpack"),
        "preferences": [chosen.device, chosen.keep_days],
        "kept": kept.read_text(encoding="utf-8"),
    }
    passing = Path(f"{STATUS}.part")
    passing.write_text(json.dumps(status), encoding="utf-8")
    with contextlib.suppress(OSError):
        passing.replace(STATUS)


if bpy.app.background:  # started once more: what is there now?
    tell("started again")
else:
    bpy.app.timers.register(or_end(begin), first_interval=0.5)
