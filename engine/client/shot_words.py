"""Whose words a shot is made with: one function of plain values, so that panels and batches say the same."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ..protocol import PROMPT_MAXIMUM, PromptAt

_UNNAMED = re.compile(r"F_\d+")
"""What Blender calls a marker that nobody has named."""


class WordSource(StrEnum):
    """Where the words of a shot come from, the first that has any."""

    STRIP = "strip"
    """The board's strip itself."""
    TEXT = "text"
    """A text strip over it, on the channel that the artist names for words."""
    MARKER = "marker"
    """The marker at its first frame."""
    SCENE = "scene"
    NONE = "none"


@dataclass(frozen=True)
class Words:
    """A shot's prompt, on one line; `name` is the strip's or the marker's that it comes from."""

    text: str
    source: WordSource
    name: str = ""


def words_of(
    frames: range,
    *,
    own: str = "",
    name: str = "",
    texts: Iterable[tuple[str, range, str]] = (),
    markers: Iterable[tuple[int, str]] = (),
    scene: str = "",
) -> Words:
    """The words of a shot over `frames` of the timeline.

    `own` are those of the strip called `name` that it is made of; `texts` the strips on the channel for words, as
    name, frames, text; `markers` as frame, name; `scene` what holds where nothing else is said. The text strip
    counts that is there when the shot begins, of several the one that began last. Those that begin later change the
    words there (`prompts_over`); the first of them is the shot's where nothing else is said.
    """
    if line := one_line(own):
        return Words(line, WordSource.STRIP, name)
    over = sorted(
        (shown.start, title, line)
        for title, shown, text in texts
        if shown.start < frames.stop and frames.start < shown.stop and (line := one_line(text))
    )
    there = [each for each in over if each[0] <= frames.start]
    if there:
        _, title, line = there[-1]
        return Words(line, WordSource.TEXT, title)
    for frame, title in markers:
        if frame == frames.start and (line := one_line(title)) and not _UNNAMED.fullmatch(line):
            return Words(line, WordSource.MARKER, line)
    if line := one_line(scene):
        return Words(line, WordSource.SCENE)
    if over:
        _, title, line = over[0]
        return Words(line, WordSource.TEXT, title)
    return Words("", WordSource.NONE)


def prompts_over(frames: range, texts: Iterable[tuple[range, str]], prompt: str) -> tuple[PromptAt, ...]:
    """The changes of prompt within a shot over `frames` of the timeline whose first words are `prompt`.

    `texts` are text strips' frames and words. A strip that begins within the shot changes what is said from its first
    frame on; where one ends and no other is there, `prompt` holds again. What lies over the shot's first frame has
    been heard by whoever chose `prompt`, so it changes nothing while it lasts. Empty strips say nothing.
    """
    over = sorted(
        ((shown.start, shown.stop, line) for shown, text in texts if (line := one_line(text)) and len(shown)),
    )
    starts = {start: line for start, _, line in over if frames.start < start < frames.stop}
    ends = {
        stop
        for start, stop, _ in over
        if frames.start < stop < frames.stop and not any(other <= stop < end for other, end, _ in over)
    }
    said, found = prompt, []
    for frame in sorted({*starts, *ends}):
        words = starts.get(frame, prompt)
        if words != said:
            found.append(PromptAt(frame - frames.start + 1, words))
            said = words
    return tuple(found)


def prompts_through(stretches: Sequence[tuple[range, str]], texts: Iterable[tuple[range, str]]) -> tuple[PromptAt, ...]:
    """The changes of prompt within one shot through boards, whose words begin as those of its first stretch.

    `stretches` are the frames of the timeline from each board to the next, without a gap, and the words that each
    begins with; `texts` as in `prompts_over`, which holds within each stretch.
    """
    texts = list(texts)
    start, said = stretches[0][0].start, stretches[0][1]
    found = []
    for frames, first in stretches:
        later = [(frames.start + change.frame - 1, change.text) for change in prompts_over(frames, texts, first)]
        for frame, words in [(frames.start, first), *later]:
            if words != said:
                found.append(PromptAt(frame - start + 1, words))
                said = words
    return tuple(found)


def fault_of(words: Words) -> str | None:
    """The sentence that says why no shot can be made with these words."""
    if not words.text:
        return "Write what happens in the shot first."
    if len(words.text) > PROMPT_MAXIMUM:
        return f"The words are {len(words.text)} characters long; {PROMPT_MAXIMUM} is the most."
    return None


def one_line(text: str) -> str:
    """A text without line breaks and needless space."""
    return " ".join(text.split())
