"""What a shot can be made again from: its own strip, and an image or movie strip whose file says what made it.

Polls and panels ask at every drawing, so none of them reads a file: a timer does once, after a strip was first asked
about. Until then the strip counts as one that says something, and pressing the button tells.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from ..engine.client import remake
from ..engine.errors import EngineError
from . import runtime, sequencer, shot_strips, timers, trust

_NONE = "Select a shot's strip, or one that shows a frame or a movie of a shot."
_SILENT = "What this strip shows does not say what made it; select a shot, or a frame or a movie of one."
_MOST = 64
"""Files of which is kept what they said."""
_says: dict[Path, bool] = {}
"""Whether a file says anything of a shot, the newest last."""
_asked: set[Path] = set()


def attach() -> None:
    """Nothing to do before a strip is asked about."""


def detach() -> None:
    """Look at no file any more."""
    timers.end(look)
    forget()


def forget() -> None:
    """Another file is open: what lies on the disk may be another one too."""
    _says.clear()
    _asked.clear()


def strip_of(context: Any) -> Any | None:
    """The active strip, where it is of a kind that a shot can be made again from."""
    scene = sequencer.scene_of(context)
    if (meta := shot_strips.active(scene)) is not None:
        return meta
    editor = scene.sequence_editor if scene is not None else None
    strip = editor.active_strip if editor is not None else None
    return strip if strip is not None and strip.type in ("IMAGE", "MOVIE") else None


def prevented(context: Any) -> str | None:
    """The sentence that says why no shot can be made again from the active strip, as far as that is known."""
    strip = strip_of(context)
    if strip is None:
        return _NONE
    if strip.type == "META":
        return None
    path = _first_file(strip)
    if path not in _says:
        _asked.add(path)
        timers.begin(look, 0.05)
    return None if _says.get(path, True) else _SILENT


def look() -> None:
    """Read what the files that were asked about say of themselves, and draw again."""
    while _asked:
        path = _asked.pop()
        while len(_says) >= _MOST:
            del _says[next(iter(_says))]
        _says[path] = True  # where reading it goes wrong as nobody expected, it is not read again
        _says[path] = _says_anything(path)
    runtime.redraw()


def _says_anything(path: Path) -> bool:
    """Whether a file says anything of a shot. One that is not there may: that it is not, pressing the button tells."""
    try:
        remake.said_by(path)
    except EngineError:
        return not path.is_file()
    return True


def file_of(strip: Any, scene: Any) -> Path:
    """The file that an image or movie strip shows at the playhead, else first."""
    if strip.type == "MOVIE":
        return _first_file(strip)
    shown, at = shot_strips.content(strip), scene.frame_current
    return _picture(strip, at - shown.start if at in shown else 0)


def _first_file(strip: Any) -> Path:
    """A movie strip's file, or the first of an image strip's: the others are of the same making."""
    return trust.plainly(bpy.path.abspath(strip.filepath)) if strip.type == "MOVIE" else _picture(strip, 0)


def _picture(strip: Any, element: int) -> Path:
    return trust.plainly(Path(bpy.path.abspath(strip.directory)) / strip.elements[element].filename)
