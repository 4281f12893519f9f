"""Under a prompt: all of it where its field is too short, what the model understands, and what helps to write it."""

from __future__ import annotations

from typing import Any

import bpy

from ..operators import prompt_dialog, prompt_text, prompts, sequencer
from .text import draw_text, letters

_LINE = 60
"""Letters of a menu's entry."""


def draw_prompt(layout: Any, scene: Any, words: str, strip: Any | None = None) -> None:
    """What there is to say of `words`, which a shot would be made with, and buttons for writing them.

    `strip` is the strip whose own prompt the buttons write; None: the scene's. Cheap.
    """
    prompt_text.follow_soon()
    column = layout.column(align=True)
    if len(words) > letters():
        draw_text(column.box(), words, translate=False)
    told = prompts.said_of(words, scene.shotpack)
    for text, icon in told:
        draw_text(column, text, icon, translate=False)
    if not told:
        column.label(text="")  # its room: what comes once there is something to say moves no button
    name = strip.name if strip is not None else ""
    row = layout.row(align=True)
    row.operator("shotpack.prompt_helper", icon="GREASEPENCIL").strip = name
    row.operator("shotpack.edit_prompt_in_text_editor", text="", icon="TEXT").strip = name
    if strip is not None:
        row.context_pointer_set("shotpack_words", strip)
    row.menu("SHOTPACK_MT_prompts", text="", icon="DOWNARROW_HLT")


class SHOTPACK_MT_prompts(bpy.types.Menu):  # noqa: N801
    """Prompts to begin with, and those that shots of this file were made with"""

    bl_label = "Prompts"

    def draw(self, context: Any) -> None:
        scene = sequencer.scene_of(context)
        strip = getattr(context, "shotpack_words", None)
        name = strip.name if strip is not None else ""
        self._draw("To Begin With", prompt_dialog.templates(scene), name)
        if earlier := prompts.history():
            self.layout.separator()
            self._draw("Of This File's Shots", earlier, name)

    def _draw(self, title: str, found: tuple[str, ...], strip: str) -> None:
        self.layout.label(text=title)
        for prompt in found:
            text = prompt if len(prompt) <= _LINE else f"{prompt[: _LINE - 1]}…"
            chosen = self.layout.operator("shotpack.set_prompt", text=text, translate=False)
            chosen.prompt, chosen.strip = prompt, strip


CLASSES = (SHOTPACK_MT_prompts,)
