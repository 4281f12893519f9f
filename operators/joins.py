"""Shots that join strips: what lies between two of them, what comes after one, what comes before one.

The pictures that they begin and end with are their neighbours', as the Sequencer shows them, and are not shown twice.
"""

from __future__ import annotations

from typing import Any

import bpy

from ..engine.client.longer_shots import FORWARD
from . import camera_moves, chosen, sequencer, shot_intent, start_sources
from .generate import MakesShots
from .shot_intent import Intent

_FORWARD_ALONE = "This model sees no picture that is still to come. Under Advanced, choose one that can: {models}."
_NO_END = "This model cannot end on a picture. Under Advanced, choose one that can: {models}."
_NO_MOVE = "What lies beside a strip begins with its whole picture: Camera: Move is left out."
_FOLLOWS_NONE = "What lies beside a strip goes by its pictures and words: Follow Camera is left out."
_NONE_ENDS = "No model here can end on a picture; get one that can."


def gap(scene: Any) -> tuple[Any, Any, range] | str:
    """The two selected strips, the earlier first, and the frames between them; or why there is nothing to bridge."""
    picked = sequencer.chosen(scene)
    if len(picked) != 2:
        return "Select two strips with a gap between them."
    first, second = picked
    between = range(sequencer.span(first).stop, sequencer.span(second).start)
    if not between:
        touch = sequencer.span(first).stop == sequencer.span(second).start
        return f"{first.name} and {second.name} {'touch' if touch else 'overlap'}; leave a gap between them."
    return first, second, between


def bridge(scene: Any) -> Intent | str:
    """The shot that fills the gap between the two selected strips, or why there is none. Cheap: panels ask for it."""
    found = gap(scene)
    if isinstance(found, str):
        return found
    first, second, between = found
    if (why := _unready(scene, first, second) or lands_not(scene.shotpack)) is not None:
        return why
    return shot_intent.of_join(
        scene,
        source="STRIP",
        boards=start_sources.Boards(first, first, second),
        pictures=((first, between.start - 1), (second, between.stop)),
        shown=between,
        hidden=1,
        own=first.shotpack_board.after,
        title=f"{first.name} to {second.name}",
    )


def after(scene: Any) -> Intent | str:
    """The shot that begins with the last picture of the active strip and lies right after it, or why there is none."""
    strip = neighbour(scene)
    if strip is None:
        return "Select the strip that the shot comes after."
    if (why := _unready(scene, strip)) is not None:
        return why
    start = sequencer.span(strip).stop
    return shot_intent.of_join(
        scene,
        source="STRIP",
        boards=start_sources.Boards(strip, strip),
        pictures=((strip, start - 1),),
        shown=range(start, start + wanted_frames(scene)),
        hidden=1,
        own=strip.shotpack_board.after,
        title=f"after {strip.name}",
    )


def before(context: Any) -> Intent | str:
    """The shot that begins as Start From says and ends right before the active strip, on its first picture.

    From a strip it begins with the other selected one's last picture, which may lie anywhere.
    """
    scene = sequencer.scene_of(context)
    strip, source = neighbour(scene), scene.shotpack.source
    if strip is None:
        return "Select the strip that the shot comes before."
    others = [each for each in sequencer.chosen(scene) if each != strip]
    if source in ("TEXT", "CLIP") or (source == "STRIP" and len(others) != 1):
        return "Say what it begins with: Start From Viewport, Camera or Render Result, or select a second strip."
    if source == "CAMERA" and context.scene.camera is None:
        return f"{context.scene.name} has no camera; add one, or choose another board."
    begins = others[:1] if source == "STRIP" else []
    if (why := _unready(scene, *begins, strip) or lands_not(scene.shotpack)) is not None:
        return why
    start = sequencer.span(strip).start
    shown = range(start - wanted_frames(scene), start)
    if shown.start < scene.frame_start <= start:
        return "It would begin before the scene's first frame; move the strips to the right first, or make it shorter."
    if any(sequencer.span(each).stop == shown.start for each in begins):
        return f"The gap is as long as the shot; fill it with Bridge Gap, which does not show {begins[0].name} again."
    return shot_intent.of_join(
        scene,
        source=source,
        boards=start_sources.Boards(strip, begins[0] if begins else strip, strip),
        pictures=(*((each, sequencer.span(each).stop - 1) for each in begins), (strip, start)),
        shown=shown,
        hidden=0,
        own=strip.shotpack_board.before,
        title=f"before {strip.name}",
    )


def remarks(scene: Any) -> list[str]:
    """What there is to say beforehand of the cameras of what is made beside the selected strips."""
    said = [_NO_MOVE] if any(map(camera_moves.goes_over, sequencer.chosen(scene))) else []
    return said + ([_FOLLOWS_NONE] if scene.shotpack.follow_camera else [])


def neighbour(scene: Any) -> Any | None:
    """The strip that something comes after or before: the active one, if it is selected and shows a picture."""
    editor = scene.sequence_editor
    active = editor.active_strip if editor is not None else None
    return active if active is not None and active.select and active in sequencer.chosen(scene) else None


def wanted_frames(scene: Any) -> int:
    """How many frames are to come after or before a strip."""
    return max(1, round(scene.shotpack.more * scene.render.fps / scene.render.fps_base))


def lands_not(wanted: Any) -> str | None:
    """The sentence where the model has no way to a picture that is still to come; none before the engine has spoken."""
    details = chosen.details_of(chosen.model_in_use(wanted))
    if details is None or _lands(details):
        return chosen.EARLIER if chosen.is_earlier() else None
    translated = bpy.app.translations.pgettext_iface
    able = [name for name, each in chosen.about().get("details", {}).items() if _lands(each)]
    if not able:
        return str(translated(_NONE_ENDS))
    why = _FORWARD_ALONE if details.get("boards_within", True) else _NO_END
    return str(translated(why).format(models=", ".join(able)))


def _lands(details: Any) -> bool:
    """Whether sections of a model can see what comes after a shot; an engine of before does not say of all."""
    return bool(details.get("boards_within", True)) and any(order != FORWARD for order in details["orders"])


def _unready(scene: Any, *strips: Any) -> str | None:
    """The sentence where one of these strips has not got the picture yet, or a model cannot start from one."""
    for strip in strips:
        if strip.type == "META" and strip.shotpack.shot and strip.shotpack.state != "finished":
            words = bpy.app.translations.pgettext_iface("{name} is not finished; its last picture may still change.")
            return str(words.format(name=strip.name))
    return start_sources.unfit(scene.shotpack, "STRIP")


class SHOTPACK_OT_bridge(MakesShots, bpy.types.Operator):  # noqa: N801
    """Make exactly the frames that are missing between two strips, from the last picture of one to the first of the \
other"""

    bl_idname = "shotpack.bridge"
    bl_label = "Bridge Gap"

    @staticmethod
    def found(context: Any) -> Intent | str:
        """The shot between the two."""
        return bridge(sequencer.scene_of(context))


class SHOTPACK_OT_make_after(MakesShots, bpy.types.Operator):  # noqa: N801
    """Make a shot that goes on from the strip's last picture, right after it; that picture is not shown twice"""

    bl_idname = "shotpack.make_after"
    bl_label = "Make What Comes After"

    @staticmethod
    def found(context: Any) -> Intent | str:
        """The shot after the active strip."""
        return after(sequencer.scene_of(context))


class SHOTPACK_OT_make_before(MakesShots, bpy.types.Operator):  # noqa: N801
    """Make a shot that arrives at the strip's first picture, right before it; it begins as Start From says"""

    bl_idname = "shotpack.make_before"
    bl_label = "Make What Comes Before"

    @staticmethod
    def found(context: Any) -> Intent | str:
        """The shot before the active strip."""
        return before(context)


CLASSES = (SHOTPACK_OT_bridge, SHOTPACK_OT_make_after, SHOTPACK_OT_make_before)
