"""What can be done with a shot once it is there: pause, go on, cancel, send again, put back, look at its folder."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.props import StringProperty

from ..engine.client.shot import Shot
from . import folders, runtime, strips, timeline
from .folders import STILL


class _OnShot:
    """An operator on one shot: the one that is named, else the active strip's."""

    bl_options = {"INTERNAL"}  # noqa: RUF012
    shot: StringProperty(options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]

    def strip(self, context: Any) -> Any | None:
        """The shot's first meta strip."""
        if self.shot:
            return next(iter(timeline.find(self.shot)), None)
        editor = strips.scene_of(context).sequence_editor
        active = editor.active_strip if editor else None
        return active if active is not None and active.type == "META" and active.shotpack.shot else None

    def record(self, context: Any) -> Shot | None:
        """The shot's record, followed from now on."""
        strip = self.strip(context)
        if strip is None:
            return runtime.shot_of(self.shot)
        shot = runtime.shot_of(strip.shotpack.shot) or runtime.shot_from(strip)
        if shot is not None:
            runtime.follow(shot)
        return shot


class _Order(_OnShot):
    """An operator that has the engine do one thing with a shot."""

    action = ""

    def execute(self, context: Any) -> set[str]:
        """Pass the order on; the engine is woken where it sleeps."""
        shot = self.record(context)
        if shot is None or not shot.job:
            self.report({"WARNING"}, "The engine has not begun with this shot; wait a moment.")  # type: ignore[attr-defined]
            return {"CANCELLED"}
        runtime.wake()
        runtime.the_desk().act(shot, self.action)
        return {"FINISHED"}


class SHOTPACK_OT_pause(_Order, bpy.types.Operator):  # noqa: N801
    """Stand still after the present step; the device is free for other shots"""

    bl_idname = "shotpack.pause"
    bl_label = "Pause Shot"
    action = "pause"


class SHOTPACK_OT_resume(_Order, bpy.types.Operator):  # noqa: N801
    """Go on with the shot at the first section that is not finished"""

    bl_idname = "shotpack.resume"
    bl_label = "Resume Shot"
    action = "resume"


class SHOTPACK_OT_cancel(_Order, bpy.types.Operator):  # noqa: N801
    """Stop the shot after the present step; its finished sections stay"""

    bl_idname = "shotpack.cancel"
    bl_label = "Cancel Shot"
    action = "cancel"


class SHOTPACK_OT_send_again(_OnShot, bpy.types.Operator):  # noqa: N801
    """Send the shot to the engine once more, as it was asked for"""

    bl_idname = "shotpack.send_again"
    bl_label = "Send Again"

    def execute(self, context: Any) -> set[str]:
        shot = self.record(context)
        if shot is None:
            self.report({"ERROR"}, "This shot's pictures are not where they were; generate it anew.")
            return {"CANCELLED"}
        try:
            folder = folders.folder_anew(shot)
        except OSError as fault:
            self.report({"ERROR"}, f"The shot's folder cannot be made: {fault.strerror or fault}.")
            return {"CANCELLED"}
        again = Shot(shot.id, shot.name, folder, shot.frames, request=shot.request)
        timeline.begin_again(again, folder / STILL)
        runtime.send(again)
        return {"FINISHED"}


class SHOTPACK_OT_put_back(_OnShot, bpy.types.Operator):  # noqa: N801
    """Put a shot that is made, or being made, on the timeline again, at the playhead"""

    bl_idname = "shotpack.put_back"
    bl_label = "Put Back on Timeline"
    bl_options = {"INTERNAL", "UNDO"}  # noqa: RUF012

    def execute(self, context: Any) -> set[str]:
        shot, scene = runtime.shot_of(self.shot), strips.scene_of(context)
        if shot is None or timeline.find(self.shot):
            return {"CANCELLED"}
        start = scene.frame_current
        spot = timeline.Spot(start, shot.frames, strips.free_channel(scene, start, shot.frames))
        timeline.place(scene, shot, spot, shot.folder / STILL)
        runtime.follow(shot)
        return {"FINISHED"}


class SHOTPACK_OT_fetch_again(_OnShot, bpy.types.Operator):  # noqa: N801
    """Try once more to bring the shot's frames to its folder"""

    bl_idname = "shotpack.fetch_again"
    bl_label = "Fetch Frames Again"

    def execute(self, context: Any) -> set[str]:
        shot = self.record(context)
        if shot is None:
            return {"CANCELLED"}
        runtime.wake()
        runtime.the_desk().retry(shot)
        return {"FINISHED"}


class SHOTPACK_OT_select(_OnShot, bpy.types.Operator):  # noqa: N801
    """Select the shot's strip"""

    bl_idname = "shotpack.select"
    bl_label = "Select Shot"

    def execute(self, context: Any) -> set[str]:
        strip = self.strip(context)
        if strip is None:
            return {"CANCELLED"}
        strips.select(strips.scene_of(context), strip)
        return {"FINISHED"}


class SHOTPACK_OT_reveal(_OnShot, bpy.types.Operator):  # noqa: N801
    """Open the folder that holds the shot's frames"""

    bl_idname = "shotpack.reveal"
    bl_label = "Open Frames Folder"

    def execute(self, context: Any) -> set[str]:
        strip = self.strip(context)
        folder = timeline.folder_of(strip) if strip else None
        if folder is None or not folder.is_dir():
            self.report({"ERROR"}, "The shot's folder is not there any more.")
            return {"CANCELLED"}
        bpy.ops.wm.path_open(filepath=str(folder))
        return {"FINISHED"}


CLASSES = (
    SHOTPACK_OT_pause,
    SHOTPACK_OT_resume,
    SHOTPACK_OT_cancel,
    SHOTPACK_OT_send_again,
    SHOTPACK_OT_put_back,
    SHOTPACK_OT_fetch_again,
    SHOTPACK_OT_select,
    SHOTPACK_OT_reveal,
)
