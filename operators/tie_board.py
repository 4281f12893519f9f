"""Say of a picture that it is seen from here: by the camera of the scene in this window, at its present frame."""

from __future__ import annotations

from typing import Any

import bpy

from . import follow, seen_from, sequencer, start_sources


class SHOTPACK_OT_seen_from_here(bpy.types.Operator):  # noqa: N801
    """The picture shows what this scene's camera sees at the present frame; the camera is remembered as it is now"""

    bl_idname = "shotpack.seen_from_here"
    bl_label = "From Here and Now"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    @classmethod
    def poll(cls, context: Any) -> bool:
        why = follow.unfit(context.scene, context.scene.camera)
        if why is not None:
            cls.poll_message_set(why)
        return why is None

    def execute(self, context: Any) -> set[str]:
        boards = start_sources.boards(sequencer.scene_of(context))
        if boards is None:
            return {"CANCELLED"}
        own, shown = boards.start.shotpack_board, context.scene
        own.seen_scene, own.seen_frame = shown, float(shown.frame_current)
        own.seen_camera = seen_from.kept_camera(shown.camera, context.evaluated_depsgraph_get())
        return {"FINISHED"}


CLASSES = (SHOTPACK_OT_seen_from_here,)
