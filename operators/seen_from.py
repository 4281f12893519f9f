"""From where a board is seen: a scene, a frame of it, and which camera sees it so. It reads, and changes nothing.

A scene strip knows it. A picture is told so by the artist, or by Shotpack where that has taken it, or it lies over a
scene strip. The camera is kept with a picture as it was then: it may be moved afterwards, and the picture is not.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import bpy

from ..engine.client.stored_request import plain
from . import camera_motion, guide_stage, sequencer, visible_strips

_TOLERANCE = 0.02
FLAT = ("PERSP", "ORTHO")
"""Cameras that map what they see by straight lines."""
_WORDS = {"type": (*FLAT, "PANO", "CUSTOM"), "sensor_fit": ("AUTO", "HORIZONTAL", "VERTICAL")}
"""What a kept camera may say in words."""
PANORAMIC = "A panoramic camera cannot be followed."


class Tie(StrEnum):
    """How it is known from where a board is seen."""

    STRIP = "strip"
    """It is a scene strip."""
    OVER = "over"
    """It lies over one, and is taken to be painted over it."""
    SAID = "said"
    """The artist says so, or Shotpack has taken the picture there."""
    CAMERA = "camera"
    """It is taken of the scene itself."""


@dataclass(frozen=True)
class SeenFrom:
    """From where a board is seen, and how frames of the timeline and the scene's go together from there on."""

    scene: Any
    frame: float
    tie: Tie
    camera: Any | None = None
    """The strip's own camera; None: the scene's at each frame."""
    kept: str = ""
    """The camera as it was when the picture was taken (`kept_camera`); empty: as it is."""
    pace: float = 1.0
    """Frames of the scene a frame of the timeline; -1 where a strip plays backwards."""
    drawn: bool = False
    """Whether the picture is drawn over what the camera sees, and no render of it: it may have outlines."""
    within: tuple[float, float] = (float("-inf"), float("inf"))
    """The frames of the scene that are played; before and after these the nearest one stands."""

    @property
    def named(self) -> str:
        """The camera by its name; empty where there is none."""
        camera = self.camera or self.scene.camera
        return camera.name if camera is not None else ""

    @property
    def checked(self) -> bool:
        """Whether the picture may be another one than what the camera sees."""
        return self.tie is not Tie.CAMERA


def of_strip(scene: Any, strip: Any, frame: int) -> SeenFrom | str | None:
    """From where the picture of `strip` at `frame` of the timeline is seen; None where nobody knows of any camera.

    A sentence where it is known and is of no use: the strip shows something else than the camera's whole picture.
    Cheap: panels ask at every drawing.
    """
    if strip.type == "SCENE":
        return _of_scene_strip(scene, strip, frame)
    if strip.type not in ("IMAGE", "META"):
        return None
    own = strip.shotpack_board
    if own.seen_scene is not None:
        if strip.type == "META" and frame != sequencer.content_start(strip):
            return None  # of a shot only the first picture is the board
        kept = read_kept(own.seen_camera)
        if kept is not None and kept["lens"]["type"] not in FLAT:
            return PANORAMIC  # whatever the camera has become since
        pace, drawn = pace_of(own.seen_scene, scene), is_drawn(strip)
        said = SeenFrom(own.seen_scene, own.seen_frame, Tie.SAID, None, own.seen_camera, pace, drawn)
        return _whole(scene, strip, said)
    below = scene_strip_under(scene, strip) if own.seen_below else None
    if below is None:
        return None
    found = _of_scene_strip(scene, below, frame if frame in sequencer.span(below) else sequencer.span(strip).start)
    if not isinstance(found, SeenFrom):
        return None  # what it is painted over is a guess: no shot is refused for it
    over = SeenFrom(found.scene, found.frame, Tie.OVER, found.camera, "", found.pace, is_drawn(strip), found.within)
    return _whole(scene, strip, over)


def is_drawn(strip: Any) -> bool:
    """Whether a strip's picture is a drawing: an image's, where the artist says nothing else; a shot's, where that
    began with one.
    """
    own = strip.shotpack_board
    return bool(own.seen_drawn) and (strip.type == "IMAGE" or own.is_property_set("seen_drawn"))


def scene_strip_under(scene: Any, strip: Any) -> Any | None:
    """The next scene strip below an image strip that is there where that begins: what it may be painted over."""
    if strip.type != "IMAGE" or len(strip.elements) != 1:
        return None
    start = sequencer.span(strip).start
    below = [
        each
        for each in sequencer.level_of(scene, strip).strips
        if each.type == "SCENE"
        and each.channel < strip.channel
        and each.scene_input == "CAMERA"
        and each.scene is not None
        and start in sequencer.span(each)
    ]
    return max(below, key=lambda each: each.channel, default=None)


def kept_camera(camera: Any, graph: Any) -> str:
    """A camera as a dependency graph shows it now, as JSON: its matrix in rows, and what of its lens decides."""
    seen = camera.evaluated_get(graph)
    world = [value for row in seen.matrix_world for value in row]
    return json.dumps({"world": world, "lens": {name: getattr(seen.data, name) for name in guide_stage.LENS}})


def now(context: Any, shown: Any) -> tuple[float, str]:
    """The frame at which a scene stands, which may lie between two, and the camera that renders it (`kept_camera`)."""
    camera = camera_motion.camera_at(shown, shown.frame_current)
    return shown.frame_current + shown.frame_subframe, kept_camera(camera, context.evaluated_depsgraph_get())


def read_kept(kept: str) -> dict[str, Any] | None:
    """The same as a film holds it; None where there is none. A file may hold anything."""
    try:
        found = plain(kept or "null")
        world, lens = [float(value) for value in found["world"]], found["lens"]
        if len(world) != 16 or set(lens) != set(guide_stage.LENS):
            return None
        lens = {name: lens[name] if name in _WORDS else float(lens[name]) for name in lens}
    except (ValueError, TypeError, KeyError, OverflowError):
        return None
    numbers = [*world, *(lens[name] for name in lens.keys() - _WORDS.keys())]
    if any(lens[name] not in allowed for name, allowed in _WORDS.items()) or not all(map(math.isfinite, numbers)):
        return None
    return {"world": world, "lens": lens}


def _of_scene_strip(scene: Any, strip: Any, frame: int) -> SeenFrom | str | None:
    shown = strip.scene
    if shown is None or shown == scene:
        return None
    if strip.scene_input != "CAMERA":
        return _said("{name} shows a timeline and no camera; set its Input to Camera to follow one.", strip)
    if len(strip.retiming_keys) or strip.strobe > 1 or _is_speeded(scene, strip):
        return _said(
            "{name} does not play its scene frame by frame; take off its retiming to follow the camera.", strip
        )
    first = shown.frame_start + _trimmed(strip)
    length = _content_end(strip) - sequencer.content_start(strip)
    at = frame - sequencer.content_start(strip)
    backwards = bool(strip.use_reverse_frames)
    index = min(max(length - 1 - at if backwards else at, 0), length - 1)
    within = (float(first), float(first + length - 1))
    found = SeenFrom(
        shown, float(first + index), Tie.STRIP, strip.scene_camera, pace=-1.0 if backwards else 1.0, within=within
    )
    return _whole(scene, strip, found)


def _whole(scene: Any, strip: Any, found: SeenFrom) -> SeenFrom | str:
    """The same, if the strip shows the camera's picture whole and nothing else."""
    shapes = [
        each.render.resolution_x * each.render.pixel_aspect_x / (each.render.resolution_y * each.render.pixel_aspect_y)
        for each in (scene, found.scene)
    ]
    if abs(shapes[0] / shapes[1] - 1) > _TOLERANCE:
        return _said(
            "{scene} has another picture shape than the timeline; give both the same resolution to follow its camera.",
            strip,
            scene=found.scene.name,
        )
    if not _fills_exactly(scene, strip):
        return _said(
            "{name} does not lie on the picture corner on corner; scale it to fit, uncropped, to follow the camera.",
            strip,
        )
    return found


def _fills_exactly(scene: Any, strip: Any) -> bool:
    """Whether the strip's picture lies on the frame corner on corner. A shot of ours does by itself."""
    if strip.use_flip_x or strip.use_flip_y:
        return False
    if strip.type != "IMAGE":
        return visible_strips.fills(scene, strip)
    place, crop = strip.transform, strip.crop
    if any((place.offset_x, place.offset_y, place.rotation, crop.min_x, crop.max_x, crop.min_y, crop.max_y)):
        return False
    first = strip.elements[0] if strip.elements else None
    if first is None or not first.orig_width:
        return False
    sides = (
        first.orig_width * place.scale_x / scene.render.resolution_x,
        first.orig_height * place.scale_y / scene.render.resolution_y,
    )
    return all(abs(side - 1) <= _TOLERANCE for side in sides)


def _is_speeded(scene: Any, strip: Any) -> bool:
    return any(
        each.type == "SPEED" and strip in visible_strips.inputs(each)
        for each in sequencer.level_of(scene, strip).strips
    )


def _trimmed(strip: Any) -> int:
    """How many frames of the scene a strip leaves out at its beginning: it has been called so since 5.2."""
    name = "content_trim_start" if "content_trim_start" in strip.bl_rna.properties else "animation_offset_start"
    return int(getattr(strip, name))


def _content_end(strip: Any) -> int:
    """The frame of the timeline after a strip's last picture."""
    if "content_end" in strip.bl_rna.properties:
        return int(strip.content_end)
    return int(strip.frame_start + strip.frame_duration)


def pace_of(shown: Any, timeline_scene: Any) -> float:
    """Frames of a scene a frame of the timeline, where both play at their own rates."""
    paces = [each.render.fps / each.render.fps_base for each in (shown, timeline_scene)]
    return float(paces[0] / paces[1])


def _said(sentence: str, strip: Any, **values: Any) -> str:
    """A sentence in the artist's language."""
    return str(bpy.app.translations.pgettext_iface(sentence).format(name=strip.name, **values))
