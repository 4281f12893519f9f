"""A board as a PNG on disk: from a strip, the Render Result, the camera or the viewport; sRGB, as it is meant to look.

Everything that is changed to render one picture is put back, whatever happens.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bpy

from . import strips

LONGEST_SIDE = 1280
"""Pixels; no model makes larger pictures, and a smaller board is sooner there."""
_QUALITY = 96
"""Per cent; of JPEG."""
_BLANK = "iVBORw0KGgoAAAANSUhEUgAAABAAAAAJCAAAAAAeQfPuAAAAD0lEQVR42mPQQwMMg0QAALxyGeENdIxbAAAAAElFTkSuQmCC"
"""A dark grey PNG of 16 by 9 pixels."""
_PLAIN_VIEW = {"view_transform": "Standard", "look": "None", "exposure": 0.0, "gamma": 1.0, "use_curve_mapping": False}


class CaptureError(Exception):
    """No picture can be had; the text says why and what to do."""


def from_strip(scene: Any, strip: Any, path: Path) -> None:
    """What `strip` alone shows, at the playhead or at its own first frame where the playhead is elsewhere.

    The view transform is left out: the shot's frames go through it again, on the same timeline. Raises CaptureError.
    """
    shown = strips.span(strip)
    frame = scene.frame_current if scene.frame_current in shown else shown.start
    at_frame(scene, strip, frame, path)


def at_frame(scene: Any, strip: Any, frame: int, path: Path) -> None:
    """What `strip` alone shows at `frame`, without the view transform. Raises CaptureError."""
    with strips.alone(scene, strip), _still_of(scene, path) as changes:
        _of_timeline(scene, changes)
        with _at_frame(scene, frame):
            if strip.type in ("SCENE", "META") and not bpy.app.background:
                # The Sequencer's own drawing: what the artist sees there, and Grease Pencil without its slow render.
                bpy.ops.render.opengl(sequencer=True, write_still=True)
            else:
                bpy.ops.render.render(write_still=True, scene=scene.name)
    _check(path)


def for_frames(scene: Any) -> None:
    """Set up a scene of our own to render what its strips show, small enough to send many: nothing is put back."""
    changes = _Changes()
    _picture(scene, changes, "JPEG")
    _of_timeline(scene, changes)
    # Nothing of when and where it was rendered is written into them: the same frame is the same picture.
    names = scene.render.bl_rna.properties.keys()
    changes.make(scene.render, **{name: False for name in names if name.startswith("use_stamp")})


def blank(path: Path) -> None:
    """A plain picture, for a shot that begins with none."""
    path.write_bytes(base64.b64decode(_BLANK))


def from_render_result(scene: Any, path: Path) -> None:
    """The last render, as its scene's view transform shows it. Raises CaptureError where there is none."""
    result = next((image for image in bpy.data.images if image.type == "RENDER_RESULT"), None)
    try:
        with _still_of(scene, path):
            result.save_render(str(path), scene=scene)
    except (AttributeError, RuntimeError) as fault:  # its size says nothing: without a window it is 0 by 0
        detail = "There is no Render Result yet; render an image first (F12), or choose another board."
        raise CaptureError(detail) from fault
    _check(path)


def from_camera(scene: Any, path: Path, engine: str) -> None:
    """What the scene's camera sees now, rendered with `engine`: a name, or SCENE for the scene's own."""
    if scene.camera is None:
        raise CaptureError(f"{scene.name} has no camera; add one, or choose another board.")
    with _still_of(scene, path) as changes:
        changes.make(scene.render, use_sequencer=False)
        if engine != "SCENE":
            changes.make(scene.render, engine=engine)
        bpy.ops.render.render(write_still=True, scene=scene.name)
    _check(path)


def from_viewport(context: Any, path: Path) -> None:
    """What the largest 3D viewport of the window shows, without its grid, cameras, outlines and other helps.

    Raises CaptureError where there is none.
    """
    areas = [area for area in (context.screen.areas if context.screen else ()) if area.type == "VIEW_3D"]
    if bpy.app.background or not areas:
        raise CaptureError("There is no 3D viewport in this window; open one, or choose another board.")
    area = max(areas, key=lambda each: each.width * each.height)
    region = next(region for region in area.regions if region.type == "WINDOW")
    scene = context.scene
    with _still_of(scene, path) as changes, context.temp_override(area=area, region=region):
        changes.make(area.spaces.active.overlay, show_overlays=False)
        bpy.ops.render.opengl(view_context=True, write_still=True)
    _check(path)


@contextmanager
def _still_of(scene: Any, path: Path) -> Iterator[_Changes]:
    """Set `scene` up to write one 8-bit PNG to `path`; the body may make more changes. All are put back at the end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    changes = _Changes()
    try:
        _picture(scene, changes, "PNG")
        changes.make(scene.render, filepath=str(path))
        yield changes
    finally:
        changes.put_back()


def _picture(scene: Any, changes: _Changes, file_format: str) -> None:
    """One 8-bit picture a render."""
    changes.make(
        scene.render.image_settings,
        media_type="IMAGE",  # since 5.0 it decides which file formats there are
        file_format=file_format,
        color_mode="RGB",
        color_depth="8",
        compression=15,
        quality=_QUALITY,
        color_management="FOLLOW_SCENE",
    )
    changes.make(
        scene.render,
        # Strips are placed and scaled for the scene's own resolution: only its percentage may change.
        resolution_percentage=_percentage(scene.render),
        use_file_extension=False,
        use_overwrite=True,
        use_border=False,
    )


def _of_timeline(scene: Any, changes: _Changes) -> None:
    """What strips show, before the view transform."""
    changes.make(scene.render, use_sequencer=True, use_compositing=False)
    changes.make(scene.view_settings, **_PLAIN_VIEW)


class _Changes:
    """`changes.make(owner, name=value)` sets properties; `put_back` gives them the values that they had at first."""

    def __init__(self) -> None:
        self._before: dict[tuple[int, str], tuple[Any, Any]] = {}

    def make(self, owner: Any, **values: Any) -> None:
        """Set what `owner` has of these properties."""
        known = {name: value for name, value in values.items() if name in owner.bl_rna.properties}
        # All are read before any is set: a new file format may change the depth, say.
        for name in known:
            self._before.setdefault((owner.as_pointer(), name), (owner, getattr(owner, name)))
        for name, value in known.items():
            setattr(owner, name, value)

    def put_back(self) -> None:
        """In the order of making: what a look or a format may be hangs on what was set before it."""
        for (_, name), (owner, value) in self._before.items():
            setattr(owner, name, value)


@contextmanager
def _at_frame(scene: Any, frame: int) -> Iterator[None]:
    before = scene.frame_current
    if before == frame:
        yield
        return
    scene.frame_set(frame)
    try:
        yield
    finally:
        scene.frame_set(before)


def _percentage(render: Any) -> int:
    """The scene's percentage, or the smaller one at which its longer side is at most LONGEST_SIDE pixels."""
    return max(
        1, min(render.resolution_percentage, 100 * LONGEST_SIDE // max(render.resolution_x, render.resolution_y))
    )


def _check(path: Path) -> None:
    if not path.is_file() or not path.stat().st_size:
        raise CaptureError("Blender rendered no picture of the board; see its console, or choose another board.")
