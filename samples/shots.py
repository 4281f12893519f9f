"""Shots made without a window: Generate, and Blender's ticks until the shot has ended."""

from __future__ import annotations

import importlib
import time
from pathlib import Path
from typing import Any

from .show import draw_bar, say

ADDON = "bl_ext.user_default.shotpack"
LIMIT_SECONDS = 1200


def start_engine() -> None:
    """Start it, and wait until it has said what its models can. Raises TimeoutError."""
    import bpy

    runtime, begun = part("runtime"), time.monotonic()
    bpy.ops.shotpack.start_engine()
    while not runtime.client.about.get("details"):
        problem = part("problems").of_engine()
        if problem is not None or time.monotonic() - begun > LIMIT_SECONDS:
            raise TimeoutError(problem.sentence if problem else "The engine does not start; look at its log.")
        runtime.step()
        time.sleep(0.05)


def make(scene: Any) -> Any | None:
    """Press Generate, and follow the shot to its end; returns its strip, or None where it was not made."""
    import bpy

    begun = time.monotonic()
    standing = {strip.shotpack.shot for strip in scene.sequence_editor.strips}
    bpy.ops.shotpack.generate()
    meta = next(
        strip for strip in scene.sequence_editor.strips if strip.type == "META" and strip.shotpack.shot not in standing
    )
    shot = meta.shotpack.shot
    if not _follow(shot, begun):
        return None
    (meta,) = part("shot_strips").find(shot)  # a shot that fills is put together anew
    return meta


def frames_of(meta: Any) -> list[Path]:
    """Its pictures, in time order."""
    return [Path(picture) for picture in part("shot_strips").pictures(meta)]


def movie(meta: Any) -> bytes:
    """The shot as the engine's movie."""
    runtime = part("runtime")
    return bytes(runtime.client._engine.connection.movie(runtime.shot_of(meta.shotpack.shot).job))


def close() -> None:
    """Let the extension go, and its engine come to an end."""
    import bpy

    engine = part("runtime").client._engine
    bpy.ops.preferences.addon_disable(module=ADDON)
    engine.process.wait(30)


def part(name: str) -> Any:
    """A module of the extension's operators: it is found only once Blender has installed it."""
    return importlib.import_module(f"{ADDON}.operators.{name}")


def _follow(shot: str, begun: float) -> bool:
    """Tick as Blender's timer would, and draw a bar, until the shot has ended; returns whether it is made."""
    runtime = part("runtime")
    problems = part("problems")
    shown = ""
    while time.monotonic() - begun < LIMIT_SECONDS:
        runtime.step()
        record = runtime.shot_of(shot)
        job = runtime.client.job(record)
        if record.complete:
            draw_bar(1.0, "done", last=True)
            return True
        problem = problems.of_shot(record, job) or problems.of_engine()
        if problem is not None:
            say(f"\n{problem.sentence} {problem.advice}")
            return False
        words = (
            (job.stage or f"section {min(len(job.sections) + 1, len(job.plan.sections))} of {len(job.plan.sections)}")
            if job and job.plan
            else ""
        )
        state = f"{job.done if job else 0:.2f} {words or 'starting the engine'}"
        if state != shown:
            draw_bar(job.done if job else 0.0, words or "starting the engine")
            shown = state
        time.sleep(0.05)
    say("\nIt took too long; look at the engine's log.")
    return False
