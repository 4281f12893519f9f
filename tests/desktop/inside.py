"""What scripts that run inside Blender's window share: the window's areas, the extension's modules, how they are heard.

A script finds it beside itself once its own folder is on `sys.path`: Blender runs scripts without that.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bpy

ADDON = "bl_ext.user_default.shotpack"
PANELS = Path(__file__).resolve().parents[2] / "samples" / "panels"


def part(name: str) -> Any:
    """A module of the extension."""
    return importlib.import_module(f"{ADDON}.{name}")


def use_engine(python: str, model: str) -> None:
    """Have shots made by this interpreter's engine, without a graphics card."""
    preferences = bpy.context.preferences.addons[ADDON].preferences
    preferences.python, preferences.device, preferences.model = python, "cpu", model


def tell(status: str, said: Mapping[str, object]) -> None:
    """Write the status file whole; whoever reads it just then finds the one before."""
    passing = Path(f"{status}.part")
    passing.write_text(json.dumps(said), encoding="utf-8")
    with contextlib.suppress(OSError):
        passing.replace(status)


def window() -> bpy.types.Window:
    return bpy.context.window_manager.windows[0]


def edit() -> bpy.types.Scene:
    """The scene whose timeline is shown."""
    return getattr(window().workspace, "sequencer_scene", None) or window().scene


def areas(kind: str) -> list[bpy.types.Area]:
    return [area for area in window().screen.areas if area.type == kind]


def viewport() -> bpy.types.Area:
    return max(areas("VIEW_3D"), key=lambda area: area.width)


def timeline() -> bpy.types.Area:
    return next(area for area in areas("SEQUENCE_EDITOR") if area.spaces.active.view_type == "SEQUENCER")


def region_of(area: bpy.types.Area, kind: str) -> bpy.types.Region:
    return next(region for region in area.regions if region.type == kind)


def override(area: bpy.types.Area) -> Any:
    """The context of somebody whose mouse is over an area."""
    return bpy.context.temp_override(window=window(), area=area, region=region_of(area, "WINDOW"))


def timed(owner: object, name: str, spent: list[tuple[float, float]]) -> None:
    """Let a function note its milliseconds: wall time, and what this thread itself took of them."""
    call = getattr(owner, name)

    def noted(*arguments: object, **named: object) -> object:
        wall, own = time.perf_counter(), time.thread_time()
        try:
            return call(*arguments, **named)
        finally:
            spent.append((1000 * (time.perf_counter() - wall), 1000 * (time.thread_time() - own)))

    setattr(owner, name, noted)
