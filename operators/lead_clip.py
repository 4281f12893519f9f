"""The frames that a shot goes on from: which of a strip's are wanted, and how they come to the shot's folder.

Pictures of an image sequence that is shown as it is are copied. Anything else takes seconds to render, so it is not
done here: what is seen of it goes into a small .blend in the shot's folder, from which another Blender takes the frames
(`render_clip.py`) before the shot is sent. The artist's file holds nothing of that, whatever is undone or saved
meanwhile.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import bpy

from ..engine.client.film_render import CLIP
from ..engine.protocol import CLIP_MAXIMUM
from . import sequencer, strip_scene, visible_strips

_SECONDS = 5.0
"""No model looks back farther, but for the very first frame."""
_MOST = 160
"""Pictures of the strip's end that are taken at most."""
_COPIED_BYTES = 64_000_000
"""What may be copied while the artist waits; more of it is filmed, which makes it smaller too."""
_SENT = {".png": ".png", ".jpg": ".jpg", ".jpeg": ".jpg"}
_TOLERANCE = 0.01
_PLAIN = ("REPLACE", "CROSS", "ALPHA_OVER")
"""Ways of blending that leave an opaque picture as it is."""


def take(scene: Any, strip: Any, start: int, folder: Path, *, conform: bool) -> list[str]:
    """What `strip` shows before frame `start`, as names in `folder`, in time order; a name may come more than once.

    The pictures are there, or a film is from which they can be taken. Raises CaptureError or OSError.
    """
    fps = scene.render.fps / scene.render.fps_base
    wanted = frames_before(start, start - sequencer.span(strip).start, fps, conform=conform)
    number = {frame: index for index, frame in enumerate(dict.fromkeys(wanted), 1)}
    files = _as_they_are(scene, strip, number)
    if files is None:
        names = {frame: f"clip-{index:04d}.jpg" for frame, index in number.items()}
        _write_film(scene, strip, names, folder / CLIP)
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


def _as_they_are(scene: Any, strip: Any, frames: dict[int, int]) -> dict[int, Path] | None:
    """The files of an image sequence that is shown as it is and fills the picture; None where there are none such."""
    files: dict[int, Path] = {}
    untouched: dict[str, bool] = {}
    if visible_strips.of_strip(scene, strip, list(frames)).lit != (strip,):
        return None  # an effect is on it
    for frame in frames:
        seen = visible_strips.only(scene, strip, frame)
        if seen is None or seen.type != "IMAGE":
            return None
        for each in (strip, seen):
            if each.name not in untouched:
                untouched[each.name] = _untouched(scene, each)
        file = sequencer.file_at(seen, frame)
        if not all(untouched.values()) or file is None or not file.is_file():
            return None
        if file.suffix.lower() not in _SENT or not visible_strips.opaque(file):
            return None
        files[frame] = file
    return files if sum(file.stat().st_size for file in files.values()) <= _COPIED_BYTES else None


def _untouched(scene: Any, strip: Any) -> bool:
    """Whether the strip changes nothing of its picture but the size, and fills the frame with it."""
    plain = (
        not (strip.use_flip_x or strip.use_flip_y or len(strip.modifiers) or visible_strips.animated(scene, strip))
        and strip.color_multiply == strip.color_saturation == 1.0
        and strip.blend_alpha == 1.0
        and strip.blend_type in _PLAIN
        and visible_strips.fills(scene, strip)
    )
    if not plain or strip.type == "META":
        return plain
    first, place = strip.elements[0], strip.transform
    if strip.use_reverse_frames or strip.colorspace_settings.name != sequencer.srgb():
        return False
    fill = max(scene.render.resolution_x / first.orig_width, scene.render.resolution_y / first.orig_height)
    return all(abs(scale / fill - 1) < _TOLERANCE for scale in (place.scale_x, place.scale_y))


def _write_film(scene: Any, strip: Any, names: dict[int, str], path: Path) -> None:
    """A .blend that shows what is seen of `strip`, set up to render, with a marker for each picture to take."""
    with strip_scene.of_strip(scene, strip, list(names)) as shown:
        for frame, name in names.items():
            shown.timeline_markers.new(name, frame=frame)
        bpy.data.libraries.write(str(path), {shown}, path_remap="ABSOLUTE", compress=True)
