"""What an engine says of itself, as far as it makes sense: another version of it may say more, less, or otherwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..errors import EngineError
from ..protocol import Start
from ..vocabulary import Vocabulary, read_vocabulary

_Fits = Callable[[Any], bool]


def understood(said: Mapping[str, Any]) -> dict[str, Any]:
    """The engine's answer without what panels and the client could not use; what they do not know of stays.

    `vocabularies` are read here, once and for all: panels ask for them at every drawing.
    """
    about = {name: value for name, value in said.items() if name not in _SHAPES or _SHAPES[name](value)}
    if "vocabularies" in about:
        read = {name: vocabulary_or_none(value) for name, value in about["vocabularies"].items()}
        about["vocabularies"] = {name: vocabulary for name, vocabulary in read.items() if vocabulary is not None}
    return about


def vocabulary_or_none(said: object) -> Vocabulary | None:
    """A model's vocabulary as an engine tells it; None where it makes no sense here."""
    try:
        return read_vocabulary(said)
    except EngineError:
        return None


def starts(about: Mapping[str, Any], model: str) -> tuple[str, ...]:
    """What a shot of `model` (empty: the best one) may start from, by what the engine has said of itself.

    All where it has said nothing yet; an engine of 0.1.0 starts from boards alone.
    """
    said: dict[str, list[str]] | None = about.get("starts")
    if said is None:
        return (Start.BOARD,) if about else tuple(Start)
    name = model or next(iter(about.get("models", ())), "")
    return tuple(said.get(name, Start))


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _limit(value: Any) -> bool:
    return value is None or _number(value)


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _list_of(item: _Fits) -> _Fits:
    return lambda value: isinstance(value, list) and all(map(item, value))


def _with(**fields: _Fits) -> _Fits:
    """An object that has at least these."""
    return lambda value: (
        isinstance(value, dict) and all(name in value and fits(value[name]) for name, fits in fields.items())
    )


def _where_said(**fields: _Fits) -> _Fits:
    """An object in which these make sense where they are there."""
    return lambda value: (
        isinstance(value, dict) and all(name not in value or fits(value[name]) for name, fits in fields.items())
    )


def _both(one: _Fits, other: _Fits) -> _Fits:
    return lambda value: one(value) and other(value)


def _or_none(fits: _Fits) -> _Fits:
    return lambda value: value is None or fits(value)


def _whole(value: Any) -> bool:
    return type(value) is int


def _object_of(item: _Fits) -> _Fits:
    return lambda value: isinstance(value, dict) and all(map(item, value.values()))


def _size(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(type(side) is int and side > 0 for side in value)


def _count(value: Any) -> bool:
    return type(value) is int and value > 0


def _positive(value: Any) -> bool:
    return _number(value) and value > 0


_SHAPES: dict[str, _Fits] = {
    "models": _list_of(_text),
    "starts": _object_of(_list_of(_text)),
    "prompt_tokens": _object_of(_whole),
    "vocabularies": lambda value: isinstance(value, dict),
    "details": _object_of(
        _both(
            _where_said(trained=_where_said(packings=_list_of(_text), planned_endpoints=_flag)),
            _with(
                title=_text,
                quality=_text,
                good_for=_text,
                starts=_list_of(_text),
                orders=_list_of(_text),
                sizes=_list_of(_size),
                size_multiple=_count,
                side_limits=_size,
                native_fps=_positive,
                steps=_count,
                guidance=_number,
                negative=_flag,
                first_frames=_number,
                section_frames=_count,
                latent_frames=_count,
                boards_within=_flag,
            ),
        )
    ),
    "speeds": _list_of(
        _with(
            model=_text,
            device=_text,
            width=_count,
            height=_count,
            steps=_count,
            speed=_text,
            section_seconds=_positive,
            shots=_count,
        )
    ),
    "finishing": _with(
        upscalers=_list_of(_with(name=_text, title=_text)),
        between=_list_of(_text),
        speeds=_list_of(_with(upscaler=_text, device=_text, megapixel_seconds=_positive)),
    ),
    "free": _limit,
    "loras": _list_of(_text),
    "workers": _list_of(_with(device=_text, title=_text, ready=_flag, memory_used=_number, memory_total=_number)),
    "parked_by": _list_of(_with(client=_text)),
    "keeps": _or_none(_with(days=_limit, bytes=_limit)),
    "disk": _or_none(_with(frames=_number, latents=_number, total=_number)),
}
