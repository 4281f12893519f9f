"""What is missing of what the Sequencer shows of a strip, in a sentence: panels ask at every drawing.

No picture is read: a file that Blender cannot read is found when it is rendered.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import bpy

from . import sequencer, visible_strips


def trouble(scene: Any, strip: Any, frames: Sequence[int]) -> str | None:
    """The sentence for the artist where something of what is seen of `strip` at the frames cannot be had."""
    if strip.type == "SOUND":
        return _said("{name} is a sound and shows no picture; choose another strip.", strip)
    stack = visible_strips.of_strip(scene, strip, frames)
    if strip.type in visible_strips.MADE_OF_BELOW and not stack.over_others:
        return _said("{name} shows what lies below it, and nothing does; choose another strip.", strip)
    for frame in frames:
        there = [each for each in (*stack.shown, *stack.sources) if frame in sequencer.span(each)]
        if (said := _trouble(there, frame, (scene.name,))) is not None:
            return said
    return None


def _trouble(shown: Iterable[Any], frame: int, inside: tuple[str, ...]) -> str | None:
    return next(filter(None, (_trouble_of(each, frame, inside) for each in shown)), None)


def _trouble_of(strip: Any, frame: int, inside: tuple[str, ...]) -> str | None:
    """What one strip lacks at a frame; `inside` are the scenes around it, which may hold each other."""
    if strip.type in ("IMAGE", "MOVIE"):
        file = sequencer.file_at(strip, frame)
        if file is None:
            return _said("{name} holds no picture; choose another strip.", strip)
    elif strip.type == "MOVIECLIP":
        if strip.clip is None:
            return _said("{name} shows no clip; choose another strip.", strip)
        file = Path(bpy.path.abspath(strip.clip.filepath))
    elif strip.type == "MASK":
        return None if strip.mask is not None else _said("{name} shows no mask; choose another strip.", strip)
    elif strip.type == "META":
        # Once a meta strip is retimed, only Blender knows which of its frames is seen: then all of them count.
        within = visible_strips.visible(strip, () if len(getattr(strip, "retiming_keys", ())) else (frame,))
        if not within:
            return _said("{name} shows nothing at frame {frame}; choose another strip.", strip, frame=frame)
        return _trouble([*within, *visible_strips.sources_of(within)], frame, inside)
    elif strip.type == "SCENE":
        return _trouble_of_scene(strip, frame, inside)
    else:
        lacking = len(visible_strips.inputs(strip)) < getattr(strip, "input_count", 0)
        return (
            _said("{name} changes another strip's picture, and has none; choose another strip.", strip)
            if lacking
            else None
        )
    return None if file.is_file() else _said("{name} shows {file}, which is not there; put it back.", strip, file=file)


def _trouble_of_scene(strip: Any, frame: int, inside: tuple[str, ...]) -> str | None:
    shown = strip.scene
    if shown is None:
        return _said("{name} shows no scene; choose another strip.", strip)
    if strip.scene_input == "CAMERA":
        camera = strip.scene_camera or shown.camera
        return (
            None
            if camera is not None
            else _said("{name} shows {scene}, which has no camera; add one.", strip, scene=shown.name)
        )
    if shown.name in inside:
        return None  # Blender shows nothing there
    if shown.sequence_editor is None:
        return _said(
            "{name} shows the timeline of {scene}, which is empty; choose another strip.", strip, scene=shown.name
        )
    at = shown.frame_start + frame - sequencer.content_start(strip)
    within = visible_strips.visible(shown.sequence_editor, (at,))
    return _trouble([*within, *visible_strips.sources_of(within)], at, (*inside, shown.name))


def _said(sentence: str, strip: Any, **values: Any) -> str:
    """A sentence in the artist's language."""
    return str(bpy.app.translations.pgettext_iface(sentence).format(name=strip.name, **values))
