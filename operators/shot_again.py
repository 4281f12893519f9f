"""The words of a shot that is there: seen, and used again for the strip that it was made of."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.props import StringProperty

from . import prompts, sequencer, timeline


class SHOTPACK_OT_use_again(bpy.types.Operator):  # noqa: N801
    """Give the shot's words and seed to the strip that it was made of, and select that: change them, make another"""

    bl_idname = "shotpack.use_again"
    bl_label = "Use Words Again"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    shot: StringProperty(options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]

    def execute(self, context: Any) -> set[str]:
        scene = sequencer.scene_of(context)
        meta = next((each for each in timeline.find(self.shot) if each.id_data == scene), None)
        if meta is None:
            return {"CANCELLED"}
        request, board = meta.shotpack.request, scene.sequence_editor.strips_all.get(meta.shotpack.board)
        prompt, seed = prompts.prompt_of(request), prompts.asked_of(request).get("seed", 0)
        seed = seed if isinstance(seed, int) and 0 <= seed < 2**31 else 0
        if board is None:
            scene.shotpack.prompt, scene.shotpack.seed = prompt, seed
            return {"FINISHED"}
        own = board.shotpack_board
        own.prompt, own.use_seed, own.seed = prompt, True, seed
        sequencer.select(scene, board)
        return {"FINISHED"}


CLASSES = (SHOTPACK_OT_use_again,)
