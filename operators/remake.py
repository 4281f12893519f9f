"""A shot made again from what is there: a shot's strip, or a frame or movie of Shotpack's by what it says of itself."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy
from bpy.props import StringProperty

from ..engine.client import board_files, remake
from ..engine.client.shot import Shot
from ..engine.client.stored_request import write
from ..engine.errors import EngineError
from ..engine.file_copies import copy_whole
from . import (
    capture,
    chosen,
    engine,
    remake_sources,
    runtime,
    sequencer,
    settings,
    shot_pictures,
    shot_strips,
    takes,
    timeline,
    trust,
)
from .shot_folders import STILL

_END = "end.png"
_IMAGES = "images"
"""Where an engine keeps in its home what was sent to it, by SHA-256."""
_NAME_WORDS = 4
_SAME_RATE = 0.01


class SHOTPACK_OT_remake(bpy.types.Operator):  # noqa: N801
    """Make the active strip's shot again above it: as it is shown, or by what its picture or movie says of it"""

    bl_idname = "shotpack.remake"
    bl_label = "Remake From This"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether such a strip is active, and of a plain one whether its file says anything, once that is known."""
        said = remake_sources.prevented(context)
        if said is not None:
            cls.poll_message_set(said)
        return said is None

    def execute(self, context: Any) -> set[str]:
        strip = remake_sources.strip_of(context)
        if strip.type == "META":
            return takes.make_again(self, strip, strip.shotpack)
        return _remade(self, context, remake_sources.file_of(strip, sequencer.scene_of(context)), strip)


class SHOTPACK_OT_remake_file(bpy.types.Operator):  # noqa: N801
    """Make a shot again at the playhead by what a frame or a movie of it says of itself"""

    bl_idname = "shotpack.remake_file"
    bl_label = "Remake From File"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})  # type: ignore[valid-type]
    filter_glob: StringProperty(default="*.png;*.mp4;*.mov;*.m4v", options={"HIDDEN"})  # type: ignore[valid-type]

    def invoke(self, context: Any, _event: Any) -> set[str]:
        """Ask for the file."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: Any) -> set[str]:
        return _remade(self, context, trust.plainly(bpy.path.abspath(self.filepath)), None)


def _remade(operator: Any, context: Any, path: Path, below: Any | None) -> set[str]:
    """Have the shot made that the file at `path` tells of, above the strip `below` or at the playhead."""
    scene = sequencer.scene_of(context)
    if engine.needs_install():
        operator.report({"ERROR"}, engine.INSTALL_FIRST)
        return {"CANCELLED"}
    try:
        shot, warning = _prepared(scene, path)
    except EngineError as fault:
        operator.report({"ERROR"}, f"{fault.sentence}; {fault.advice}.")
        return {"CANCELLED"}
    except (capture.CaptureError, OSError) as fault:
        operator.report({"ERROR"}, shot_pictures.said(fault))
        return {"CANCELLED"}
    start = scene.frame_current if below is None else sequencer.content_start(below)
    channel = sequencer.free_channel(scene, start, shot.frames, *([] if below is None else [below.channel]))
    meta = timeline.place(scene, shot, timeline.Spot(start, shot.frames, channel), shot.folder / STILL)
    sequencer.select(scene, meta)
    runtime.send(shot)
    if warning:
        operator.report({"WARNING"}, warning)
    return {"FINISHED"}


def _prepared(scene: Any, path: Path) -> tuple[Shot, str]:
    """The shot with its pictures in a folder of its own, and what is to be said. Raises; then there is no folder."""
    said = remake.said_by(path)
    asked = remake.asked_by(path, said)
    found = remake.find_pictures(asked.pictures, _folders(path), [settings.home() / _IMAGES])
    if (fault := remake.missing(asked, found, path)) is not None:
        raise fault
    named, names = remake.named(asked, STILL, _END)
    name, folder = shot_pictures.new_folder(asked.frames, " ".join(asked.prompt.split()[:_NAME_WORDS]) or path.stem)
    try:
        for file, sha256 in names.items():
            copy_whole(found[sha256].folder / found[sha256].name, folder / file)
        if not board_files.is_file(folder / STILL):  # a shot of words begins with none, one of a clip goes on from it
            shown = found.get(asked.clip[-1]) if asked.clip else None
            if shown is None:
                capture.blank(folder / STILL)
            else:
                copy_whole(shown.folder / shown.name, folder / STILL)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    request, warning = write(named, name), ""
    if (gone := takes.gone_model(request)) is not None:
        request, left_out = chosen.put_into(request, scene.shotpack)
        warning = f"{gone} {left_out}".strip()
    elif asked.fps is not None and abs(asked.fps - scene.render.fps / scene.render.fps_base) > _SAME_RATE:
        words = bpy.app.translations.pgettext_iface(
            "It was made at {fps} frames a second, which this timeline has not."
        )
        warning = str(words).format(fps=f"{asked.fps:g}")
    return Shot(runtime.new_id(), name, folder, asked.frames, request=request, key=runtime.new_id()), warning


def _folders(path: Path) -> Iterator[Path]:
    """Where a shot's pictures may lie: beside the file, where an engine keeps them, in the folders of shots here."""
    yield from (path.parent, path.parent / "boards", path.parent.parent / "boards")
    homes = [settings.user_folder() / trust.SHOTS]
    if bpy.data.filepath:
        homes.insert(0, trust.plainly(bpy.data.filepath).parent / trust.SHOTS)
    for home in homes:
        for folder in sorted(home.iterdir()) if home.is_dir() else ():
            if trust.trusted(folder):
                yield folder
    for _, meta in shot_strips.stamped():
        folder = shot_strips.folder_of(meta)
        if folder is not None and trust.trusted(folder):
            yield folder


CLASSES = (SHOTPACK_OT_remake, SHOTPACK_OT_remake_file)
