"""Messages as JSON: frozen dataclasses to plain data and back, exactly.

Standard library only, because Blender imports it. `from_json` ignores keys that it does not know, which a later
release may write, and refuses missing keys and wrong types, naming each.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import types
import typing
from typing import Any, TypeVar, Union

from .errors import Code, EngineError

T = TypeVar("T")


def to_json(message: Any) -> dict[str, Any]:
    """A message as JSON-ready data; events carry their name under "event"."""
    data = _plain(message)
    name = getattr(type(message), "event", None)
    return {"event": name, **data} if name else data


def to_json_text(message: Any) -> str:
    """A message as JSON text, which nobody has to open on its way."""
    return json.dumps(to_json(message))


def without_defaults(message: Any) -> dict[str, Any]:
    """A message as JSON-ready data without the fields that are as they are by default, in what it holds as well.

    A release that knows fewer fields understands it as long as none of the others is used.
    """
    fields = {f.name: (f.default, getattr(message, f.name)) for f in dataclasses.fields(message)}
    return {name: _without_defaults(value) for name, (default, value) in fields.items() if value != default}


def from_json(kind: type[T], data: object, where: str = "") -> T:
    """Build a `kind` from JSON data. Raises EngineError `bad_request` naming the first fault and its place."""
    if not isinstance(data, dict):
        raise EngineError(Code.BAD_REQUEST, detail=f"{where or kind.__name__} must be an object")
    hints = _hints(kind)  # type: ignore[arg-type]  # a class is hashable
    fields = {f.name: f for f in dataclasses.fields(kind) if f.init}  # type: ignore[arg-type]
    values = {}
    for name, entry in fields.items():
        if name in data:
            values[name] = _typed(hints[name], data[name], f"{where}{name}")
        elif entry.default is dataclasses.MISSING and entry.default_factory is dataclasses.MISSING:
            raise EngineError(Code.BAD_REQUEST, detail=f"missing key {where}{name}")
    return kind(**values)


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    """The types of a message's fields: to work them out takes longer than to read a message."""
    return typing.get_type_hints(kind)


def _without_defaults(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_without_defaults(item) for item in value]
    return without_defaults(value) if dataclasses.is_dataclass(value) else value


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _typed(hint: Any, value: Any, where: str) -> Any:
    origin = typing.get_origin(hint)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in typing.get_args(hint):
            return None
        options = [option for option in typing.get_args(hint) if option is not type(None)]
        return _first_match(options, value, where)
    if origin is tuple:
        if not isinstance(value, list):
            raise EngineError(Code.BAD_REQUEST, detail=f"{where} must be a list")
        item = typing.get_args(hint)[0]
        return tuple(_typed(item, entry, f"{where}[{n}]") for n, entry in enumerate(value))
    if origin is dict:
        if not isinstance(value, dict):
            raise EngineError(Code.BAD_REQUEST, detail=f"{where} must be an object")
        item = typing.get_args(hint)[1]
        return {key: _typed(item, entry, f"{where}.{key}") for key, entry in value.items()}
    if dataclasses.is_dataclass(hint):
        return from_json(typing.cast(type, hint), value, f"{where}.")
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint:
        raise EngineError(Code.BAD_REQUEST, detail=f"{where} must be {_WORDS[hint]}")
    return value


_WORDS = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}


def _first_match(options: list[Any], value: Any, where: str) -> Any:
    for option in options[:-1]:
        if type(value) is option:
            return value
    return _typed(options[-1], value, where)
