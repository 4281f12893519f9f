"""A board as a PNG on disk: from a strip, the Render Result, the camera or the viewport; sRGB, as it is meant to look.

Pictures are taken of a copy of the scene, so nothing of it is changed, and its Render Result stays.
"""

from __future__ import annotations

import base64
import contextlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bpy

from ..engine.client.board_files import is_whole
from . import render_clip, render_result, sequencer, strip_scene
from .strip_scene import CaptureError

__all__ = ["CaptureError", "at_frame", "blank", "from_camera", "from_render_result", "from_strip", "from_viewport"]

_BLANK = "iVBORw0KGgoAAAANSUhEUgAAABAAAAAJCAAAAAAeQfPuAAAAD0lEQVR42mPQQwMMg0QAALxyGeENdIxbAAAAAElFTkSuQmCC"
"""A dark grey PNG of 16 by 9 pixels."""
_SRGB = ("sRGB", "sRGB - Display", "srgb_display")
"""What colour configurations call an sRGB screen."""
_NO_RESULT = "There is no Render Result yet; render an image first (F12), or choose another board."


def from_strip(scene: Any, strip: Any, path: Path) -> None:
    """What is seen of `strip` at the playhead, or at its own first frame where the playhead is elsewhere.

    The view transform is left out: the shot's frames go through it again, on the same timeline. Raises CaptureError.
    """
    at_frame(scene, strip, sequencer.frame_of(scene, strip), path)


def at_frame(scene: Any, strip: Any, frame: int, path: Path, longest: int = strip_scene.LONGEST_SIDE) -> None:
    """What is seen of `strip` at `frame`, without the view transform, no side over `longest` pixels.

    Raises CaptureError.
    """
    film = strip_scene.of_strip(scene, strip, (frame,), longest)
    with _whole(path) as picture, film as shown, render_result.kept():
        # The Sequencer's own drawing: what the artist sees there, and Grease Pencil without its slow render.
        drawn = not bpy.app.background and any(each.type == "SCENE" for each in shown.sequence_editor.strips_all)
        if drawn:
            with bpy.context.temp_override(**_timeline_of(shown)):
                render_clip.still(shown, picture, drawn=True)
        else:
            render_clip.still(shown, picture)


def blank(path: Path) -> None:
    """A plain picture, for a shot that begins with none."""
    path.write_bytes(base64.b64decode(_BLANK))


def from_render_result(scene: Any, path: Path) -> None:
    """The last render, as its scene's view transform shows it. Raises CaptureError where there is none."""
    result = render_result.image()
    if result is None:
        raise CaptureError(_NO_RESULT)
    # Only its own scene can save it: this is the one picture for which settings of the artist's are changed.
    with _whole(path) as picture, _changes() as changes:
        _as_seen(scene, changes)
        try:
            result.save_render(str(picture), scene=scene)
        except RuntimeError as fault:  # its size says nothing: without a window it is 0 by 0
            raise CaptureError(_NO_RESULT) from fault


def from_camera(scene: Any, path: Path, engine: str, frame: int | None = None) -> None:
    """What the scene's camera sees now, or at `frame`, rendered with `engine`: a name, or SCENE for the scene's own."""
    if scene.camera is None:
        raise CaptureError(f"{scene.name} has no camera; add one, or choose another board.")
    with _whole(path) as picture, _double(scene, picture) as double:
        if engine != "SCENE":
            double.render.engine = engine
        if frame is None:
            # At the frame of the scene in the window, which is the one that was doubled.
            bpy.ops.render.render(write_still=True, scene=double.name)
        else:
            _render_at(double, frame, picture)


def _render_at(double: Any, frame: int, picture: Path) -> None:
    """Another frame than the window's is an animation of one: to go there would lose what is posed and not keyed."""
    with _changes() as changes, tempfile.TemporaryDirectory(dir=picture.parent, prefix=".frame-") as place:
        changes.make(double, frame_start=frame, frame_end=frame, frame_step=1)
        changes.make(double.render, filepath=render_clip.literal(Path(place) / "frame.png"), use_placeholder=False)
        bpy.ops.render.render(animation=True, scene=double.name)
        for rendered in Path(place).iterdir():
            rendered.replace(picture)


def from_viewport(context: Any, path: Path) -> None:
    """What the largest 3D viewport of the window shows, without its grid, cameras, outlines and other helps.

    Raises CaptureError where there is none.
    """
    areas = [area for area in (context.screen.areas if context.screen else ()) if area.type == "VIEW_3D"]
    if bpy.app.background or not areas:
        raise CaptureError("There is no 3D viewport in this window; open one, or choose another board.")
    area = max(areas, key=lambda each: each.width * each.height)
    region = next(region for region in area.regions if region.type == "WINDOW")
    layer = context.view_layer.name
    with _whole(path) as picture, _changes() as changes, _double(context.scene, picture) as double:
        changes.make(area.spaces.active.overlay, show_overlays=False)
        with context.temp_override(scene=double, view_layer=double.view_layers[layer], area=area, region=region):
            bpy.ops.render.opengl(view_context=True, write_still=True)


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """Where to put the picture that is to be `path`, which is there whole or not at all. Raises CaptureError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = path.with_name(f".{path.stem}-new{path.suffix}")
    try:
        yield picture
        if not is_whole(picture):  # on a full disk Blender writes what it can
            raise CaptureError("Blender rendered no picture of the board; see its console, or choose another board.")
        picture.replace(path)
    except RuntimeError as fault:  # what an operator of Blender's reports
        said = " ".join(str(fault).removeprefix("Error: ").split()).rstrip(".")
        raise CaptureError(f"Blender could not render the board: {said}.") from fault
    finally:
        picture.unlink(missing_ok=True)


@contextmanager
def _double(scene: Any, picture: Path) -> Iterator[Any]:
    """A copy of the scene that renders what its camera sees into `picture`; the Render Result stays the artist's.

    A copy shares rigid bodies with its original and would free them: such a scene is changed itself and put back.
    """
    if scene.rigidbody_world is not None:
        with _changes() as changes:
            _to_picture(scene, changes, picture)
            yield scene
        return
    double, groups = scene.copy(), list[Any]()
    try:
        _own_compositor(scene, double, groups)
        with _changes() as changes:
            _to_picture(double, changes, picture)
            with render_result.kept():
                yield double
    finally:
        bpy.data.scenes.remove(double)
        for group in groups:
            bpy.data.node_groups.remove(group)


def _to_picture(scene: Any, changes: _Changes, picture: Path) -> None:
    """Set a scene up to render what its camera sees into one file."""
    _as_seen(scene, changes)
    changes.make(
        scene.render,
        filepath=render_clip.literal(picture),
        resolution_percentage=strip_scene.percentage(scene.render),
        use_sequencer=False,
        use_file_extension=False,
        use_overwrite=True,
        use_border=False,
        use_multiview=False,
        # Nor what goes into its file beside the pixels: when it was rendered, and how long that took.
        **{
            each.identifier: False for each in scene.render.bl_rna.properties if each.identifier.startswith("use_stamp")
        },
    )


def _own_compositor(scene: Any, double: Any, groups: list[Any]) -> None:
    """Let the copy's compositor work on the copy, and write no files; what is copied for it is added to `groups`."""
    if "compositing_node_group" in double.bl_rna.properties:
        if scene.compositing_node_group is not None:
            groups.append(scene.compositing_node_group.copy())
            double.compositing_node_group = groups[-1]
        tree = double.compositing_node_group
    else:
        tree = double.node_tree  # before 5.0 it is the scene's own
    for node in tree.nodes if tree is not None else ():
        if node.type == "R_LAYERS" and node.scene == scene:
            layer, node.scene = node.layer, double
            node.layer = layer
        elif node.type == "OUTPUT_FILE":
            node.mute = True


def _as_seen(scene: Any, changes: _Changes) -> None:
    """An 8-bit PNG of what the scene's view transform makes of a picture, for a screen that shows sRGB."""
    changes.make(
        scene.render.image_settings,
        media_type="IMAGE",  # since 5.0 it decides which file formats there are
        file_format="PNG",
        color_mode="RGB",
        color_depth="8",
        compression=15,
        color_management="FOLLOW_SCENE",
    )
    if scene.display_settings.display_device in _SRGB:
        return
    view = scene.view_settings
    as_is = {name: getattr(view, name) for name in ("view_transform", "look", "exposure", "gamma")}
    for name in _SRGB:
        with contextlib.suppress(TypeError):  # the colour configuration calls it otherwise
            changes.make(scene.display_settings, display_device=name)
            break
    for name, value in as_is.items():
        with contextlib.suppress(TypeError):  # this screen has no such view
            changes.make(view, **{name: value})


def _timeline_of(scene: Any) -> dict[str, Any]:
    """The context in which the Sequencer draws this scene's timeline, without notes on its preview."""
    named = {"sequencer_scene": scene} if hasattr(bpy.context, "sequencer_scene") else {}
    return {"scene": scene, "area": None, "region": None, **named}


@contextmanager
def _changes() -> Iterator[_Changes]:
    """Changes that are put back at the end."""
    changes = _Changes()
    try:
        yield changes
    finally:
        changes.put_back()


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
