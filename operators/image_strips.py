"""The image strips inside a shot: made of files in a folder, and shown other files at the same place on the screen.

Blender scales a picture by its own pixels, and all pictures of a strip alike. Where a take's pictures are larger than
those of the take before (`ShotStamp.pixels`), the strip's scale and crop are divided by as much, so the picture stays
where the artist has put it. Pictures of two sizes never lie in one strip.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import bpy

from ..engine.client.board_files import png_size
from . import sequencer, trust, visible_strips

_PLACES = ("transform", "crop")
_CROPS = (("min_x", "max_x"), ("min_y", "max_y"))


def blender_path(path: Path) -> str:
    """Relative to the file, once it has a place; from one of Windows' drives to another no such path leads."""
    with contextlib.suppress(ValueError):
        return bpy.path.relpath(str(path)) if bpy.data.filepath else str(path)
    return str(path)


def new_image(meta: Any, name: str, picture: Path, channel: int, frame: int, role: str) -> Any:
    """A strip inside a shot's that shows one picture, which fills the scene, from the shot's frame `frame` (from 1)."""
    strip = meta.strips.new_image(
        name, blender_path(picture), channel, sequencer.content_start(meta) + frame - 1, fit_method="FILL"
    )
    strip.shotpack.role = role
    strip.shotpack.pixels = png_size(picture) or (0, 0)
    strip.colorspace_settings.name = sequencer.srgb()
    strip.select = False
    return strip


def new_sequence(meta: Any, name: str, folder: Path, first: int, names: list[str], channel: int, role: str) -> Any:
    """A strip inside a shot's that shows these pictures one after the other, from the shot's frame `first` (from 1)."""
    strip = new_image(meta, name, folder / names[0], channel, first, role)
    append(strip, names[1:])
    return strip


def append(strip: Any, names: list[str]) -> None:
    """Let a strip inside a shot's go on with these pictures."""
    for picture in names:
        strip.elements.append(picture)
    # Elements that are appended make the strip's content longer, and its visible part with it.
    sequencer.set_end(strip, sequencer.content_start(strip) + len(strip.elements))


def show(strip: Any, names: list[str]) -> bool:
    """Let a strip show these pictures where it shows its own; those that it shows already are left alone."""
    pairs = zip(strip.elements, names, strict=True)
    others = [(element, name) for element, name in pairs if element.filename != name]
    if others or strip.shotpack.to_fit:
        _fit(strip, _size_of(strip), _size_in(strip, names[0]))
    for element, name in others:
        element.filename = name
    return bool(others)


def place_as(strip: Any, other: Any) -> None:
    """Show a strip's pictures at the place, and cut, as another strip's of the same shot, whatever sizes they have."""
    for name in _PLACES:
        mine, its = getattr(strip, name), getattr(other, name)
        for each in its.bl_rna.properties:
            if not each.is_readonly:
                setattr(mine, each.identifier, getattr(its, each.identifier))
    strip.use_flip_x, strip.use_flip_y = other.use_flip_x, other.use_flip_y
    _fit(strip, _size_of(other), _size_of(strip))


def _fit(strip: Any, before: tuple[int, int] | None, after: tuple[int, int] | None) -> None:
    """Pictures of the size `after` take the place of such of the size `before`; None: not known."""
    strip.shotpack.to_fit = after is None
    strip.shotpack.pixels = after or before or (0, 0)
    if before is None or after in (None, before):
        return
    for was, now, axis, origin, edges in zip(before, after, "xy", strip.transform.origin, _CROPS, strict=True):
        _change(strip, f"scale_{axis}", was / now)
        # Blender counts the place from the picture's middle, and turns and scales it about its origin.
        _change(strip, f"offset_{axis}", plus=(was - now) * (origin - 0.5))
        for edge in edges:
            setattr(strip.crop, edge, round(getattr(strip.crop, edge) * now / was))


def _change(strip: Any, name: str, times: float = 1.0, plus: float = 0.0) -> None:
    """Change a number of a strip's transform, and its keys."""
    setattr(strip.transform, name, getattr(strip.transform, name) * times + plus)
    for curve in visible_strips.curves_of(strip.id_data, strip, f"transform.{name}"):
        for key in curve.keyframe_points:
            for point in (key.co, key.handle_left, key.handle_right):
                point[1] = point[1] * times + plus
        curve.update()


def _size_of(strip: Any) -> tuple[int, int] | None:
    """Pixels of the pictures that a strip was fitted to; of one of an earlier release, those of its first file."""
    first = strip.elements[0]
    noted = tuple(strip.shotpack.pixels), _size_in(strip, first.filename), (first.orig_width, first.orig_height)
    return next((each for each in noted if each is not None and all(each)), None)


def _size_in(strip: Any, name: str) -> tuple[int, int] | None:
    folder = trust.usable(Path(bpy.path.abspath(strip.directory)))
    return png_size(folder / name) if folder is not None else None
