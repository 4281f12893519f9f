"""Where a board is seen from, and the tick to follow its camera; where that cannot be, grey, with the reason."""

from __future__ import annotations

from typing import Any

import bpy

from ..operators import coverage, follow, seen_from, sequencer, start_sources
from ..operators.generate import Intent
from .text import draw_text

_WELL_SEEN = 0.6
"""Of a guide's last picture: where boards show less, another one is worth its while."""


def draw_follow_camera(layout: Any, context: Any, wanted: Any, found: Intent | str) -> None:
    """Of a shot that starts from the camera itself."""
    if context.scene.camera is None:
        return  # the button says so
    scene, shown = sequencer.scene_of(context), context.scene
    boards = range(shown.frame_start, shown.frame_end + 1) if wanted.camera_range else None
    followed = follow.of_camera(shown, scene, boards or range(shown.frame_current, shown.frame_current + 1))
    length = 1 if isinstance(found, str) else found.frames
    _draw_tick(layout, wanted, follow.prevented(wanted, followed, length))
    _draw_ahead(layout, found)


def draw_follow_strip(layout: Any, scene: Any, wanted: Any, boards: start_sources.Boards, found: Intent | str) -> None:
    """Of a shot that starts from a strip's picture, and from where that is seen."""
    strip, at = boards.start, follow.frame_of(scene, boards.start)
    seen = seen_from.of_strip(scene, strip, at)
    if strip.type in ("IMAGE", "META"):
        _draw_seen_from(layout, scene, strip, seen)
    if seen is None and not wanted.follow_camera:
        return
    why = follow.of_strips(scene, ((strip, at),))
    if isinstance(why, follow.Followed):
        length = 1 if isinstance(found, str) else found.frames
        why_not = follow.prevented(wanted, why, length)
    else:
        why_not = why
    _draw_tick(layout, wanted, why_not)
    if why_not is None and isinstance(seen, seen_from.SeenFrom):
        words = bpy.app.translations.pgettext_iface("{camera} of {scene}, from frame {frame}")
        said = words.format(camera=seen.named, scene=seen.scene.name, frame=f"{seen.frame:g}")
        layout.label(text=said, icon="CAMERA_DATA", translate=False)
    _draw_ahead(layout, found)


def draw_coverage(layout: Any, guide: Any) -> None:
    """What the artist should know of a guide: how little of the end the boards show, and what is not followed."""
    translated = bpy.app.translations.pgettext_iface
    if guide.mismatched:
        one, more = "The board does not match the camera", "Board {numbers} does not match the camera"
        words = translated(more if guide.mismatched != (1,) else one)
        said = words.format(numbers=", ".join(str(number) for number in guide.mismatched))
        draw_text(layout, f"{said}: {translated('its edges lie elsewhere than those of the scene.')}", "ERROR")
    if guide.of and guide.made == guide.of and guide.seen < _WELL_SEEN and not guide.flat:
        words = translated("The board shows {share} % of the last frame: a second board there would help.")
        draw_text(layout, words.format(share=round(100 * guide.seen)), "INFO")
    if guide.left_out:
        words = translated("Not followed, for they are no surfaces: {names}.")
        draw_text(layout, words.format(names=", ".join(guide.left_out)), "INFO")


def _draw_tick(layout: Any, wanted: Any, why: str | None) -> None:
    row = layout.row()
    row.active = why is None
    row.prop(wanted, "follow_camera")
    if why is not None and not wanted.follow_camera:
        draw_text(layout, why, "INFO")


def _draw_seen_from(layout: Any, scene: Any, strip: Any, seen: Any) -> None:
    """What says from where a picture is seen: the scene strip below it, or the artist."""
    own, below = strip.shotpack_board, seen_from.scene_strip_under(scene, strip)
    header, body = layout.panel("shotpack_seen_from", default_closed=own.seen_scene is None)
    header.label(text="Seen From")
    if body is None:
        return
    if below is not None and own.seen_scene is None:
        body.prop(own, "seen_below", text=_over(below), translate=False)
    body.prop(own, "seen_scene", text="Scene")
    if own.seen_scene is not None:
        body.prop(own, "seen_frame")
    if strip.type == "IMAGE" and isinstance(seen, seen_from.SeenFrom):
        body.prop(own, "seen_drawn")
    body.operator("shotpack.seen_from_here", icon="OUTLINER_OB_CAMERA")
    if own.seen_camera:
        draw_text(body, "By the camera as it was then, wherever it is moved now.", "PINNED")
    elif isinstance(seen, str):
        draw_text(body, seen, "INFO")


def _over(below: Any) -> str:
    return str(bpy.app.translations.pgettext_iface("Painted over {name}").format(name=below.name))


def _draw_ahead(layout: Any, found: Intent | str) -> None:
    """How much of the shot's end its boards show, as far as that is known."""
    if isinstance(found, str) or found.followed is None:
        return
    translated, followed = bpy.app.translations.pgettext_iface, found.followed
    if followed.further:
        names = ", ".join(each.strip.name for each in followed.further)
        draw_text(layout, translated("Also led by {names}.").format(names=names), "IMAGE_DATA")
    if followed.unused:
        words = translated("Of no use here, for this camera does not see it in this shot: {names}.")
        draw_text(layout, words.format(names=", ".join(followed.unused)), "INFO")
    look = coverage.of(found)
    if look is None:
        layout.operator("shotpack.look_ahead", icon="HIDE_OFF")
        return
    if not look.ended:
        row = layout.row(align=True)
        row.label(text="Looking how much of the last frame the board shows …", icon="SORTTIME")
        return
    if look.fault is not None:
        draw_text(layout, look.fault, "ERROR")
        layout.operator("shotpack.look_ahead", icon="HIDE_OFF", text="Look Again")
        return
    draw_coverage(layout, look.guide)
    if look.guide.seen >= _WELL_SEEN:
        words = translated("The board shows {share} % of the last frame.")
        draw_text(layout, words.format(share=round(100 * look.guide.seen)), "CHECKMARK")
