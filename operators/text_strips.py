"""The timeline's text strips as a shot's prompts in time."""

from __future__ import annotations

from typing import Any

from ..engine.client.timed_prompts import prompts_over
from ..engine.protocol import PromptAt
from . import sequencer


def prompts(scene: Any, frames: range, prompt: str) -> tuple[PromptAt, ...]:
    """What the scene's text strips for words change in a shot over `frames` that begins with `prompt`."""
    channel, editor = getattr(scene.shotpack, "prompt_channel", 0), scene.sequence_editor
    if not channel or editor is None:
        return ()
    level = sequencer.displayed(editor)
    texts = [
        (sequencer.span(strip), strip.text) for strip in level if strip.type == "TEXT" and strip.channel == channel
    ]
    return prompts_over(frames, texts, prompt)
