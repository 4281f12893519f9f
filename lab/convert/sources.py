"""Where what is converted lies: a folder of diffusers', or a model in the models home by its name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import Code, EngineError
from engine.models.catalog import CATALOG, find_model, installed
from engine.models.folder import INDEX
from engine.models.safetensors_headers import WeightsError, check_weights

from .checkpoint import impossible, read_object
from .layout import Layout

_VISION = ("image_encoder", "feature_extractor")
_PACKED = "HunyuanVideoFramepackPipeline"


@dataclass(frozen=True)
class Source:
    """A text-to-video model on disk."""

    path: Path
    index: Mapping[str, Any]
    """Its model_index.json."""
    components: Mapping[str, Path]
    """Its transformer's folder, and those that are taken as they are."""


def find_source(name_or_folder: str, layout: Layout) -> Source:
    """The model that `layout` is made of: an installed one's name goes before a folder's.

    Raises EngineError `model_unknown` and, for one of another kind, `conversion_impossible`.
    """
    models = dict(installed())
    path = models.get(name_or_folder, Path(name_or_folder).expanduser())
    if not path.is_dir():
        raise EngineError(Code.MODEL_UNKNOWN, model=name_or_folder, known=", ".join(models))
    advice = f"use a text-to-video folder of diffusers' {layout.source_pipeline}"
    if not (path / INDEX).is_file():
        raise impossible(path, f"it has no {INDEX}", advice)
    index = read_object(path / INDEX)
    if index.get("_class_name") != layout.source_pipeline:
        raise impossible(path, f"it holds a {index.get('_class_name')}", advice)
    components = {name: path / name for name in ("transformer", *layout.components)}
    for name, folder in components.items():
        _check(path, name, folder, listed=name in index)
    return Source(path, index, components)


def image_encoder_of(name_or_folder: str | None) -> tuple[dict[str, Path], dict[str, Any]]:
    """The folders of an image encoder and what prepares pictures for it, and their classes.

    They are those of a FramePack model, by name or folder; of the first of the catalog's that is installed where none
    is given. Sketch's, which is installed always, has seen drawings alone. Raises EngineError.
    """
    if name_or_folder is None:
        here = dict(installed())
        fitting = [entry.name for entry in CATALOG if entry.pipeline == _PACKED and entry.name in here]
        if not fitting:
            detail = "HunyuanVideo has no image encoder, which FramePack looks at boards with"
            advice = "name a FramePack model that has one: --image-encoder DIR_OR_NAME"
            raise EngineError(Code.CONVERSION_IMPOSSIBLE, path="The model", detail=detail, advice=advice)
        name_or_folder = fitting[0]
    model = find_model(name_or_folder, check=False)
    missing = [name for name in _VISION if name not in model.components]
    if missing:
        raise impossible(model.path, f"it has no {missing[0]} to take", "name another FramePack model")
    components = {name: model.components[name] for name in _VISION}
    for name, folder in components.items():
        _check(model.path, name, folder)
    classes = {
        "image_encoder": ["transformers", "SiglipVisionModel"],
        "feature_extractor": ["transformers", "SiglipImageProcessor"],
    }
    return components, classes


def _check(model: Path, name: str, folder: Path, *, listed: bool = True) -> None:
    """Refuse a component that is not there, or whose weights are none that Shotpack opens."""
    if not listed or not folder.is_dir():
        raise impossible(model, f"its {name} is missing", "copy or download it again, whole")
    if not (folder / "config.json").is_file():
        return
    try:
        check_weights(folder)
    except (WeightsError, OSError) as fault:
        advice = "use safetensors in diffusers' layout, whole: save_pretrained writes them"
        raise impossible(model, str(fault), advice) from fault
