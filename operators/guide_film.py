"""A film of a camera's scene, from which another Blender carries boards along (`render_guide.py`).

The artist's scene is written as it is, with all that moves; nothing of it is changed.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import bpy

from ..engine.client import estimate
from ..engine.client.film_render import GUIDE as GUIDE_FILM
from ..engine.client.guide_frames import guide_frames, mask_name, picture_name
from ..engine.protocol import GUIDE, Condition, ConditionFrame
from . import chosen, render_guide, scripts_allowed, seen_from
from .follow import Followed, Further
from .seen_from import SeenFrom
from .strip_scene import CaptureError

BOARD_NAME = "guide-board-{number}.png"
"""What a picture is called that helps to lead a shot and is no board of it."""


def take(
    followed: Followed,
    wanted: Any,
    boards: Sequence[tuple[str, SeenFrom]],
    pinned: Collection[float],
    frames: int,
    fps: float,
    folder: Path,
) -> tuple[Condition, ...]:
    """Write the film of a shot of `frames` frames at `fps`, and return what the shot is to be led by.

    `boards` are pictures in `folder` with where they are seen from, `pinned` the shot's frames that are boards anyway.
    Raises CaptureError.
    """
    wished = guide_frames(_details(wanted), frames, fps, conform=wanted.rate == "CONFORM")
    wished = [frame for frame in wished if frame not in pinned]
    if not wished:
        return ()
    shown = {picture_name(frame).removesuffix(".png"): followed.at(frame) for frame in wished}
    _write(followed, size_of(followed, wanted), boards, shown, folder / GUIDE_FILM)
    held = tuple(ConditionFrame(frame, picture_name(frame), mask_name(frame)) for frame in wished)
    return (Condition(GUIDE, held),)


def name_further(followed: Followed, end: tuple[Any, str] | None) -> list[tuple[str, Further]]:
    """The boards that a shot has beside its first, each with the name of its picture.

    `end` is the strip that the shot ends on, with its picture's name.
    """
    return [
        (end[1] if end is not None and each.strip == end[0] else BOARD_NAME.format(number=number), each)
        for number, each in enumerate(followed.further, start=2)
    ]


def take_look(
    followed: Followed,
    wanted: Any,
    boards: Sequence[tuple[str, SeenFrom]],
    frames: int,
    fps: float,
    folder: Path,
) -> tuple[str, str]:
    """Write the film of one picture, the last that would lead the shot, for how much of it the boards show.

    It has the size that the shot's guide has: beside silhouettes nothing counts, and of a smaller picture that is more.
    Returns its two names; a board without a picture yet has no name. Raises CaptureError.
    """
    details = _details(wanted)
    frame = max(guide_frames(details, frames, fps, conform=wanted.rate == "CONFORM"), default=float(frames))
    names = picture_name(frame), mask_name(frame)
    shown = {names[0].removesuffix(".png"): followed.at(frame)}
    _write(followed, size_of(followed, wanted), boards, shown, folder / GUIDE_FILM, compress=False)
    return names


def size_of(followed: Followed, wanted: Any) -> tuple[int, int]:
    """The guide's pictures' (width, height): the board's shape, no larger than is wanted or can be made.

    Raises CaptureError where it is not known yet what the model can.
    """
    shortest, longest = render_guide.SIDES
    render, chosen_size = followed.scene.render, chosen.chosen_size(wanted)
    percentage = render.resolution_percentage / 100
    shape = render.resolution_x * percentage, render.resolution_y * percentage
    width, height = chosen_size or estimate.size_for(_details(wanted), (round(shape[0]), round(shape[1])))
    scale = min(max(width / shape[0], height / shape[1]), longest / max(shape))
    return max(shortest, round(shape[0] * scale)), max(shortest, round(shape[1] * scale))


def _details(wanted: Any) -> Any:
    details = chosen.details_of(chosen.model_in_use(wanted))
    if details is None:
        raise CaptureError("The engine does not say what its models can; start it first.")
    return details


def _write(
    followed: Followed,
    size: tuple[int, int],
    boards: Sequence[tuple[str, SeenFrom]],
    shown: dict[str, float],
    path: Path,
    *,
    compress: bool = True,
) -> None:
    scene = followed.scene
    for each in bpy.data.scenes:  # a scene that comes with another one must not say what is to be made, or be trusted
        if each.library is None and render_guide.WANTED in each:
            del each[render_guide.WANTED]
    for each in scene.objects:
        if each.mode == "EDIT":
            each.update_from_editmode()  # writing does not
    kept = {number: seen_from.read_kept(seen.kept) for number, (_, seen) in enumerate(boards)}
    trusted = scripts_allowed.python_runs()
    # What drivers call is made by scripts that run when a file is opened, and nothing of a scene names them.
    scripts = {text for text in bpy.data.texts if text.use_module} if trusted else set()
    film = {
        "size": size,
        "boards": [[name, seen.frame] for name, seen in boards],
        "frames": shown,
        "trusted": trusted,
        "kept": {str(number): camera for number, camera in kept.items() if camera is not None},
        "checked": [number for number, (name, seen) in enumerate(boards) if name and seen.checked],
        "drawn": [number for number, (name, seen) in enumerate(boards) if name and seen.drawn],
    }
    try:
        scene[render_guide.WANTED] = json.dumps(film)
        if followed.begin.camera is not None:
            scene[render_guide.CAMERA] = followed.begin.camera
        bpy.data.libraries.write(str(path), {scene, *scripts}, path_remap="ABSOLUTE", compress=compress)
    finally:
        for name in (render_guide.WANTED, render_guide.CAMERA):
            if name in scene:
                del scene[name]
