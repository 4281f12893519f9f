"""A prompt in Blender's Text Editor, where it has as many lines as it wants; text and prompt are kept in step.

The text is a part of the file like any other. Line breaks are the artist's: the prompt has blanks for them.
"""

from __future__ import annotations

from typing import Any

import bpy
from bpy.props import StringProperty

from ..engine.client.shot_words import one_line
from . import prompts, runtime, sequencer, timers

_SCENE, _STRIP = "shotpack_scene", "shotpack_strip"
"""What a text says of the prompt it holds, as properties of its own."""
_TICK = 0.3
_last: dict[int, str] = {}
"""The prompt in each text when both were in step last, by the text's `session_uid`."""


def follow_soon() -> None:
    """Keep texts of prompts in step, if there is one; panels may call it while they draw."""
    if any(_SCENE in text for text in bpy.data.texts):
        timers.begin(_follow, _TICK, persistent=True)


def text_of(scene: Any, strip: str) -> Any | None:
    """The text that holds this prompt."""
    return next(
        (text for text in bpy.data.texts if text.get(_SCENE) == scene and str(text.get(_STRIP, "")) == strip), None
    )


def _follow() -> float | None:
    step()
    return _TICK if any(_SCENE in text for text in bpy.data.texts) else None


def step() -> None:
    """Bring every text of a prompt and its prompt together: what has changed goes before what has not."""
    if bpy.app.is_job_running("RENDER"):
        return
    for text in bpy.data.texts:
        scene = text.get(_SCENE)
        if not isinstance(scene, bpy.types.Scene) or scene.library is not None or text.library is not None:
            continue
        strip = str(text.get(_STRIP, ""))
        owner = prompts.owner(scene, strip)
        if strip and owner == scene.shotpack:
            continue  # the strip is gone, or has another name by now: its words are not the scene's
        written, prompt = one_line(text.as_string()), one_line(owner.prompt)
        last = _last.get(text.session_uid)
        if written == prompt:
            pass
        elif last is None or prompt != last:  # what shots are made with goes first
            _write(text, owner.prompt)
        else:
            owner.prompt = prompt = written
            runtime.redraw()
        _last[text.session_uid] = prompt


def _write(text: Any, prompt: str) -> None:
    text.clear()
    text.write(prompt)


class SHOTPACK_OT_edit_prompt_in_text_editor(bpy.types.Operator):  # noqa: N801
    """Edit the prompt with as many lines as it wants, in a Text Editor; what is written there is the prompt at once"""

    bl_idname = "shotpack.edit_prompt_in_text_editor"
    bl_label = "Edit Prompt in Text Editor"

    strip: StringProperty(name="Strip", description="Whose prompt; empty: the scene's", options={"SKIP_SAVE"})  # type: ignore[valid-type]

    def execute(self, context: Any) -> set[str]:
        scene = sequencer.scene_of(context)
        text = text_of(scene, self.strip)
        if text is None:
            text = bpy.data.texts.new(f"Prompt of {self.strip or scene.name}")
            text[_SCENE], text[_STRIP] = scene, self.strip
            _write(text, prompts.owner(scene, self.strip).prompt)
        step()
        follow_soon()
        _show(context, text)
        return {"FINISHED"}


def _show(context: Any, text: Any) -> None:
    """In a Text Editor that is in sight, else in a window of its own."""
    if bpy.app.background or context.window is None:
        return
    area = next((each for each in context.window.screen.areas if each.type == "TEXT_EDITOR"), None)
    if area is None:
        before = set(context.window_manager.windows)
        bpy.ops.wm.window_new()
        opened = next((each for each in context.window_manager.windows if each not in before), None)
        if opened is None:
            return
        area = opened.screen.areas[0]
        area.ui_type = "TEXT_EDITOR"
    space = area.spaces.active
    space.text, space.show_word_wrap, space.show_line_numbers, space.show_syntax_highlight = text, True, False, False


def attach() -> None:
    """Nothing to do before there is a text."""


def detach() -> None:
    """Leave nothing running; texts stay in the file."""
    timers.end(_follow)
    _last.clear()


CLASSES = (SHOTPACK_OT_edit_prompt_in_text_editor,)
