"""Removing a shot with all its takes: its strips, its files, and what the engine has of it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import bpy

from . import adoption, previews, runtime, shot_strips, timeline, trust
from .jobs import OnShot


class SHOTPACK_OT_remove_shot(OnShot, bpy.types.Operator):  # noqa: N801
    """Remove the shot from the timeline, its frames from the disk and its job from the engine"""

    bl_idname = "shotpack.remove_shot"
    bl_label = "Remove Shot and Its Files"
    bl_options = {"INTERNAL", "UNDO"}  # noqa: RUF012

    def invoke(self, context: Any, event: Any) -> set[str]:
        """Ask first: files do not come back."""
        message = (
            "Its strips, its frames with all takes and what the engine has of it go. Undo does not bring them back."
        )
        confirm = {"title": "Remove Shot", "message": message, "confirm_text": "Remove", "icon": "WARNING"}
        return set(context.window_manager.invoke_confirm(self, event, **confirm))

    def execute(self, context: Any) -> set[str]:
        strip = self.strip(context)
        if strip is None and runtime.shot_of(self.shot) is None:
            return {"CANCELLED"}
        if (said := remove(self.shot or strip.shotpack.shot, strip)) is not None:
            self.report({"WARNING"}, said)
        return {"FINISHED"}


def remove(name: str, strip: Any | None) -> str | None:
    """Remove a shot from the timeline, the disk and the engine; returns what is to be said of files that stay."""
    shot = runtime.shot_of(name) or (adoption.record(strip) if strip is not None else None)
    folder = shot.folder if shot is not None else shot_strips.folder_of(strip)
    gone = {shot.id: shot} if shot is not None else {}
    for meta in shot_strips.listing(name):
        for take in meta.shotpack.takes:
            record = runtime.shot_of(take.shot) or adoption.record(meta, take)
            gone |= {record.id: record} if record is not None and record.folder == folder else {}
    # An undo may have taken a take out of all lists that is being made still.
    gone |= {each.id: each for each in runtime.beside(shot)} if shot is not None else {}
    timeline.remove(name)
    for each in gone.values():
        if each.job:
            runtime.wake()
        runtime.the_client().remove(each)
    if folder is not None:
        previews.forget_folder(folder)
    if folder is not None and trust.trusted(folder) and (fault := _removed(folder)) is not None:
        return f"Not all of {folder} could be removed: {fault.strerror or fault}."
    return None


def _removed(folder: Path) -> OSError | None:
    """Remove a shot's folder; returns what has hindered that."""
    faults: list[OSError] = []

    def note(_call: Any, _path: str, fault: tuple[Any, BaseException, Any]) -> None:
        if isinstance(fault[1], OSError):
            faults.append(fault[1])

    if not folder.is_symlink() and folder.is_dir():
        shutil.rmtree(folder, onerror=note)
    return faults[0] if faults else None


CLASSES = (SHOTPACK_OT_remove_shot,)
