"""Extend Shot: a finished shot is made longer by sections that go on from its stored ones; its strip grows with it.

For the engine that is a take of the shot's job (`engine/client/longer_shots.py`), for Blender another shot in a folder
of its own: an undo brings back the shorter one, whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import bpy

from ..engine.client.board_files import is_file
from ..engine.client.longer_shots import longer, why_not_longer
from ..engine.client.shot import Shot
from ..engine.client.shot_words import prompts_over
from ..engine.client.stored_request import read
from ..engine.client.takes import parent_of
from ..engine.errors import EngineError
from ..engine.file_copies import copy_whole
from ..engine.protocol import FRAMES_MAXIMUM
from . import chosen, engine, joins, runtime, sequencer, shot_folders, shot_strips, text_strips, timeline, trust
from .shot_folders import STILL


@dataclass(frozen=True)
class Extension:
    """A finished shot's strip, and how many frames the shot is to have."""

    meta: Any
    frames: int
    by: int


def extension(scene: Any) -> Extension | str:
    """How the active strip's shot would be extended now, or why it cannot be. Cheap: panels ask at every drawing."""
    meta = joins.neighbour(scene)
    if meta is None or meta.type != "META" or not meta.shotpack.shot:
        return "Select a finished shot."
    stamp, by = meta.shotpack, joins.wanted_frames(scene)
    if stamp.state != "finished" or not stamp.job:
        return f"{meta.name} is not finished yet."
    if chosen.is_earlier():
        return chosen.EARLIER
    if stamp.frames + by > FRAMES_MAXIMUM:
        return f"{stamp.frames + by} frames are too many; {FRAMES_MAXIMUM} is the most."
    try:
        model = read(stamp.request).rest.get("model") or chosen.model_in_use(scene.shotpack)
        why = why_not_longer(stamp.request, chosen.details_of(str(model)))
    except EngineError as fault:
        return fault.line
    if why is not None:
        return why
    if len(getattr(meta, "retiming_keys", ())):
        return f"{meta.name} is retimed; take its retiming off first."
    room, shown = sequencer.frames_free_after(scene, meta), sequencer.span(meta)
    wanted = sequencer.content_start(meta) + stamp.frames + by - shown.stop
    if room is not None and room < wanted:
        return (
            f"Only {room} frames are free behind {meta.name} on its channel; move what follows, or extend it by less."
        )
    return Extension(meta, stamp.frames + by, by)


class SHOTPACK_OT_extend(bpy.types.Operator):  # noqa: N801
    """Make the shot longer from its stored sections; of what is there only the last second changes, which fades into \
what is new"""

    bl_idname = "shotpack.extend"
    bl_label = "Extend Shot"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    @classmethod
    def poll(cls, context: Any) -> bool:
        found = engine.MISSING if engine.missing() else extension(sequencer.scene_of(context))
        if isinstance(found, str):
            cls.poll_message_set(found)
        return not isinstance(found, str)

    def execute(self, context: Any) -> set[str]:
        scene = sequencer.scene_of(context)
        found = engine.MISSING if engine.needs_install() else extension(scene)
        if isinstance(found, str):
            self.report({"ERROR"}, found)
            return {"CANCELLED"}
        meta, old = found.meta, found.meta.shotpack.shot
        folder = shot_strips.folder_of(meta)
        if folder is None or not trust.trusted(folder) or not shot_strips.pictures(meta):
            self.report({"ERROR"}, "The shot's frames are not there any more; make it again, as long as you want it.")
            return {"CANCELLED"}
        if (shortage := shot_folders.shortage(found.frames)) is not None:
            self.report({"ERROR"}, shortage)
            return {"CANCELLED"}
        try:
            shot = _longer(scene, found)
        except OSError as fault:
            self.report({"ERROR"}, f"The shot's folder cannot be made: {fault.strerror or fault}.")
            return {"CANCELLED"}
        except EngineError as fault:
            self.report({"ERROR"}, fault.line)
            return {"CANCELLED"}
        if len(meta.shotpack.takes):
            return self._apart(scene, meta, shot)
        timeline.extend(meta, shot, shot.folder / shot_strips.pictures(meta)[-1].name)
        if runtime.client is not None and (shorter := runtime.shot_of(old)) is not None and not shot_strips.find(old):
            runtime.client.forget(shorter)  # an undo brings its strip back, and with it all that there is to know
        runtime.send(shot)
        return {"FINISHED"}

    def _apart(self, scene: Any, meta: Any, shot: Shot) -> set[str]:
        """A shot with takes keeps its strip, which lists them: the longer one lies above it."""
        start, length = sequencer.content_start(meta) + shot.hidden, shot.frames - shot.hidden
        spot = timeline.Spot(start, length, sequencer.free_channel(scene, start, length, meta.channel))
        longer = timeline.place(scene, shot, spot, shot.folder / STILL)
        if sequencer.span(meta).start > start:  # it was cut: so is the longer one
            sequencer.set_start(longer, sequencer.span(meta).start)
        runtime.send(shot)
        self.report({"INFO"}, f"{meta.name} has other takes, so the longer shot lies above it.")
        return {"FINISHED"}


def _longer(scene: Any, found: Extension) -> Shot:
    """The longer shot, whose folder has all that the strip shows now. Raises OSError or EngineError."""
    meta, stamp = found.meta, found.meta.shotpack
    start = sequencer.content_start(meta)
    changes = prompts_over(
        range(start, start + found.frames),
        text_strips.timed_texts(scene),
        str(read(stamp.request).rest.get("prompt", "")),
    )
    name, folder = shot_folders.new_folder(stamp.name)
    request = longer(stamp.request, name, found.frames, stamp.job, runtime.the_client().about, changes)
    old = shot_strips.folder_of(meta)
    pictures = [*read(request).names, STILL, *(path.name for path in shot_strips.pictures(meta))]
    for each in dict.fromkeys(pictures):
        if old is not None and is_file(old / each):
            copy_whole(old / each, folder / each)
    shot = Shot(runtime.new_id(), name, folder, found.frames, request=request, key=runtime.new_id())
    shot.hidden, shot.take = min(stamp.hidden, stamp.frames - 1), parent_of(request) + 1  # a file may hold anything
    return shot


CLASSES = (SHOTPACK_OT_extend,)
