"""What a number or a word of a request may be: EngineErrors that say so."""

from __future__ import annotations

import math

from ..errors import Code, EngineError
from ..protocol import SLATE_MAXIMUM


def whole(name: str, value: int | None, least: int, most: int) -> None:
    """Raise EngineError `number_invalid` where `value` is given and not from `least` to `most`."""
    if value is not None and not least <= value <= most:
        raise EngineError(Code.NUMBER_INVALID, name=name, value=value, allowed=f"a whole number from {least} to {most}")


def number(name: str, value: float | None, least: float, most: float) -> None:
    """Raise EngineError `number_invalid` where `value` is given and not from `least` to `most`."""
    if value is not None and not (math.isfinite(value) and least <= value <= most):
        raise EngineError(Code.NUMBER_INVALID, name=name, value=value, allowed=f"a number from {least:g} to {most:g}")


def choice(name: str, value: str, allowed: list[str]) -> str:
    """`value`, which must be among `allowed`. Raises EngineError `choice_invalid`."""
    if value not in allowed:
        raise EngineError(Code.CHOICE_INVALID, name=name, value=value, allowed=", ".join(allowed))
    return value


def slate_words(text: str) -> None:
    """Raise EngineError `bad_request` unless a slate can say `text`."""
    if len(text) > SLATE_MAXIMUM or not (text.isascii() and text.isprintable()):
        detail = (
            f"a slate holds up to {SLATE_MAXIMUM} letters, digits and signs of ASCII, and not {text[:SLATE_MAXIMUM]!r}"
        )
        raise EngineError(Code.BAD_REQUEST, detail=detail)
