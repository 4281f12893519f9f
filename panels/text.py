"""Texts of any length in panels."""

from __future__ import annotations

import textwrap
from typing import Any

import bpy

_SIDEBAR, _MARGIN, _LETTER = 280, 80, 6.2
"""Pixels at a scale of 1: a sidebar's usual width, what boxes and icons take of it, a letter of the mean width."""


def draw_text(layout: Any, text: str, icon: str = "NONE", *, translate: bool = True) -> None:
    """A text in the artist's language, broken into the lines that fit: Blender cuts a label's middle out.

    Without `translate` it is shown as it is: the artist's own words, or a sentence that is translated already.
    """
    text = bpy.app.translations.pgettext_iface(text) if translate else text
    column = layout.column(align=True)
    for line in textwrap.wrap(text, letters()):
        column.label(text=line, icon=icon, translate=False)
        icon = "BLANK1" if icon != "NONE" else "NONE"


def letters() -> int:
    """How many letters fit a line here."""
    context = bpy.context
    pixels = context.region.width / context.preferences.system.ui_scale if context.region else _SIDEBAR
    return max(20, int((pixels - _MARGIN) / _LETTER))
