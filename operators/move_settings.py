"""A camera's move over a board, as a strip holds it: two framings, and the kind of move that has filled them."""

from __future__ import annotations

import math
from typing import Any

import bpy
from bpy.props import EnumProperty, FloatProperty, FloatVectorProperty

from ..engine.framings import CENTERS, WIDTHS, MoveKind, move_of
from .shot_options import CONTEXT

KINDS = (
    ("PAN_LEFT", "Pan Left", "Across the board, to the left"),
    ("PAN_RIGHT", "Pan Right", "Across the board, to the right"),
    ("TILT_UP", "Tilt Up", "Over the board, upward"),
    ("TILT_DOWN", "Tilt Down", "Over the board, downward"),
    ("PUSH_IN", "Push In", "Nearer to the middle of the board"),
    ("PULL_OUT", "Pull Out", "From the middle of the board to all of it"),
    ("ROLL_LEFT", "Roll Left", "The camera turns counterclockwise"),
    ("ROLL_RIGHT", "Roll Right", "The camera turns clockwise"),
    ("DRAWN", "As Drawn", "From one framing to the other, wherever they were drawn"),
)
EASINGS = (
    ("LINEAR", "Linear", "At one speed from the first frame to the last"),
    ("EASE", "Ease In and Out", "The move sets off gently and comes to rest gently"),
)
ROLLS = ("ROLL_LEFT", "ROLL_RIGHT")
_filling = False
"""Whether framings are being set by the kind of move, and by nobody's hand."""


def _fill(settings: Any, _context: Any) -> None:
    """Let the framings be those of the kind that is chosen."""
    global _filling
    if settings.kind == "DRAWN" or _filling:
        return
    render = settings.id_data.render
    amount = math.degrees(settings.angle) if settings.kind in ROLLS else settings.amount
    move = move_of(MoveKind[settings.kind], amount, render.resolution_x / render.resolution_y)
    _filling = True
    try:
        for which, framing in (("start", move.start), ("end", move.end)):
            setattr(settings, f"{which}_center", (framing.x, 1 - framing.y))
            setattr(settings, f"{which}_width", framing.width)
            setattr(settings, f"{which}_roll", math.radians(framing.roll))
    finally:
        _filling = False


def _drawn(settings: Any, _context: Any) -> None:
    """A framing that is set by hand is no kind's any more."""
    if not _filling and settings.kind != "DRAWN":
        settings.kind = "DRAWN"


def _center(description: str) -> Any:
    return FloatVectorProperty(
        name="Center",
        description=description,
        size=2,
        default=(0.5, 0.5),
        min=CENTERS[0],
        max=CENTERS[1],
        soft_min=0.0,
        soft_max=1.0,
        step=1,
        precision=3,
        update=_drawn,
    )


def _width(description: str, default: float) -> Any:
    return FloatProperty(
        name="Width",
        description=description,
        default=default,
        min=WIDTHS[0],
        max=WIDTHS[1],
        soft_max=1.0,
        step=1,
        precision=3,
        update=_drawn,
    )


def _roll(description: str) -> Any:
    return FloatProperty(
        name="Roll",
        description=description,
        min=-2 * math.pi,
        max=2 * math.pi,
        subtype="ANGLE",
        update=_drawn,
    )


class MoveSettings(bpy.types.PropertyGroup):
    """How a camera moves over a strip's board."""

    kind: EnumProperty(
        name="Move",
        description="Sets both framings; drag them for another move",
        items=KINDS,
        default="PUSH_IN",
        update=_fill,
        translation_context=CONTEXT,
    )
    amount: FloatProperty(
        name="Amount",
        description="How far the camera goes, or how much nearer it comes: a share of the board",
        default=0.25,
        min=0.01,
        max=0.95,
        subtype="FACTOR",
        update=_fill,
        translation_context=CONTEXT,
    )
    angle: FloatProperty(
        name="Angle",
        description="How far the camera turns; as much is cut off as stays within the board",
        default=math.radians(10),
        min=math.radians(0.5),
        max=math.pi,
        subtype="ANGLE",
        update=_fill,
    )
    easing: EnumProperty(
        name="Easing", description="How the move passes in time", items=EASINGS, translation_context=CONTEXT
    )
    start_center: _center("The middle of what is seen first, as shares of the board from its left and its lower edge")
    start_width: _width("How much of the board's width is seen first", 1.0)
    start_roll: _roll("How far the camera is turned at first, counterclockwise")
    end_center: _center("The middle of what is seen last, as shares of the board from its left and its lower edge")
    end_width: _width("How much of the board's width is seen last", 0.75)
    end_roll: _roll("How far the camera is turned at last, counterclockwise")
