"""What can be done with a shot once it is there: pause, go on, cancel, send, put back, use or look at its folder."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.props import BoolProperty, StringProperty

from ..engine.client.shot import FIRST_TAKE, Shot
from ..engine.client.takes import parent_of
from ..engine.errors import EngineError
from . import (
    adoption,
    chosen,
    engine,
    problems,
    runtime,
    sequencer,
    shot_folders,
    shot_strips,
    take_stamps,
    timeline,
    trust,
)
from .shot_folders import STILL


class OnShot:
    """An operator on one shot: the one that is named, else the active strip's."""

    bl_options = {"INTERNAL"}  # noqa: RUF012
    shot: StringProperty(options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]

    def strip(self, context: Any) -> Any | None:
        """The shot's first meta strip, in this scene where it has one there."""
        scene = sequencer.scene_of(context)
        if self.shot:
            # A take that is only listed has the strips that list it.
            found = [
                (owner != scene, meta.shotpack.shot != self.shot, meta)
                for owner, meta in shot_strips.stamped()
                if take_stamps.lists(meta.shotpack, self.shot)
            ]
            return min(found, key=lambda each: each[:2], default=(None, None, None))[2]
        return shot_strips.active(scene)

    def record(self, context: Any) -> Shot | None:
        """The shot's record, followed from now on; None where it is not to be had, which is said then."""
        strip = self.strip(context)
        name = self.shot or ("" if strip is None else strip.shotpack.shot)
        shot = runtime.shot_of(name)
        if shot is None and strip is not None:
            shot = adoption.record(strip, take_stamps.said_of(strip.shotpack, name))
        if shot is not None:
            runtime.follow(shot)
        elif name in adoption.left_alone:
            problem = problems.of_error(adoption.left_alone[name])
            self.report({"ERROR"}, f"{problem.sentence} {problem.advice}")  # type: ignore[attr-defined]
        return shot


class _Order(OnShot):
    """An operator that has the engine do one thing with a shot."""

    action = ""

    def execute(self, context: Any) -> set[str]:
        """Pass the order on; the engine is woken where it sleeps."""
        shot = self.record(context)
        if shot is None:
            return {"CANCELLED"}
        if not shot.job and (self.action != "cancel" or shot.fault is not None):
            self.report({"WARNING"}, "The engine has not begun with this shot; wait a moment.")  # type: ignore[attr-defined]
            return {"CANCELLED"}
        if shot.job:
            runtime.wake()
        runtime.the_client().act(shot, self.action)
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


class SHOTPACK_OT_send_again(OnShot, bpy.types.Operator):  # noqa: N801
    """Send the shot once more, as it was asked for; where that was refused, with the model and settings chosen now"""

    bl_idname = "shotpack.send_again"
    bl_label = "Send Again"

    chosen_now: BoolProperty(options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]

    @classmethod
    def description(cls, _context: Any, properties: Any) -> str:
        """What is sent."""
        if properties.chosen_now:
            return "Make the shot anew with the model, size, seed and all else under Advanced as chosen now; words stay"
        return str(cls.__doc__)

    def execute(self, context: Any) -> set[str]:
        shot = self.record(context)
        if shot is None:
            return {"CANCELLED"}
        if any(len(meta.shotpack.takes) for meta in shot_strips.listing(shot.id)):
            self.report({"ERROR"}, "The shot has takes, which go on from it; use Make Again for a shot of its own.")
            return {"CANCELLED"}
        try:
            folder = shot_folders.folder_anew(shot)
        except OSError as fault:
            self.report({"ERROR"}, f"The shot's folder cannot be made: {fault.strerror or fault}.")
            return {"CANCELLED"}
        except EngineError as fault:
            self.report({"ERROR"}, fault.line)
            return {"CANCELLED"}
        request, left_out = shot.request, ""
        if self.chosen_now or problems.of_the_choice(shot, runtime.the_client().job(shot)):
            request, left_out = chosen.put_into(request, sequencer.scene_of(context).shotpack)
        again = Shot(shot.id, shot.name, folder, shot.frames, request=request, key=runtime.new_id(), hidden=shot.hidden)
        timeline.begin_again(again, folder / STILL)
        runtime.send(again)
        if left_out:
            self.report({"WARNING"}, left_out)
        return {"FINISHED"}


class SHOTPACK_OT_send_unsent(OnShot, bpy.types.Operator):  # noqa: N801
    """Send what was never sent to the engine, because Blender was closed too early: one shot, or all of the timeline"""

    bl_idname = "shotpack.send_unsent"
    bl_label = "Send"

    def execute(self, context: Any) -> set[str]:
        if engine.needs_install():
            self.report({"ERROR"}, engine.INSTALL_FIRST)
            return {"CANCELLED"}
        waiting = adoption.unsent(sequencer.scene_of(context))
        if self.shot:
            waiting = [strip for strip in adoption.unsent() if strip.shotpack.shot == self.shot]
        shots = [shot for strip in waiting if (shot := adoption.record(strip)) is not None]
        for shot in shots:
            runtime.send(shot)
        return {"FINISHED"} if shots else {"CANCELLED"}


class SHOTPACK_OT_use_folder(OnShot, bpy.types.Operator):  # noqa: N801
    """Let the shot use the folder that the file names: what was sent before goes on, and its frames come there"""

    bl_idname = "shotpack.use_folder"
    bl_label = "Use This Folder"

    def execute(self, context: Any) -> set[str]:
        strip = self.strip(context)
        folder = shot_strips.folder_of(strip) if strip else None
        if strip is None or folder is None:
            return {"CANCELLED"}
        shown = adoption.left_alone.get(strip.shotpack.shot)
        if shown is None or shown.params.get("path") != str(folder):
            adoption.record(strip)  # another folder than the artist has seen is shown first
            return {"CANCELLED"}
        try:
            trust.remember(folder)
        except OSError as fault:
            self.report({"ERROR"}, f"That cannot be noted in Shotpack's folder: {fault.strerror or fault}.")
            return {"CANCELLED"}
        adoption.adopt_again()
        return {"FINISHED"}


class SHOTPACK_OT_put_back(OnShot, bpy.types.Operator):  # noqa: N801
    """Put a shot that is made, or being made, on the timeline again, at the playhead"""

    bl_idname = "shotpack.put_back"
    bl_label = "Put Back on Timeline"
    bl_options = {"INTERNAL", "UNDO"}  # noqa: RUF012

    def execute(self, context: Any) -> set[str]:
        shot, scene = runtime.shot_of(self.shot), sequencer.scene_of(context)
        if shot is None or shot_strips.listing(self.shot):
            return {"CANCELLED"}
        others = [meta for _, meta in shot_strips.stamped() if shot_strips.folder_of(meta) == shot.folder]
        if shot.take != FIRST_TAKE and others:  # an undo has taken it out of its shot's strips, which are there
            for meta in others:
                take_stamps.list_take(meta.shotpack, shot, parent_of(shot.request))
            take_stamps.show(others[0].shotpack, take_stamps.entry(others[0].shotpack, shot.id))
            timeline.recolour(others[0])
            runtime.follow(shot)
            return {"FINISHED"}
        start, length = scene.frame_current, shot.frames - shot.hidden
        spot = timeline.Spot(start, length, sequencer.free_channel(scene, start, length))
        timeline.place(scene, shot, spot, shot.folder / STILL)
        runtime.follow(shot)
        return {"FINISHED"}


class SHOTPACK_OT_forget(OnShot, bpy.types.Operator):  # noqa: N801
    """Take a shot that is on no timeline off this list; its frames and what the engine has of it stay"""

    bl_idname = "shotpack.forget"
    bl_label = "Take off This List"

    def execute(self, context: Any) -> set[str]:
        shot = runtime.shot_of(self.shot)
        if shot is None or shot_strips.listing(self.shot):
            return {"CANCELLED"}
        runtime.the_client().forget(shot)
        return {"FINISHED"}


class SHOTPACK_OT_fetch_again(OnShot, bpy.types.Operator):  # noqa: N801
    """Try once more to bring the shot's frames to its folder"""

    bl_idname = "shotpack.fetch_again"
    bl_label = "Fetch Frames Again"

    def execute(self, context: Any) -> set[str]:
        shot = self.record(context)
        if shot is None:
            return {"CANCELLED"}
        runtime.wake()
        runtime.the_client().retry(shot)
        return {"FINISHED"}


class SHOTPACK_OT_select(OnShot, bpy.types.Operator):  # noqa: N801
    """Select the shot's strip"""

    bl_idname = "shotpack.select"
    bl_label = "Select Shot"

    def execute(self, context: Any) -> set[str]:
        strip, scene = self.strip(context), sequencer.scene_of(context)
        if strip is None or strip.id_data != scene:
            return {"CANCELLED"}
        sequencer.select(scene, strip)
        return {"FINISHED"}


class SHOTPACK_OT_reveal(OnShot, bpy.types.Operator):  # noqa: N801
    """Open the folder that holds the shot's frames"""

    bl_idname = "shotpack.reveal"
    bl_label = "Open Frames Folder"

    def execute(self, context: Any) -> set[str]:
        strip = self.strip(context)
        folder = shot_strips.folder_of(strip) if strip else None
        if folder is not None and not trust.trusted(folder):
            self.record(context)  # says so: not even whether it is there is asked
            return {"CANCELLED"}
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
    SHOTPACK_OT_send_unsent,
    SHOTPACK_OT_use_folder,
    SHOTPACK_OT_put_back,
    SHOTPACK_OT_forget,
    SHOTPACK_OT_fetch_again,
    SHOTPACK_OT_select,
    SHOTPACK_OT_reveal,
)
