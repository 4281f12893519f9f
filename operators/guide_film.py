"""Follow Camera: a film of the camera's scene, from which another Blender carries the boards along (`render_guide.py`).

The artist's scene is written as it is, with all that moves; nothing of it is changed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bpy

from ..engine.client import estimate
from ..engine.client.engine_client import EngineState
from ..engine.client.film_render import GUIDE as GUIDE_FILM
from ..engine.client.guide_frames import guide_frames, mask_name, picture_name
from ..engine.protocol import GUIDE, Condition, ConditionFrame
from . import chosen, render_guide, runtime
from .strip_scene import CaptureError


def unheard(wanted: Any) -> str | None:
    """The sentence that says that nobody knows yet whether the model can follow a camera; `early_start` sees to it."""
    if chosen.details_of(chosen.model_in_use(wanted)) is not None:
        return None
    if runtime.client is not None and runtime.client.state is EngineState.STARTING:
        return "The engine is starting; in a moment it says whether this model can follow the camera."
    return "Start the engine: it knows whether this model can follow the camera."


def prevented(scene: Any, wanted: Any, filmed: range) -> str | None:
    """The sentence that says why a shot cannot follow a scene's camera over these frames. Cheap: panels ask it."""
    details = chosen.details_of(chosen.model_in_use(wanted))
    if details is not None and not details.get("guide_frames"):
        return "This model follows no camera; choose one that does, or untick Follow Camera."
    camera = scene.camera
    if camera is None:
        return f"{scene.name} has no camera to follow."
    if camera.type != "CAMERA" or camera.data.type not in ("PERSP", "ORTHO"):
        return "A panoramic camera cannot be followed."
    if scene.render.use_multiview:
        return "Stereo pictures cannot follow the camera; turn Stereoscopy off."
    cut = next((marker.frame for marker in _switches(scene) if filmed.start < marker.frame <= filmed[-1]), None)
    if cut is not None:
        return f"The scene's camera changes at frame {cut}; end the shot before it, or untick Follow Camera."
    return None


def _switches(scene: Any) -> list[Any]:
    """The markers that switch to another camera, in time order."""
    bound = sorted((marker for marker in scene.timeline_markers if marker.camera), key=lambda marker: marker.frame)
    return [
        after
        for before, after in zip([None, *bound], bound, strict=False)
        if before is None or before.camera != after.camera
    ]


def take(
    scene: Any, wanted: Any, boards: Sequence[tuple[str, float]], frames: int, fps: float, folder: Path
) -> tuple[Condition, ...]:
    """Write the film of a shot of `frames` frames at `fps`, and return what the shot is to be led by.

    `boards` are pictures in `folder` with the frames of `scene` at which its camera sees them; the shot begins at the
    first's. Raises CaptureError.
    """
    details = chosen.details_of(chosen.model_in_use(wanted))
    if details is None:
        raise CaptureError("The engine does not say what its models can; start it first.")
    wished = guide_frames(details, frames, fps, conform=wanted.rate == "CONFORM")
    own = {1.0, *([float(frames)] if len(boards) > 1 else [])}
    wished = [frame for frame in wished if frame not in own]
    if not wished:
        return ()
    pace = scene.render.fps / scene.render.fps_base / fps
    film = {
        "size": _size(scene, details, chosen.chosen_size(wanted)),
        "boards": [[name, frame] for name, frame in boards],
        "frames": {picture_name(frame).removesuffix(".png"): boards[0][1] + (frame - 1) * pace for frame in wished},
        "trusted": not bpy.app.autoexec_fail,
    }
    _write(scene, film, folder / GUIDE_FILM)
    held = tuple(ConditionFrame(frame, picture_name(frame), mask_name(frame)) for frame in wished)
    return (Condition(GUIDE, held),)


def _size(scene: Any, details: Any, chosen_size: tuple[int, int] | None) -> tuple[int, int]:
    """The (width, height) of the guide's pictures: the board's shape, no larger than the shot wants it."""
    percentage = scene.render.resolution_percentage / 100
    shape = scene.render.resolution_x * percentage, scene.render.resolution_y * percentage
    width, height = chosen_size or estimate.size_for(details, (round(shape[0]), round(shape[1])))
    scale = max(width / shape[0], height / shape[1])
    return max(8, round(shape[0] * scale)), max(8, round(shape[1] * scale))


def _write(scene: Any, film: dict[str, Any], path: Path) -> None:
    for each in scene.objects:
        if each.mode == "EDIT":
            each.update_from_editmode()  # writing does not
    try:
        scene[render_guide.WANTED] = json.dumps(film)
    except (TypeError, AttributeError) as fault:
        raise CaptureError(
            f"{scene.name} belongs to another file; make a local copy of it to follow its camera."
        ) from fault
    try:
        bpy.data.libraries.write(str(path), {scene}, path_remap="ABSOLUTE", compress=True)
    finally:
        del scene[render_guide.WANTED]
