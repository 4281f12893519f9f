"""A packed model folder of a text-to-video one: what is there is taken, what is missing made, one block compared."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from diffusers import __version__ as diffusers_version

from engine.errors import Code, EngineError
from engine.file_copies import copy_whole
from engine.media.files import require_space, whole_folder
from engine.models.folder import FACTS, INDEX, component_files, open_folder

from .checkpoint import DTYPES, Checkpoint, impossible
from .framepack import FramePack
from .helios import Helios
from .layout import Layout
from .shards import SHARD_BYTES, Planned, write_shards
from .sources import Source, find_source, image_encoder_of

LAYOUTS: Mapping[str, Callable[[], Layout]] = {"framepack": FramePack, "helios": Helios}


@dataclass(frozen=True)
class Converted:
    """What became of a conversion."""

    tensors: int
    new: int
    """How many of them the source had none of."""
    bytes: int
    """Of the transformer."""
    difference: float
    """How far one block lies from the source's, as a part of the largest value."""


def convert(
    source: str,
    layout_name: str,
    out: Path,
    *,
    image_encoder: str | None = None,
    halved: bool = True,
    shard_bytes: int = SHARD_BYTES,
) -> Converted:
    """Make the model folder `out` in the layout of that name (`LAYOUTS`) of `source`, a folder or a model's name.

    `image_encoder` is the folder or model whose image encoder FramePack's layout takes. With `halved` the transformer's
    numbers become bfloat16, but for those that its class keeps in float32; else they stay. One tensor is in memory at a
    time, and in the end two blocks in float32. `out` appears whole, or not at all. Raises EngineError
    `conversion_impossible` for a source of another kind, `folder_unwritable`, `disk_short` and `disk_full`.
    """
    layout = LAYOUTS[layout_name]()
    found = find_source(source, layout)
    weights = Checkpoint(found.components["transformer"])
    _check_source(found, weights, layout)
    components = {name: found.components[name] for name in layout.components}
    entries = {name: found.index[name] for name in layout.components}
    if isinstance(layout, FramePack):
        seen, classes = image_encoder_of(image_encoder)
        components |= seen
        entries |= classes
    config = layout.configured(_plain(weights.config), components)
    planned, new = _plan(layout, weights, config, halved=halved)
    size = sum(tensor.length for tensor in planned)
    taken = [(name, path) for name, folder in components.items() for path in component_files(folder)]
    require_space(out.absolute().parent, size + sum(path.stat().st_size for _, path in taken), "the model")
    with whole_folder(out) as folder:
        made = folder / "transformer"
        made.mkdir()
        write_shards(made, planned, shard_bytes)
        _write_json(made / "config.json", {**_written_by(layout.target.__name__), **config})
        difference = _compare(layout, weights, Checkpoint(made), config)
        for name, path in taken:
            (folder / name).mkdir(exist_ok=True)
            copy_whole(path, folder / name / path.name)
        entries |= {"transformer": ("diffusers", layout.target.__name__)} | layout.complete(folder)
        _write_json(folder / INDEX, {**_written_by(layout.pipeline), **entries})
        title = f"{out.name}: {layout_name} layout, made of {found.path.resolve().name}"
        _write_json(folder / FACTS, {"title": title, **layout.facts()})
        open_folder(folder)  # whether the engine takes it
    return Converted(len(planned), new, size, difference)


def _check_source(found: Source, weights: Checkpoint, layout: Layout) -> None:
    advice = f"use a text-to-video folder of diffusers' {layout.source_pipeline}"
    wanted, kind = layout.source.__name__, weights.config.get("_class_name")
    if kind == layout.target.__name__:
        raise impossible(found.path, f"its transformer is a {kind}, and packs already", "use it as it is")
    if kind != wanted:
        raise impossible(found.path, f"its transformer is a {kind}, and no {wanted}", advice)
    if detail := layout.refusal(found.index, weights.config):
        raise impossible(found.path, detail, advice)
    strange = sorted({dtype for _, dtype in weights.entries.values()} - DTYPES.keys())
    if strange or "quantization_config" in weights.config:
        detail = f"its weights are quantised ({', '.join(strange) or 'its configuration says so'})"
        raise impossible(found.path, detail, "use weights in 16 or 32 bits")


def _plan(layout: Layout, source: Checkpoint, config: dict[str, Any], *, halved: bool) -> tuple[list[Planned], int]:
    """The target's tensors, and how many of them are new. Raises EngineError where the source has others."""
    with torch.device("meta"):
        shapes = {name: tuple(each.shape) for name, each in layout.target.from_config(config).state_dict().items()}
    planned: list[Planned] = []
    new, left = 0, dict(source.entries)
    patch = source.entries.get(f"{layout.patch}.weight", ((), "F32"))
    for name, shape in shapes.items():
        own = layout.source_name(name)
        kept = source.entries.get(own, patch)[1]
        dtype = _dtype(layout, name, kept, halved=halved)
        if own in source.entries:
            there = left.pop(own)[0]
            if there != shape:
                detail = f"its '{own}' is {there}, and its configuration wants {shape}"
                raise impossible(source.folder, detail, "copy or download it again")
            planned.append(Planned(name, shape, dtype, partial(source.tensor, own)))
            continue
        if name.rpartition(".")[0] not in layout.kernels and not name.startswith("image_projection."):
            raise impossible(source.folder, f"it has no '{own}'", "copy or download it again")
        new += 1
        planned.append(Planned(name, shape, dtype, partial(layout.new, name, shape, source, config)))
    if left:
        detail = f"it has a '{min(left)}', which its configuration has no place for"
        raise impossible(source.folder, detail, f"use a text-to-video folder of diffusers' {layout.source_pipeline}")
    return planned, new


def _dtype(layout: Layout, name: str, kept: str, *, halved: bool) -> torch.dtype:
    """The numbers of a tensor: those that its class keeps in float32 are not halved."""
    precise = getattr(layout.target, "_keep_in_fp32_modules", None) or ()
    if halved and not set(precise) & set(name.split(".")):
        return torch.bfloat16
    return DTYPES[kept]


def _compare(layout: Layout, source: Checkpoint, converted: Checkpoint, config: dict[str, Any]) -> float:
    """`Layout.difference` of one block, in float32, of the numbers that were written."""
    names = {layout.source_name(name): name for name in converted.entries}

    def written(name: str) -> torch.Tensor:
        """A tensor of the source, rounded as the target's was."""
        return source.tensor(name).to(DTYPES[converted.entries[names[name]][1]])

    ours = _shortened(layout.compared, layout.shortened(config), converted.tensor)
    theirs = _shortened(layout.source, layout.shortened(_plain(source.config)), written)
    try:
        difference = layout.difference(theirs, ours)
    except ValueError as fault:
        raise EngineError(Code.INTERNAL, detail=f"of what was converted {fault}") from fault
    if not difference <= layout.limit:
        detail = f"one block of what was converted differs from its source's by {difference:.1e}"
        raise EngineError(Code.INTERNAL, detail=detail)
    return difference


def _shortened(kind: Any, config: dict[str, Any], tensor: Callable[[str], torch.Tensor]) -> Any:
    network = kind.from_config(config).eval()
    network.load_state_dict({name: tensor(name).float() for name in network.state_dict()}, assign=True)
    return network


def _plain(config: dict[str, Any]) -> dict[str, Any]:
    """Without what diffusers notes of who wrote it."""
    return {name: value for name, value in config.items() if not name.startswith("_")}


def _written_by(kind: str) -> dict[str, str]:
    return {"_class_name": kind, "_diffusers_version": diffusers_version}


def _write_json(path: Path, told: dict[str, Any]) -> None:
    path.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
