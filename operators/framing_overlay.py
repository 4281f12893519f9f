"""Draws a camera's move over its board in the Sequencer's preview: where it begins, where it ends, where it is now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bpy

from ..engine.client.framing_handles import Point, knob, outline
from ..engine.client.led_moves import frames_of_move
from ..engine.framings import Framing
from . import camera_moves, sequencer, start_sources, unexpected

COLOURS = {"start": (0.35, 0.85, 0.4, 1.0), "end": (1.0, 0.45, 0.25, 1.0)}
_NOW = (1.0, 1.0, 1.0, 0.9)
_EDGE = (0.0, 0.0, 0.0, 0.5)
"""Beside every line, and behind every word: boards are white paper as often as not."""
_NAMES = {"start": "Start", "end": "End"}
_HANDLE = 4.0
"""Pixels from the middle of a handle to its edge."""
drawing = ""
"""The strip whose framings are being drawn by hand; then handles are shown."""
_handle: Any = None


def strip_of(scene: Any) -> Any | None:
    """The strip whose framings are shown: the one over whose board a camera would move now."""
    if scene is None or scene.sequence_editor is None:
        return None
    if drawing:
        return scene.sequence_editor.strips_all.get(drawing)
    boards = start_sources.boards(scene) if scene.shotpack.source == "STRIP" else None
    return boards.start if boards is not None and camera_moves.goes_over(boards.start) else None


def covered(scene: Any, strip: Any) -> bool:
    """Whether at the playhead another picture than a strip's board is seen: a shot of it, or none of it at all."""
    if scene.frame_current not in sequencer.span(strip):
        return True
    return any(
        each.type == "META"
        and each.shotpack.board == strip.name
        and not each.mute
        and scene.frame_current in sequencer.span(each)
        for each in sequencer.displayed(scene.sequence_editor)
    )


def time_of(scene: Any, strip: Any) -> float:
    """The share of a move over a strip's board that is done at the playhead, in a shot as long as the strip."""
    shown, boards = sequencer.span(strip), start_sources.boards(scene)
    ends = len(shown) if boards is not None and boards.end is not None else None
    lasts = frames_of_move(len(shown), scene.render.fps / scene.render.fps_base, after=ends)
    return float((scene.frame_current - shown.start) / max(1, lasts - 1))


def is_preview(area: Any) -> bool:
    """Whether an editor shows the Sequencer's picture."""
    return bool(area.type == "SEQUENCE_EDITOR" and area.spaces.active.view_type != "SEQUENCER")


def to_screen(scene: Any, region: Any) -> Callable[[Point], Point]:
    """From places on the board to pixels of a preview's region: the picture lies about the view's middle."""
    width, height = _extent(scene)
    view = region.view2d

    def placed(at: Point) -> Point:
        # view_to_region rounds to pixels, and is linear: two far points give it exactly.
        left, low = view.view_to_region(-10 * width, -10 * height, clip=False)
        right, high = view.view_to_region(10 * width, 10 * height, clip=False)
        across, up = (at[0] - 0.5 + 10) / 20, (0.5 - at[1] + 10) / 20
        return left + (right - left) * across, low + (high - low) * up

    return placed


def to_board(scene: Any, region: Any, at: Point) -> Point:
    """From a pixel of a preview's region to the place on the board."""
    width, height = _extent(scene)
    x, y = region.view2d.region_to_view(*at)
    return x / width + 0.5, 0.5 - y / height


def _extent(scene: Any) -> tuple[float, float]:
    """How wide and how high the picture lies in a preview's view."""
    render = scene.render
    return render.resolution_x * render.pixel_aspect_x / render.pixel_aspect_y, float(render.resolution_y)


@unexpected.outlived(None)
def _draw() -> None:
    context = bpy.context
    scene = sequencer.scene_of(context)
    strip = strip_of(scene)
    if strip is None or not is_preview(context.area) or (not drawing and covered(scene, strip)):
        return
    settings, aspect = strip.shotpack_board.move, camera_moves.aspect_of(scene)
    placed = to_screen(scene, context.region)
    framings = {which: camera_moves.framing_of(settings, which) for which in COLOURS}
    corners = {which: outline(framing, aspect, placed) for which, framing in framings.items()}
    import gpu

    gpu.state.blend_set("ALPHA")
    time = time_of(scene, strip)
    if 0 < time < 1 and not drawing:
        now: Framing = camera_moves.move_of(settings).at(time)
        _lines(_closed(outline(now, aspect, placed)), _NOW, 1.0)
    ways = [placed((each.x, each.y)) for each in (framings["start"], framings["end"])]
    _lines(ways, _NOW, 1.0)
    for which, colour in COLOURS.items():
        _lines(_closed(corners[which]), colour, 2.5 if drawing else 1.5)
        if drawing:
            middle, end = knob(corners[which])
            _lines([middle, end], colour, 1.5)
            for at in (*corners[which], end):
                _square(at, colour)
        _label(bpy.app.translations.pgettext_iface(_NAMES[which]), corners[which][0], colour)
    gpu.state.blend_set("NONE")


def _closed(corners: tuple[Point, ...]) -> list[Point]:
    return [*corners, corners[0]]


def _lines(points: list[Point], colour: tuple[float, ...], width: float) -> None:
    _stroke(points, _EDGE, width + 2.0)
    _stroke(points, colour, width)


def _stroke(points: list[Point], colour: tuple[float, ...], width: float) -> None:
    import gpu
    from gpu_extras.batch import batch_for_shader

    shader = gpu.shader.from_builtin("POLYLINE_UNIFORM_COLOR")
    shader.uniform_float("viewportSize", gpu.state.viewport_get()[2:])
    shader.uniform_float("lineWidth", width)
    shader.uniform_float("color", colour)
    batch_for_shader(shader, "LINE_STRIP", {"pos": [(*point, 0.0) for point in points]}).draw(shader)


def _square(at: Point, colour: tuple[float, ...]) -> None:
    import gpu
    from gpu_extras.batch import batch_for_shader

    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    shader.uniform_float("color", colour)
    sides = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    places = [(at[0] + x * _HANDLE, at[1] + y * _HANDLE, 0.0) for x, y in sides]
    batch_for_shader(shader, "TRI_FAN", {"pos": places}).draw(shader)


def _label(text: str, at: Point, colour: tuple[float, ...]) -> None:
    import blf

    blf.enable(0, blf.SHADOW)
    blf.shadow(0, 3, *_EDGE)
    blf.size(0, 12 * bpy.context.preferences.system.ui_scale)
    blf.color(0, *colour)
    blf.position(0, at[0] + 6, at[1] - 16 * bpy.context.preferences.system.ui_scale, 0)
    blf.draw(0, text)
    blf.disable(0, blf.SHADOW)


def attach() -> None:
    """Draw from now on. Without a window there is nothing to draw on."""
    global _handle
    if not bpy.app.background:
        _handle = bpy.types.SpaceSequenceEditor.draw_handler_add(_draw, (), "PREVIEW", "POST_PIXEL")


def detach() -> None:
    """Draw no more."""
    global _handle, drawing
    drawing = ""
    if _handle is not None:
        bpy.types.SpaceSequenceEditor.draw_handler_remove(_handle, "PREVIEW")
        _handle = None
