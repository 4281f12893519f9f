"""A film: a scene of our own that shows what the Sequencer shows of one strip. Stills and clips are taken from one.

It is a copy of the artist's scene and thrown away: nothing of the artist's is changed, so nothing has to be put back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bpy

from . import missing_pictures, render_clip, sequencer, visible_strips

LONGEST_SIDE = 1280
"""Pixels; no model makes larger pictures, and a smaller board is sooner there."""
_CHANNELS = 128
_SAMPLES = 128
"""Pixels of a picture's longer side that are looked at for transparency."""


class CaptureError(Exception):
    """No picture can be had; the text says why and what to do."""


@contextmanager
def of_strip(scene: Any, strip: Any, frames: Sequence[int], longest: int = LONGEST_SIDE) -> Iterator[Any]:
    """A scene set up to render what is seen of `strip` at the frames, no side over `longest` pixels, and nothing else.

    Where the lowest picture is transparent it lies on white paper, as the engine lays it. Raises CaptureError where
    something that is seen cannot be had.
    """
    if (said := missing_pictures.trouble(scene, strip, frames)) is not None:
        raise CaptureError(said)
    seen = visible_strips.of_strip(scene, strip, frames)
    kept = {each.name for each in (*seen.shown, *seen.lit, *seen.sources)}
    unseen = [each.name for each in seen.unseen]
    # Over nothing, there is nothing to mix it with either.
    opacities = {each.name: visible_strips.opacity(scene, each) if seen.over_others else 1.0 for each in seen.lit}
    inside = seen.level.name if seen.level != scene.sequence_editor else None
    paper = _on_paper(scene, seen, frames[0])
    film, actions = scene.copy(), list[Any]()
    try:
        _strip_down(film)
        _hold_actions(film, actions)
        level = _gather(film.sequence_editor, inside, kept, range(min(frames), max(frames) + 1))
        for name in unseen:
            level.strips[name].mute = True  # an effect's input above it, a mask
        for name, opacity in opacities.items():
            _show(film, level.strips[name], opacity)
        lowest = level.strips[seen.shown[-1].name]
        if lowest.type not in visible_strips.MADE_OF_BELOW:
            lowest.blend_type = "ALPHA_OVER"  # there is nothing to blend it with
        if paper:
            _lay_paper(level)
        _set_up(film, frames[0], longest)
        yield film
    finally:
        bpy.data.scenes.remove(film)
        for action in actions:
            bpy.data.actions.remove(action)


def percentage(render: Any, longest: int = LONGEST_SIDE) -> int:
    """The scene's percentage, or the smaller one at which its longer side is at most `longest` pixels."""
    return max(1, min(render.resolution_percentage, 100 * longest // max(render.resolution_x, render.resolution_y)))


def _strip_down(film: Any) -> None:
    """Let go of all that would go into a .blend with the scene: there may be gigabytes of it."""
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
    film.timeline_markers.clear()
    for strip in film.sequence_editor.strips_all:
        strip.shotpack_board.property_unset("seen_scene")  # it would go along whole


def _hold_actions(film: Any, actions: list[Any]) -> None:
    """Give the film actions of its own, which may be changed; they are added to `actions` to be removed with it."""
    data = film.animation_data
    if data is None:
        return
    for owner in (data, *(strip for track in data.nla_tracks for strip in track.strips)):
        if owner.action is not None:
            slot = getattr(owner, "action_slot", None)
            identifier = slot.identifier if slot is not None else None
            actions.append(owner.action.copy())
            owner.action = actions[-1]
            if identifier is not None:
                owner.action_slot = actions[-1].slots.get(identifier)


def _gather(editor: Any, inside: str | None, names: set[str], frames: range) -> Any:
    """Put the strips of these names, from inside a meta strip if one is named, into a plain one, and remove all else.

    What a meta strip does to its picture is not seen inside it, and the shot will lie inside. A channel that is muted
    stays behind. Under it all is black, as Blender renders what is not opaque.
    """
    gathered = editor.strips.new_meta("film", 1, frames.start)
    level = editor if inside is None else editor.strips_all[inside]
    # One strip takes along, or with it, the effects that are made of it.
    for name in [each.name for each in level.strips if each.name not in names and each != gathered]:
        if level.strips.get(name) is not None:
            level.strips.remove(level.strips[name])
    for name in names:
        if level.strips.get(name) is not None:
            level.strips[name].move_to_meta(gathered)
    if inside is not None:
        for name in [each.name for each in editor.strips if each != gathered]:
            if editor.strips.get(name) is not None:
                editor.strips.remove(editor.strips[name])
    # Until a strip is made in it, 4.5 holds the first frame of what was moved there.
    gathered.strips.remove(sequencer.new_colour(gathered, "measure", 1, frames, (0.0, 0.0, 0.0)))
    sequencer.set_end(gathered, frames.stop)
    gathered.channel, gathered.blend_type = 2, "ALPHA_OVER"
    for channel in editor.channels:
        channel.mute = False
    sequencer.new_colour(editor, "ground", 1, frames, (0.0, 0.0, 0.0))
    return gathered


def _show(film: Any, strip: Any, opacity: float) -> None:
    """Let a strip be seen, as opaque as that and not otherwise animated."""
    data = film.animation_data
    if data is not None:
        for curve in [each for each in data.drivers if visible_strips.fades(each, strip)]:
            data.drivers.remove(curve)
        for action in {data.action, *(piece.action for track in data.nla_tracks for piece in track.strips)} - {None}:
            visible_strips.remove_curves(action, lambda curve: visible_strips.fades(curve, strip))
    strip.mute, strip.blend_alpha = False, opacity


def _lay_paper(level: Any) -> None:
    """Lay white under all of a meta strip: topmost, since below a strip that replaces all it would not be seen."""
    top = max(each.channel for each in level.strips)
    if top == _CHANNELS:
        places = {channel: place for place, channel in enumerate(sorted({each.channel for each in level.strips}), 1)}
        for each in sorted(level.strips, key=lambda each: each.channel):
            each.channel = places[each.channel]
        top = max(places.values())
    paper = sequencer.new_colour(level, "paper", min(_CHANNELS, top + 1), sequencer.span(level), (1.0, 1.0, 1.0))
    paper.blend_type = "ALPHA_UNDER"


def _set_up(film: Any, frame: int, longest: int) -> None:
    """One picture a render, before the view transform, with nothing on it of when and where it was rendered."""
    render, output = film.render, film.render.image_settings
    render.use_sequencer, render.use_compositing = True, False
    # Strips are placed and scaled for the scene's own resolution: only its percentage may change.
    render.resolution_percentage = percentage(render, longest)
    render.use_border = render.use_file_extension = False
    render.use_overwrite = True
    for kind in render.bl_rna.properties:
        if kind.identifier.startswith("use_stamp"):
            setattr(render, kind.identifier, False)
    if render.use_multiview:
        for number, view in enumerate(render.views):
            view.use = number == 0  # of a stereo pair, what the left eye sees
    if "media_type" in output.bl_rna.properties:
        output.media_type = "IMAGE"  # since 5.0 it decides which file formats there are
    # An EXR goes through no view transform, and what its numbers mean can be chosen (filming.still).
    output.file_format = "OPEN_EXR"
    output.color_mode, output.color_depth, output.exr_codec = "RGB", "16", "NONE"
    output.color_management = "OVERRIDE"
    output.linear_colorspace_settings.name = sequencer.srgb()
    film.sequence_editor.use_prefetch = False
    film.frame_current = frame
    film[render_clip.FILM] = True


def _on_paper(scene: Any, seen: visible_strips.Stack, frame: int) -> bool:
    """Whether the lowest picture that is seen is transparent. Raises CaptureError where Blender cannot read one."""
    transparent = {}
    for strip, file in visible_strips.files((*seen.shown, *seen.sources), frame):
        clear = _is_transparent(file)
        if clear is None:
            raise CaptureError(f"{strip.name} shows {file}, which Blender cannot read; choose another strip.")
        transparent[strip.name] = clear
    lowest = visible_strips.lowest(scene, seen.shown, frame)
    if lowest is None:
        return False
    if lowest.type == "SCENE":
        return bool(lowest.scene_input == "CAMERA" and lowest.scene.render.film_transparent)
    return transparent.get(lowest.name, False)


def _is_transparent(file: Path) -> bool | None:
    """Whether a picture, or a movie's first, is transparent anywhere; None where Blender cannot read it."""
    image = bpy.data.images.load(str(file), check_existing=False)
    try:
        width, height = image.size
        if not width or not height:
            return None
        if visible_strips.opaque(file) or image.channels < 4 or image.depth in (8, 24, 96):
            return False
        shrink = max(1.0, max(width, height) / _SAMPLES)
        image.scale(max(1, round(width / shrink)), max(1, round(height / shrink)))
        return min(image.pixels[:][3::4]) < 1.0
    finally:
        bpy.data.images.remove(image)
