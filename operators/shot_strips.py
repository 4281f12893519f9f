"""Which strips are shots' and what they show; nothing is changed here.

A shot is a meta strip that bears a stamp (`strip_settings.ShotStamp`); `timeline.py` says what lies inside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy

from . import sequencer, take_stamps, trust

PLACEHOLDER, PREVIEW, SECTION, FINAL = "placeholder", "preview", "section", "final"
"""What a strip inside a shot is: its board, a section in the making, some of its frames, or all of them."""
IN_ITS_FOLDER = PLACEHOLDER, SECTION, FINAL
"""Those whose pictures lie in the shot's folder."""


def stamped() -> Iterator[tuple[Any, Any]]:
    """Every shot's meta strip in the file, with its scene. A shot that was cut or copied has several.

    A scene of another file, linked or overridden, is that file's to change.
    """
    for scene in bpy.data.scenes:
        if scene.sequence_editor is not None and scene.library is None and scene.override_library is None:
            for strip in scene.sequence_editor.strips_all:
                if strip.type == "META" and strip.shotpack.shot:
                    yield scene, strip


def active(scene: Any) -> Any | None:
    """A timeline's active strip, where it is a shot's."""
    editor = scene.sequence_editor if scene is not None else None
    strip = editor.active_strip if editor is not None else None
    return strip if strip is not None and strip.type == "META" and strip.shotpack.shot else None


def find(shot: str) -> list[Any]:
    """The meta strips that show a shot, or a take of one."""
    return [meta for _, meta in stamped() if meta.shotpack.shot == shot]


def listing(shot: str) -> list[Any]:
    """The meta strips that a shot or a take is listed in, whichever take they show."""
    return [meta for _, meta in stamped() if take_stamps.lists(meta.shotpack, shot)]


def by_shot() -> dict[str, list[Any]]:
    """`listing` of every shot in the file, in one look: whoever asks for many shots asks once."""
    found: dict[str, list[Any]] = {}
    for _, meta in stamped():
        for shot in take_stamps.listed(meta.shotpack):
            found.setdefault(shot, []).append(meta)
    return found


def remove_previews() -> None:
    """Let no shot play what is being denoised: a file on disk must not name pictures that are gone with this Blender.

    The next tick brings them back.
    """
    for _, meta in stamped():
        for strip in of_role(meta, PREVIEW):
            meta.strips.remove(strip)


def folder_of(meta: Any) -> Path | None:
    """Where a shot's pictures are by its strips, whose paths Blender keeps right when a file is saved elsewhere.

    The disk is not asked: anybody may have written what the strips say.
    """
    for strip in of_role(meta, *IN_ITS_FOLDER):
        return trust.plainly(bpy.path.abspath(strip.directory))
    return None


def pictures(meta: Any) -> list[Path]:
    """The files of a finished shot's frames, in order; none before it is finished."""
    for strip in of_role(meta, FINAL):
        folder = Path(bpy.path.abspath(strip.directory))
        return [folder / element.filename for element in strip.elements]
    return []


def first_shown(meta: Any) -> range:
    """The frames (from 1) of the one section that is there, or of the whole shot; empty where there is neither."""
    strips = of_role(meta, FINAL) or of_role(meta, SECTION)
    if len(strips) != 1:
        return range(0)
    shown, zero = content(strips[0]), sequencer.content_start(meta) - 1
    return range(shown.start - zero, shown.stop - zero)


def picture_at(meta: Any, frame: int) -> str | None:
    """What the file that shows a frame (from 1) of a shot is called; None where only its board is to be seen."""
    for strip in of_role(meta, FINAL, SECTION):
        shown, at = content(strip), sequencer.content_start(meta) + frame - 1
        if at in shown:
            return str(strip.elements[at - shown.start].filename)
    return None


def of_role(meta: Any, *roles: str) -> list[Any]:
    """The strips inside a shot that are ours and play one of these parts; others may bear a copy of a stamp."""
    return [strip for strip in meta.strips if strip.type == "IMAGE" and strip.shotpack.role in roles]


def content(strip: Any) -> range:
    """The scene frames of a strip's elements, whatever part of them it shows."""
    return range(sequencer.content_start(strip), sequencer.content_start(strip) + len(strip.elements))
