"""The words of a shot that is there: seen, and used again for the strip that it was made of."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.props import StringProperty

from . import batches, chosen, prompts, sequencer, shot_strips, take_stamps


class SHOTPACK_OT_use_again(bpy.types.Operator):  # noqa: N801
    """Give the shot's words and seed to the strip that it was made of, and select that: change them, make another"""

    bl_idname = "shotpack.use_again"
    bl_label = "Use Words Again"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    shot: StringProperty(options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]

    def execute(self, context: Any) -> set[str]:
        scene = sequencer.scene_of(context)
        meta = next((each for each in shot_strips.listing(self.shot) if each.id_data == scene), None)
        if meta is None:
            return {"CANCELLED"}
        request = take_stamps.said_of(meta.shotpack, self.shot).request
        board = scene.sequence_editor.strips_all.get(meta.shotpack.board)
        prompt, seed = prompts.prompt_of(request), prompts.asked_of(request).get("seed", 0)
        seed = seed if isinstance(seed, int) and 0 <= seed <= chosen.SEEDS else 0
        if board is None:
            scene.shotpack.prompt, scene.shotpack.seed = prompt, seed
            return {"FINISHED"}
        own = board.shotpack_board
        own.prompt, own.use_seed, own.seed = prompt, True, seed
        for name, words in _words_through(request, meta.shotpack.through):
            if (strip := scene.sequence_editor.strips_all.get(name)) is not None:
                strip.shotpack_board.prompt = words
        sequencer.select(scene, board)
        return {"FINISHED"}


def _words_through(request: str, through: str) -> list[tuple[str, str]]:
    """Of a shot through many boards, what was said from each of them on, by the strips' names."""
    asked, found = prompts.asked_of(request), list[tuple[str, str]]()
    try:
        at = [int(frame) for frame, _ in asked.get("boards", ())]
        changes = [
            (1, str(asked["prompt"])),
            *((each["frame"], str(each["text"])) for each in asked.get("prompts", ())),
        ]
        for name, frame in zip(batches.names_through(through), at, strict=False):
            found.append((name, max(each for each in changes if each[0] <= frame)[1]))
    except (ValueError, TypeError, KeyError):  # anybody may have written the file
        return []
    return found


CLASSES = (SHOTPACK_OT_use_again,)
