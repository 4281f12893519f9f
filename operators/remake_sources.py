"""What a shot can be made again from: its own strip, and an image or movie strip whose file says what made it.

Polls and panels ask at every drawing, so none of them asks the disk: a timer does after they have, and reads a file
once, or again when it was changed. Until then it counts as one that says something, and pressing the button tells.
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
_SOON = 0.2
"""Seconds until the disk is asked, once for all drawings meanwhile."""
_Facts = tuple[int, int]
"""When a file was changed last, and its size."""
_says: dict[Path, tuple[_Facts | None, bool]] = {}
"""Whether a file says anything of a shot, and what it was like then, the newest last; None: it was not there."""
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
    path = file_of(strip, sequencer.scene_of(context))
    if context.screen is None or not context.screen.is_animation_playing:  # else it is another file at every drawing
        _asked.add(path)
        timers.begin(look, _SOON)
    _, says = _says.get(path, (None, True))
    return None if says else _SILENT


def look() -> None:
    """Read what the files that were asked about say of themselves, where that is new, and draw again."""
    changed = False
    while _asked:
        path = _asked.pop()
        facts, known = _facts(path), _says.pop(path, None)
        while len(_says) >= _MOST:
            del _says[next(iter(_says))]
        if known is None or known[0] != facts:
            changed = True
            _says[path] = facts, True  # where reading it goes wrong as nobody expected, it is not read again
            known = facts, _says_anything(path)
        _says[path] = known
    if changed:
        runtime.redraw()


def _facts(path: Path) -> _Facts | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


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
        return trust.plainly(bpy.path.abspath(strip.filepath))
    shown, at = shot_strips.content(strip), scene.frame_current
    element = at - shown.start if at in shown else 0
    return trust.plainly(Path(bpy.path.abspath(strip.directory)) / strip.elements[element].filename)
