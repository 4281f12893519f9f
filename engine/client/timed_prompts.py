"""Text strips as prompts in time: what a shot is told from which of its frames on. Plain values, without Blender."""

from __future__ import annotations

from collections.abc import Iterable

from ..protocol import PromptAt


def prompts_over(frames: range, texts: Iterable[tuple[range, str]], prompt: str) -> tuple[PromptAt, ...]:
    """The changes of prompt within a shot over `frames` of the timeline whose first words are `prompt`.

    `texts` are text strips' frames and words. A strip that begins within the shot changes what is said from its first
    frame on; where one ends and no other is there, `prompt` holds again. What lies over the shot's first frame has
    been heard by whoever chose `prompt`, so it changes nothing while it lasts. Empty strips say nothing.
    """
    over = sorted(
        ((shown.start, shown.stop, line) for shown, text in texts if (line := " ".join(text.split())) and len(shown)),
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
