"""What Blender tells us of: files opened and saved, undo, renders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
from bpy.app.handlers import persistent

from . import folders, runtime

_own_render = False
"""Whether the render that runs is a board of ours: the engine need not make room for it."""


@persistent
def opened(_file: Any, _more: Any = None) -> None:
    """Find the shots of the file that was opened."""
    runtime.adopt()


@persistent
def undone(_scene: Any, _more: Any = None) -> None:
    """Undo and redo bring strips back as they were; shots have gone on meanwhile."""
    runtime.look_again()


@persistent
def will_save(file: Any, _more: Any = None) -> None:
    """Shots go with the file: their frames lie beside it from the first save on."""
    runtime.hold("save")
    if file:
        folders.move_beside(Path(file))


@persistent
def saved(_file: Any, _more: Any = None) -> None:
    """Strips may change again."""
    runtime.let_go("save")


@persistent
def will_render(_scene: Any, _more: Any = None) -> None:
    """Strips are read by the render's thread now, and the device is Blender's."""
    runtime.hold("render")
    if runtime.desk is not None and not _own_render:
        runtime.desk.park(True)


@persistent
def rendered(_scene: Any, _more: Any = None) -> None:
    """The device is free again."""
    runtime.let_go("render")
    if runtime.desk is not None and not _own_render:
        runtime.desk.park(False)


class OwnRender:
    """`with OwnRender():` around a render that captures a board."""

    def __enter__(self) -> None:
        global _own_render
        _own_render = True

    def __exit__(self, *_: object) -> None:
        global _own_render
        _own_render = False


_HANDLERS = {
    "load_post": opened,
    "undo_post": undone,
    "redo_post": undone,
    "save_pre": will_save,
    "save_post": saved,
    "save_post_fail": saved,
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
