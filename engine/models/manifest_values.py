"""Reading values of a `shotpack.json`: each reader checks one, and says in one sentence what it must be."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import PurePosixPath, PureWindowsPath
from types import MappingProxyType
from typing import Any, NoReturn, TypeVar

Name = TypeVar("Name", bound=StrEnum)

_MOST_TEXT = 10_000
_MOST_PIXELS = 8192


class FactsError(ValueError):
    """`shotpack.json` is not valid; the text names the key and what it must be."""


def refuse(name: str, wanted: str) -> NoReturn:
    """Raise FactsError: the value called `name` must be what is `wanted`."""
    raise FactsError(f"{name} must be {wanted}")


def is_inside(path: str) -> bool:
    """Whether a path out of a file is plain and relative, so that it stays in the folder it is joined to.

    Only the text is looked at: a symbolic link in there was made by whoever owns the folder.
    """
    windows = PureWindowsPath(path)
    bad = "\\" in path or ":" in path or "\0" in path or windows.drive or windows.root or path.startswith("/")
    parts = PurePosixPath(path).parts
    return bool(parts) and not bad and ".." not in parts


def text(name: str, value: Any) -> str:
    """A text that says something."""
    if not isinstance(value, str) or not value.strip() or len(value) > _MOST_TEXT:
        refuse(name, f"text of 1 to {_MOST_TEXT} characters")
    return value


def template(name: str, value: Any) -> str:
    """A text with one `{}` where the prompt goes."""
    said = text(name, value)
    try:
        filled = said.format("\0")
    except (LookupError, ValueError):
        filled = ""
    if filled.count("\0") != 1:
        refuse(name, "text with one {} where the prompt goes")
    return said


def whole(lowest: int, highest: int) -> Callable[[str, Any], int]:
    """A reader of whole numbers in these bounds."""

    def read(name: str, value: Any) -> int:
        if type(value) is not int or not lowest <= value <= highest:  # True and False are ints too
            refuse(name, f"a whole number from {lowest} to {highest}")
        return value

    return read


def number(lowest: float, highest: float) -> Callable[[str, Any], float]:
    """A reader of numbers in these bounds."""

    def read(name: str, value: Any) -> float:
        if type(value) not in (int, float) or not (math.isfinite(value) and lowest <= value <= highest):
            refuse(name, f"a number from {lowest:g} to {highest:g}")
        return float(value)

    return read


def flag(name: str, value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        refuse(name, "true or false")
    return bool(value)


def one_of(names: type[Name], *allowed: Name) -> Callable[[str, Any], Name]:
    """A reader of one of `names`, or of those of them that are `allowed`."""
    known = allowed or tuple(names)

    def read(name: str, value: Any) -> Name:
        if value not in known:
            refuse(name, f"one of {', '.join(known)}")
        return names(value)

    return read


def several_of(names: type[Name]) -> Callable[[str, Any], tuple[Name, ...]]:
    """A reader of a list of some of `names`."""

    def read(name: str, value: Any) -> tuple[Name, ...]:
        return tuple(one_of(names)(name, each) for each in items(name, value, f"a list of {', '.join(names)}"))

    return read


def items(name: str, value: Any, what: str, length: int | None = None) -> list[Any]:
    """A list with something in it, or with `length` items; `what` says what that should be."""
    if not isinstance(value, list) or not value or (length is not None and len(value) != length):
        refuse(name, what)
    return value


def some_of(readers: Mapping[str, Callable[[str, Any], Any]]) -> Callable[[str, Any], Mapping[str, Any]]:
    """A reader of an object with some of the keys of `readers`, each read by its own."""

    def read(name: str, value: Any) -> Mapping[str, Any]:
        if not isinstance(value, dict) or not value or not value.keys() <= readers.keys():
            refuse(name, f"an object with some of {', '.join(repr(each) for each in sorted(readers))}")
        return MappingProxyType({key: readers[key](f"{name}'s {key}", each) for key, each in value.items()})

    return read


def side_pair(name: str, value: Any) -> tuple[int, int]:
    """Two sides in pixels."""
    width, height = items(name, value, "lists of [width, height]", 2)
    side = whole(1, _MOST_PIXELS)
    return side(name, width), side(name, height)


def sizes(name: str, value: Any) -> tuple[tuple[int, int], ...]:
    """A list of sizes in pixels."""
    return tuple(side_pair(name, size) for size in items(name, value, "a list of [width, height]"))


def side_limits(name: str, value: Any) -> tuple[int, int]:
    """The shortest and the longest side."""
    shortest, longest = side_pair(name, value)
    if shortest > longest:
        refuse(name, "[shortest side, longest side]")
    return shortest, longest


def span(name: str, value: Any) -> tuple[float, float]:
    """The least and the most of noise."""
    level = number(0, 1)
    least, most = (level(name, each) for each in items(name, value, "[least, most] of noise, each from 0 to 1", 2))
    if least > most:
        refuse(name, "[least, most] of noise, each from 0 to 1")
    return least, most


def colour(name: str, value: Any) -> tuple[float, float, float]:
    """Red, green and blue."""
    part = number(-1e3, 1e3)
    red, green, blue = (part(name, each) for each in items(name, value, "lists of [red, green, blue]", 3))
    return red, green, blue


def ratios(name: str, value: Any) -> tuple[float, ...]:
    """A list of numbers."""
    ratio = number(0, 1e3)
    return tuple(ratio(name, each) for each in items(name, value, "a list of numbers"))


def texts(name: str, value: Any) -> Mapping[str, str]:
    """An object whose values are texts."""
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        refuse(name, "an object of texts")
    return MappingProxyType(dict(value))


def components(name: str, value: Any) -> Mapping[str, str]:
    """Component to relative path."""
    mapping = texts(name, value)
    for component, path in mapping.items():
        if not re.fullmatch(r"[a-z][a-z0-9_]*", component):
            raise FactsError(f"{name} names '{component}', which is no component")
        if not is_inside(path):
            raise FactsError(f"{name} puts {component} at '{path}'; the path must be relative and without '..'")
    return mapping


def files(name: str, value: Any) -> Mapping[str, str]:
    """File to checksum."""
    mapping = texts(name, value)
    for path, sha256 in mapping.items():
        if not is_inside(path):
            raise FactsError(f"{name} names '{path}'; the path must be relative and without '..'")
        if not re.fullmatch(r"[0-9a-f]{64}", sha256):
            raise FactsError(f"{name} must give '{path}' a SHA-256 in 64 lower-case hexadecimal digits")
    return mapping
