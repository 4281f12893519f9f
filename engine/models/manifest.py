"""`shotpack.json`: what a model folder says of itself that its weights cannot, parsed and checked; no disk."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, NoReturn

from ..errors import EngineError
from ..framepack.grid import Seam
from ..framepack.packing import Order, Tail, parse
from ..framepack.sigmas import FlowShift
from ..vocabulary import Vocabulary, read_vocabulary
from . import manifest_values as values
from .drift_limits import DriftLimits
from .guide_use import GuidePictures, GuideUse
from .manifest_values import FactsError, is_inside
from .packing_use import CodebookUse, Estimate, Packing, PackingUse, StartBoard
from .spec import Preview, Speed

__all__ = ["FactsError", "ModelFacts", "is_inside", "parse_facts"]

_NONE: Mapping[str, str] = MappingProxyType({})


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
    packed: bool | None = None
    """Its transformer has an input layer for each of `kernels`, and takes any number of blocks."""
    kernels: tuple[tuple[int, int, int], ...] | None = None
    """Latent frames, rows and columns of a token, each."""
    schedules: Mapping[Order, str] | None = None
    """The paper's name of the layout of each order that it can follow."""
    packing: Mapping[str, Any] | None = None
    """By what its history may be packed, fields of `PackingUse`."""
    tails: tuple[Tail, ...] | None = None
    """What it was trained to see of the frames beyond its history."""
    codebook: CodebookUse | None = None
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
        values.refuse("the file", "an object in braces")
    unknown = sorted(data.keys() - _READERS.keys())
    if unknown:
        raise FactsError(f"the key '{unknown[0]}' is not known; known are {', '.join(sorted(_READERS))}")
    if (data.get("seam") == Seam.CAUSAL) != ("overlap" in data):
        values.refuse("'overlap'", f"given where 'seam' is '{Seam.CAUSAL}', and only there")
    if "head" in data and "overlap" not in data:
        values.refuse("'head'", f"given only where 'seam' is '{Seam.CAUSAL}'")
    for key in ("kernels", "tails"):
        if key in data and data.get("packed") is not True:
            values.refuse(f"'{key}'", "given only where 'packed' is true")
    return ModelFacts(**{name: _READERS[name](f"'{name}'", value) for name, value in data.items()})


def _no_constant(name: str) -> NoReturn:
    raise FactsError(f"it holds {name}, which is no number")


def _shift(name: str, value: Any) -> FlowShift:
    return FlowShift.fixed(values.number(0.01, 1000)(name, value))


def _preview(name: str, value: Any) -> Preview:
    if not isinstance(value, dict) or value.keys() != {"matrix", "bias"}:
        values.refuse(name, "an object with 'matrix' and 'bias'")
    rows = values.items(name, value["matrix"], "a matrix with a row of [red, green, blue] for each latent channel")
    return Preview(tuple(values.colour(name, row) for row in rows), values.colour(name, value["bias"]))


def _caches(name: str, value: Any) -> Mapping[str, str]:
    named = (Speed.BALANCED, Speed.FAST)
    if not isinstance(value, dict) or value.keys() != set(named):
        values.refuse(name, f"an object with {' and '.join(repr(str(each)) for each in named)}")
    return {speed: values.text(name, value[speed]) for speed in named}


def _drift(name: str, value: Any) -> Mapping[str, Any]:
    known = [each.name for each in fields(DriftLimits)]
    if not isinstance(value, dict) or not value or not value.keys() <= set(known):
        values.refuse(name, f"an object with some of {', '.join(map(repr, known))}")
    number = values.number(0, 1000)
    limits = {key: None if each is None else number(f"{name}'s {key}", each) for key, each in value.items()}
    return MappingProxyType(limits)


def _vocabulary(name: str, value: Any) -> Vocabulary:
    try:
        return read_vocabulary(value)
    except EngineError as fault:
        raise FactsError(f"{name} is wrong: {fault.params['detail']}") from fault


def _kernels(name: str, value: Any) -> tuple[tuple[int, int, int], ...]:
    wanted = "lists of [latent frames, rows, columns], rows and columns even"
    side, kernels = values.whole(1, 64), []
    for kernel in values.items(name, value, wanted):
        frames, rows, columns = (side(name, each) for each in values.items(name, kernel, wanted, 3))
        if rows % 2 or columns % 2:
            values.refuse(name, wanted)
        kernels.append((frames, rows, columns))
    if len(set(kernels)) < len(kernels):
        values.refuse(name, "a list that names each kernel once")
    return tuple(kernels)


def _schedules(name: str, value: Any) -> Mapping[Order, str]:
    if not isinstance(value, dict) or not value or not value.keys() <= set(Order):
        values.refuse(name, f"an object with some of {', '.join(repr(str(order)) for order in Order)}")
    named: dict[Order, str] = {}
    for order, schedule in value.items():
        try:
            parsed = parse(values.text(name, schedule))
            says = parsed.order()
        except EngineError as fault:
            raise FactsError(f"{name} is wrong: {fault.sentence}") from fault
        if says != order:
            values.refuse(name, f"schedules of their own orders; '{schedule}' is one of {says} order")
        named[Order(order)] = str(parsed)
    return named


def _packing(name: str, value: Any) -> Mapping[str, Any]:
    said = values.some_of(_PACKING)(name, value)
    if len(set(said.get("trained", ()))) < len(said.get("trained", ())):
        values.refuse(f"{name}'s trained", "a list that names each once")
    return said


def _codebook(name: str, value: Any) -> CodebookUse:
    said = values.some_of(_CODEBOOK)(name, value)
    if not {"file", "size"} <= said.keys():
        values.refuse(name, "an object with 'file' and 'size'")
    if "/" in said["file"] or not is_inside(said["file"]) or not said["file"].endswith(".safetensors"):
        values.refuse(f"{name}'s file", "the name of a .safetensors file in the folder codebook")
    return CodebookUse(**said)


_GUIDE: Mapping[str, Callable[[str, Any], Any]] = {
    "pictures": values.one_of(GuidePictures),
    "seen": values.number(0, 1),
    "hidden": values.number(0, 1),
    "context": values.number(0, 1),
    "guidance": values.number(0, 1000),
    "noise": values.span,
    "shift": values.number(0.01, 1000),
    "alone": values.flag,
}
assert _GUIDE.keys() == {each.name for each in fields(GuideUse)}

_PACKING: Mapping[str, Callable[[str, Any], Any]] = {
    "trained": values.several_of(Packing),
    "weight": values.number(0, 1000),
    "keep": values.whole(0, 64),
    "estimate": values.one_of(Estimate),
}
assert _PACKING.keys() == {each.name for each in fields(PackingUse)}

_CODEBOOK: Mapping[str, Callable[[str, Any], Any]] = {
    "file": values.text,
    "size": values.whole(1, 65_536),
    "anchor": values.one_of(StartBoard),
}
assert _CODEBOOK.keys() == {each.name for each in fields(CodebookUse)}

_READERS: Mapping[str, Callable[[str, Any], Any]] = {
    "family": values.text,
    "title": values.text,
    "licence": values.text,
    "prompt_template": values.template,
    "prompt_crop": values.whole(0, 10_000),
    "prompt_tokens": values.whole(1, 10_000),
    "native_fps": values.number(1, 240),
    "sizes": values.sizes,
    "side_limits": values.side_limits,
    "steps": values.whole(1, 1000),
    "guidance": values.number(0, 1000),
    "shift": _shift,
    "far_shift": _shift,
    "order": values.one_of(Order),
    "trained_orders": values.several_of(Order),
    "packed": values.flag,
    "kernels": _kernels,
    "schedules": _schedules,
    "packing": _packing,
    "tails": values.several_of(Tail),
    "codebook": _codebook,
    "seam": values.one_of(Seam, Seam.BLEND, Seam.CAUSAL),
    "overlap": values.whole(1, 16),
    "head": values.whole(1, 16),
    "preview": _preview,
    "caches": _caches,
    "mag_ratios": values.ratios,
    "guide": values.some_of(_GUIDE),
    "drift": _drift,
    "vocabulary": _vocabulary,
    "revisions": values.texts,
    "components": values.components,
    "files": values.files,
}
assert _READERS.keys() == {each.name for each in fields(ModelFacts)}
