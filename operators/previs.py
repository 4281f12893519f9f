"""Previs: a shot for a marker that is bound to a camera, up to the next such marker; or one for each of them.

Each follows its camera, begins with what that sees at the marker, and lies on the timeline at the marker's time. A run
is a batch and an undo step, as Animate Storyboard's; a marker of which no shot can be made is told.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import bpy

from . import board_run, camera_motion, capture, chosen, engine, follow, seen_from, sequencer, shot_intent
from .board_run import RunsOverBoards
from .shot_run import ShotRun


@dataclass(frozen=True)
class MarkedShot:
    """A marker's shot."""

    name: str
    """The marker's, with its frame: markers may be called alike."""
    title: str
    key: str
    """As in `ShotStamp.marker`: the scene, the marker's name, and its number among those of that name."""
    frames: range
    """Of the scene."""


def shots_of(shown: Any) -> list[MarkedShot]:
    """The shots that a scene's camera markers make, in time order: each from its marker to the next or the scene's end.

    What lies outside of the scene's frames is left out.
    """
    markers, found, named = camera_motion.camera_markers(shown), list[MarkedShot](), Counter[str]()
    ends = [*(marker.frame for marker in markers), shown.frame_end + 1][1:]
    for marker, end in zip(markers, ends, strict=True):
        named[marker.name] += 1
        frames = range(max(marker.frame, shown.frame_start), min(end, shown.frame_end + 1))
        if frames:
            key = json.dumps([shown.name, marker.name, named[marker.name]])
            found.append(MarkedShot(f"{marker.name} ({marker.frame})", marker.name, key, frames))
    return found


def shot_at(shown: Any) -> MarkedShot | None:
    """The one that the scene's present frame lies in."""
    return next((each for each in shots_of(shown) if shown.frame_current in each.frames), None)


def intent_of(shown: Any, scene: Any, shot: MarkedShot) -> shot_intent.Intent | str:
    """What is made of it on the timeline of `scene`, or the sentence that says why there is none."""
    followed = follow.of_camera(shown, scene, shot.frames[:1])
    within = (float(shot.frames[0]), float(shot.frames[-1]))
    followed = replace(followed, begin=replace(followed.begin, within=within))
    pace = seen_from.pace_of(shown, scene)
    start = shot.frames[0]
    if scene != shown:  # its first frame is where the timeline begins
        start = scene.frame_start + round((start - shown.frame_start) / pace)
    length = max(1, round(len(shot.frames) / pace))
    return shot_intent.of_marker(scene, followed, start=start, length=length, marker=shot.key, title=shot.title)


def prevented(context: Any, shots: list[MarkedShot]) -> str | None:
    """The sentence that says why none of these can be made. Cheap: panels ask at every drawing."""
    scene = sequencer.scene_of(context)
    if board_run.running is not None:
        return board_run.RUNNING
    if engine.missing():
        return engine.MISSING
    if scene is None or not camera_motion.camera_markers(context.scene):
        return "Bind markers to cameras first (Marker, Bind Camera to Markers): each begins a shot."
    if not shots:
        return "No marker with a camera is in effect at this frame of the scene."
    if (why := follow.unheard(scene.shotpack)) is not None:
        return why
    details = chosen.details_of(chosen.model_in_use(scene.shotpack))
    if details is not None and not details.get("guide_frames"):
        return "This model follows no camera; choose one that does."
    return None


class Run(ShotRun):
    """A shot of each marker."""

    def __init__(self, context: Any, shots: list[MarkedShot]) -> None:
        super().__init__(context, [shot.name for shot in shots])
        self._shots = {shot.name: shot for shot in shots}
        self._shown = context.scene.name

    def found(self, _context: Any, scene: Any, name: str) -> shot_intent.Intent | str:
        """The shot of the marker of that name."""
        shown = bpy.data.scenes.get(self._shown)
        if shown is None:
            raise capture.CaptureError(f"{self._shown} is not there any more.")
        return intent_of(shown, scene, self._shots[name])


class _Previs(RunsOverBoards):
    """Both operators: they differ in which markers they are about."""

    @staticmethod
    def shots(context: Any) -> list[MarkedShot]:
        """The shots that are to be made."""
        raise NotImplementedError

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether there is one; else the button is grey and says why."""
        said = prevented(context, cls.shots(context))
        if said is not None:
            cls.poll_message_set(said)  # type: ignore[attr-defined]
        return said is None

    def new_run(self, context: Any) -> Run:
        """A shot of each."""
        return Run(context, self.shots(context))


class SHOTPACK_OT_previs(_Previs, bpy.types.Operator):  # noqa: N801
    """Make the shot of the camera marker that is in effect at the present frame: it follows its camera as far as the \
next camera marker"""

    bl_idname = "shotpack.previs"
    bl_label = "Previs Shot"

    @staticmethod
    def shots(context: Any) -> list[MarkedShot]:
        """The one at the present frame."""
        shot = shot_at(context.scene)
        return [shot] if shot is not None else []


class SHOTPACK_OT_previs_all(_Previs, bpy.types.Operator):  # noqa: N801
    """Make a shot for each marker of the scene that is bound to a camera; those that are as they should be stay"""

    bl_idname = "shotpack.previs_all"
    bl_label = "Previs All"

    @staticmethod
    def shots(context: Any) -> list[MarkedShot]:
        """All of them."""
        return shots_of(context.scene)


CLASSES = (SHOTPACK_OT_previs, SHOTPACK_OT_previs_all)
