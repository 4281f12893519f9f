"""The timeline's text strips that say what happens in shots, and the way to have them do so."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.props import IntProperty

from . import sequencer


def timed_texts(scene: Any) -> list[tuple[range, str]]:
    """Frames and words of the strips on the scene's channel for words; none where it names no channel."""
    return [(sequencer.span(strip), strip.text) for strip in sequencer.word_strips(scene)]


def unheard(scene: Any, board: Any) -> Any | None:
    """The first text strip over a board that says something, as long as the scene names no channel for words."""
    if scene.shotpack.prompt_channel:
        return None
    shown = sequencer.span(board)
    over = [
        strip
        for strip in sequencer.displayed(scene.sequence_editor)
        if strip.type == "TEXT"
        and strip != board
        and strip.text.strip()
        and sequencer.span(strip).start < shown.stop
        and shown.start < sequencer.span(strip).stop
    ]
    return min(over, key=lambda strip: sequencer.span(strip).start, default=None)


class SHOTPACK_OT_use_text_strips(bpy.types.Operator):  # noqa: N801
    """Let the text strips on this channel say what happens in the shots below them; under Advanced it can be undone"""

    bl_idname = "shotpack.use_text_strips"
    bl_label = "Words from Text Strips"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    channel: IntProperty(name="Channel", min=1, max=128, options={"SKIP_SAVE"})  # type: ignore[valid-type]

    def execute(self, context: Any) -> set[str]:
        sequencer.scene_of(context).shotpack.prompt_channel = self.channel
        return {"FINISHED"}


CLASSES = (SHOTPACK_OT_use_text_strips,)
