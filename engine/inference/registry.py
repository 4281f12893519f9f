"""From a model folder to a running family: which one it is, its spec with the folder's own facts, its device."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import psutil
import torch

from ..errors import Code, EngineError
from ..framepack.grid import Seam
from ..framepack.packing import check_kernels, parse
from ..models.checksums import fingerprint
from ..models.folder import FACTS, ModelFolder
from ..models.lora_files import LoraFile
from ..models.packing_use import PackingUse
from ..models.safetensors_headers import WeightsError
from ..models.spec import ModelSpec, Speed
from .family import Family
from .helios.spec import HELIOS_BASE, HELIOS_DISTILLED, HELIOS_MID
from .hunyuan.spec import RELEASED
from .memory.measure import measure_room
from .memory.network_sizes import config_of
from .memory.placement import Extent, Placed, Placement, place
from .speed.kernels import AS_RELEASED, Kernels, choose_kernels
from .speed.step_cache import StepCache
from .speed.step_cache_choice import CacheChoice

_SPECS = {spec.family: spec for spec in (RELEASED, HELIOS_BASE, HELIOS_MID, HELIOS_DISTILLED)}
_PIPELINES = {"HeliosPipeline": HELIOS_BASE.family, "HeliosPyramidPipeline": HELIOS_MID.family}
"""Whose weights a folder holds that names no family, where it is not released FramePack."""
# What a folder's `shotpack.json` may say of its model, under the names that spec and facts share.
_OVERRIDES = (
    *("licence", "prompt_template", "prompt_crop", "prompt_tokens", "native_fps", "sizes", "side_limits"),
    *("steps", "guidance", "shift", "far_shift", "order", "trained_orders", "preview", "caches", "mag_ratios"),
    *("seam", "overlap", "head", "packed", "kernels", "schedules", "tails", "codebook"),
)
_OWN_PACKING = ("packed", "kernels", "schedules", "packing", "tails", "codebook")
"""Of these, what is not for every family: it says how a section's history reaches the transformer."""


def _class_of(spec: ModelSpec) -> Any:
    """The class of a spec's family; only then are its networks imported, which takes a while."""
    if spec.family == RELEASED.family:
        from .hunyuan.family import HunyuanFramePack

        return HunyuanFramePack
    from .helios.family import Helios

    return Helios


def spec_of(folder: ModelFolder) -> ModelSpec:
    """The family's spec with what the folder's `shotpack.json` says instead; without one the released values hold."""
    facts = folder.facts
    family = facts.family or _PIPELINES.get(folder.pipeline, RELEASED.family)
    if family == HELIOS_MID.family and "is_distilled" in folder.flags:
        family = HELIOS_DISTILLED.family
    if family not in _SPECS:
        detail = f"it names the family '{family}', which this version does not know"
        raise EngineError(Code.MODEL_DAMAGED, path=str(folder.path), detail=detail, advice="update Shotpack")
    said = {name: getattr(facts, name) for name in _OVERRIDES}
    given: dict[str, Any] = {name: value for name, value in said.items() if value is not None}
    if facts.order:
        given.setdefault("trained_orders", (facts.order,))
    if facts.seam is not None and _SPECS[family].seam is Seam.CUT:
        raise folder.damage(f"its {FACTS} names a seam, but this family's sections are cut", "leave it out")
    if facts.guide is not None:
        try:
            given["guide"] = _SPECS[family].guide.told(facts.guide)
        except ValueError as fault:
            raise folder.damage(f"its {FACTS} is wrong: {fault}", "correct it") from fault
    if facts.drift is not None:
        given["drift"] = _SPECS[family].drift.told(facts.drift)
    if family == HELIOS_MID.family and "is_cfg_zero_star" not in folder.flags:
        given["variant"] = ()
    if facts.schedules:
        given.setdefault("order", folder.orders[0])
    if facts.packing is not None:
        given["packing"] = PackingUse(**facts.packing)
    spec = replace(
        _SPECS[family], title=facts.title or folder.name, starts=folder.starts, conditions=folder.conditions, **given
    )
    if own := [name for name in _OWN_PACKING if getattr(facts, name) is not None]:
        _check_packing(folder, spec, own[0])
    return spec


def _check_packing(folder: ModelFolder, spec: ModelSpec, key: str) -> None:
    """Refuse what a folder says of packing (`key`, and perhaps more) that its family or its weights do not have."""
    if spec.family != RELEASED.family:
        raise folder.damage(f"its {FACTS} gives '{key}', but this family packs as it was released", "leave it out")
    if spec.packed:
        try:
            kernels = config_of(folder.components["transformer"]).get("kernels", RELEASED.kernels)
            same = sorted(map(list, kernels)) == sorted(map(list, spec.kernels))
        except (OSError, ValueError, TypeError) as fault:
            raise folder.damage("its transformer/config.json does not say which kernels it has") from fault
        if not same:
            detail = f"its {FACTS} gives the kernels {[*map(list, spec.kernels)]}, its transformer has {[*kernels]}"
            raise folder.damage(detail, f"correct {FACTS}")
    if nameless := [order for order in (spec.order, *spec.trained_orders) if order not in spec.schedules]:
        detail = f"its {FACTS} gives no schedule for {nameless[0]} order, which it was trained for"
        raise folder.damage(detail, "add it to 'schedules'")
    for name in spec.schedules.values():
        try:
            schedule = parse(name)
            check_kernels(schedule, spec.kernels, "", tails=spec.tails, codebook=spec.codebook is not None)
        except EngineError as fault:
            detail = f"its {FACTS} is wrong: {fault.sentence}"
            raise folder.damage(detail, "give 'schedules' that it was trained with") from fault


def load_classes(folder: ModelFolder) -> None:
    """Import what a model of this folder runs on, before anybody waits for it. Raises EngineError `model_damaged`."""
    _class_of(spec_of(folder))


class Families:
    """Opens families, and keeps the last one: the next shot of the same model need not load it again.

    `loading` is told which network is being loaded.
    """

    def __init__(self, loading: Callable[[str], None] = lambda _: None) -> None:
        self._loading = loading
        self._last: tuple[object, Family] | None = None

    def open(
        self,
        folder: ModelFolder,
        spec: ModelSpec,
        device: torch.device,
        cache: CacheChoice | None,
        placement: Placement,
        loras: tuple[LoraFile, ...] = (),
        kernels: Kernels = AS_RELEASED,
    ) -> Family:
        """A family ready to run on `device`; its networks are loaded when first needed.

        Other LoRAs or kernels mean another family: nothing of one job's is left in the next.
        """
        key = (fingerprint(folder), spec, device, cache, placement, loras, kernels)
        if self._last is None or self._last[0] != key:
            self.close()
            step_cache = StepCache(cache, spec.mag_ratios) if cache else None
            kind = _class_of(spec)
            family = kind(folder.components, spec, device, step_cache, placement, loras, self._loading, kernels)
            self._last = key, family
        return self._last[1]

    @property
    def last(self) -> Family | None:
        """The family that is kept, if any."""
        return self._last[1] if self._last else None

    def close(self) -> None:
        """Let go of the family that is kept, and of its memory."""
        if self._last is None:
            return
        compiled = self._last[1].kernels.compiled
        self._last = None
        if compiled:
            torch.compiler.reset()  # else what was compiled for this one counts against the next one's limit
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        if torch.backends.mps.is_available():
            torch.mps.empty_cache()


def place_model(
    folder: ModelFolder,
    spec: ModelSpec,
    extent: Extent,
    device: torch.device,
    *,
    limit: int | None = None,
    retry: int = 0,
    int8_weights: bool = False,
) -> Placed:
    """Where the model's networks are to live on `device` for sections of `extent`, using at most `limit` bytes of it.

    `retry` and `int8_weights` as in `place`. Raises EngineError `model_damaged`.
    """
    try:
        demand = _class_of(spec).demand(folder.components, spec, extent, device)
    except (WeightsError, OSError, LookupError, TypeError, ValueError) as fault:
        raise folder.damage(f"its parts cannot be measured ({' '.join(str(fault).split())[:160]})") from fault
    return place(demand, measure_room(device, limit), retry=retry, int8_weights=int8_weights)


def kernels_for(
    folder: ModelFolder, spec: ModelSpec, extent: Extent, device: torch.device, placement: Placement, speed: Speed
) -> Kernels:
    """What the model's blocks are to run on at `speed`, where `place_model` has put it; may take a GPU a second or two.

    Raises OSError, LookupError and ValueError for a folder that `place_model` would not have passed.
    """
    kernels = choose_kernels(_class_of(spec).attention(folder.components, spec, extent, device), speed, placement)
    # How many tokens of a guide are left differs from section to section: blocks would be compiled anew for each.
    return replace(kernels, compiled=kernels.compiled and not extent.led)


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


def describe_device(device: torch.device) -> tuple[str, int]:
    """The device's name and its memory in bytes."""
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        return properties.name, properties.total_memory
    return device.type, psutil.virtual_memory().total
