"""From a model folder to a running family: which one it is, its spec with the folder's own facts, its device."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from ..errors import Code, EngineError
from .cache_choice import CacheChoice
from .folder import ModelFolder
from .hunyuan import RELEASED, HunyuanFramePack
from .spec import Family, ModelSpec
from .step_cache import StepCache

_SPECS = {RELEASED.family: RELEASED}
# What a folder's `shotpack.json` may say of its model, under the names that spec and facts share.
_OVERRIDES = (
    *("licence", "prompt_template", "prompt_crop", "prompt_tokens", "native_fps", "sizes", "side_limits"),
    *("steps", "guidance", "order", "preview", "mag_ratios"),
)

_FAMILIES = {RELEASED.family: HunyuanFramePack}


def spec_of(folder: ModelFolder) -> ModelSpec:
    """The family's spec with what the folder's `shotpack.json` says instead; without one the released values hold."""
    facts = folder.facts
    family = facts.family or RELEASED.family
    if family not in _SPECS:
        detail = f"it names the family '{family}', which this version does not know"
        raise EngineError(Code.MODEL_DAMAGED, path=str(folder.path), detail=detail, advice="update Shotpack")
    said = {name: getattr(facts, name) for name in _OVERRIDES}
    given: dict[str, Any] = {name: value for name, value in said.items() if value is not None}
    if facts.order:
        given["trained_orders"] = (facts.order,)
    return replace(_SPECS[family], title=facts.title or folder.name, **given)


def open_family(folder: ModelFolder, spec: ModelSpec, device: torch.device, cache: CacheChoice | None) -> Family:
    """A family ready to run on `device`; its networks are loaded when first needed."""
    step_cache = StepCache(cache, spec.mag_ratios) if cache else None
    return _FAMILIES[spec.family](folder.components, spec, device, step_cache)


def choose_device(name: str) -> torch.device:
    """The device `name` means: `auto` (the best there is), `cpu`, `cuda`, `cuda:N` or `mps`.

    Raises EngineError `device_missing` with what there is.
    """
    available = [f"cuda:{n}" for n in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    if torch.backends.mps.is_available():
        available.append("mps")
    available.append("cpu")
    if name == "auto":
        return torch.device(available[0])
    wanted = "cuda:0" if name == "cuda" else name
    if wanted not in available:
        raise EngineError(Code.DEVICE_MISSING, device=name, available=" or ".join(["auto", *available]))
    return torch.device(wanted)
