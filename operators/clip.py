"""The frames that a shot goes on from: which of a strip's are wanted, and how they come to the shot's folder.

Pictures of an image sequence that is shown as it is are copied. Anything else takes seconds to render, so it is not
done here: the strip goes, alone, into a small .blend in the shot's folder, from which another Blender takes the frames
(`filming.py`) before the shot is sent. The artist's file holds nothing of that, whatever is undone or saved meanwhile.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import bpy

from ..engine.client.film import FILM
from ..engine.protocol import CLIP_MAXIMUM
from . import capture, strips

_SECONDS = 5.0
"""No model looks back farther, but for the very first frame."""
_MOST = 160
"""Pictures of the strip's end that are taken at most."""
_COPIED_BYTES = 64_000_000
"""What may be copied while the artist waits; more of it is filmed, which makes it smaller too."""
_SENT = {".png": ".png", ".jpg": ".jpg", ".jpeg": ".jpg"}
_TOLERANCE = 0.01


def take(scene: Any, strip: Any, start: int, folder: Path, *, conform: bool) -> list[str]:
    """What `strip` shows before frame `start`, as names in `folder`, in time order; a name may come more than once.

    The pictures are there, or a film is from which they can be taken. Raises CaptureError or OSError.
    """
    fps = scene.render.fps / scene.render.fps_base
    wanted = frames_before(start, start - strips.span(strip).start, fps, conform=conform)
    number = {frame: index for index, frame in enumerate(dict.fromkeys(wanted), 1)}
    files = _as_they_are(scene, strip, number)
    if files is None:
        names = {frame: f"clip-{index:04d}.jpg" for frame, index in number.items()}
        _write_film(scene, strip, names, folder / FILM)
    else:
        names = {frame: f"clip-{index:04d}{_SENT[files[frame].suffix.lower()]}" for frame, index in number.items()}
        for frame, file in files.items():
            shutil.copyfile(file, folder / names[frame])
    return [names[frame] for frame in wanted]


def frames_before(start: int, there: int, fps: float, *, conform: bool) -> list[int]:
    """The frames wanted of the `there` frames before `start`: the first, then those of the last seconds.

    At a high rate some stand for their neighbours, so that there are never more than _MOST to send; but not where the
    model takes them frame for frame.
    """
    back = min(there, CLIP_MAXIMUM - 1, max(1, round(_SECONDS * fps)) if conform else _MOST)
    step = -(-back // _MOST)
    last = [start - 1 - before // step * step for before in reversed(range(back))]
    first = start - there
    return [first, *(last[1:] if back == there else last)]


def filming() -> tuple[str, ...]:
    """The command that takes the frames of a film: this Blender once more, without a window."""
    script = str(Path(__file__).with_name("filming.py"))
    if bpy.app.binary_path:
        return (bpy.app.binary_path, "--background", "--factory-startup", "--python", script, "--")
    return (sys.executable, script, "--")  # Blender as a module


def _as_they_are(scene: Any, strip: Any, frames: dict[int, int]) -> dict[int, Path] | None:
    """The files of an image sequence that is shown as it is and fills the picture; None where there are none such."""
    files = {}
    for frame in frames:
        seen = strips.seen_in(strip, frame)
        if seen is None or seen.type != "IMAGE" or not all(_untouched(scene, each) for each in (strip, seen)):
            return None
        file = strips.file_at(seen, frame)
        if file is None or file.suffix.lower() not in _SENT or not file.is_file():
            return None
        files[frame] = file
    return files if sum(file.stat().st_size for file in files.values()) <= _COPIED_BYTES else None


def _untouched(scene: Any, strip: Any) -> bool:
    """Whether the strip changes nothing of its picture but the size, and fills the frame with it."""
    place, crop = strip.transform, strip.crop
    plain = (
        not any((place.offset_x, place.offset_y, place.rotation, crop.min_x, crop.max_x, crop.min_y, crop.max_y))
        and not (strip.use_flip_x or strip.use_flip_y or len(strip.modifiers))
        and strip.color_multiply == strip.color_saturation == 1.0
        and strip.blend_alpha == 1.0
    )
    if strip.type == "META":
        return plain and place.scale_x == place.scale_y == 1.0
    first = strip.elements[0]
    if not plain or strip.use_reverse_frames or strip.colorspace_settings.name != "sRGB" or not first.orig_width:
        return False
    fill = max(scene.render.resolution_x / first.orig_width, scene.render.resolution_y / first.orig_height)
    return all(abs(scale / fill - 1) < _TOLERANCE for scale in (place.scale_x, place.scale_y))


def _write_film(scene: Any, strip: Any, names: dict[int, str], path: Path) -> None:
    """A .blend that holds `strip` alone, set up to render, with a marker for each picture to take."""
    missing = _missing(strip, names)
    if missing is not None:
        raise capture.CaptureError(f"{missing} is not there; choose another strip.")
    film = scene.copy()
    try:
        _strip_down(film)
        strips.leave_alone(film.sequence_editor.strips, strip.name)
        capture.for_frames(film)
        film.timeline_markers.clear()
        for frame, name in names.items():
            film.timeline_markers.new(name, frame=frame)
        bpy.data.libraries.write(str(path), {film}, path_remap="ABSOLUTE", compress=True)
    finally:
        bpy.data.scenes.remove(film)


def _strip_down(film: Any) -> None:
    """Let go of all that would go into the .blend with the scene: there may be gigabytes of it."""
    for child in list(film.collection.children):
        film.collection.children.unlink(child)
    for each in list(film.collection.objects):
        film.collection.objects.unlink(each)
    for name in ("world", "camera", "background_set", "active_clip", "compositing_node_group"):
        if name in film.bl_rna.properties:
            setattr(film, name, None)
    if film.rigidbody_world is not None:
        film.rigidbody_world.collection = film.rigidbody_world.constraints = None
    # Before 5.0 the compositor's nodes are the scene's own.
    if "compositing_node_group" not in film.bl_rna.properties and film.node_tree is not None:
        film.node_tree.nodes.clear()


def _missing(strip: Any, frames: Iterable[int]) -> Path | None:
    """A file that the strip shows at one of the frames and that is not there."""
    for frame in frames:
        seen = strips.seen_in(strip, frame)
        file = strips.file_at(seen, frame) if seen is not None else None
        if file is not None and not file.is_file():
            return file
    return None
