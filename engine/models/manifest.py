"""`shotpack.json`: what a model folder says of itself that its weights cannot, parsed and checked; no disk."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import PurePosixPath, PureWindowsPath
from types import MappingProxyType
from typing import Any, NoReturn

from ..errors import EngineError
from ..framepack.grid import Seam
from ..framepack.packing import Order
from ..framepack.sigmas import FlowShift
from ..vocabulary import Vocabulary, read_vocabulary
from .drift_limits import DriftLimits
from .guide_use import GuidePictures, GuideUse
from .spec import Preview, Speed

_MOST_TEXT = 10_000
_MOST_PIXELS = 8192
_NONE: Mapping[str, str] = MappingProxyType({})


class FactsError(ValueError):
    """`shotpack.json` is not valid; the text names the key and what it must be."""


@dataclass(frozen=True)
class ModelFacts:
    """What `shotpack.json` says; None, or an empty mapping, where it is silent. Names are the file's keys."""

    family: str | None = None
    title: str | None = None
    licence: str | None = None
    prompt_template: str | None = None
    """Text with one `{}` where the prompt goes."""
    prompt_crop: int | None = None
    """Tokens of the template before the prompt, which are cut off again, 0 to 10,000."""
    prompt_tokens: int | None = None
    """Tokens of a prompt that are read at most, 1 to 10,000."""
    native_fps: float | None = None
    """Frames a second the weights were trained at, 1 to 240."""
    sizes: tuple[tuple[int, int], ...] | None = None
    """(width, height) in pixels."""
    side_limits: tuple[int, int] | None = None
    """Shortest and longest side in pixels."""
    steps: int | None = None
    guidance: float | None = None
    shift: FlowShift | None = None
    """In the file a number, 0.01 to 1000: the noise schedule's shift, whatever the section's size."""
    far_shift: FlowShift | None = None
    """The same for sections that no board lies in or beside."""
    order: Order | None = None
    trained_orders: tuple[Order, ...] | None = None
    """The orders that the weights were trained for, where that is more than `order`."""
    seam: Seam | None = None
    """`blend`, or `causal` where the decoder looks back only; then `overlap` says how far."""
    overlap: int | None = None
    """Latents, 1 to 16."""
    head: int | None = None
    """Latents, 1 to 16, that a shot shows before it decodes the others; given where `seam` is causal."""
    preview: Preview | None = None
    caches: Mapping[Speed, str] | None = None
    """The step cache behind each speed but exact."""
    mag_ratios: tuple[float, ...] | None = None
    guide: Mapping[str, Any] | None = None
    """How it uses a guide, fields of `GuideUse`; what is not said is as the family has it."""
    drift: Mapping[str, Any] | None = None
    """How far its sections may drift before that is said, fields of `DriftLimits`, null for no such limit. No part of
    how a shot is made either."""
    vocabulary: Vocabulary | None = None
    """The words it was taught, of a model that knows no others. No part of how a shot is made: a shot that was begun
    goes on whatever is said here."""
    revisions: Mapping[str, str] = field(default_factory=lambda: _NONE)
    """Repository to the commit its files came from."""
    components: Mapping[str, str] = field(default_factory=lambda: _NONE)
    """Component to its folder: a relative path inside the model folder or inside the models home."""
    files: Mapping[str, str] = field(default_factory=lambda: _NONE)
    """`component/file name` to the file's SHA-256, 64 lower-case hexadecimal digits."""


def parse_facts(text: str) -> ModelFacts:
    """The facts in the text of a `shotpack.json`. Raises FactsError naming the first key that is wrong."""
    try:
        data = json.loads(text, parse_constant=_no_constant)
    except FactsError:
        raise
    except (ValueError, RecursionError) as fault:
        raise FactsError(f"it is not valid JSON ({fault})") from fault
    if not isinstance(data, dict):
        _refuse("the file", "an object in braces")
    unknown = sorted(data.keys() - _READERS.keys())
    if unknown:
        raise FactsError(f"the key '{unknown[0]}' is not known; known are {', '.join(sorted(_READERS))}")
    if (data.get("seam") == Seam.CAUSAL) != ("overlap" in data):
        _refuse("'overlap'", f"given where 'seam' is '{Seam.CAUSAL}', and only there")
    if "head" in data and "overlap" not in data:
        _refuse("'head'", f"given only where 'seam' is '{Seam.CAUSAL}'")
    return ModelFacts(**{name: _READERS[name](f"'{name}'", value) for name, value in data.items()})


def is_inside(path: str) -> bool:
    """Whether a path out of a file is plain and relative, so that it stays in the folder it is joined to.

    Only the text is looked at: a symbolic link in there was made by whoever owns the folder.
    """
    windows = PureWindowsPath(path)
    bad = "\\" in path or ":" in path or "\0" in path or windows.drive or windows.root or path.startswith("/")
    parts = PurePosixPath(path).parts
    return bool(parts) and not bad and ".." not in parts


def _no_constant(name: str) -> NoReturn:
    raise FactsError(f"it holds {name}, which is no number")


def _refuse(name: str, wanted: str) -> NoReturn:
    raise FactsError(f"{name} must be {wanted}")


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > _MOST_TEXT:
        _refuse(name, f"text of 1 to {_MOST_TEXT} characters")
    return value


def _template(name: str, value: Any) -> str:
    text = _text(name, value)
    try:
        filled = text.format("\0")
    except (LookupError, ValueError):
        filled = ""
    if filled.count("\0") != 1:
        _refuse(name, "text with one {} where the prompt goes")
    return text


def _whole(lowest: int, highest: int) -> Callable[[str, Any], int]:
    def read(name: str, value: Any) -> int:
        if type(value) is not int or not lowest <= value <= highest:  # True and False are ints too
            _refuse(name, f"a whole number from {lowest} to {highest}")
        return value

    return read


def _number(lowest: float, highest: float) -> Callable[[str, Any], float]:
    def read(name: str, value: Any) -> float:
        if type(value) not in (int, float) or not (math.isfinite(value) and lowest <= value <= highest):
            _refuse(name, f"a number from {lowest:g} to {highest:g}")
        return float(value)

    return read


def _shift(name: str, value: Any) -> FlowShift:
    return FlowShift.fixed(_number(0.01, 1000)(name, value))


def _list(name: str, value: Any, what: str, length: int | None = None) -> list[Any]:
    if not isinstance(value, list) or not value or (length is not None and len(value) != length):
        _refuse(name, what)
    return value


def _size(name: str, value: Any) -> tuple[int, int]:
    width, height = _list(name, value, "lists of [width, height]", 2)
    side = _whole(1, _MOST_PIXELS)
    return side(name, width), side(name, height)


def _sizes(name: str, value: Any) -> tuple[tuple[int, int], ...]:
    return tuple(_size(name, size) for size in _list(name, value, "a list of [width, height]"))


def _side_limits(name: str, value: Any) -> tuple[int, int]:
    shortest, longest = _size(name, value)
    if shortest > longest:
        _refuse(name, "[shortest side, longest side]")
    return shortest, longest


def _order(name: str, value: Any) -> Order:
    if value not in list(Order):
        _refuse(name, f"one of {', '.join(Order)}")
    return Order(value)


def _orders(name: str, value: Any) -> tuple[Order, ...]:
    return tuple(_order(name, order) for order in _list(name, value, f"a list of {', '.join(Order)}"))


def _colour(name: str, value: Any) -> tuple[float, float, float]:
    number = _number(-1e3, 1e3)
    red, green, blue = (number(name, part) for part in _list(name, value, "lists of [red, green, blue]", 3))
    return red, green, blue


def _preview(name: str, value: Any) -> Preview:
    if not isinstance(value, dict) or value.keys() != {"matrix", "bias"}:
        _refuse(name, "an object with 'matrix' and 'bias'")
    rows = _list(name, value["matrix"], "a matrix with a row of [red, green, blue] for each latent channel")
    return Preview(tuple(_colour(name, row) for row in rows), _colour(name, value["bias"]))


def _ratios(name: str, value: Any) -> tuple[float, ...]:
    number = _number(0, 1e3)
    return tuple(number(name, ratio) for ratio in _list(name, value, "a list of numbers"))


def _caches(name: str, value: Any) -> Mapping[Speed, str]:
    named = (Speed.BALANCED, Speed.FAST)
    if not isinstance(value, dict) or value.keys() != set(named):
        _refuse(name, f"an object with {' and '.join(repr(str(each)) for each in named)}")
    return {speed: _text(name, value[speed]) for speed in named}


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        _refuse(name, "true or false")
    return bool(value)


def _guide(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict) or not value or not value.keys() <= _GUIDE.keys():
        _refuse(name, f"an object with some of {', '.join(repr(each) for each in sorted(_GUIDE))}")
    return MappingProxyType({key: _GUIDE[key](f"{name}'s {key}", each) for key, each in value.items()})


def _drift(name: str, value: Any) -> Mapping[str, Any]:
    known = [each.name for each in fields(DriftLimits)]
    if not isinstance(value, dict) or not value or not value.keys() <= set(known):
        _refuse(name, f"an object with some of {', '.join(map(repr, known))}")
    number = _number(0, 1000)
    limits = {key: None if each is None else number(f"{name}'s {key}", each) for key, each in value.items()}
    return MappingProxyType(limits)


def _guide_pictures(name: str, value: Any) -> GuidePictures:
    if value not in list(GuidePictures):
        _refuse(name, f"one of {', '.join(GuidePictures)}")
    return GuidePictures(value)


def _seam(name: str, value: Any) -> Seam:
    if value not in (Seam.BLEND, Seam.CAUSAL):
        _refuse(name, f"'{Seam.BLEND}' or '{Seam.CAUSAL}'")
    return Seam(value)


def _noise(name: str, value: Any) -> tuple[float, float]:
    level = _number(0, 1)
    least, most = (level(name, each) for each in _list(name, value, "[least, most] of noise, each from 0 to 1", 2))
    if least > most:
        _refuse(name, "[least, most] of noise, each from 0 to 1")
    return least, most


def _vocabulary(name: str, value: Any) -> Vocabulary:
    try:
        return read_vocabulary(value)
    except EngineError as fault:
        raise FactsError(f"{name} is wrong: {fault.params['detail']}") from fault


def _mapping(name: str, value: Any) -> Mapping[str, str]:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        _refuse(name, "an object of texts")
    return MappingProxyType(dict(value))


def _components(name: str, value: Any) -> Mapping[str, str]:
    mapping = _mapping(name, value)
    for component, path in mapping.items():
        if not re.fullmatch(r"[a-z][a-z0-9_]*", component):
            raise FactsError(f"{name} names '{component}', which is no component")
        if not is_inside(path):
            raise FactsError(f"{name} puts {component} at '{path}'; the path must be relative and without '..'")
    return mapping


def _files(name: str, value: Any) -> Mapping[str, str]:
    mapping = _mapping(name, value)
    for path, sha256 in mapping.items():
        if not is_inside(path):
            raise FactsError(f"{name} names '{path}'; the path must be relative and without '..'")
        if not re.fullmatch(r"[0-9a-f]{64}", sha256):
            raise FactsError(f"{name} must give '{path}' a SHA-256 in 64 lower-case hexadecimal digits")
    return mapping


_GUIDE: Mapping[str, Callable[[str, Any], Any]] = {
    "pictures": _guide_pictures,
    "seen": _number(0, 1),
    "hidden": _number(0, 1),
    "context": _number(0, 1),
    "guidance": _number(0, 1000),
    "noise": _noise,
    "shift": _number(0.01, 1000),
    "alone": _flag,
}
assert _GUIDE.keys() == {each.name for each in fields(GuideUse)}

_READERS: Mapping[str, Callable[[str, Any], Any]] = {
    "family": _text,
    "title": _text,
    "licence": _text,
    "prompt_template": _template,
    "prompt_crop": _whole(0, 10_000),
    "prompt_tokens": _whole(1, 10_000),
    "native_fps": _number(1, 240),
    "sizes": _sizes,
    "side_limits": _side_limits,
    "steps": _whole(1, 1000),
    "guidance": _number(0, 1000),
    "shift": _shift,
    "far_shift": _shift,
    "order": _order,
    "trained_orders": _orders,
    "seam": _seam,
    "overlap": _whole(1, 16),
    "head": _whole(1, 16),
    "preview": _preview,
    "caches": _caches,
    "mag_ratios": _ratios,
    "guide": _guide,
    "drift": _drift,
    "vocabulary": _vocabulary,
    "revisions": _mapping,
    "components": _components,
    "files": _files,
}
assert _READERS.keys() == {each.name for each in fields(ModelFacts)}
