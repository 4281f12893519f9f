"""How much of a prompt a text encoder reads: it is told by the tokenizer alone, no network is loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_SPECIAL = 8
"""Tokens that come on top of a text's own at most."""
_WORD = 30
"""Characters of a word at most: some languages have no blanks between theirs."""


@dataclass(frozen=True)
class TextReader:
    """One text encoder: its tokenizer, which is loaded when it is first asked, and how much it takes."""

    tokenizer: Callable[[], Any]
    tokens: int
    """Tokens it takes at most, those before the prompt left out."""
    before: str = ""
    """What a template puts before the prompt, and how many tokens that is reckoned at."""
    before_tokens: int = 0

    def unread(self, text: str) -> str:
        """What it leaves unread at the end of `text`, from the beginning of a word on; empty where it reads all."""
        text = text.rstrip()
        if len(text.encode("utf-8", "replace")) + _SPECIAL <= self.tokens:
            return ""  # no text has more tokens than bytes
        tokenizer = self.tokenizer()

        def fits(length: int) -> bool:
            ids = tokenizer(self.before + text[:length], truncation=False)["input_ids"]
            return len(ids) <= self.tokens + self.before_tokens

        if fits(len(text)):
            return ""
        reads, too_much = 0, len(text)
        while too_much - reads > 1:
            middle = (reads + too_much) // 2
            reads, too_much = (middle, too_much) if fits(middle) else (reads, middle)
        inside = reads and not text[reads - 1].isspace() and not text[reads].isspace()
        word = max(text.rfind(blank, 0, reads) for blank in " \n\t") + 1 if inside else reads
        return text[word if reads - word <= _WORD else reads :].lstrip()


def told(label: str, unread: tuple[str, ...]) -> str:
    """The words for what the encoders leave unread of the prompt called `label`; empty where all is read.

    `unread` has an entry for each encoder. They come after `events.NOT_ALL`.
    """
    cut = sorted({rest for rest in unread if rest}, key=len)
    if not cut:
        return ""
    if not all(unread):
        return f"{label} is read by all of the model's text encoders: one stops before {_quoted(cut[-1])}"
    words = f"{label} is read: the model stops before {_quoted(cut[0])}"
    return words if len(cut) == 1 else f"{words}, and one of its text encoders before {_quoted(cut[-1])}"


def _quoted(rest: str) -> str:
    """The first words of what is left unread."""
    words = " ".join(rest.split()[:5])
    return f'"{words[:60]}"'
