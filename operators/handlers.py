"""What Blender tells us of: files opened and saved, undo, renders. None of it may end with a fault of ours.

In a Blender without a window nothing of it counts before a script has asked for something of ours.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
from bpy.app.handlers import persistent

from . import adoption, contact_sheets, coverage, remake_sources, runtime, shot_folders, shot_strips, unexpected

_own_renders = 0
"""How many renders that run are boards of ours: the engine need not make room for them."""


@persistent
@unexpected.outlived(None)
def opened(_file: Any, _more: Any = None) -> None:
    """Find the shots of the file that was opened."""
    coverage.forget()
    remake_sources.forget()
    if runtime.attended():
        adoption.adopt()


@persistent
@unexpected.outlived(None)
def brought_in(_what: Any, _more: Any = None) -> None:
    """A scene of another file may have come with shots that are being made."""
    if runtime.attended():
        adoption.adopt_again()


@persistent
@unexpected.outlived(None)
def undone(_scene: Any, _more: Any = None) -> None:
    """Undo and redo bring strips back as they were; shots have gone on meanwhile."""
    runtime.look_again()


@persistent
@unexpected.outlived(None)
def will_save(file: Any, _more: Any = None) -> None:
    """Shots go with the file: their frames lie beside it from the first save on. No timer runs during a save."""
    if file and runtime.attended():
        new = shot_folders.move_beside(Path(file))
        shot_folders.stay_trusted(Path(file), new)
        contact_sheets.keep()
        shot_strips.remove_previews()


@persistent
@unexpected.outlived(None)
def saved(file: Any, _more: Any = None) -> None:
    """What the file does not show any more may go; a copy that is saved elsewhere is not the file."""
    if file and Path(file) == Path(bpy.data.filepath):
        runtime.saved()


@persistent
@unexpected.outlived(None)
def changed(scene: Any, graph: Any = None) -> None:
    """What was found out of a scene may not hold any more. Called often."""
    if graph is not None:
        coverage.changed(scene, graph)


@persistent
@unexpected.outlived(None)
def will_render(_scene: Any, _more: Any = None) -> None:
    """Strips are read by the render's thread now, and the device is Blender's."""
    runtime.render_begins(ours=_own_renders > 0)


@persistent
@unexpected.outlived(None)
def rendered(_scene: Any, _more: Any = None) -> None:
    """The device is free again."""
    runtime.render_ends()


class OwnRender:
    """`with OwnRender():` around a render that captures a board."""

    def __enter__(self) -> None:
        global _own_renders
        _own_renders += 1

    def __exit__(self, *_: object) -> None:
        global _own_renders
        _own_renders -= 1


_HANDLERS = {
    "load_post": opened,
    "blend_import_post": brought_in,
    "undo_post": undone,
    "redo_post": undone,
    "save_pre": will_save,
    "save_post": saved,
    "depsgraph_update_post": changed,
    "render_init": will_render,
    "render_complete": rendered,
    "render_cancel": rendered,
}


def attach() -> None:
    """Listen."""
    for name, handler in _HANDLERS.items():
        getattr(bpy.app.handlers, name).append(handler)


def detach() -> None:
    """Listen no more."""
    for name, handler in _HANDLERS.items():
        handlers = getattr(bpy.app.handlers, name)
        if handler in handlers:
            handlers.remove(handler)
