"""How the camera moves over a strip's board: the kind of move and how far, or two framings drawn over the picture."""

from __future__ import annotations

from typing import Any

import bpy

from ..operators import camera_moves, draw_framings, framing_overlay, move_settings
from .text import draw_text

_FRAMINGS = (("start", "First"), ("end", "Last"))


def draw_camera(layout: Any, context: Any, scene: Any, strip: Any, *, ends: bool) -> None:
    """Camera: None or Move, and what there is to say of a move; `ends`: the shot ends on another picture."""
    own = strip.shotpack_board
    layout.row().prop(own, "camera", expand=True)
    if own.camera != "MOVE":
        return
    move, column = own.move, layout.column()
    column.prop(move, "kind")
    if move.kind in move_settings.ROLLS:
        column.prop(move, "angle")
    elif move.kind != "DRAWN":
        column.prop(move, "amount")
    column.prop(move, "easing")
    if framing_overlay.drawing == strip.name:
        draw_text(column, "Enter: done. Esc: as before", "INFO")
    else:
        column.operator("shotpack.draw_framings", icon="SELECT_SET")
        why = draw_framings.prevented(context)
        if why is not None:
            draw_text(column, why, "INFO")
    header, body = layout.panel("shotpack_framings", default_closed=True)
    header.label(text="Framings")
    if body is not None:
        for which, title in _FRAMINGS:
            part = body.column(align=True, heading=title)
            for name in ("center", "width", "roll"):
                part.prop(move, f"{which}_{name}")
    for which, words in (
        ("start", "The board shows {share} % of where the camera begins; the rest is made up."),
        ("end", "The board shows {share} % of where the camera ends; the rest is made up."),
    ):
        share = camera_moves.shown(scene, move, which)
        if share < 0.995:
            said = bpy.app.translations.pgettext_iface(words).format(share=round(100 * share))
            draw_text(layout, said, "INFO")
    if ends:
        draw_text(
            layout,
            "The move is over a second before the picture that the shot ends on, or half way where that is nearer.",
            "INFO",
        )
