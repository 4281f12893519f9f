"""Small pictures for panels: the board, and the section of a shot that is being denoised."""

from __future__ import annotations

import base64
import contextlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
import bpy.utils.previews
import numpy as np

from ..engine.client.session import Job

_pictures: Any = None
_shown: dict[str, str] = {}
"""What each name shows now, and by which entry of the collection."""
_files: dict[str, Path] = {}
_counter = 0
_read: dict[str, None] = {}
"""Files of the artist's own that are shown, the oldest first."""
_BOARDS = 64
"""How many of them are kept."""


def show(shot: str, job: Job | None) -> None:
    """Keep the newest preview of a shot's open section; none where nothing is being denoised."""
    preview = job.preview if job else None
    if preview is None:
        _drop(shot)
        return
    key = f"{preview.section}-{preview.step}"
    if _shown.get(shot, "").startswith(f"{key}:"):
        return
    file = _written(preview.jpeg)
    if file is None:
        return  # the one before stays, and the next one may have room
    if _load(shot, key, str(file)):
        # Blender reads it when it is drawn, on a thread of its own: it goes with its entry.
        _files[_shown[shot]] = file
    else:
        _remove(file)


def of_file(path: Path) -> int:
    """The icon that shows a picture or a movie's first frame; Blender reads the file when it draws it."""
    name = str(path)
    if name not in _shown:
        for old in list(_read)[: 1 - _BOARDS]:
            _drop(old)
        if _load(name, "file", name, "MOVIE" if path.suffix.lower() in bpy.path.extensions_movie else "IMAGE"):
            _read[name] = None
    return icon(name)


def draw(name: str, key: str, drawn: Callable[[], np.ndarray]) -> int:
    """The icon that shows a picture (H, W, 4) of ours, 0 to 1, rows from below; it is drawn where `key` is another."""
    if not _shown.get(name, "").startswith(f"{key}:"):
        entry, pixels = _new_entry(name, key), drawn()
        picture = _pictures.new(entry)
        picture.image_size = pixels.shape[1], pixels.shape[0]
        picture.image_pixels_float.foreach_set(pixels.ravel())
        _shown[name] = entry
    return icon(name)


def forget_folder(folder: Path, ending: str = "") -> None:
    """Let go of the pictures that lie in a folder, or of those whose names end so: other files may come to be there."""
    for name in [name for name in _read if Path(name).parent == folder and name.endswith(ending)]:
        _drop(name)


def icon(name: str) -> int:
    """The icon that shows `name`'s picture; 0 where there is none."""
    if _pictures is None or name not in _shown:
        return 0
    return int(_pictures[_shown[name]].icon_id)


def picture(name: str) -> Any | None:
    """`name`'s picture as Blender has it, an ImagePreview; None where there is none."""
    return None if _pictures is None or name not in _shown else _pictures[_shown[name]]


def forget() -> None:
    """Let go of the pictures of shots, and keep those of the artist's own files."""
    for name in [name for name in _shown if name not in _read]:
        _drop(name)


def clear() -> None:
    """Let go of all pictures."""
    global _pictures
    if _pictures is not None:
        bpy.utils.previews.remove(_pictures)
        _pictures = None
    _shown.clear()
    _read.clear()
    for file in _files.values():
        _remove(file)
    _files.clear()


def _written(jpeg: str) -> Path | None:
    """A file that holds the picture; None where the disk has no room for one, or there is no picture in it."""
    path = None
    try:
        data = base64.b64decode(jpeg)
        with tempfile.NamedTemporaryFile(suffix=".jpg", delete=False) as file:
            path = Path(file.name)
            file.write(data)
    except (OSError, ValueError):
        if path is not None:
            _remove(path)
        return None
    return path


def _remove(file: Path) -> None:
    with contextlib.suppress(OSError):  # Windows keeps what Blender is reading just now
        file.unlink()


def _new_entry(name: str, key: str) -> str:
    """The entry that is to show `name` from now on, in place of the one that did."""
    global _pictures, _counter
    if _pictures is None:
        _pictures = bpy.utils.previews.new()
    _drop(name)
    _counter += 1
    return f"{key}:{_counter}"  # an entry's picture cannot be changed: every one is new


def _load(name: str, key: str, path: str, kind: str = "IMAGE") -> bool:
    """Show the picture at `path` from now on; returns whether it can be."""
    entry = _new_entry(name, key)
    try:
        _pictures.load(entry, path, kind)
    except (OSError, RuntimeError, KeyError, TypeError, ValueError):
        return False
    _shown[name] = entry
    return True


def _drop(name: str) -> None:
    _read.pop(name, None)
    if name in _shown:
        entry = _shown.pop(name)
        del _pictures[entry]
        if entry in _files:
            _remove(_files.pop(entry))
