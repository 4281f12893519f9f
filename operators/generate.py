"""Generate: settings and boards become a request, and the shot is on the timeline before the engine knows of it."""

from __future__ import annotations

import contextlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from ..engine.client.shot import Shot
from ..engine.protocol import FRAMES_MAXIMUM
from . import capture, engine, folders, handlers, runtime, settings, strips, timeline

START, _END = "board.png", "end.png"
_NAME_WORDS = 4


@dataclass(frozen=True)
class Intent:
    """What Generate would do now."""

    scene: Any
    strip: Any | None
    """The board's strip; None where the board comes from elsewhere."""
    end: Any | None
    spot: timeline.Spot
    fps: float


def intent(context: Any) -> Intent | str:
    """What Generate would do now, or the sentence that says why it cannot. Cheap: panels ask at every drawing."""
    scene = strips.scene_of(context)
    if scene is None:
        return "There is no scene to put a shot into."
    wanted = scene.shotpack
    if not wanted.prompt.strip():
        return "Write what happens in the shot first."
    strip = strips.board_strip(scene) if wanted.source == "STRIP" else None
    if wanted.source == "STRIP" and strip is None:
        return "Select a strip that shows the board, or put the playhead on one."
    if wanted.source == "CAMERA" and context.scene.camera is None:
        return f"{context.scene.name} has no camera; add one, or choose another board."
    fps = scene.render.fps / scene.render.fps_base
    start = strips.span(strip).start if strip else scene.frame_current
    length = frames_wanted(wanted, strip, fps, strips.frames_to_next(scene, start))
    if isinstance(length, str):
        return length
    channel = strips.free_channel(scene, start, length, strip.channel if strip else 0)
    end = strips.end_strip(scene, strip) if strip and wanted.use_end else None
    return Intent(scene, strip, end, timeline.Spot(start, length, channel), fps)


def frames_wanted(wanted: Any, strip: Any | None, fps: float, to_next: int | None) -> int | str:
    """The shot's length in frames of the scene, or the sentence that says why there is none."""
    if wanted.length == "BOARD" and strip is not None:
        length = len(strips.span(strip))
    elif wanted.length == "NEXT":
        if to_next is None:
            return "No strip and no marker follows; choose another length."
        length = to_next
    elif wanted.length == "FRAMES":
        length = wanted.frames
    else:
        length = max(1, round(wanted.seconds * fps))
    return length if length <= FRAMES_MAXIMUM else f"{length} frames are too many; {FRAMES_MAXIMUM} is the most."


class SHOTPACK_OT_generate(bpy.types.Operator):  # noqa: N801
    """Make a shot from the board: it takes its place on the timeline at once and fills while you go on"""

    bl_idname = "shotpack.generate"
    bl_label = "Generate Shot"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    @classmethod
    def poll(cls, context: Any) -> bool:
        found = intent(context)
        if isinstance(found, str):
            cls.poll_message_set(found)
            return False
        return True

    def execute(self, context: Any) -> set[str]:
        found = intent(context)
        if isinstance(found, str):
            self.report({"ERROR"}, found)
            return {"CANCELLED"}
        if engine.needs_install():
            self.report({"ERROR"}, "The engine is not installed yet; press Install Engine below.")
            return {"CANCELLED"}
        if (shortage := folders.shortage(found.spot.length)) is not None:
            self.report({"ERROR"}, shortage)
            return {"CANCELLED"}
        wanted = found.scene.shotpack
        try:
            name, folder = folders.new_folder(_name(found, wanted.prompt))
        except OSError as fault:
            self.report({"ERROR"}, f"The shot's folder cannot be made: {fault.strerror or fault}.")
            return {"CANCELLED"}
        try:
            boards = _boards(context, found, folder)
        except (capture.CaptureError, RuntimeError) as fault:
            shutil.rmtree(folder, ignore_errors=True)
            self.report({"ERROR"}, str(fault).strip())
            return {"CANCELLED"}
        request = json.dumps(request_of(wanted, name, found, boards))
        shot = Shot(runtime.new_id(), name, folder, found.spot.length, request=request)
        timeline.place(found.scene, shot, found.spot, folder / START)
        runtime.send(shot)
        return {"FINISHED"}


def request_of(wanted: Any, name: str, found: Intent, boards: list[tuple[int, str]]) -> dict[str, Any]:
    """The job as the engine wants it, but for its boards, which are (frame, file in the shot's folder)."""
    asked: dict[str, Any] = {
        "name": name,
        "model": wanted.model or settings.preferences().model,
        "prompt": wanted.prompt.strip(),
        "frames": found.spot.length,
        "fps": found.fps,
        "conform": wanted.rate == "CONFORM",
        "seed": wanted.seed,
        "speed": wanted.speed,
        "boards": boards,
    }
    if loras := loras_of(wanted.loras):
        asked["loras"] = loras
    asked |= {key: value for key in ("steps", "guidance") if (value := getattr(wanted, key))}
    return asked if wanted.order == "AUTO" else {**asked, "order": wanted.order}


def loras_of(text: str) -> list[dict[str, Any]]:
    """The LoRAs in a text such as "ink 0.8, haze": a name, and after a blank or colon how much of it, else 1."""
    found = []
    for piece in filter(None, (piece.strip() for piece in text.split(","))):
        name, weight = piece, 1.0
        head, _, last = piece.replace(":", " ").rpartition(" ")
        with contextlib.suppress(ValueError):
            if head.strip():
                name, weight = head.strip(), float(last)
        found.append({"name": name, "weight": weight})
    return found


def _boards(context: Any, found: Intent, folder: Path) -> list[tuple[int, str]]:
    with handlers.OwnRender():
        source = found.scene.shotpack.source
        if found.strip is not None:
            capture.from_strip(found.scene, found.strip, folder / START)
        elif source == "RENDER":
            capture.from_render_result(context.scene, folder / START)
        elif source == "CAMERA":
            capture.from_camera(context.scene, folder / START, found.scene.shotpack.engine)
        else:
            capture.from_viewport(context, folder / START)
        boards = [(1, START)]
        if found.end is not None and found.spot.length > 1:
            capture.from_strip(found.scene, found.end, folder / _END)
            boards.append((found.spot.length, _END))
    return boards


def _name(found: Intent, prompt: str) -> str:
    return found.strip.name if found.strip else " ".join(prompt.split()[:_NAME_WORDS])


class SHOTPACK_OT_standard_view(bpy.types.Operator):  # noqa: N801
    """Show this timeline's pictures as they are: boards and shots are made for the Standard view transform"""

    bl_idname = "shotpack.standard_view"
    bl_label = "Use Standard View Transform"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    def execute(self, context: Any) -> set[str]:
        view = strips.scene_of(context).view_settings
        view.view_transform = "Standard"
        view.look = "None"
        return {"FINISHED"}


CLASSES = (SHOTPACK_OT_generate, SHOTPACK_OT_standard_view)
