"""What lies on the timeline beside our shots, and the one place that knows how Blenders differ about strips."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import bpy

BOARD_TYPES = ("IMAGE", "MOVIE", "SCENE", "META")
"""Strips that show a picture of their own."""
_AT_PLAYHEAD = (*BOARD_TYPES, "MOVIECLIP"), ("COLOR", "TEXT")
"""What is taken for a board where nothing is selected: cards only where there is no picture."""
_CHANNELS = 128
# Since 5.2 a strip has `content_start`, `left_handle` and `right_handle`; the older names go with 6.0.
_NEW_NAMES = "right_handle" in bpy.types.Strip.bl_rna.properties
_LENGTHS = "length" in bpy.types.StripsTopLevel.bl_rna.functions["new_effect"].parameters
"""Whether a new effect is told its length: before 5.1 it was told its end."""


def scene_of(context: Any) -> Any:
    """The scene whose timeline is edited: since 5.0 the Sequencer may show another one than the window's."""
    return getattr(context, "sequencer_scene", None) or context.scene


def span(strip: Any) -> range:
    """The frames that a strip shows on the timeline."""
    if _NEW_NAMES:
        return range(strip.left_handle, strip.right_handle)
    return range(strip.frame_final_start, strip.frame_final_end)


def content_start(strip: Any) -> int:
    """The scene frame of a strip's first picture, whatever part of its content it shows."""
    return int(strip.content_start if _NEW_NAMES else strip.frame_start)


def set_end(strip: Any, end: int) -> None:
    """Let a strip show its content up to the frame before `end`."""
    if _NEW_NAMES:
        strip.right_handle = end
    else:
        strip.frame_final_end = end


def set_start(strip: Any, start: int) -> None:
    """Let a strip show its content from frame `start` on."""
    if _NEW_NAMES:
        strip.left_handle = start
    else:
        strip.frame_final_start = start


def chosen(scene: Any) -> list[Any]:
    """The selected strips beside which a shot would lie, the earliest first: of a movie without its sound, no words."""
    editor = scene.sequence_editor
    found = [
        strip
        for strip in (displayed(editor) if editor else ())
        if strip.select and strip.type != "SOUND" and not is_words(scene, strip)
    ]
    return sorted(found, key=lambda strip: (span(strip).start, strip.channel))


def is_words(scene: Any, strip: Any) -> bool:
    """Whether a strip says what happens in shots and is no board itself."""
    return bool(strip.type == "TEXT" and scene.shotpack.prompt_channel == strip.channel)


def word_strips(scene: Any) -> list[Any]:
    """The text strips that say what happens in the shots below them."""
    editor = scene.sequence_editor
    return [strip for strip in (displayed(editor) if editor else ()) if is_words(scene, strip)]


def board_strip(scene: Any) -> Any | None:
    """The strip to take a board from: the active one if it is selected, whatever it is, else the first selected one.

    With none selected, the topmost picture at the playhead.
    """
    editor = scene.sequence_editor
    if editor is None:
        return None
    picked, active = chosen(scene), editor.active_strip
    active = active if active is not None and active.select and not is_words(scene, active) else None
    if active is not None and (active.type != "SOUND" or not picked):
        return active
    if picked:
        return picked[0]
    for types in _AT_PLAYHEAD:
        if (seen := _at_playhead(scene, lambda strip, types=types: strip.type in types)) is not None:  # type: ignore[misc]
            return seen
    return None


def moving_strip(scene: Any) -> Any | None:
    """The movie, image sequence or finished shot to go on from: the active one, else the topmost at the playhead."""
    active = scene.sequence_editor.active_strip if scene.sequence_editor is not None else None
    return active if active is not None and active.select and _moves(active) else _at_playhead(scene, _moves)


def joint(scene: Any, strip: Any) -> int:
    """The frame at which something goes on from `strip`: the playhead's, once it is past the first, else its end."""
    shown = span(strip)
    return scene.frame_current if shown.start < scene.frame_current < shown.stop else shown.stop


def _at_playhead(scene: Any, fits: Callable[[Any], bool]) -> Any | None:
    editor = scene.sequence_editor
    if editor is None:
        return None
    level = editor.meta_stack[-1] if editor.meta_stack else editor
    seen = [
        strip
        for strip in level.strips
        if scene.frame_current in span(strip)
        and fits(strip)
        and not is_muted(level, strip)
        and not is_words(scene, strip)
    ]
    return max(seen, key=lambda strip: strip.channel, default=None)


def is_muted(level: Any, strip: Any) -> bool:
    """Whether a strip is muted, by itself or with its channel; `level` is what it lies in."""
    channels = level.channels
    return bool(strip.mute or (strip.channel < len(channels) and channels[strip.channel].mute))


def _moves(strip: Any) -> bool:
    """A shot counts once it is made; a still does not move, however long it is shown."""
    if strip.type == "IMAGE":
        return len(strip.elements) > 1
    return strip.type == "MOVIE" or (strip.type == "META" and strip.shotpack.state == "finished")


def frame_of(scene: Any, strip: Any) -> int:
    """The frame at which a strip is a board: the playhead's, or its first where the playhead is elsewhere."""
    shown = span(strip)
    return int(scene.frame_current if scene.frame_current in shown else shown.start)


def picture_of(scene: Any, strip: Any) -> Path | None:
    """The file that a strip shows at the playhead, or first; None for a scene, which is drawn and not read."""
    frame = frame_of(scene, strip)
    seen = seen_in(strip, frame)
    return file_at(seen, frame) if seen is not None else None


def seen_in(strip: Any, frame: int) -> Any | None:
    """The strip whose picture is seen of `strip` at a frame: itself, or the topmost one inside a meta strip."""
    if strip.type != "META":
        return strip
    inside = [
        each for each in strip.strips if each.type in BOARD_TYPES and not is_muted(strip, each) and frame in span(each)
    ]
    top = max(inside, key=lambda each: each.channel, default=None)
    return seen_in(top, frame) if top is not None else None


def file_at(strip: Any, frame: int) -> Path | None:
    """The file that a movie or image strip shows at a frame; None for a scene, which is drawn and not read."""
    if strip.type == "MOVIE":
        return Path(bpy.path.abspath(strip.filepath))
    element = strip.strip_elem_from_frame(frame) if strip.type == "IMAGE" else None
    return Path(bpy.path.abspath(strip.directory)) / element.filename if element is not None else None


def frames_to_next(scene: Any, start: int) -> int | None:
    """How many frames it is from `start` to the next strip's start or marker; None where nothing follows."""
    editor = scene.sequence_editor
    starts = [span(strip).start for strip in (displayed(editor) if editor else ())]
    later = [frame for frame in (*starts, *(marker.frame for marker in scene.timeline_markers)) if frame > start]
    return min(later) - start if later else None


def free_channel(scene: Any, start: int, length: int, above: int = 0) -> int:
    """The first channel over `above` that is unlocked and empty from `start` for `length` frames."""
    in_use = _in_use(scene, range(start, start + length))
    return next((channel for channel in range(above + 1, _CHANNELS) if channel not in in_use), _CHANNELS)


def channel_beside(scene: Any, frames: range, strips: Sequence[Any]) -> int:
    """The channel of the first of `strips` on which these frames are free, else the first free one above them all."""
    in_use = _in_use(scene, frames)
    beside = next((strip.channel for strip in strips if strip.channel not in in_use), None)
    above = max(strip.channel for strip in strips)
    return free_channel(scene, frames.start, len(frames), above) if beside is None else beside


def frames_free_after(scene: Any, strip: Any) -> int | None:
    """How many frames are free behind a strip on its channel; None: nothing follows."""
    end = span(strip).stop
    later = [
        span(each).start
        for each in level_of(scene, strip).strips
        if each.channel == strip.channel and each != strip and span(each).start >= end
    ]
    return min(later) - end if later else None


def _in_use(scene: Any, frames: range) -> set[int]:
    """The channels that are locked, or on which anything lies within these frames."""
    editor = scene.sequence_editor
    if editor is None:
        return set()
    locked = {number for number, channel in enumerate(editor.channels) if channel.lock}
    return locked | {
        strip.channel
        for strip in displayed(editor)
        if span(strip).start < frames.stop and frames.start < span(strip).stop
    }


def select(scene: Any, strip: Any) -> None:
    """Select this strip alone, and make it the active one."""
    for each in scene.sequence_editor.strips_all:
        each.select = each == strip
    scene.sequence_editor.active_strip = strip


@cache
def srgb() -> str:
    """What this Blender's colour configuration calls the space of 8-bit pictures: a new one is given it."""
    image = bpy.data.images.new("srgb", 1, 1)
    try:
        return str(image.colorspace_settings.name)
    finally:
        bpy.data.images.remove(image)


def new_colour(level: Any, name: str, channel: int, frames: range, colour: tuple[float, float, float]) -> Any:
    """A strip of one colour."""
    length = {"length": len(frames)} if _LENGTHS else {"frame_end": frames.stop}
    strip = level.strips.new_effect(name, "COLOR", channel, frames.start, **length)
    strip.color = colour
    return strip


def level_of(scene: Any, strip: Any) -> Any:
    """What a strip lies in: the scene's editor, or the meta strip that holds it."""
    return strip.parent_meta() or scene.sequence_editor


def displayed(editor: Any) -> Any:
    """The strips beside which a new one lies: inside the meta strip that is being edited, if one is."""
    return (editor.meta_stack[-1] if editor.meta_stack else editor).strips
