"""What a model on disk is: a folder in diffusers' layout with an optional `shotpack.json`. Judged without torch."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..errors import Code, EngineError
from ..framepack.packing import Order
from ..protocol import GUIDE, Start
from .manifest import FactsError, ModelFacts, is_inside, parse_facts
from .paths import PARTS, models_home
from .released import Released, released
from .safetensors_headers import WeightsError, check_header, check_weights

__all__ = ["CODEBOOK", "FACTS", "INDEX", "ModelFacts", "ModelFolder", "component_files", "open_folder"]

INDEX = "model_index.json"
FACTS = "shotpack.json"
CODEBOOK = "codebook"
"""The component of a model with discrete history."""

_READ = (".safetensors", ".json", ".txt", ".model")
"""Endings of the files a component is loaded from."""

_WEIGHTS = ("config.json",)
_TOKENIZER = ("tokenizer.json", "vocab.json", "tokenizer.model", "spiece.model")


@dataclass(frozen=True)
class _Layout:
    components: Mapping[str, tuple[str, ...]]
    starts: tuple[Start, ...] = (Start.BOARD,)
    """What its models can begin a shot from."""
    conditions: tuple[str, ...] = ()
    """Kinds of conditions they take (`protocol.Condition`)."""
    prompt_tokens: int = 256
    """Tokens of a prompt that their main text encoder reads, where a folder does not say."""


_HELIOS = _Layout(
    {
        "transformer": _WEIGHTS,
        "vae": _WEIGHTS,
        "text_encoder": _WEIGHTS,
        "tokenizer": _TOKENIZER,
        "scheduler": ("scheduler_config.json",),
    },
    (Start.BOARD, Start.TEXT, Start.CLIP),
    prompt_tokens=512,
)
_PYRAMID = replace(_HELIOS, conditions=(GUIDE,))
"""Led in the coarsest of their stages. Base, which has one, takes no guide: nobody has tried what follows one there."""
# For each pipeline class: its components, each with the files of which one must be there. Those with weights (the ones
# that have a config.json) need safetensors too. A new family with another layout adds its line here.
_LAYOUTS: Mapping[str, _Layout] = {
    "HunyuanVideoFramepackPipeline": _Layout(
        {
            "transformer": _WEIGHTS,
            "vae": _WEIGHTS,
            "text_encoder": _WEIGHTS,
            "text_encoder_2": _WEIGHTS,
            "tokenizer": _TOKENIZER,
            "tokenizer_2": _TOKENIZER,
            "image_encoder": _WEIGHTS,
            "feature_extractor": ("preprocessor_config.json",),
            "scheduler": ("scheduler_config.json",),
        },
        conditions=(GUIDE,),
    ),
    "HeliosPipeline": _HELIOS,
    "HeliosPyramidPipeline": _PYRAMID,
}
_DEFAULT_LAYOUT = "HunyuanVideoFramepackPipeline"
"""The layout of a folder without a `model_index.json`."""

_OPTIONAL = ("scheduler",)
"""Components that may be absent where neither `model_index.json` nor `shotpack.json` names them."""


@dataclass(frozen=True)
class ModelFolder:
    """A model on disk: where each component's folder is, and what `shotpack.json` says."""

    name: str
    path: Path
    components: Mapping[str, Path]
    facts: ModelFacts = field(default_factory=ModelFacts)
    pipeline: str = _DEFAULT_LAYOUT
    """Class name of the diffusers pipeline whose layout it has."""
    flags: tuple[str, ...] = ()
    """The pipeline's own switches that are on, such as `is_distilled`."""

    @property
    def starts(self) -> tuple[Start, ...]:
        """What a shot of it may begin from."""
        return _LAYOUTS[self.pipeline].starts

    @property
    def conditions(self) -> tuple[str, ...]:
        """Kinds of conditions it takes, besides boards and prompts."""
        return _LAYOUTS[self.pipeline].conditions

    @property
    def released(self) -> Released:
        """What such weights can where `shotpack.json` does not say otherwise."""
        return released(self.pipeline, self.flags)

    @property
    def orders(self) -> tuple[Order, ...]:
        """In which its shots may be made, as far as it was trained for them, its own first."""
        facts, orders = self.facts, self.released.orders
        named = tuple(facts.schedules or orders)
        own = facts.order or (orders[0] if orders[0] in named else named[0])
        others = (order for order in facts.trained_orders or orders if order in named)
        return tuple(dict.fromkeys((own, *others)))

    @property
    def plans_endpoints(self) -> bool:
        """Whether its manifest says that it was trained for endpoint order, and so for endpoints that are planned."""
        facts = self.facts
        return Order.ENDPOINT in (facts.trained_orders or (facts.order,))

    @property
    def native_fps(self) -> float:
        """Frames a second its weights were trained at."""
        return self.facts.native_fps or self.released.native_fps

    @property
    def prompt_tokens(self) -> int:
        """Tokens of a prompt that its main text encoder reads at most."""
        return self.facts.prompt_tokens or _LAYOUTS[self.pipeline].prompt_tokens

    def files(self) -> Iterator[tuple[str, Path]]:
        """Every file that is loaded, as (`component/file name`, path), sorted by name; missing folders have none.

        The name is the same wherever the component lies, so a model copied or composed of shared parts keeps it.
        """
        for component, folder in sorted(self.components.items()):
            for path in component_files(folder):
                yield f"{component}/{path.name}", path

    def locate(self, name: str) -> Path:
        """The path of a file named as in `files`; a name without a component lies in the model folder itself."""
        component, _, rest = name.partition("/")
        return self.components[component] / rest if rest and component in self.components else self.path / name

    def damage(self, detail: str, advice: str | None = None) -> EngineError:
        """The error `model_damaged` for this model."""
        return _damaged(
            self.path, detail, advice or f"run 'python -m engine models verify {self.path}', or download it again"
        )


def component_files(folder: Path) -> list[Path]:
    """The files that a component is loaded from, sorted; none without a folder, and never a pickle."""
    found = sorted(folder.iterdir()) if folder.is_dir() else ()
    return [path for path in found if path.suffix in _READ and not path.name.startswith(".") and path.is_file()]


def open_folder(
    path: Path | str, *, name: str | None = None, home: Path | None = None, check: bool = True
) -> ModelFolder:
    """The model in a folder that diffusers' `save_pretrained` wrote, or that a download composed of shared parts.

    `home` is Shotpack's home, whose models may share parts (`models_home`). With `check` every component is looked
    through: files that must be there, readable configurations, whole safetensors; without, only the folder's own two
    files are read. Raises EngineError `model_folder_invalid` where there is no model and `model_damaged` for a bad one.
    """
    root = Path(path)
    index = _index(root)
    layout = _layout(root, index)
    facts = _facts(root)
    flags = tuple(sorted(key for key, value in index.items() if value is True))
    named = {key for key, value in index.items() if not key.startswith("_") and isinstance(value, list) and any(value)}
    needed = dict(layout.components)
    if facts.codebook is not None:
        needed[CODEBOOK] = (facts.codebook.file,)
    places = {component: component for component in (*needed, *sorted(named))} | dict(facts.components)
    components = {component: _place(root, place, home) for component, place in places.items()}
    for component in _OPTIONAL:
        if component not in {*named, *facts.components} and not components[component].is_dir():
            del components[component]
    folder = ModelFolder(
        name or root.resolve().name, root, MappingProxyType(components), facts, index["_class_name"], flags
    )
    if check:
        _check(folder, needed)
    return folder


def _damaged(path: Path, detail: str, advice: str) -> EngineError:
    return EngineError(Code.MODEL_DAMAGED, path=str(path), detail=detail, advice=advice)


def _index(root: Path) -> dict[str, Any]:
    advice = f"pass a folder in diffusers' layout: {INDEX} with transformer, vae and the other components beside it"
    if not root.is_dir():
        raise EngineError(Code.MODEL_FOLDER_INVALID, path=str(root), detail="there is no such folder", advice=advice)
    if not (root / INDEX).is_file():
        if (root / "transformer").is_dir():
            return {"_class_name": _DEFAULT_LAYOUT}
        raise EngineError(Code.MODEL_FOLDER_INVALID, path=str(root), detail=f"it has no {INDEX}", advice=advice)
    index = _json(root, root / INDEX)
    if not isinstance(index, dict) or not isinstance(index.get("_class_name"), str):
        raise _damaged(root, f"its {INDEX} does not name a pipeline", "copy or download it again")
    return index


def _layout(root: Path, index: Mapping[str, Any]) -> _Layout:
    pipeline = index["_class_name"]
    if pipeline not in _LAYOUTS:
        detail = f"it holds a {pipeline}, which Shotpack cannot run"
        advice = f"use a model for {' or '.join(_LAYOUTS)}"
        raise EngineError(Code.MODEL_FOLDER_INVALID, path=str(root), detail=detail, advice=advice)
    return _LAYOUTS[pipeline]


def _facts(root: Path) -> ModelFacts:
    path = root / FACTS
    if not path.exists():
        return ModelFacts()
    try:
        return parse_facts(path.read_text(encoding="utf-8"))
    except (FactsError, UnicodeDecodeError) as fault:
        raise _damaged(root, f"its {FACTS} is wrong: {fault}", f"correct {FACTS}, or remove it") from fault
    except OSError as fault:
        raise _unreadable(root, FACTS, fault) from fault


def _place(root: Path, place: str, home: Path | None) -> Path:
    """A component's folder: in the model folder, else beside it where parts are shared, else in the models home."""
    if not is_inside(place):  # parse_facts refuses such paths, model_index.json may still hold one as a key
        raise _damaged(root, f"it puts a component at '{place}', outside the model", "remove that path")
    beside = root.resolve().parent
    bases = [root, *([beside] if (beside / PARTS).is_dir() else []), models_home(home)]
    return next((base / place for base in bases if (base / place).is_dir()), bases[0] / place)


def _check(folder: ModelFolder, layout: Mapping[str, tuple[str, ...]]) -> None:
    for component, path in folder.components.items():
        if not path.is_dir():
            raise folder.damage(
                f"its {component} is missing", f"copy {path} from where the model came from, or download it again"
            )
        with _faults(folder, component):
            needed = layout.get(component, ())
            if needed == _WEIGHTS:
                check_weights(path)
            if needed and not any((path / name).is_file() for name in needed):
                raise WeightsError(f"{component} has no {' or '.join(needed)}")
            if needed and component == CODEBOOK:
                check_header(path / needed[0])
            for config in sorted(path.glob("[!.]*.json")):
                _object(folder.path, config)


def check_file(folder: ModelFolder, name: str) -> str | None:
    """What is wrong with one file of `folder.files()`, told without a checksum; None where it looks sound."""
    path = folder.locate(name)
    try:
        with _faults(folder, name):
            if not path.is_file():
                raise WeightsError("missing")
            if path.suffix == ".safetensors":
                check_header(path)
            elif path.suffix == ".json":
                _object(folder.path, path)
    except EngineError as error:
        return str(error.params["detail"])
    return None


@contextlib.contextmanager
def _faults(folder: ModelFolder, part: str) -> Iterator[None]:
    try:
        yield
    except WeightsError as fault:
        if fault.pickled:
            advice = (
                "convert it to safetensors: load it once with diffusers in a place you trust and save_pretrained it"
            )
            raise folder.damage(str(fault), advice) from fault
        raise folder.damage(str(fault)) from fault
    except OSError as fault:
        raise _unreadable(folder.path, part, fault) from fault


def _json(root: Path, path: Path) -> Any:
    name = path.name if path.parent == root else f"{path.parent.name}/{path.name}"
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as fault:
        raise _damaged(root, f"its {name} is not readable JSON ({fault})", "copy or download it again") from fault
    except OSError as fault:
        raise _unreadable(root, name, fault) from fault


def _object(root: Path, path: Path) -> None:
    """Every JSON file of a component holds an object: configurations, indexes, tokenizers, vocabularies."""
    if not isinstance(_json(root, path), dict):
        raise _damaged(root, f"its {path.parent.name}/{path.name} is not a JSON object", "copy or download it again")


def _unreadable(root: Path, name: str, fault: OSError) -> EngineError:
    detail = f"{name} cannot be read ({(fault.strerror or str(fault)).lower()})"
    return _damaged(root, detail, "check its permissions and the disk")
