"""Generate: settings and boards become a request, and the shot is on the timeline before the engine knows of it."""

from __future__ import annotations

import contextlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from ..engine.client.clip_render import FILM
from ..engine.client.shot import Shot
from ..engine.client.stored_request import write
from ..engine.protocol import FRAMES_MAXIMUM, Board, ShotRequest
from ..engine.serialization import to_json
from . import (
    capture,
    engine,
    handlers,
    lead_clip,
    loras,
    runtime,
    sequencer,
    settings,
    shot_folders,
    start_sources,
    timeline,
    trust,
    visible_strips,
)
from .shot_folders import STILL

_AS_THEY_ARE = ("Standard", "Un-tone-mapped")
"""What colour configurations call a view that shows colours as they are."""
PLAIN_VIEWS = (*_AS_THEY_ARE, "Raw")
"""Views that need no warning."""
_END = "end.png"
_NAME_WORDS = 4


@dataclass(frozen=True)
class Intent:
    """What Generate would do now."""

    scene: Any
    strip: Any | None
    """The strip that the board is taken from, or that the shot goes on from; None where it starts from neither."""
    end: Any | None
    spot: timeline.Spot
    fps: float


def intent(context: Any) -> Intent | str:
    """What Generate would do now, or the sentence that says why it cannot. Cheap: panels ask at every drawing."""
    scene = sequencer.scene_of(context)
    if scene is None:
        return "There is no scene to put a shot into."
    wanted = scene.shotpack
    if not wanted.prompt.strip():
        return "Write what happens in the shot first."
    if (unfit := start_sources.unfit(wanted)) is not None:
        return unfit
    strip = start_sources.strip_of(scene)
    if wanted.source == "STRIP" and strip is None:
        return "Select a strip that shows the board, or put the playhead on one."
    if wanted.source == "CLIP" and strip is None:
        return "Select a movie, an image sequence or a finished shot, or put the playhead on one."
    if wanted.source == "CAMERA" and context.scene.camera is None:
        return f"{context.scene.name} has no camera; add one, or choose another board."
    fps = scene.render.fps / scene.render.fps_base
    board = strip if wanted.source == "STRIP" else None
    start = start_sources.beginning(scene, strip)
    length = frames_wanted(wanted, board, fps, sequencer.frames_to_next(scene, start))
    if isinstance(length, str):
        return length
    # A shot lies above its board, but beside what it goes on from.
    below = board.channel if board else strip.channel - 1 if strip else 0
    channel = sequencer.free_channel(scene, start, length, below)
    end = sequencer.end_strip(scene, board) if board and wanted.use_end else None
    for shown, frame in start_sources.pictures(scene, strip, end, start):
        if (missing := visible_strips.trouble(scene, shown, (frame,))) is not None:
            return missing
    return Intent(scene, strip, end, timeline.Spot(start, length, channel), fps)


def frames_wanted(wanted: Any, board: Any | None, fps: float, to_next: int | None) -> int | str:
    """The shot's length in frames of the scene, or the sentence that says why there is none."""
    if wanted.length == "BOARD" and board is not None:
        length = len(sequencer.span(board))
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
    """Make a shot: it takes its place on the timeline at once and fills while you go on"""

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
        if (shortage := shot_folders.shortage(found.spot.length)) is not None:
            self.report({"ERROR"}, shortage)
            return {"CANCELLED"}
        wanted = found.scene.shotpack
        try:
            name, folder = shot_folders.new_folder(_name(found, wanted.prompt))
        except OSError as fault:
            self.report({"ERROR"}, f"The shot's folder cannot be made: {fault.strerror or fault}.")
            return {"CANCELLED"}
        try:
            boards, before = _pictures(context, found, folder)
            if (folder / FILM).is_file():
                trust.clip_renderer().note(folder / FILM)  # or it would not be taken: others come with files
        except (capture.CaptureError, RuntimeError, OSError) as fault:
            shutil.rmtree(folder, ignore_errors=True)
            self.report({"ERROR"}, _said(fault))
            return {"CANCELLED"}
        loras.take_over(wanted)
        request = write(request_of(wanted, found, boards, before), name)
        shot = Shot(runtime.new_id(), name, folder, found.spot.length, request=request, key=runtime.new_id())
        timeline.place(found.scene, shot, found.spot, folder / STILL)
        runtime.send(shot)
        return {"FINISHED"}


def request_of(wanted: Any, found: Intent, boards: list[tuple[int, str]], before: list[str]) -> ShotRequest:
    """What the settings ask for; pictures are named by their files in the shot's folder until they are sent.

    `boards` are (frame, file), `before` the frames that it goes on from.
    """
    return ShotRequest(
        model=settings.model_of(wanted),
        prompt=wanted.prompt.strip(),
        boards=tuple(Board(frame, file) for frame, file in boards),
        frames=found.spot.length,
        fps=found.fps,
        conform=wanted.rate == "CONFORM",
        steps=wanted.steps or None,
        seed=wanted.seed,
        order=None if wanted.order == "AUTO" else wanted.order,
        guidance=wanted.guidance or None,
        speed=wanted.speed,
        loras=tuple(loras.asked(wanted)),
        clip=tuple(before),
    )


def chosen_now(request: str, wanted: Any) -> str:
    """The same request with the model and the LoRAs that are chosen now; one that cannot be read as it is."""
    try:
        asked = dict(json.loads(request))
    except (ValueError, TypeError, RecursionError):
        return request
    asked.pop("loras", None)
    asked["model"] = settings.model_of(wanted)
    if chosen := loras.asked(wanted):
        asked["loras"] = [to_json(lora) for lora in chosen]
    return json.dumps(asked)


def _pictures(context: Any, found: Intent, folder: Path) -> tuple[list[tuple[int, str]], list[str]]:
    """Put what the shot starts from into its folder, and what its strip shows meanwhile; returns boards and clip."""
    scene, still = found.scene, folder / STILL
    source = scene.shotpack.source
    if source == "TEXT":
        capture.blank(still)
        return [], []
    with handlers.OwnRender():
        if source == "CLIP":
            capture.at_frame(scene, found.strip, found.spot.start - 1, still)
            conform = scene.shotpack.rate == "CONFORM"
            return [], lead_clip.take(scene, found.strip, found.spot.start, folder, conform=conform)
        if source == "STRIP":
            capture.from_strip(scene, found.strip, still)
        elif source == "RENDER":
            capture.from_render_result(context.scene, still)
        elif source == "CAMERA":
            capture.from_camera(context.scene, still, scene.shotpack.engine)
        else:
            capture.from_viewport(context, still)
        boards = [(1, STILL)]
        if found.end is not None and found.spot.length > 1:
            capture.from_strip(scene, found.end, folder / _END)
            boards.append((found.spot.length, _END))
    return boards, []


def _said(fault: Exception) -> str:
    """Why the pictures could not be taken, in a sentence."""
    if isinstance(fault, OSError):
        return f"The pictures for the shot cannot be written: {fault.strerror or fault}."
    return " ".join(str(fault).removeprefix("Error: ").split())


def _name(found: Intent, prompt: str) -> str:
    return found.strip.name if found.strip else " ".join(prompt.split()[:_NAME_WORDS])


class SHOTPACK_OT_standard_view(bpy.types.Operator):  # noqa: N801
    """Show this timeline's pictures as they are: boards and shots are made for the Standard view transform"""

    bl_idname = "shotpack.standard_view"
    bl_label = "Use Standard View Transform"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    def execute(self, context: Any) -> set[str]:
        view = sequencer.scene_of(context).view_settings
        for name in _AS_THEY_ARE:
            with contextlib.suppress(TypeError):  # this colour configuration, or this display, has none of that name
                view.view_transform = name
                view.look = "None"
                return {"FINISHED"}
        self.report({"ERROR"}, "This display has no view that shows colours as they are; choose one in the scene.")
        return {"CANCELLED"}


CLASSES = (SHOTPACK_OT_generate, SHOTPACK_OT_standard_view)
