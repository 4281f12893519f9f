"""The timeline's text strips that say what happens in shots."""

from __future__ import annotations

from typing import Any

from . import sequencer


def timed_texts(scene: Any) -> list[tuple[range, str]]:
    """Frames and words of the strips on the scene's channel for words; none where it names no channel."""
    return [(sequencer.span(strip), strip.text) for strip in sequencer.word_strips(scene)]
