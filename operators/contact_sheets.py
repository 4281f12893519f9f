"""Contact sheets of seeds that were tried: a picture in the file for each group, brought up to date by the tick.

A sheet is a function of the shots' strips and their files, as strips are of the shots: it is made anew where an undo
has taken it away, or a file was saved without it. A tick reads one frame, or hands one sheet to Blender. No file is
written; a sheet that an Image Editor shows is packed into the .blend when that is saved.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ..engine.client.contact_sheet import DOT, FRAMES, Sheet, sheet_of
from . import seed_groups, sequencer, unexpected

_OF_GROUP = "shotpack_seeds"
"""A property of the picture: the group that it shows."""
_GROUND, _EMPTY, _INK = 0.12, 0.2, 0.9


@dataclass
class _Kept:
    """A sheet's pixels (height, width, 4), rows from below, and which files they show by seed and frame."""

    sheet: Sheet
    shots: tuple[str, ...]
    pixels: np.ndarray
    shown: dict[tuple[int, int], Path] = field(default_factory=dict)
    handed: bool = False


_kept: dict[str, _Kept] = {}
_due = False


def look() -> None:
    """Strips have changed: sheets may be out of date."""
    global _due
    _due = True


def look_again() -> None:
    """The file has changed under us (undo, redo), pictures with it."""
    for kept in _kept.values():
        kept.handed = False
    look()


def forget() -> None:
    """Another file is open."""
    _kept.clear()
    look()


@unexpected.outlived(None)
def step() -> None:
    """Do one thing that is to be done; for a tick."""
    global _due
    if _due:
        _due = False  # should that go wrong it would do so again
        _due = any(_bring_up(batch, metas) for batch, metas in seed_groups.groups().items())


def image_of(batch: str) -> Any | None:
    """A group's sheet as Blender has it; None where there is none yet."""
    return next((image for image in bpy.data.images if not image.library and image.get(_OF_GROUP) == batch), None)


def begin(batch: str, size: tuple[int, int] | None = None) -> Any | None:
    """The sheet of a group, made where it is missing; None where there is no such group.

    `size` is the shots' (width, height), where that is known before there is a frame of them.
    """
    metas = seed_groups.group(batch)
    if not metas:
        return None
    kept = _sheet_for(batch, metas, size)
    if not kept.handed or image_of(batch) is None:
        _hand_over(batch, metas, kept)
    look()
    return image_of(batch)


def keep() -> None:
    """Before the file is saved: sheets that an editor shows go with it."""
    for image in bpy.data.images:
        if image.get(_OF_GROUP) and image.users and image.is_dirty and not image.library:
            image.pack()


def show(area: Any, image: Any) -> None:
    """Let an Image Editor show a sheet."""
    area.spaces.active.image = image
    area.tag_redraw()


def _bring_up(batch: str, metas: list[Any]) -> bool:
    """Do one thing for a sheet; returns whether there was one to do."""
    kept = _sheet_for(batch, metas)
    for seed, meta in enumerate(metas):
        for frame, path in enumerate(seed_groups.pictures(meta)):
            if kept.shown.get((seed, frame)) != path:
                kept.shown[seed, frame] = path
                pixels = _read(path, kept.sheet.frame_width, kept.sheet.frame_height)
                if pixels is not None:
                    _put(kept, kept.sheet.frame(seed, frame), pixels)
                    kept.handed = False
                return True
    image = image_of(batch)
    if kept.handed and image is not None:
        if image.is_dirty and image.users and not image.library:
            image.pack()  # else saving the file stops to ask for it
            return True
        return False
    _hand_over(batch, metas, kept)
    return True


def _sheet_for(batch: str, metas: list[Any], expected: tuple[int, int] | None = None) -> _Kept:
    """The sheet that fits these strips; a new one, with nothing but the seeds, where they are others than before."""
    shots = tuple(meta.shotpack.shot for meta in metas)
    path = next((found[0] for meta in metas if (found := seed_groups.pictures(meta))), None)
    kept = _kept.get(batch)
    size = _size(path) if path is not None and (kept is None or not kept.shown) else None
    if kept is None or kept.shots != shots or (size is not None and sheet_of(len(shots), *size) != kept.sheet):
        scene = metas[0].id_data
        before = (kept.sheet.frame_width, kept.sheet.frame_height) if kept is not None else expected
        size = size or before or (scene.render.resolution_x, scene.render.resolution_y)
        _kept[batch] = _blank(sheet_of(len(shots), *size), shots, metas)
    return _kept[batch]


def _blank(sheet: Sheet, shots: tuple[str, ...], metas: list[Any]) -> _Kept:
    pixels = np.full((sheet.height, sheet.width, 4), _GROUND, np.float32)
    kept = _Kept(sheet, shots, pixels)
    empty = np.full((sheet.frame_height, sheet.frame_width, 4), _EMPTY, np.float32)
    for seed, meta in enumerate(metas):
        for frame in range(FRAMES):
            _put(kept, sheet.frame(seed, frame), empty)
        for left, top in sheet.dots(seed, f"{meta.shotpack.seed_row}: {seed_groups.seed_of(meta.shotpack)}"):
            pixels[sheet.height - top - DOT : sheet.height - top, left : left + DOT] = _INK
    pixels[:, :, 3] = 1
    return kept


def _put(kept: _Kept, place: tuple[int, int], picture: np.ndarray) -> None:
    left, top = place
    height, width = picture.shape[:2]
    low = kept.sheet.height - top - height
    kept.pixels[low : low + height, left : left + width] = picture


def _hand_over(batch: str, metas: list[Any], kept: _Kept) -> None:
    """Let Blender's picture be the sheet."""
    image, sheet = image_of(batch), kept.sheet
    if image is None:
        image = bpy.data.images.new(f"Seeds of {metas[0].shotpack.board or metas[0].name}", sheet.width, sheet.height)
        image[_OF_GROUP] = batch
        image.colorspace_settings.name = sequencer.srgb()
    if tuple(image.size) != (sheet.width, sheet.height):
        image.scale(sheet.width, sheet.height)
    image.pixels.foreach_set(kept.pixels.reshape(-1))
    image.update()
    kept.handed = True
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "IMAGE_EDITOR":
                area.tag_redraw()


def _size(path: Path) -> tuple[int, int] | None:
    """The width and height of a picture; None where it cannot be read."""
    image = _loaded(path)
    if image is None:
        return None
    size = tuple(image.size)
    bpy.data.images.remove(image)
    return size if all(size) else None


def _read(path: Path, width: int, height: int) -> np.ndarray | None:
    """A picture (height, width, 4), made smaller by means over its pixels; None where it cannot be read."""
    image = _loaded(path)
    if image is None:
        return None
    try:
        columns, rows = image.size
        if not columns or not rows:
            return None
        pixels = np.empty(columns * rows * 4, np.float32)
        image.pixels.foreach_get(pixels)
    finally:
        bpy.data.images.remove(image)
    return _shrunk(_shrunk(pixels.reshape(rows, columns, 4), height, 0), width, 1)


def _loaded(path: Path) -> Any | None:
    try:
        return bpy.data.images.load(str(path))
    except RuntimeError:  # it is gone, or no picture
        return None


def _shrunk(pixels: np.ndarray, length: int, axis: int) -> np.ndarray:
    """Pixels with `length` of them along an axis, each the mean of those that it stands for."""
    there = pixels.shape[axis]
    if there == length:
        return pixels
    starts = np.arange(length) * there // length
    counts = np.maximum(1, np.diff(np.append(starts, there)))
    means = np.add.reduceat(pixels, starts, axis) / np.expand_dims(counts, tuple({0, 1, 2} - {axis}))
    return means.astype(np.float32)
