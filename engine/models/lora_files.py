"""LoRAs on this machine, known by their names: files in one folder, or folders there, as training writes them.

No torch; a name never becomes a path.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..errors import Code, EngineError
from ..protocol import LORA_WEIGHT_MAXIMUM, Lora
from .checksums import file_sha256
from .paths import loras_home
from .safetensors_headers import WeightsError, check_header

LAYERS, KERNELS = "pytorch_lora_weights.safetensors", "kernels.safetensors"
"""What a LoRA's folder holds: its layers, as diffusers names that file, and weights that it replaces whole."""


@dataclass(frozen=True)
class LoraFile:
    """A LoRA to be used: its file, how much of it, and its content's SHA-256."""

    name: str
    path: Path
    weight: float
    sha256: str
    kernels: Path | None = None
    """Weights that it was trained with, beside its layers: they take the place of the model's."""


def installed_loras(home: Path | None = None) -> dict[str, Path]:
    """The LoRAs that are here, by name: the safetensors files in the LoRA folder, and those in folders of their own."""
    folder = loras_home(home)
    found = sorted(folder.glob("*.safetensors")) if folder.is_dir() else []
    files = {path.stem: path for path in found if path.is_file() and not path.name.startswith(".")}
    own = {path.parent.name: path for path in sorted(folder.glob(f"[!.]*/{LAYERS}")) if path.is_file()}
    return dict(sorted({**own, **files}.items()))


def find_loras(asked: Iterable[Lora], home: Path | None = None) -> tuple[LoraFile, ...]:
    """The files of the LoRAs that a request names, looked through.

    Raises EngineError `lora_unknown`, `lora_invalid` and `number_invalid`.
    """
    here = installed_loras(home)
    files = []
    for lora in asked:
        if not (math.isfinite(lora.weight) and abs(lora.weight) <= LORA_WEIGHT_MAXIMUM):
            allowed = f"a number from -{LORA_WEIGHT_MAXIMUM} to {LORA_WEIGHT_MAXIMUM}"
            raise EngineError(
                Code.NUMBER_INVALID, name=f"the weight of {lora.name}", value=lora.weight, allowed=allowed
            )
        if lora.name not in here:
            folder, known = str(loras_home(home)), ", ".join(here) or "none yet"
            raise EngineError(Code.LORA_UNKNOWN, lora=lora.name, path=folder, known=known)
        path = here[lora.name]
        beside = path.with_name(KERNELS)
        kernels = beside if path.parent != loras_home(home) and beside.is_file() else None
        try:
            digest = _digest(path, kernels)
        except (WeightsError, OSError) as fault:
            raise EngineError(Code.LORA_INVALID, lora=lora.name, detail=str(fault)) from fault
        files.append(LoraFile(lora.name, path, lora.weight, digest, kernels))
    return tuple(files)


def _digest(layers: Path, kernels: Path | None) -> str:
    """Of all that a LoRA is; of one file, that file's. Raises WeightsError and OSError."""
    files = [layers] if kernels is None else [layers, kernels]
    for path in files:
        check_header(path)
    digests = [file_sha256(path) for path in files]
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
